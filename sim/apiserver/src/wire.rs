//! JSON and YAML documents with what is strange about them.

use serde_json::Value;

use crate::failure::{Failure, Outcome};

/// A document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parsed {
    pub(crate) value: Value,
    /// `duplicate field "metadata.labels.a"`
    pub(crate) duplicates: Vec<String>,
}

/// Reads JSON; the last of several equal keys wins.
pub(crate) fn json(bytes: &[u8]) -> Outcome<Parsed> {
    let (value, duplicates) = kube_schema::read_json(bytes).map_err(|error| Failure::bad_request(error.to_string()))?;
    Ok(Parsed { value, duplicates })
}

/// Reads YAML, or JSON, which most clients send under YAML's name.
pub(crate) fn yaml(bytes: &[u8]) -> Outcome<Parsed> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{')
        && let Ok(parsed) = json(bytes)
    {
        return Ok(parsed);
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
