//! An object as cell functions look at it.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::duration;
use crate::registry::selector_text;

/// An object and the moment at which it is looked at.
pub(super) struct Look<'a> {
    pub(super) object: &'a Value,
    pub(super) now: Timestamp,
}

impl<'a> Look<'a> {
    pub(super) fn at(&self, pointer: &str) -> Option<&'a Value> {
        self.object.pointer(pointer).filter(|value| !value.is_null())
    }

    /// A text; empty where there is none.
    pub(super) fn text(&self, pointer: &str) -> &'a str {
        self.at(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// A text, or what stands for none.
    pub(super) fn text_or(&self, pointer: &str, default: &'a str) -> &'a str {
        self.at(pointer).and_then(Value::as_str).unwrap_or(default)
    }

    pub(super) fn number(&self, pointer: &str) -> i64 {
        self.at(pointer).and_then(Value::as_i64).unwrap_or_default()
    }

    pub(super) fn flag(&self, pointer: &str, default: bool) -> bool {
        self.at(pointer).and_then(Value::as_bool).unwrap_or(default)
    }

    pub(super) fn list(&self, pointer: &str) -> &'a [Value] {
        let list = self.at(pointer).and_then(Value::as_array);
        list.map_or(&[], Vec::as_slice)
    }

    pub(super) fn map(&self, pointer: &str) -> Option<&'a Map<String, Value>> {
        self.at(pointer).and_then(Value::as_object)
    }

    /// How many members or items there are.
    pub(super) fn count(&self, pointer: &str) -> i64 {
        let length = match self.at(pointer) {
            Some(Value::Object(members)) => members.len(),
            Some(Value::Array(items)) => items.len(),
            _ => 0,
        };
        i64::try_from(length).unwrap_or(i64::MAX)
    }

    pub(super) fn name(&self) -> Value {
        self.text("/metadata/name").into()
    }

    pub(super) fn age(&self) -> Value {
        self.since(self.text("/metadata/creationTimestamp")).into()
    }

    /// How long ago an RFC 3339 time was.
    pub(super) fn since(&self, time: &str) -> String {
        match time.parse() {
            Ok(then) => duration::since(then, self.now),
            Err(_) => "<unknown>".to_owned(),
        }
    }

    pub(super) fn is_deleted(&self) -> bool {
        !self.text("/metadata/deletionTimestamp").is_empty()
    }

    /// The status of a condition.
    pub(super) fn condition(&self, kind: &str) -> Option<&'a str> {
        let conditions = self.list("/status/conditions");
        let found = conditions
            .iter()
            .find(|condition| field(condition, "type") == kind)?;
        Some(field(found, "status"))
    }

    /// Names and images of containers.
    pub(super) fn containers(&self, pointer: &str) -> [Value; 2] {
        let list = self.list(pointer);
        ["name", "image"].map(|key| join(list.iter().map(|container| field(container, key)), ",").into())
    }

    /// A label selector, `<none>` if it selects nothing or everything.
    pub(super) fn selector(&self, pointer: &str) -> Value {
        let text = self.at(pointer).map(selector_text).unwrap_or_default();
        none(&text).into()
    }

    /// A map of labels.
    pub(super) fn labels(&self, pointer: &str) -> Value {
        let labels = self.map(pointer).into_iter().flatten();
        let pairs = labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
        none(&join(pairs, ",")).into()
    }
}

/// A member that is a text.
pub(super) fn field<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn join<T: AsRef<str>>(parts: impl Iterator<Item = T>, between: &str) -> String {
    let mut text = String::new();
    for (at, part) in parts.enumerate() {
        if at > 0 {
            text.push_str(between);
        }
        text.push_str(part.as_ref());
    }
    text
}

/// A text, or `<none>`.
pub(super) fn none(text: &str) -> &str {
    if text.is_empty() { "<none>" } else { text }
}

/// The first texts of a list and how many more there are.
pub(super) fn some(list: &[String], most: usize, between: &str) -> String {
    let shown = join(list.iter().take(most), between);
    match list.len().checked_sub(most) {
        Some(more) if more > 0 => format!("{shown} + {more} more..."),
        _ => shown,
    }
}
