//! Columns of custom resources: `additionalPrinterColumns`.

use std::sync::Arc;

use serde_json::{Number, Value};

use super::{
    columns::{self, Column},
    duration,
    jsonpath::Path,
    look::Look,
};

/// A column of a definition and where its cells come from.
#[derive(Debug, Clone)]
pub(crate) struct PrinterColumn {
    column: Column,
    path: Option<Path>,
}

/// The columns that a version of a definition declares; an age where it declares none.
pub(crate) fn printer_columns(version: &Value) -> Arc<[PrinterColumn]> {
    let declared = version.get("additionalPrinterColumns").and_then(Value::as_array);
    let declared = declared.map_or(&[][..], Vec::as_slice);
    if declared.is_empty() {
        return Arc::new([PrinterColumn {
            column: Column {
                name: "Age".to_owned(),
                kind: "date".to_owned(),
                format: String::new(),
                priority: 0,
                description: columns::text("@age").to_owned(),
            },
            path: Path::parse(".metadata.creationTimestamp"),
        }]);
    }
    declared.iter().map(PrinterColumn::read).collect()
}

impl PrinterColumn {
    fn read(declared: &Value) -> Self {
        let text = |key: &str| {
            declared
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let path = text("jsonPath");
        let description = match text("description") {
            own if own.is_empty() => {
                format!("Custom resource definition column (in JSONPath format): {path}")
            }
            own => own,
        };
        Self {
            column: Column {
                name: text("name"),
                kind: text("type"),
                format: text("format"),
                priority: declared
                    .get("priority")
                    .and_then(Value::as_i64)
                    .unwrap_or_default(),
                description,
            },
            path: Path::parse(&path),
        }
    }
}

pub(super) fn columns(own: &[PrinterColumn]) -> Vec<Column> {
    let name = Column {
        name: "Name".to_owned(),
        kind: "string".to_owned(),
        format: "name".to_owned(),
        priority: 0,
        description: columns::text("@name").to_owned(),
    };
    let own = own.iter().map(|column| column.column.clone());
    std::iter::once(name).chain(own).collect()
}

pub(super) fn cells(own: &[PrinterColumn], look: &Look<'_>) -> Vec<Value> {
    let mut cells = vec![look.name()];
    cells.extend(own.iter().map(|column| {
        let found = column.path.as_ref().and_then(|path| path.first(look.object));
        found.map_or(Value::Null, |value| cell(&column.column.kind, value, look))
    }));
    cells
}

fn cell(kind: &str, value: &Value, look: &Look<'_>) -> Value {
    match (kind, value) {
        ("string", Value::String(text)) => text.clone().into(),
        ("string", Value::Null) => Value::Null,
        ("string", other) => other.to_string().into(),
        ("integer", Value::Number(number)) => integer(number),
        ("number", Value::Number(number)) => number.as_f64().map_or(Value::Null, Value::from),
        ("boolean", Value::Bool(_)) => value.clone(),
        ("date", Value::String(text)) if text.is_empty() || text == "null" => "<unknown>".into(),
        ("date", Value::String(text)) => match text.parse() {
            Ok(then) => duration::since(then, look.now).into(),
            Err(_) => "<invalid>".into(),
        },
        _ => Value::Null,
    }
}

/// Fractions are cut off.
fn integer(number: &Number) -> Value {
    if let Some(whole) = number.as_i64() {
        return whole.into();
    }
    let cut = number.as_f64().unwrap_or_default().trunc();
    format!("{cut}").parse::<i64>().map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_have_the_type_of_their_column() {
        let column = |kind: &str, path: &str| json!({"name": "c", "type": kind, "jsonPath": path});
        let version = json!({"additionalPrinterColumns": [
            column("string", ".spec.o"), column("integer", ".spec.n"), column("number", ".spec.i"),
            column("date", ".spec.d"), column("boolean", ".spec.s"),
            column("string", ".status.conditions[?(@.type==\"Ready\")].status"),
        ]});
        let object = json!({
            "metadata": {"name": "a"},
            "spec": {"o": {"k": [1]}, "n": 1.5, "i": 2, "d": "yesterday", "s": "x"},
            "status": {"conditions": [{"type": "Other", "status": "False"}, {"type": "Ready", "status": "True"}]},
        });
        let look = Look {
            object: &object,
            now: jiff::Timestamp::UNIX_EPOCH,
        };
        let own = printer_columns(&version);
        assert_eq!(
            cells(&own, &look),
            [
                json!("a"),
                json!("{\"k\":[1]}"),
                json!(1),
                json!(2.0),
                json!("<invalid>"),
                Value::Null,
                json!("True")
            ]
        );
        assert_eq!(columns(&printer_columns(&json!({})))[1].kind, "date");
    }
}
