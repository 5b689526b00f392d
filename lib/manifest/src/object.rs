//! Reading an object's own words; a member that is absent or of another type reads as empty.

use serde_json::{Map, Value};

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// `apiVersion`.
pub fn api_version(value: &Value) -> &str {
    text(value, "/apiVersion")
}

/// `kind`.
pub fn kind(value: &Value) -> &str {
    text(value, "/kind")
}

/// `metadata.name`.
pub fn name(value: &Value) -> &str {
    text(value, "/metadata/name")
}

/// `metadata.namespace`.
pub fn namespace(value: &Value) -> &str {
    text(value, "/metadata/namespace")
}

/// `metadata.uid`.
pub fn uid(value: &Value) -> &str {
    text(value, "/metadata/uid")
}

/// `metadata.resourceVersion`.
pub fn resource_version(value: &Value) -> &str {
    text(value, "/metadata/resourceVersion")
}

/// `metadata.deletionTimestamp`, empty when the object is not being deleted.
pub fn deletion_timestamp(value: &Value) -> &str {
    text(value, "/metadata/deletionTimestamp")
}

/// `metadata.generation`, zero when absent.
pub fn generation(value: &Value) -> i64 {
    value
        .pointer("/metadata/generation")
        .and_then(Value::as_i64)
        .unwrap_or_default()
}

/// `metadata.labels`.
pub fn labels(value: &Value) -> Option<&Map<String, Value>> {
    value.pointer("/metadata/labels").and_then(Value::as_object)
}

/// `metadata.annotations`.
pub fn annotations(value: &Value) -> Option<&Map<String, Value>> {
    value.pointer("/metadata/annotations").and_then(Value::as_object)
}

/// The value of one label.
pub fn label<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    labels(value)?.get(key)?.as_str()
}

/// The value of one annotation.
pub fn annotation<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    annotations(value)?.get(key)?.as_str()
}

/// The entry of `status.conditions` with this type.
pub fn condition<'a>(value: &'a Value, kind: &str) -> Option<&'a Map<String, Value>> {
    let list = value.pointer("/status/conditions")?.as_array()?;
    list.iter()
        .filter_map(Value::as_object)
        .find(|entry| entry.get("type").and_then(Value::as_str) == Some(kind))
}

/// The map at `path`, made (with its parents) where it is absent or of another type.
pub fn map_at<'a>(value: &'a mut Value, path: &[&str]) -> &'a mut Map<String, Value> {
    let mut here = value;
    for key in path {
        here = as_map(here)
            .entry(*key)
            .or_insert_with(|| Value::Object(Map::new()));
    }
    as_map(here)
}

fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("made an object just above"),
    }
}
