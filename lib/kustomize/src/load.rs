//! Objects from YAML: validation, and lists taken apart.

use serde_json::Value;

use crate::{Error, resource::Resource};

/// Reads the objects of a text.
pub(crate) fn resources(text: &str) -> Result<Vec<Resource>, Error> {
    from(yaml::read_objects(text)?)
}

/// Reads patches, in which nulls take away what they stand for.
pub(crate) fn patches(text: &str) -> Result<Vec<Resource>, Error> {
    from(yaml::read_documents(text, yaml::Dialect::Kyaml)?)
}

fn from(values: Vec<Value>) -> Result<Vec<Resource>, Error> {
    let mut queue = std::collections::VecDeque::new();
    for value in values {
        checked(value, &mut queue)?;
    }
    let mut all = Vec::new();
    while let Some(value) = queue.pop_front() {
        match items(&value)? {
            // QUIRK: the elements of a list come after all other documents of the file.
            Some(items) => {
                for item in items {
                    checked(item, &mut queue)?;
                }
            }
            None => all.push(Resource::new(value)),
        }
    }
    Ok(all)
}

fn checked(mut value: Value, queue: &mut std::collections::VecDeque<Value>) -> Result<(), Error> {
    if value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(());
    }
    // DIFFERENCE: upstream lets a name that is a number be one until something changes it.
    if let Some(name @ (Value::Number(_) | Value::Bool(_))) = value.pointer_mut("/metadata/name") {
        *name = Value::String(name.to_string());
    }
    validate(&value)?;
    queue.push_back(value);
    Ok(())
}

/// The elements of a `FooList`; none when the object is not one.
fn items(value: &Value) -> Result<Option<Vec<Value>>, Error> {
    let kind = manifest::object::kind(value);
    match value.get("items") {
        Some(items) if kind.ends_with("List") => match items {
            Value::Array(items) => Ok(Some(items.clone())),
            Value::Null => Ok(Some(Vec::new())),
            other => {
                let found = match other {
                    Value::Object(_) => "map[string]interface {}",
                    Value::String(_) => "string",
                    Value::Bool(_) => "bool",
                    _ => "int",
                };
                Err(Error::new(format!(
                    "expected array in {kind}/items, but found {found}"
                )))
            }
        },
        _ => Ok(None),
    }
}

fn validate(value: &Value) -> Result<(), Error> {
    let known = |field: &str| value.get(field).is_some();
    if !["apiVersion", "kind", "metadata"].into_iter().any(known) {
        return Err(Error::new("missing Resource metadata"));
    }
    let kind = manifest::object::kind(value);
    let api_version = manifest::object::api_version(value);
    let shown = || {
        let strings = |map: Option<&serde_json::Map<String, Value>>| {
            let entries = map.into_iter().flatten();
            let entries: Vec<_> = entries
                .map(|(key, value)| format!("{key}:{}", value.as_str().unwrap_or_default()))
                .collect();
            entries.join(" ")
        };
        format!(
            "{{{{{api_version} {kind}}} {{{{{} {}}} map[{}] map[{}]}}}}",
            manifest::object::name(value),
            manifest::object::namespace(value),
            strings(manifest::object::labels(value)),
            strings(manifest::object::annotations(value))
        )
    };
    if kind.is_empty() {
        return Err(Error::new(format!("missing kind in object {}", shown())));
    }
    if !kind.ends_with("List") && manifest::object::name(value).is_empty() {
        return Err(Error::new(format!("missing metadata.name in object {}", shown())));
    }
    Ok(())
}
