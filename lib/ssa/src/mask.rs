//! Keeps the values of a Secret out of what is said about it.

use base64::{Engine, engine::general_purpose::STANDARD};
use manifest::object;
use serde_json::Value;

/// What stands for a value.
const MASK: &str = "*****";
/// Shorter values say nothing, and taking them out would make the text unreadable.
const SHORTEST: usize = 4;

/// The text without any value of `about`, if that is a Secret.
///
/// DIFFERENCE: upstream repeats what the API server says, and that quotes values of the wrong type.
pub fn mask(text: String, about: &Value) -> String {
    if object::kind(about) != "Secret" || object::api_version(about) != "v1" {
        return text;
    }
    let mut values = Vec::new();
    for member in ["data", "stringData"] {
        if let Some(value) = about.get(member) {
            gather(value, &mut values);
        }
    }
    values.retain(|value| value.len() >= SHORTEST);
    // The longest first: one value may be a part of another.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values
        .iter()
        .fold(text, |text, value| text.replace(value.as_str(), MASK))
}

fn gather(value: &Value, values: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            if let Some(plain) = STANDARD
                .decode(text)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
            {
                values.push(plain);
            }
            // A value that is quoted shows with its escapes.
            let quoted = format!("{text:?}");
            values.push(quoted.trim_matches('"').to_owned());
            values.push(text.clone());
        }
        Value::Number(number) => values.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| gather(item, values)),
        Value::Object(members) => members.values().for_each(|member| gather(member, values)),
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // Covers: H-06.
    #[test]
    fn values_of_secrets_do_not_show() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"},
            "data": {"a": "b3Blbi1zZXNhbWU=", "b": "x"}, "stringData": {"c": {"d": "deep-down"}, "e": 123_456}});
        let text = "refused: open-sesame, b3Blbi1zZXNhbWU=, {deep-down} and 123456 x";
        assert_eq!(
            mask(text.to_owned(), &secret),
            "refused: *****, *****, {*****} and ***** x"
        );
        let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "login"}});
        assert_eq!(mask(text.to_owned(), &other), text);
    }
}
