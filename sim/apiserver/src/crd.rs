//! CustomResourceDefinitions as objects: what the server adds to them when they are written.

use serde_json::{Map, Value, json};

use crate::{call::Call, core::time};

pub(crate) const GROUP: &str = "apiextensions.k8s.io";

/// The finalizer that keeps a deleted definition until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Holds a definition that a client deletes; says so in its conditions.
pub(crate) fn hold(object: &mut Value, now: jiff::Timestamp) {
    let finalizers =
        manifest::object::map_at(object, &["metadata"]).entry("finalizers").or_insert_with(|| json!([]));
    if let Some(list) = finalizers.as_array_mut()
        && !list.iter().any(|entry| entry.as_str() == Some(CLEANUP))
    {
        list.push(json!(CLEANUP));
    }
    let terminating = json!({
        "type": "Terminating", "status": "True", "lastTransitionTime": time(now), "reason": "InstanceDeletionPending",
        "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    });
    let conditions =
        manifest::object::map_at(object, &["status"]).entry("conditions").or_insert_with(|| json!([]));
    if let Some(list) = conditions.as_array_mut() {
        list.retain(|entry| entry["type"] != "Terminating");
        list.push(terminating);
    }
}

/// Accepts the names and establishes the definition, as the genuine server's controllers do a moment later.
pub(crate) fn establish(call: &Call<'_>, object: &mut Value, old: Option<&Value>) {
    fill_names(object);
    let names = object.pointer("/spec/names").cloned().unwrap_or(Value::Null);
    let storage: Vec<String> = object
        .pointer("/spec/versions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|version| version["storage"] == Value::Bool(true))
        .filter_map(|version| version["name"].as_str().map(str::to_owned))
        .collect();
    let now = time(call.now);
    let mut status = old.and_then(|old| old.get("status")).cloned().unwrap_or_else(|| Value::Object(Map::new()));
    if status.get("conditions").is_none() {
        status["conditions"] = json!([
            condition("NamesAccepted", "NoConflicts", "no conflicts found", &now),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted", &now),
        ]);
    }
    status["acceptedNames"] = names;
    let mut versions: Vec<String> = status
        .get("storedVersions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|version| version.as_str().map(str::to_owned))
        .collect();
    versions.extend(storage.into_iter().filter(|version| !versions.contains(version)).collect::<Vec<_>>());
    status["storedVersions"] = versions.into();
    object["status"] = status;
}

fn condition(kind: &str, reason: &str, message: &str, now: &str) -> Value {
    json!({"type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message})
}

/// Singular and list kind follow from the kind.
fn fill_names(object: &mut Value) {
    let names = manifest::object::map_at(object, &["spec", "names"]);
    let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let empty = |names: &Map<String, Value>, key: &str| names.get(key).and_then(Value::as_str).is_none_or(str::is_empty);
    if empty(names, "singular") {
        names.insert("singular".into(), kind.to_lowercase().into());
    }
    if empty(names, "listKind") {
        names.insert("listKind".into(), format!("{kind}List").into());
    }
}
