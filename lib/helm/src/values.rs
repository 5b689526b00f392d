//! Values: read, merged, and looked into by path.

use serde_json::{Map, Number, Value};
use yaml::Dialect;

use crate::{chart::Chart, error::Error};

pub(crate) type Table = Map<String, Value>;

/// Reads values from YAML; those of later documents override earlier ones.
///
/// # Errors
/// If the text is no YAML, or no map.
pub fn load_values(text: &str) -> Result<Table, Error> {
    let failed = |text: String| Error::new(format!("cannot unmarshal yaml document: {text}"));
    let documents = yaml::read_documents(text, Dialect::Kubernetes)
        .map_err(|error| failed(format!("error converting YAML to JSON: {error}")))?;
    let mut values = Table::new();
    for document in documents {
        match floats(document) {
            Value::Null => {}
            Value::Object(map) => values = merge_maps(values, map),
            other => {
                return Err(failed(format!(
                    "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value of type \
                     map[string]interface {{}}",
                    kind_of(&other)
                )));
            }
        }
    }
    Ok(values)
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Every number that comes from a file is a float.
pub(crate) fn floats(value: Value) -> Value {
    match value {
        Value::Number(number) => number
            .as_f64()
            .and_then(Number::from_f64)
            .map_or(Value::Null, Value::Number),
        Value::Array(items) => Value::Array(items.into_iter().map(floats).collect()),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(key, value)| (key, floats(value))).collect())
        }
        other => other,
    }
}

/// Merges the second into the first: maps are merged, all else is replaced.
pub fn merge_maps(mut base: Table, over: Table) -> Table {
    for (key, value) in over {
        match (base.remove(&key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => {
                base.insert(key, Value::Object(merge_maps(old, new)));
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
    base
}

/// Merges the values of a chart and of the charts inside it under those given. Unless `merge`, nulls remove.
pub(crate) fn coalesce(chart: &Chart, mut values: Table, merge: bool) -> Result<Table, Error> {
    coalesce_values(chart, &mut values, merge);
    for inner in &chart.dependencies {
        let mut own = match values.remove(inner.name()) {
            None => Table::new(),
            Some(Value::Object(own)) => own,
            // QUIRK: Go is asked to print what is there as a truth value.
            Some(other) => {
                let shown = match &other {
                    Value::Bool(it) => it.to_string(),
                    Value::String(it) => format!("%!t(string={it})"),
                    Value::Null => "%!t(<nil>)".to_owned(),
                    other => format!("%!t({}={})", go_type(other), go_shown(other)),
                };
                return Err(Error::new(format!("type mismatch on {}: {shown}", inner.name())));
            }
        };
        coalesce_globals(&mut own, &values);
        values.insert(
            inner.name().to_owned(),
            Value::Object(coalesce(inner, own, merge)?),
        );
    }
    Ok(values)
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "[]interface {}",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        _ => "map[string]interface {}",
    }
}

fn go_shown(value: &Value) -> String {
    format!("{:?}", gotemplate::Value::from_json(value))
}

fn coalesce_globals(own: &mut Table, outer: &Table) {
    const GLOBAL: &str = "global";
    let mut target = match own.get(GLOBAL) {
        None => Table::new(),
        Some(Value::Object(global)) => global.clone(),
        Some(_) => return,
    };
    let empty = Table::new();
    let source = match outer.get(GLOBAL) {
        None => &empty,
        Some(Value::Object(global)) => global,
        Some(_) => return,
    };
    for (key, value) in source {
        match (value, target.get(key)) {
            (Value::Object(table), Some(Value::Object(old))) => {
                // The outer one wins.
                let mut table = table.clone();
                coalesce_tables(&mut table, old.clone(), true);
                target.insert(key.clone(), Value::Object(table));
            }
            (Value::Object(_), Some(_)) => {}
            (Value::Object(_), None) => {
                target.insert(key.clone(), value.clone());
            }
            (_, Some(Value::Object(_))) => {}
            _ => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
    own.insert(GLOBAL.to_owned(), Value::Object(target));
}

fn coalesce_values(chart: &Chart, values: &mut Table, merge: bool) {
    for (key, default) in chart.values.clone() {
        match values.get_mut(&key) {
            Some(Value::Null) if !merge => {
                values.remove(&key);
            }
            Some(Value::Object(given)) => {
                if let Value::Object(mut default) = default {
                    let merge = merge || chart.dependencies.iter().any(|it| it.name() == key);
                    if !merge {
                        remove_nulls(&mut default);
                    }
                    coalesce_tables(given, default, merge);
                }
            }
            Some(_) => {}
            None => {
                let mut default = default;
                if !merge {
                    if default.is_null() {
                        continue;
                    }
                    if let Value::Object(table) = &mut default {
                        remove_nulls(table);
                    }
                }
                values.insert(key, default);
            }
        }
    }
}

fn remove_nulls(table: &mut Table) {
    table.retain(|_, value| !value.is_null());
    for value in table.values_mut() {
        if let Value::Object(inner) = value {
            remove_nulls(inner);
        }
    }
}

/// Fills a table with what another has; unless `merge`, a null in the first removes what the second says.
pub(crate) fn coalesce_tables(target: &mut Table, mut source: Table, merge: bool) {
    let solid: Vec<String> = source
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, _)| key.clone())
        .collect();
    for (key, value) in target.iter() {
        if value.is_null() {
            source.insert(key.clone(), Value::Null);
        }
    }
    for (key, value) in source {
        match target.get_mut(&key) {
            Some(Value::Null) if !merge && solid.contains(&key) => {
                target.remove(&key);
            }
            None => {
                target.insert(key, value);
            }
            Some(Value::Object(old)) => {
                if let Value::Object(new) = value {
                    coalesce_tables(old, new, merge);
                }
            }
            Some(_) => {}
        }
    }
}

/// The table at a path of names with dots.
pub(crate) fn table<'v>(values: &'v Table, path: &str) -> Option<&'v Table> {
    let mut table = values;
    for name in path.split('.') {
        table = table.get(name)?.as_object()?;
    }
    Some(table)
}

/// What stands at a path and is no table.
pub(crate) fn path_value<'v>(values: &'v Table, path: &str) -> Option<&'v Value> {
    let (table, key) = match path.rsplit_once('.') {
        Some((path, key)) => (self::table(values, path)?, key),
        None => (values, path),
    };
    table.get(key).filter(|value| !value.is_object())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_documents_override() {
        let values = load_values("a: {b: 1, c: 2}\n---\na: {b: 3}\n").unwrap();
        assert_eq!(
            Value::Object(values),
            serde_json::json!({"a": {"b": 3.0, "c": 2.0}})
        );
    }
}
