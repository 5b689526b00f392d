//! The columns of built-in kinds, from data.

use std::{collections::BTreeMap, sync::OnceLock};

use serde::Deserialize;
use serde_json::{Value, json};

static DATA: &str = include_str!("../../data/columns.json");

/// One column.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "(String, String, String, i64, String)")]
pub(crate) struct Column {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) format: String,
    pub(super) priority: i64,
    pub(super) description: String,
}

impl From<(String, String, String, i64, String)> for Column {
    fn from((name, kind, format, priority, description): (String, String, String, i64, String)) -> Self {
        Self {
            name,
            kind,
            format,
            priority,
            description,
        }
    }
}

impl Column {
    pub(super) fn show(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        })
    }
}

#[derive(Debug, Default, Deserialize)]
struct Data {
    /// Descriptions that many tables share.
    texts: BTreeMap<String, String>,
    tables: BTreeMap<String, Vec<Column>>,
}

fn data() -> &'static Data {
    static PARSED: OnceLock<Data> = OnceLock::new();
    PARSED.get_or_init(|| {
        let mut data: Data = serde_json::from_str(DATA).unwrap_or_default();
        for column in data.tables.values_mut().flatten() {
            if let Some(text) = data.texts.get(&column.description) {
                column.description.clone_from(text);
            }
        }
        data
    })
}

/// What the name of an object, and its time of creation, are described as.
pub(super) fn text(name: &str) -> &'static str {
    data().texts.get(name).map_or("", String::as_str)
}

/// The columns of a kind, by the group it is stored in.
pub(super) fn of(group: &str, kind: &str) -> Vec<Column> {
    let tables = &data().tables;
    let own = tables.get(&format!("{group}/{kind}"));
    own.or_else(|| tables.get("default")).cloned().unwrap_or_default()
}

/// The second cell of kinds without columns of their own.
pub(super) fn created(object: &Value) -> Value {
    let time = object
        .pointer("/metadata/creationTimestamp")
        .and_then(Value::as_str);
    time.unwrap_or("0001-01-01T00:00:00Z").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_whole() {
        let columns = of("", "Pod");
        assert_eq!((columns.len(), columns[0].format.as_str()), (9, "name"));
        assert!(columns.iter().all(|column| !column.description.starts_with('@')));
        assert_eq!(of("nobody", "Nothing")[1].kind, "date");
        assert!(!text("@age").is_empty());
    }
}
