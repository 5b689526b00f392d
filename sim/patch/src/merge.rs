//! Merge patches as the API server's library (evanphx/json-patch, version 4) applies them.
//!
//! QUIRK: RFC 7386 takes lists as they are. Here objects inside a list lose their null members too, unless the list
//! takes the place of an object; null items stay.

use crate::PatchError;
use kube_schema::Document;
use serde_json::Value;
use std::collections::BTreeMap;

type Members = BTreeMap<String, Document>;

const INVALID: &str = "Invalid JSON Patch";

/// Reads the body of a merge patch where fields are validated (`Strict` and `Warn`).
pub fn read_merge_patch(body: &[u8]) -> Result<Document, PatchError> {
    let fail = |text: String| PatchError::bad_request(format!("error decoding patch: {text}"));
    let document = Document::parse(body).map_err(|error| fail(error.0))?;
    let what = match &document {
        Document::Map(_) => return Ok(document),
        Document::Null => return Err(PatchError::bad_request(INVALID)),
        Document::Bool(_) => "bool",
        Document::Number(_) => "number",
        Document::String(_) => "string",
        Document::List(_) => "array",
    };
    Err(fail(format!(
        "json: cannot unmarshal {what} into Go value of type map[string]interface {{}}"
    )))
}

/// Reads the body of a merge patch where fields are not validated (`Ignore`). A list is a patch then, and takes the
/// object's place.
pub fn read_merge_patch_ignoring(body: &[u8]) -> Result<Document, PatchError> {
    match Document::parse(body) {
        Ok(document @ (Document::Map(_) | Document::List(_))) => Ok(document),
        _ => Err(PatchError::bad_request(INVALID)),
    }
}

/// Applies a merge patch.
pub fn merge_patch(target: &Value, patch: &Value) -> Value {
    merge_document(&Document::from_value(target), &Document::from_value(patch)).into_value()
}

/// Applies a merge patch to a text. Objects the patch reaches into come out with their members by name, the rest as
/// it was.
pub fn merge_document(target: &Document, patch: &Document) -> Document {
    match (target, patch) {
        (Document::Map(target), Document::Map(patch)) => Document::Map(
            merged(target.iter().cloned().collect(), patch)
                .into_iter()
                .collect(),
        ),
        (_, patch) => pruned(patch),
    }
}

fn merged(mut target: Members, patch: &[(String, Document)]) -> Members {
    let changes: BTreeMap<_, _> = patch.iter().map(|(name, change)| (name, change)).collect();
    for (name, change) in changes {
        if *change == Document::Null {
            target.remove(name);
            continue;
        }
        let value = match (target.get(name), change) {
            (Some(old @ Document::Map(_)), Document::Map(_)) => merge_document(old, change),
            (Some(Document::Map(_)), other) => other.clone(),
            _ => pruned(change),
        };
        target.insert(name.clone(), value);
    }
    target
}

/// Without null members, and with members by name.
fn pruned(document: &Document) -> Document {
    match document {
        Document::Map(members) => {
            let members: Members = members.iter().cloned().collect();
            let members = members.into_iter().filter(|(_, value)| *value != Document::Null);
            Document::Map(members.map(|(name, value)| (name, pruned(&value))).collect())
        }
        Document::List(items) => Document::List(items.iter().map(pruned).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    // Vectors: RFC 7386, appendix A, as far as the library agrees with it.
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
        }
    }

    #[test]
    fn nulls_in_lists() {
        let patch = json!({"l": [null, {"a": null, "b": 1}]});
        assert_eq!(merge_patch(&json!({}), &patch), json!({"l": [null, {"b": 1}]}));
        assert_eq!(
            merge_patch(&json!({"l": [1]}), &patch),
            json!({"l": [null, {"b": 1}]})
        );
        assert_eq!(
            merge_patch(&json!({"l": {}}), &patch),
            json!({"l": [null, {"a": null, "b": 1}]})
        );
    }

    #[test]
    fn only_what_the_patch_reaches_is_sorted() {
        let target = Document::parse(br#"{"z":1,"m":{"y":1,"b":2},"k":{"y":1,"b":2}}"#).unwrap();
        let patch = Document::parse(br#"{"m":{"c":3,"a":{"z":1,"y":[{"d":1,"c":2}]}}}"#).unwrap();
        let text = merge_document(&target, &patch).to_text();
        let expected = r#"{"k":{"y":1,"b":2},"m":{"a":{"y":[{"c":2,"d":1}],"z":1},"b":2,"c":3,"y":1},"z":1}"#;
        assert_eq!(text, expected);
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
        assert_eq!(error(b"null"), "Invalid JSON Patch");
        assert_eq!(
            read_merge_patch_ignoring(b"{").unwrap_err().message,
            "Invalid JSON Patch"
        );
        assert!(read_merge_patch_ignoring(b"[]").is_ok());
    }
}
