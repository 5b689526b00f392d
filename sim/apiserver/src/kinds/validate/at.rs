//! A place in an object: a value and its path.

use serde_json::Value;

static NULL: Value = Value::Null;

/// A value, null if absent, and where it is.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> At<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self {
            path: String::new(),
            value,
        }
    }

    pub(super) fn new(path: String, value: &'a Value) -> Self {
        Self { path, value }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    /// The member at a path of names divided by dots.
    pub(super) fn get(&self, names: &str) -> Self {
        let value = names
            .split('.')
            .fold(self.value, |v, name| v.get(name).unwrap_or(&NULL));
        Self {
            path: self.join(names),
            value,
        }
    }

    /// The same place with another value.
    pub(super) fn with<'b>(&self, value: &'b Value) -> At<'b> {
        At {
            path: self.path.clone(),
            value,
        }
    }

    fn join(&self, names: &str) -> String {
        if self.path.is_empty() {
            names.to_owned()
        } else {
            format!("{}.{names}", self.path)
        }
    }

    /// The entry of a map.
    pub(super) fn key(&self, key: &str) -> Self {
        let value = self.value.get(key).unwrap_or(&NULL);
        Self {
            path: format!("{}[{key}]", self.path),
            value,
        }
    }

    /// The items of a list.
    pub(super) fn items(&self) -> impl Iterator<Item = Self> + use<'a> {
        let path = self.path.clone();
        let list = self.value.as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().enumerate().map(move |(i, value)| Self {
            path: format!("{path}[{i}]"),
            value,
        })
    }

    /// The entries of a map with their keys.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Self)> + use<'a> {
        let path = self.path.clone();
        self.value
            .as_object()
            .into_iter()
            .flatten()
            .map(move |(key, value)| {
                (
                    key.as_str(),
                    Self {
                        path: format!("{path}[{key}]"),
                        value,
                    },
                )
            })
    }

    /// The text, empty if there is none.
    pub(super) fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    pub(super) fn int(&self) -> Option<i64> {
        self.value.as_i64()
    }

    /// The number, 0 if there is none.
    pub(super) fn number(&self) -> i64 {
        self.int().unwrap_or_default()
    }

    pub(super) fn is_true(&self) -> bool {
        self.value.as_bool() == Some(true)
    }

    /// Whether it is given, even if empty.
    pub(super) fn is_set(&self) -> bool {
        !self.value.is_null()
    }

    /// Whether it is absent or has nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items, entries or bytes it has.
    pub(super) fn len(&self) -> usize {
        match self.value {
            Value::Array(items) => items.len(),
            Value::Object(members) => members.len(),
            Value::String(text) => text.len(),
            Value::Null => 0,
            _ => 1,
        }
    }

    /// Whether both are equal, where absent and empty are the same.
    pub(super) fn same(&self, other: &At<'_>) -> bool {
        self.value == other.value || (hollow(self.value) && hollow(other.value))
    }
}

fn hollow(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
