//! JSON, YAML and protobuf bodies.

use kube_schema::Document;
use serde_json::Value;

use crate::failure::{Failure, Outcome};

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

/// Reads Kubernetes' protobuf.
pub(crate) fn protobuf(bytes: &[u8]) -> Outcome<Result<Body, String>> {
    match kube_protobuf::decode(bytes) {
        Ok(value) => Ok(Ok(Body {
            document: Document::from_value(&value),
            notes: Vec::new(),
        })),
        Err(error @ kube_protobuf::Error::Kind { .. }) => Err(Failure::bad_request(format!(
            "{error} in scheme \"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\""
        ))),
        Err(error) => Ok(Err(error.to_string())),
    }
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
