//! Sets, keyed lists and embedded resources in custom objects.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::failure::Cause;

fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// Visits every value below with its schema.
fn walk(schema: &Value, value: &Value, path: &str, visit: &mut dyn FnMut(&Value, &Value, &str)) {
    match value {
        Value::Object(members) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let rest = schema.get("additionalProperties").filter(|rest| rest.is_object());
            for (name, member) in members {
                if let Some(rule) = properties.and_then(|properties| properties.get(name)) {
                    visit(rule, member, &below(path, name));
                } else if let Some(rule) = rest {
                    visit(rule, member, &format!("{path}[{name}]"));
                }
            }
        }
        Value::Array(items) => {
            if let Some(rule) = schema.get("items") {
                for (at, item) in items.iter().enumerate() {
                    visit(rule, item, &format!("{path}[{at}]"));
                }
            }
        }
        _ => {}
    }
}

/// Embedded resources need a type.
pub(super) fn embedded(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let embedded = schema.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true));
    if embedded && value.is_object() {
        for name in ["apiVersion", "kind"] {
            if value.get(name).is_none() {
                causes.push(Cause::required(below(path, name), ""));
            }
        }
        for name in ["apiVersion", "kind"] {
            let Some(own) = value.get(name) else { continue };
            let detail = match own.as_str() {
                None => "must be a string".to_owned(),
                Some("") => "must not be empty".to_owned(),
                Some(own) if name == "apiVersion" && own.matches('/').count() > 1 => {
                    format!("unexpected GroupVersion string: {own}")
                }
                Some(_) => continue,
            };
            let shown = match own {
                Value::String(own) => kube_schema::gotext::quote(own),
                own => own.to_string(),
            };
            causes.push(Cause::invalid(
                below(path, name),
                format!("Invalid value: {shown}: {detail}"),
            ));
        }
    }
    walk(schema, value, path, &mut |rule, member, here| {
        embedded_in(rule, member, here, causes)
    });
}

fn embedded_in(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    embedded(schema, value, path, causes);
}

/// Items of sets and keyed lists are there once.
pub(super) fn unique(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    if let Value::Array(items) = value {
        let keys: Option<Vec<&str>> = match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
            Some("set") => Some(Vec::new()),
            Some("map") => {
                let keys = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array);
                Some(keys.into_iter().flatten().filter_map(Value::as_str).collect())
            }
            _ => None,
        };
        if let Some(keys) = keys {
            let mut seen: BTreeMap<String, usize> = BTreeMap::new();
            for (at, item) in items.iter().enumerate() {
                let own = identity(item, &keys);
                let message = format!("Duplicate value: {own}");
                let before = seen.entry(own).or_default();
                // A third equal item is not reported again.
                if *before == 1 {
                    causes.push(Cause::new(
                        "FieldValueDuplicate",
                        format!("{path}[{at}]"),
                        message,
                    ));
                }
                *before += 1;
            }
        }
    }
    walk(schema, value, path, &mut |rule, member, here| {
        unique(rule, member, here, causes)
    });
}

/// What tells an item from others, as it is shown.
fn identity(item: &Value, keys: &[&str]) -> String {
    if keys.is_empty() {
        return item.to_string();
    }
    let members: Map<String, Value> = keys
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), item.get(*key)?.clone())))
        .collect();
    Value::Object(members).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn doubles(schema: &Value, items: Value) -> Vec<String> {
        let mut causes = Vec::new();
        unique(schema, &items, "l", &mut causes);
        causes
            .iter()
            .map(|cause| format!("{} {}", cause.field, cause.message))
            .collect()
    }

    #[test]
    fn doubles_are_found_by_value_or_by_keys() {
        let set = json!({"x-kubernetes-list-type": "set"});
        assert_eq!(
            doubles(&set, json!(["a", "b", "a", "a", 1, "1"])),
            ["l[2] Duplicate value: \"a\""]
        );
        let map = json!({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n", "p"]});
        assert_eq!(
            doubles(
                &map,
                json!([{"n": "a", "v": 1}, {"n": "a", "p": 1}, {"n": "a", "v": 2}])
            ),
            ["l[2] Duplicate value: {\"n\":\"a\"}"]
        );
    }

    #[test]
    fn a_long_list_takes_no_longer_than_it_is() {
        let set = json!({"x-kubernetes-list-type": "set"});
        let items: Vec<String> = (0..200_000).map(|at| at.to_string()).collect();
        assert!(doubles(&set, json!(items)).is_empty());
    }
}
