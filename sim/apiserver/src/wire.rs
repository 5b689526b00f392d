//! JSON and YAML bodies.

use kube_schema::Document;
use serde_json::Value;

use crate::failure::{Failure, Outcome};

/// Reads JSON.
pub(crate) fn json(bytes: &[u8]) -> Outcome<Document> {
    Document::parse(bytes).map_err(|error| Failure::bad_request(error.to_string()))
}

/// Reads YAML, or JSON, which most clients send under YAML's name.
pub(crate) fn yaml(bytes: &[u8]) -> Outcome<Document> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{')
        && let Ok(document) = json(bytes)
    {
        return Ok(document);
    }
    let text = String::from_utf8_lossy(bytes);
    crate::yaml_body::read(&text)
}

/// What Go's decoder calls the type of a JSON value.
pub(crate) fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
