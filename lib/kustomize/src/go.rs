//! JSON as Go writes it: keys sorted, and characters that matter in HTML escaped.

use serde_json::Value;

/// On one line.
pub(crate) fn json(value: &Value) -> String {
    escaped(&value.to_string())
}

/// On many lines, two spaces deeper each level.
pub(crate) fn json_indented(value: &Value) -> String {
    escaped(&serde_json::to_string_pretty(value).unwrap_or_default())
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out
}
