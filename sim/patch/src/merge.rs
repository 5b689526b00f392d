//! RFC 7386, on values and on documents in their order.

use crate::PatchError;
use kube_schema::Document;
use serde_json::Value;
use std::collections::BTreeMap;

/// Reads the body of a merge patch; only an object (or `null`, which changes nothing) is one.
pub fn read_merge_patch(body: &[u8]) -> Result<Document, PatchError> {
    let fail = |text: String| PatchError::bad_request(format!("error decoding patch: {text}"));
    let document = Document::parse(body).map_err(|error| fail(error.0))?;
    let what = match &document {
        Document::Map(_) | Document::Null => return Ok(document),
        Document::Bool(_) => "bool",
        Document::Number(_) => "number",
        Document::String(_) => "string",
        Document::List(_) => "array",
    };
    Err(fail(format!(
        "json: cannot unmarshal {what} into Go value of type map[string]interface {{}}"
    )))
}

/// Applies a merge patch.
pub fn merge_patch(target: &Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else {
        return patch.clone();
    };
    let mut result = match target {
        Value::Object(members) => members.clone(),
        _ => serde_json::Map::new(),
    };
    for (name, change) in changes {
        if change.is_null() {
            result.remove(name);
        } else {
            let merged = merge_patch(result.get(name).unwrap_or(&Value::Null), change);
            result.insert(name.clone(), merged);
        }
    }
    Value::Object(result)
}

/// Applies a merge patch to a text. Objects the patch reaches into come out with their members by name, the rest as
/// it was.
pub fn merge_document(target: &Document, patch: &Document) -> Document {
    let Document::Map(changes) = patch else {
        return patch.clone();
    };
    let mut result: BTreeMap<String, Document> = match target {
        Document::Map(members) => members.iter().cloned().collect(),
        _ => BTreeMap::new(),
    };
    let changes: BTreeMap<_, _> = changes.iter().map(|(name, change)| (name, change)).collect();
    for (name, change) in changes {
        if *change == Document::Null {
            result.remove(name);
        } else {
            let merged = merge_document(result.get(name).unwrap_or(&Document::Null), change);
            result.insert(name.clone(), merged);
        }
    }
    Document::Map(result.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    // Vectors: RFC 7386, appendix A.
    #[test]
    fn the_examples_of_the_rfc() {
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ];
        for (target, patch, expected) in cases {
            assert_eq!(merge_patch(&target, &patch), expected, "{target} {patch}");
            let document = merge_document(&Document::from_value(&target), &Document::from_value(&patch));
            assert_eq!(document.into_value(), expected, "{target} {patch}");
        }
    }

    #[test]
    fn only_what_the_patch_reaches_is_sorted() {
        let target = Document::parse(br#"{"z":1,"m":{"y":1,"b":2},"k":{"y":1,"b":2}}"#).unwrap();
        let patch = Document::parse(br#"{"m":{"c":3}}"#).unwrap();
        let text = merge_document(&target, &patch).to_text();
        assert_eq!(text, r#"{"k":{"y":1,"b":2},"m":{"b":2,"c":3,"y":1},"z":1}"#);
    }

    // Vectors: kube-apiserver 1.36.2, patch-merge-0059 to 0066.
    #[test]
    fn bodies_that_are_no_patch() {
        let error = |body: &[u8]| read_merge_patch(body).unwrap_err().message;
        assert_eq!(error(b""), "error decoding patch: unexpected end of JSON input");
        assert_eq!(
            error(b"5"),
            "error decoding patch: json: cannot unmarshal number into Go value of type map[string]interface {}"
        );
        assert_eq!(
            error(b"{} {}"),
            "error decoding patch: invalid character '{' after top-level value"
        );
        assert!(read_merge_patch(b"null").is_ok());
    }
}
