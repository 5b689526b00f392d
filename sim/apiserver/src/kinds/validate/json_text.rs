//! What Go's JSON reader says of a text that is no JSON object.

use serde_json::Value;

/// Its complaint, if it has one.
pub(super) fn complaint(bytes: &[u8]) -> Option<String> {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(_) | Value::Null) => None,
        Ok(other) => {
            let word = match other {
                Value::Bool(_) => "bool",
                Value::Number(_) => "number",
                Value::String(_) => "string",
                _ => "array",
            };
            Some(format!(
                "json: cannot unmarshal {word} into Go value of type map[string]interface {{}}"
            ))
        }
        Err(error) => Some(wording(bytes, &error)),
    }
}

fn wording(bytes: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() || bytes.is_empty() {
        return "unexpected end of JSON input".into();
    }
    let line: usize = bytes
        .split(|b| *b == b'\n')
        .take(error.line().saturating_sub(1))
        .map(|l| l.len() + 1)
        .sum();
    let at = (line + error.column()).saturating_sub(1).min(bytes.len() - 1);
    let culprit = char::from(bytes[at]);
    let before = bytes[..at].iter().rev().find(|b| !b.is_ascii_whitespace());
    let place = match before {
        Some(b'{') => "looking for beginning of object key string",
        Some(b',') if bytes[..at].iter().rev().any(|b| *b == b'{') => {
            "looking for beginning of object key string"
        }
        _ => "looking for beginning of value",
    };
    format!("invalid character '{culprit}' {place}")
}
