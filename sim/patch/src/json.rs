//! RFC 6902 as the API server's library (evanphx/json-patch, version 4) applies it.
//!
//! QUIRK: a path may begin with anything up to its first slash; indexes may be negative; `replace` and `copy` take
//! members that are not there; `test` compares numbers by their literals; `add` without a value adds `null`.
//! DIFFERENCE: upstream's `test` compares strings by their escapes too, here equal strings are equal.

mod read;

pub use read::{operations, operations_ignoring};

use crate::{PatchError, limits};
use kube_schema::Document;
use serde_json::Value;

/// One operation. Members that were not given are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operation {
    op: Option<String>,
    path: Option<String>,
    from: Option<String>,
    value: Option<Document>,
}

/// An operation does not apply. The server does not say why.
struct Rejected;

type Applied<T = ()> = Result<T, Rejected>;

/// Applies a JSON patch to a value.
pub fn json_patch(target: &Value, patch: &Value) -> Result<Value, PatchError> {
    let (operations, _) = operations(patch.to_string().as_bytes())?;
    Ok(patch_document(Document::from_value(target), &operations)?.into_value())
}

/// Applies a JSON patch to a text. Objects an operation reaches into come out with their members by name, the rest as
/// it was.
pub fn patch_document(target: Document, operations: &[Operation]) -> Result<Document, PatchError> {
    let mut patcher = Patcher {
        document: target,
        copied: 0,
    };
    sort(&mut patcher.document);
    for operation in operations {
        patcher
            .apply(operation)
            .map_err(|Rejected| PatchError::rejected())?;
    }
    Ok(patcher.document)
}

/// Members by name, as after decoding into a map.
fn sort(document: &mut Document) {
    if let Document::Map(members) = document {
        // Stable, and the last of equal names wins.
        members.reverse();
        members.sort_by(|one, other| one.0.cmp(&other.0));
        members.dedup_by(|one, other| one.0 == other.0);
    }
}

fn unescape(token: &str) -> String {
    // One pass, so that `~01` becomes `~1`.
    let mut text = String::with_capacity(token.len());
    let mut rest = token;
    while let Some((before, after)) = rest.split_once('~') {
        text.push_str(before);
        if let Some(after) = after.strip_prefix('1') {
            text.push('/');
            rest = after;
        } else if let Some(after) = after.strip_prefix('0') {
            text.push('~');
            rest = after;
        } else {
            text.push('~');
            rest = after;
        }
    }
    text.push_str(rest);
    text
}

/// An index as Go's `Atoi` reads it; negative ones count from `length`.
fn index(token: &str, length: usize) -> Option<usize> {
    let number: i64 = token.parse().ok()?;
    let number = if number < 0 {
        number.checked_add(i64::try_from(length).ok()?)?
    } else {
        number
    };
    usize::try_from(number).ok()
}

/// The container a path ends in, and the last token.
fn find<'a>(document: &'a mut Document, path: &str) -> Applied<(&'a mut Document, String)> {
    let tokens: Vec<_> = path.split('/').collect();
    let [_, parents @ .., last] = tokens.as_slice() else {
        return Err(Rejected);
    };
    let mut place = document;
    for token in parents {
        place = get_mut(place, &unescape(token)).ok_or(Rejected)?;
        sort(place);
    }
    match place {
        Document::Map(_) | Document::List(_) => Ok((place, unescape(last))),
        _ => Err(Rejected),
    }
}

fn get_mut<'a>(container: &'a mut Document, token: &str) -> Option<&'a mut Document> {
    match container {
        Document::Map(members) => members
            .iter_mut()
            .find(|(name, _)| name == token)
            .map(|(_, value)| value),
        Document::List(items) => {
            let at = index(token, items.len())?;
            items.get_mut(at)
        }
        _ => None,
    }
}

/// What is there; a member that is missing is `null`, an item that is missing is an error.
fn get(container: &mut Document, token: &str) -> Applied<Document> {
    let is_map = matches!(container, Document::Map(_));
    match get_mut(container, token) {
        Some(value) => Ok(value.clone()),
        None if is_map => Ok(Document::Null),
        None => Err(Rejected),
    }
}

fn insert(members: &mut Vec<(String, Document)>, name: String, value: Document) {
    match members.binary_search_by(|(member, _)| member.as_str().cmp(&name)) {
        Ok(at) => members[at].1 = value,
        Err(at) => members.insert(at, (name, value)),
    }
}

fn add(container: &mut Document, token: String, value: Document) -> Applied {
    match container {
        Document::Map(members) => insert(members, token, value),
        Document::List(items) if token == "-" => items.push(value),
        Document::List(items) => {
            let at = index(&token, items.len() + 1)
                .filter(|&at| at <= items.len())
                .ok_or(Rejected)?;
            items.insert(at, value);
        }
        _ => return Err(Rejected),
    }
    Ok(())
}

fn remove(container: &mut Document, token: &str) -> Applied {
    match container {
        Document::Map(members) => {
            let at = members
                .iter()
                .position(|(name, _)| name == token)
                .ok_or(Rejected)?;
            members.remove(at);
        }
        Document::List(items) => {
            let at = index(token, items.len())
                .filter(|&at| at < items.len())
                .ok_or(Rejected)?;
            items.remove(at);
        }
        _ => return Err(Rejected),
    }
    Ok(())
}

/// Equality, which leaves compared objects with their members by name.
fn equal(one: &mut Document, other: &mut Document) -> bool {
    sort(one);
    sort(other);
    match (one, other) {
        (Document::Map(one), Document::Map(other)) => {
            one.len() == other.len()
                && one
                    .iter_mut()
                    .zip(other)
                    .all(|(one, other)| one.0 == other.0 && equal(&mut one.1, &mut other.1))
        }
        (Document::List(one), Document::List(other)) => {
            one.len() == other.len() && one.iter_mut().zip(other).all(|(one, other)| equal(one, other))
        }
        (one, other) => one == other,
    }
}

struct Patcher {
    document: Document,
    copied: usize,
}

impl Patcher {
    fn apply(&mut self, operation: &Operation) -> Applied {
        match operation.op.as_deref() {
            Some("add") => {
                let (container, token) = find(&mut self.document, path(operation)?)?;
                add(container, token, value(operation))
            }
            Some("remove") => {
                let (container, token) = find(&mut self.document, path(operation)?)?;
                remove(container, &token)
            }
            Some("replace") => self.replace(operation),
            Some("move") => self.relocate(operation),
            Some("copy") => self.copy(operation),
            Some("test") => self.test(operation),
            _ => Err(Rejected),
        }
    }

    fn replace(&mut self, operation: &Operation) -> Applied {
        if path(operation)?.is_empty() {
            let mut value = value(operation);
            if !matches!(value, Document::Map(_) | Document::List(_)) {
                return Err(Rejected);
            }
            sort(&mut value);
            self.document = value;
            return Ok(());
        }
        let (container, token) = find(&mut self.document, path(operation)?)?;
        get(container, &token)?;
        match container {
            Document::Map(members) => insert(members, token, value(operation)),
            _ => *get_mut(container, &token).ok_or(Rejected)? = value(operation),
        }
        Ok(())
    }

    fn relocate(&mut self, operation: &Operation) -> Applied {
        let (container, token) = find(&mut self.document, from(operation)?)?;
        let value = get(container, &token)?;
        remove(container, &token)?;
        let (container, token) = find(&mut self.document, path(operation)?)?;
        add(container, token, value)
    }

    fn copy(&mut self, operation: &Operation) -> Applied {
        let (container, token) = find(&mut self.document, from(operation)?)?;
        let value = get(container, &token)?;
        if value != Document::Null {
            self.copied += value.to_text().len();
        }
        if self.copied > limits::COPIED {
            return Err(Rejected);
        }
        let (container, token) = find(&mut self.document, path(operation)?)?;
        add(container, token, value)
    }

    fn test(&mut self, operation: &Operation) -> Applied {
        let path = path(operation)?;
        let mut expected = value(operation);
        let found = if path.is_empty() {
            equal(&mut self.document, &mut expected)
        } else {
            let (container, token) = find(&mut self.document, path)?;
            get(container, &token)?;
            match get_mut(container, &token) {
                Some(found) => equal(found, &mut expected),
                None => expected == Document::Null,
            }
        };
        if found { Ok(()) } else { Err(Rejected) }
    }
}

fn path(operation: &Operation) -> Applied<&str> {
    operation.path.as_deref().ok_or(Rejected)
}

fn from(operation: &Operation) -> Applied<&str> {
    operation.from.as_deref().ok_or(Rejected)
}

fn value(operation: &Operation) -> Document {
    operation.value.clone().unwrap_or(Document::Null)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(patch: Value) -> Option<Value> {
        let target = json!({"a": {"b": 1, "s/t": 1, "m~n": 1}, "l": ["x", "y", "z"], "n": 5});
        json_patch(&target, &patch).ok()
    }

    fn list(patch: Value) -> Option<Value> {
        patched(json!([patch])).map(|value| value["l"].clone())
    }

    // Vectors: kube-apiserver 1.36.2, area patch-json, re-stated on a small object.
    #[test]
    fn lists_take_negative_indexes_and_an_end() {
        assert_eq!(
            list(json!({"op": "add", "path": "/l/1", "value": "w"})),
            Some(json!(["x", "w", "y", "z"]))
        );
        assert_eq!(
            list(json!({"op": "add", "path": "/l/-", "value": "w"})),
            Some(json!(["x", "y", "z", "w"]))
        );
        assert_eq!(
            list(json!({"op": "add", "path": "/l/-1", "value": "w"})),
            Some(json!(["x", "y", "z", "w"]))
        );
        assert_eq!(list(json!({"op": "add", "path": "/l/4", "value": "w"})), None);
        assert_eq!(
            list(json!({"op": "remove", "path": "/l/-1"})),
            Some(json!(["x", "y"]))
        );
        assert_eq!(list(json!({"op": "remove", "path": "/l/-"})), None);
        assert_eq!(
            list(json!({"op": "replace", "path": "/l/-1", "value": "w"})),
            Some(json!(["x", "y", "w"]))
        );
        assert_eq!(list(json!({"op": "replace", "path": "/l/3", "value": "w"})), None);
        assert_eq!(
            list(json!({"op": "move", "from": "/l/0", "path": "/l/2"})),
            Some(json!(["y", "z", "x"]))
        );
    }

    #[test]
    fn missing_members() {
        let get = |patch: Value| patched(json!([patch]));
        let added = get(json!({"op": "replace", "path": "/a/new", "value": 1})).unwrap();
        assert_eq!(added["a"]["new"], 1);
        let added = get(json!({"op": "add", "path": "/a/new"})).unwrap();
        assert_eq!(added["a"].get("new"), Some(&Value::Null));
        assert_eq!(get(json!({"op": "remove", "path": "/a/new"})), None);
        assert_eq!(get(json!({"op": "move", "from": "/a/new", "path": "/a/x"})), None);
        assert!(get(json!({"op": "copy", "from": "/a/new", "path": "/a/x"})).is_some());
        assert!(get(json!({"op": "test", "path": "/a/new", "value": null})).is_some());
        assert_eq!(get(json!({"op": "add", "path": "/x/y", "value": 1})), None);
        assert_eq!(get(json!({"op": "add", "path": "", "value": {}})), None);
        assert_eq!(get(json!({"op": "frobnicate", "path": "/a/b"})), None);
        assert_eq!(get(json!({"op": "add", "path": null, "value": 1})), None);
        let added = get(json!({"op": "add", "path": "a/c", "value": 1})).unwrap();
        assert_eq!(added["c"], 1, "what precedes the first slash is not looked at");
    }

    #[test]
    fn escapes() {
        let get =
            |path: &str| patched(json!([{"op": "replace", "path": path, "value": 7}])).unwrap()["a"].clone();
        assert_eq!(get("/a/s~1t")["s/t"], 7);
        assert_eq!(get("/a/m~0n")["m~n"], 7);
        assert_eq!(get("/a/x~01y")["x~1y"], 7);
        assert_eq!(get("/a/x~")["x~"], 7);
        assert_eq!(get("/a/")[""], 7);
    }

    #[test]
    fn test_compares_numbers_as_written() {
        let ops = |text: &str| operations(text.as_bytes()).unwrap().0;
        let target = || Document::from_value(&json!({"n": 5, "o": {"b": 1, "a": [1]}}));
        assert!(patch_document(target(), &ops(r#"[{"op":"test","path":"/n","value":5}]"#)).is_ok());
        assert!(patch_document(target(), &ops(r#"[{"op":"test","path":"/n","value":5.0}]"#)).is_err());
        let same = r#"[{"op":"test","path":"/o","value":{"a":[1],"b":1}}]"#;
        assert!(patch_document(target(), &ops(same)).is_ok());
        assert!(patch_document(target(), &ops(r#"[{"op":"test","path":"","value":{}}]"#)).is_err());
    }

    #[test]
    fn bodies_that_are_no_patch() {
        let error = |body: &str| operations(body.as_bytes()).unwrap_err().message;
        assert_eq!(error("{"), "error decoding patch: unexpected end of JSON input");
        assert_eq!(
            error("{}"),
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
        );
        assert_eq!(
            error("[[]]"),
            "error decoding patch: json: cannot unmarshal array into Go value of type handlers.jsonPatchOp"
        );
        assert_eq!(
            error(r#"[{"path":5}]"#),
            "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.path of type string"
        );
        assert!(operations(b"null").unwrap().0.is_empty());
        let error = |body: &str| operations_ignoring(body.as_bytes()).unwrap_err().message;
        assert_eq!(
            error("{}"),
            "json: cannot unmarshal object into Go value of type jsonpatch.Patch"
        );
        assert_eq!(
            error("[5]"),
            "json: cannot unmarshal number into Go value of type jsonpatch.Operation"
        );
        assert_eq!(
            operations_ignoring(br#"[{"op":"add","path":5}]"#).unwrap().len(),
            1
        );
        let many = format!("[{}null]", "null,".repeat(limits::OPERATIONS));
        assert_eq!(operations(many.as_bytes()).unwrap_err().code, 413);
    }

    #[test]
    fn findings_name_operation_and_member() {
        let (_, findings) =
            operations(br#"[{"op":"test","op":"add","path":"/a","value":{},"extra":1}]"#).unwrap();
        assert_eq!(
            findings,
            [
                "json patch duplicate field \"[0].op\"",
                "json patch unknown field \"[0].extra\""
            ]
        );
    }

    #[test]
    fn copies_may_not_grow_without_end() {
        let mut body =
            String::from(r#"[{"op":"add","path":"/a","value":["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]}"#);
        for _ in 0..100 {
            body.push_str(r#",{"op":"copy","from":"/a","path":"/a/-"}"#);
        }
        body.push(']');
        let (operations, _) = operations(body.as_bytes()).unwrap();
        assert!(patch_document(Document::Map(Vec::new()), &operations).is_err());
    }
}
