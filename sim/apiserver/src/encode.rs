//! Writing answers.

use serde_json::Value;

/// JSON with the newline that ends every answer of the genuine server.
pub(crate) fn json(value: &Value) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// YAML.
pub(crate) fn yaml(value: &Value) -> Vec<u8> {
    yaml::to_string(value).into_bytes()
}

/// The text of a warning header, quoted.
pub(crate) fn warning(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
