//! Metadata within custom objects, which has the one type all metadata has.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::kinds;

/// Members that are not kept empty.
const EMPTY: [&str; 5] = [
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
    "managedFields",
];

/// Drops what metadata does not keep.
fn tidy(metadata: &mut Map<String, Value>) {
    metadata.retain(|name, value| match value {
        Value::Null => false,
        Value::Array(items) => !(items.is_empty() && EMPTY.contains(&name.as_str())),
        Value::Object(members) => !(members.is_empty() && EMPTY.contains(&name.as_str())),
        _ => true,
    });
}

/// Tidies the metadata of an object and of what is embedded in it.
pub(super) fn tidy_all(schema: &Value, object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        tidy(metadata);
    }
    // DIFFERENCE: what patches bring into embedded metadata is not refused if it has the wrong types.
    let tidied = walk(schema, object, "", &mut |metadata, _| {
        if let Some(members) = metadata.as_object_mut() {
            tidy(members);
        }
        Ok(())
    });
    debug_assert!(tidied.is_ok(), "tidying refuses nothing");
}

type Visit<'a> = &'a mut dyn FnMut(&mut Value, &str) -> Result<(), String>;

/// What is taken but warned of: finalizers that others may have too.
pub(crate) fn finalizer_warnings(new: &Value, old: Option<&Value>) -> Vec<String> {
    const OWN: [&str; 3] = ["orphan", "foregroundDeletion", "kubernetes"];
    let all = |object: &Value| -> BTreeSet<String> {
        let list = object.pointer("/metadata/finalizers").and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(|entry| entry.as_str().map(str::to_owned))
            .collect()
    };
    let before = old.map(all).unwrap_or_default();
    all(new)
        .difference(&before)
        .filter(|name| !name.contains('/') && !OWN.contains(&name.as_str()))
        .map(|name| {
            let path = if name.contains('.') { " including a path (/)" } else { "" };
            format!(
                "metadata.finalizers: {name:?}: prefer a domain-qualified finalizer name{path} to avoid accidental \
                 conflicts with other finalizer writers"
            )
        })
        .collect()
}

/// Gives the metadata of embedded resources its form, or says where it has another.
pub(crate) fn coerce(schema: &Value, object: &mut Value) -> Result<(), String> {
    walk(schema, object, "", &mut embedded)
}

fn walk(schema: &Value, value: &mut Value, path: &str, visit: Visit<'_>) -> Result<(), String> {
    match value {
        Value::Object(members) => {
            if schema.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true))
                && let Some(metadata) = members.get_mut("metadata")
            {
                visit(metadata, &format!("{path}.metadata"))?;
            }
            let properties = schema.get("properties").and_then(Value::as_object);
            let rest = schema.get("additionalProperties").filter(|rest| rest.is_object());
            for (name, member) in members {
                let known = properties.and_then(|properties| properties.get(name));
                let path = match (known, path.is_empty()) {
                    (Some(_), true) => name.clone(),
                    (Some(_), false) => format!("{path}.{name}"),
                    (None, _) => format!("{path}[{name}]"),
                };
                if let Some(inner) = known.or(rest) {
                    walk(inner, member, &path, visit)?;
                }
            }
            Ok(())
        }
        Value::Array(items) => {
            let Some(inner) = schema.get("items") else {
                return Ok(());
            };
            for (at, item) in items.iter_mut().enumerate() {
                walk(inner, item, &format!("{path}[{at}]"), visit)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn embedded(metadata: &mut Value, path: &str) -> Result<(), String> {
    // Any kind's metadata will do.
    let Some(kind) = kinds::find_kind("", "v1", "ConfigMap") else {
        return Ok(());
    };
    let whole = serde_json::json!({ "metadata": metadata });
    if let Some(problem) = kinds::mismatch(kind, &whole) {
        let problem = problem.replace("ObjectMeta.metadata.", "ObjectMeta.");
        return Err(format!("{path}: Invalid value: {metadata}: {problem}"));
    }
    if let Some(members) = metadata.as_object_mut() {
        tidy(members);
    }
    Ok(())
}
