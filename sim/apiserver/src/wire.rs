//! JSON and YAML bodies.

use kube_schema::Document;
use serde_json::Value;

/// A document and what its reader noticed about repeated keys.
pub(crate) struct Body {
    pub(crate) document: Document,
    /// In the words of the YAML reader; those of the JSON reader depend on the type.
    pub(crate) notes: Vec<String>,
}

/// Reads JSON.
pub(crate) fn json(bytes: &[u8]) -> Result<Document, String> {
    Document::parse(bytes).map_err(|error| error.to_string())
}

/// Reads YAML, or JSON, which most clients send under YAML's name.
pub(crate) fn yaml(bytes: &[u8]) -> Result<Body, String> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{')
        && let Ok(document) = Document::parse(bytes)
        && document.duplicates().is_empty()
    {
        return Ok(Body {
            document,
            notes: Vec::new(),
        });
    }
    let text = String::from_utf8_lossy(bytes);
    let (value, notes) =
        yaml::read_noting(&text, yaml::Dialect::Kubernetes).map_err(|error| error.to_string())?;
    Ok(Body {
        document: Document::from_value(&value),
        notes,
    })
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
