//! The spelling of a set of paths in `fieldsV1`.

use serde_json::{Map, Value};

use crate::limits::MAX_DEPTH;
use crate::path::PathElement;
use crate::set::{Entry, Set};

/// Spells a set.
pub fn encode(set: &Set) -> Value {
    Value::Object(encode_level(set))
}

fn encode_level(set: &Set) -> Map<String, Value> {
    let mut out = Map::new();
    for entry in set.entries() {
        let mut below = encode_level(&entry.children);
        if entry.member && !below.is_empty() {
            below.insert(".".to_owned(), Value::Object(Map::new()));
        }
        out.insert(entry.element.encode(), Value::Object(below));
    }
    out
}

/// Reads a set.
pub fn decode(fields: &Value) -> Result<Set, String> {
    decode_level(fields, 0).map(|(set, _)| set)
}

/// The paths below, and whether the path itself is a member: it is if it says so, or if nothing is below.
fn decode_level(fields: &Value, depth: usize) -> Result<(Set, bool), String> {
    if depth > MAX_DEPTH {
        return Err("exceeded max depth".to_owned());
    }
    let map = match fields {
        Value::Object(map) => map,
        Value::Null => return Ok((Set::new(), true)),
        _ => return Err("expected object".to_owned()),
    };
    let mut entries = Vec::with_capacity(map.len());
    let mut member = false;
    for (key, below) in map {
        if key == "." {
            member = true;
            continue;
        }
        // An element of an unknown kind is dropped with all below it.
        let Some(element) = PathElement::decode(key)? else {
            continue;
        };
        let (children, is_member) = decode_level(below, depth + 1)?;
        entries.push(Entry {
            element,
            member: is_member,
            children,
        });
    }
    let set = Set::from_entries(entries);
    let member = member || set.is_empty();
    Ok((set, member))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sets_round_trip() {
        let fields = json!({
            "f:data": {".": {}, "f:a": {}},
            "f:spec": {"f:ports": {r#"k:{"port":80,"protocol":"TCP"}"#: {".": {}, "f:port": {}}}, "f:set": {r#"v:"b""#: {}, "v:1": {}}},
        });
        assert_eq!(encode(&decode(&fields).unwrap()), fields);
        assert_eq!(encode(&Set::new()), json!({}));
    }

    #[test]
    fn odd_spellings_are_read() {
        assert_eq!(
            encode(&decode(&json!({"f:a": {"x:later": {}}, "z:": {}})).unwrap()),
            json!({"f:a": {}})
        );
        assert_eq!(decode(&json!(null)).unwrap(), Set::new());
        assert!(
            decode(&json!([])).is_err()
                && decode(&json!({"f:a": 1})).is_err()
                && decode(&json!({"a": {}})).is_err()
        );
    }
}
