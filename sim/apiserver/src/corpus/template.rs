//! Placeholders in requests: `{{s1.metadata.uid}}` stands for a value of an earlier answer.

use std::collections::BTreeMap;

use kube_schema::Document;
use serde_json::Value;

/// Answers by step, unmasked, and the name that `{{ns}}` stands for.
#[derive(Default)]
pub(super) struct Known {
    pub(super) bodies: BTreeMap<String, Value>,
    pub(super) namespace: String,
}

impl Known {
    fn resolve(&self, expression: &str) -> Option<Value> {
        if expression == "ns" {
            return Some(self.namespace.clone().into());
        }
        let parts = segments(expression);
        let (step, rest) = parts.split_first()?;
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        find(self.bodies.get(step)?, &rest).cloned()
    }

    /// A text with its placeholders replaced.
    pub(super) fn text(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            out.push_str(before);
            let Some((expression, tail)) = after.split_once("}}") else {
                out.push_str("{{");
                rest = after;
                continue;
            };
            match self.resolve(expression) {
                Some(Value::String(value)) => out.push_str(&value),
                Some(value) => out.push_str(&value.to_string()),
                // The recorder wrote what was not there in the words of its language.
                None => out.push_str("None"),
            }
            rest = tail;
        }
        out.push_str(rest);
        out
    }

    /// A document with its placeholders replaced.
    pub(super) fn document(&self, document: &Document) -> Document {
        match document {
            Document::String(text) => match self.value(&Value::String(text.clone())) {
                Value::String(text) => Document::String(text),
                other => Document::from_value(&other),
            },
            Document::List(items) => Document::List(items.iter().map(|item| self.document(item)).collect()),
            Document::Map(members) => Document::Map(
                members
                    .iter()
                    .map(|(key, value)| (self.text(key), self.document(value)))
                    .collect(),
            ),
            other => other.clone(),
        }
    }

    /// A value with its placeholders replaced; one that is nothing else takes the type of what it stands for.
    pub(super) fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let whole = text.strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
                match whole
                    .filter(|inner| !inner.contains("{{"))
                    .and_then(|inner| self.resolve(inner))
                {
                    Some(found) => found,
                    None if whole.is_some_and(|inner| !inner.contains("{{")) => Value::Null,
                    None => self.text(text).into(),
                }
            }
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => {
                let members = members
                    .iter()
                    .map(|(key, value)| (self.text(key), self.value(value)));
                Value::Object(members.collect())
            }
            other => other.clone(),
        }
    }
}

/// The value at a path of names and numbers. Names may contain dots: the longest match wins.
pub(super) fn find<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    let [first, rest @ ..] = path else {
        return Some(value);
    };
    match value {
        Value::Array(items) => find(items.get(first.parse::<usize>().ok()?)?, rest),
        Value::Object(members) => (1..=path.len()).find_map(|length| {
            let key = path[..length].join(".");
            find(members.get(&key)?, &path[length..])
        }),
        _ => None,
    }
}

/// Splits `a.b[0]['x.y'].c` into its parts.
pub(super) fn segments(path: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = path;
    let mut current = String::new();
    while let Some(letter) = rest.chars().next() {
        if let Some((key, tail)) = rest.strip_prefix("['").and_then(|text| text.split_once("']")) {
            parts.extend((!current.is_empty()).then(|| std::mem::take(&mut current)));
            parts.push(key.to_owned());
            rest = tail.strip_prefix('.').unwrap_or(tail);
            continue;
        }
        match letter {
            '.' | '[' | ']' => parts.extend((!current.is_empty()).then(|| std::mem::take(&mut current))),
            other => current.push(other),
        }
        rest = &rest[letter.len_utf8()..];
    }
    parts.extend((!current.is_empty()).then_some(current));
    parts
}
