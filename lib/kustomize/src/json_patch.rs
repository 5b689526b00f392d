//! JSON patches (RFC 6902) as kustomize's library applies them, in its words.

use serde_json::Value;

use crate::{
    Error,
    budget::{self, Budget},
};

/// Reads the operations of a patch: JSON, or YAML in the Kubernetes dialect.
pub(crate) fn parse(text: &str) -> Result<Vec<Value>, Error> {
    if text.is_empty() {
        return Err(Error::new("empty json patch operations"));
    }
    let value = if text.starts_with('[') {
        serde_json::from_str(text).map_err(|error| Error::new(error.to_string()))?
    } else {
        yaml::read(text, yaml::Dialect::Kubernetes).map_err(|error| Error::new(error.to_string()))?
    };
    match value {
        Value::Array(operations) if operations.iter().all(Value::is_object) => Ok(operations),
        Value::Null => Ok(Vec::new()),
        _ => Err(Error::new(
            "json: cannot unmarshal into Go value of type jsonpatch.Patch",
        )),
    }
}

/// Applies the operations.
pub(crate) fn apply(document: &mut Value, operations: &[Value]) -> Result<(), Error> {
    let mut budget = Budget::default();
    for operation in operations {
        apply_one(document, operation, &mut budget).map_err(Error::new)?;
    }
    Ok(())
}

fn apply_one(document: &mut Value, operation: &Value, budget: &mut Budget) -> Result<(), String> {
    let text = |name: &str| operation.get(name).and_then(Value::as_str);
    let kind = text("op").unwrap_or("unknown");
    let path = text("path");
    budget::check_parts(path.map_or(0, |path| path.split('/').count())).map_err(|error| error.to_string())?;
    let missing = |what: &str| format!("{kind} operation failed to decode path: {what}missing value");
    let value = || operation.get("value").cloned().unwrap_or(Value::Null);
    match kind {
        "add" => {
            let path = path.ok_or_else(|| missing(""))?;
            let (parent, key) = find(document, path).ok_or_else(|| {
                format!("add operation does not apply: doc is missing path: \"{path}\": missing value")
            })?;
            add(parent, &key, value()).map_err(|error| format!("error in add for path: '{path}': {error}"))
        }
        "remove" => {
            let path = path.ok_or_else(|| missing(""))?;
            let (parent, key) = find(document, path).ok_or_else(|| {
                format!("remove operation does not apply: doc is missing path: \"{path}\": missing value")
            })?;
            let removed = remove(parent, &key);
            removed
                .map(drop)
                .map_err(|error| format!("error in remove for path: '{path}': {error}"))
        }
        "replace" => {
            let path = path.ok_or_else(|| missing("operation missing path field: "))?;
            replace(document, path, value())
        }
        "test" => {
            let path = path.ok_or_else(|| missing("operation missing path field: "))?;
            test(document, path, &value())
        }
        "move" | "copy" => {
            let from = text("from").ok_or_else(|| {
                format!(
                    "{kind} operation failed to decode from: operation, missing from field: missing value"
                )
            })?;
            transfer(document, kind, from, path.unwrap_or_default(), budget)
        }
        other => Err(format!("Unexpected kind: {other}")),
    }
}

fn replace(document: &mut Value, path: &str, value: Value) -> Result<(), String> {
    if path.is_empty() {
        *document = value;
        return Ok(());
    }
    let (parent, key) = find(document, path).ok_or_else(|| {
        format!("replace operation does not apply: doc is missing path: {path}: missing value")
    })?;
    match parent {
        // QUIRK: a key that is not there is added.
        Value::Object(map) => {
            map.insert(key, value);
            Ok(())
        }
        Value::Array(items) => {
            let place = index(&key, items.len()).ok().and_then(|at| items.get_mut(at));
            *place.ok_or_else(|| {
                format!("replace operation does not apply: doc is missing key: {path}: missing value")
            })? = value;
            Ok(())
        }
        _ => Err(format!(
            "replace operation does not apply: doc is missing path: {path}: missing value"
        )),
    }
}

fn test(document: &mut Value, path: &str, wanted: &Value) -> Result<(), String> {
    let failed = || Err(format!("testing value {path} failed: test failed"));
    if path.is_empty() {
        return if document == wanted { Ok(()) } else { failed() };
    }
    let (parent, key) = find(document, path)
        .ok_or_else(|| format!("test operation does not apply: is missing path: {path}: missing value"))?;
    let found = get(parent, &key).map_err(|error| format!("error in test for path: '{path}': {error}"))?;
    if found == *wanted { Ok(()) } else { failed() }
}

fn transfer(
    document: &mut Value,
    kind: &str,
    from: &str,
    path: &str,
    budget: &mut Budget,
) -> Result<(), String> {
    let (parent, key) = find(document, from).ok_or_else(|| {
        format!("{kind} operation does not apply: doc is missing from path: {from}: missing value")
    })?;
    let value = if kind == "move" {
        let value = remove(parent, &key);
        value.map_err(|error| format!("error in move for path: '{key}': {error}"))?
    } else {
        get(parent, &key).map_err(|error| format!("error in copy for from: '{from}': {error}"))?
    };
    budget.spend(&value).map_err(|error| error.to_string())?;
    let (parent, key) = find(document, path).ok_or_else(|| {
        format!("{kind} operation does not apply: doc is missing destination path: {path}: missing value")
    })?;
    add(parent, &key, value).map_err(|error| match kind {
        "move" => format!("error in move for path: '{path}': {error}"),
        _ => format!("error while adding value during copy: {error}"),
    })
}

/// The collection that holds the last part of a path, and that part.
fn find<'a>(document: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let mut parts: Vec<String> = path
        .split('/')
        .skip(1)
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect();
    let key = parts.pop()?;
    let mut here = document;
    for part in parts {
        here = match here {
            Value::Object(map) => map.get_mut(&part)?,
            Value::Array(items) => {
                let at = index(&part, items.len()).ok()?;
                items.get_mut(at)?
            }
            _ => return None,
        };
    }
    (here.is_object() || here.is_array()).then_some((here, key))
}

fn index(key: &str, length: usize) -> Result<usize, String> {
    let number: i64 = key
        .parse()
        .map_err(|_| format!("strconv.Atoi: parsing {key:?}: invalid syntax"))?;
    let at = if number < 0 {
        number + i64::try_from(length).unwrap_or(i64::MAX)
    } else {
        number
    };
    usize::try_from(at)
        .map_err(|_| format!("Unable to access invalid index: {number}: invalid index referenced"))
}

fn get(parent: &Value, key: &str) -> Result<Value, String> {
    match parent {
        Value::Array(items) => {
            let at = index(key, items.len())?;
            let invalid = || format!("Unable to access invalid index: {key}: invalid index referenced");
            items.get(at).cloned().ok_or_else(invalid)
        }
        other => Ok(other.get(key).cloned().unwrap_or(Value::Null)),
    }
}

fn add(parent: &mut Value, key: &str, value: Value) -> Result<(), String> {
    match parent {
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => {
            let number: Result<i64, _> = key.parse();
            let invalid = "invalid syntax";
            number.map_err(|_| {
                format!(
                    "value was not a proper array index: '{key}': strconv.Atoi: parsing {key:?}: {invalid}"
                )
            })?;
            let at = index(key, items.len() + 1)?;
            if at > items.len() {
                return Err(format!(
                    "Unable to access invalid index: {key}: invalid index referenced"
                ));
            }
            items.insert(at, value);
        }
        Value::Object(map) => {
            map.insert(key.to_owned(), value);
        }
        _ => {}
    }
    Ok(())
}

fn remove(parent: &mut Value, key: &str) -> Result<Value, String> {
    match parent {
        Value::Array(items) => {
            let at = index(key, items.len())?;
            if at >= items.len() {
                return Err(format!(
                    "Unable to access invalid index: {key}: invalid index referenced"
                ));
            }
            Ok(items.remove(at))
        }
        Value::Object(map) => map
            .remove(key)
            .ok_or_else(|| format!("Unable to remove nonexistent key: {key}: missing value")),
        _ => Ok(Value::Null),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations_change_the_document() {
        let mut document = json!({"a": [1, 2], "b": {"c/d": 1}});
        let operations = parse(
            "- {op: add, path: /a/-, value: 3}\n- {op: add, path: /a/0, value: 0}\n- {op: remove, path: /a/-1}\n\
             - {op: replace, path: /b/c~1d, value: on}\n- {op: copy, from: /a, path: /x}\n- {op: move, from: /b, path: /y}\n\
             - {op: test, path: /x/1, value: 1}\n",
        )
        .unwrap();
        apply(&mut document, &operations).unwrap();
        assert_eq!(
            document,
            json!({"a": [0, 1, 2], "x": [0, 1, 2], "y": {"c/d": true}})
        );
        let failing = [json!({"op": "remove", "path": "/z"})];
        let error = apply(&mut document, &failing).unwrap_err().to_string();
        assert_eq!(
            error,
            "error in remove for path: '/z': Unable to remove nonexistent key: z: missing value"
        );
    }
}
