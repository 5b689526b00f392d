//! CustomResourceDefinitions as objects: what the server adds to them when they are written.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value, json};

use crate::{conditions, core::time, custom};

pub(crate) const GROUP: &str = "apiextensions.k8s.io";

/// The finalizer that keeps a deleted definition until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Holds a definition that a client deletes; says so in its conditions.
pub(crate) fn hold(object: &mut Value, now: jiff::Timestamp) {
    let finalizers = manifest::object::map_at(object, &["metadata"])
        .entry("finalizers")
        .or_insert_with(|| json!([]));
    if let Some(list) = finalizers.as_array_mut()
        && !list.iter().any(|entry| entry.as_str() == Some(CLEANUP))
    {
        list.push(json!(CLEANUP));
    }
    let terminating = json!({
        "type": "Terminating", "status": "True", "lastTransitionTime": time(now), "reason": "InstanceDeletionPending",
        "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    });
    let conditions = manifest::object::map_at(object, &["status"])
        .entry("conditions")
        .or_insert_with(|| json!([]));
    if let Some(list) = conditions.as_array_mut() {
        list.retain(|entry| entry["type"] != "Terminating");
        list.push(terminating);
    }
}

/// A deleted definition whose objects are being deleted; `None` if it says so already.
pub(crate) fn in_progress(definition: &Value) -> Option<Value> {
    let mut next = definition.clone();
    let conditions = next.pointer_mut("/status/conditions")?.as_array_mut()?;
    let own = conditions
        .iter_mut()
        .find(|entry| entry["type"] == "Terminating")?;
    own["reason"] = "InstanceDeletionInProgress".into();
    own["message"] = "CustomResource deletion is in progress".into();
    (next != *definition).then_some(next)
}

/// The status that the naming and establishing controllers give a definition; `others` are those of its group.
pub(crate) fn status(object: &Value, others: &[Arc<Value>], now: jiff::Timestamp) -> Value {
    let mut status = object
        .get("status")
        .cloned()
        .unwrap_or_else(|| Value::Object(Map::new()));
    let (accepted, conflict) = accept(object, others);
    let now = time(now);
    let established = holds(&status, "Established");
    let mut conditions: Vec<Value> = status
        .get("conditions")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if let Some((value, reason, message)) = custom::approval_condition(object) {
        let kind = "KubernetesAPIApprovalPolicyConformant";
        set(&mut conditions, kind, value, reason, &message, &now);
    }
    match conflict {
        None => {
            set(
                &mut conditions,
                "NamesAccepted",
                "True",
                "NoConflicts",
                "no conflicts found",
                &now,
            );
            if !established {
                let text = "the initial names have been accepted";
                set(
                    &mut conditions,
                    "Established",
                    "True",
                    "InitialNamesAccepted",
                    text,
                    &now,
                );
            }
        }
        Some((reason, text)) => {
            set(&mut conditions, "NamesAccepted", "False", reason, &text, &now);
            if !established {
                set(
                    &mut conditions,
                    "Established",
                    "False",
                    "NotAccepted",
                    "not all names are accepted",
                    &now,
                );
            }
        }
    }
    status["conditions"] = conditions.into();
    status["acceptedNames"] = accepted;
    status
}

fn holds(status: &Value, kind: &str) -> bool {
    let conditions = status.get("conditions").and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|entry| entry["type"] == kind && entry["status"] == "True")
}

fn set(conditions: &mut Vec<Value>, kind: &str, value: &str, reason: &str, message: &str, now: &str) {
    let next = json!({"type": kind, "status": value, "lastTransitionTime": now, "reason": reason, "message": message});
    conditions::set(conditions, next);
}

/// The names that nobody else has, and the first conflict.
fn accept(object: &Value, others: &[Arc<Value>]) -> (Value, Option<(&'static str, String)>) {
    let mut resources: BTreeSet<String> = BTreeSet::new();
    let mut kinds: BTreeSet<String> = BTreeSet::new();
    let text = |names: &Value, key: &str| {
        names
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let list = |names: &Value, key: &str| -> Vec<String> {
        let list = names.get(key).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    for names in others
        .iter()
        .filter_map(|other| other.pointer("/status/acceptedNames"))
    {
        resources.extend([text(names, "plural"), text(names, "singular")]);
        resources.extend(list(names, "shortNames"));
        kinds.extend([text(names, "kind"), text(names, "listKind")]);
    }
    let wanted = object
        .pointer("/spec/names")
        .cloned()
        .unwrap_or_else(|| json!({}));
    let mut accepted = object
        .pointer("/status/acceptedNames")
        .cloned()
        .unwrap_or_else(|| json!({}));
    let mut conflict = None;
    for (key, taken, reason) in [
        ("plural", &resources, "PluralConflict"),
        ("singular", &resources, "SingularConflict"),
        ("shortNames", &resources, "ShortNamesConflict"),
        ("kind", &kinds, "KindConflict"),
        ("listKind", &kinds, "ListKindConflict"),
    ] {
        let names = if key == "shortNames" {
            list(&wanted, key)
        } else {
            vec![text(&wanted, key)]
        };
        match names
            .iter()
            .find(|name| !name.is_empty() && taken.contains(*name))
        {
            Some(name) => {
                conflict = conflict.or_else(|| Some((reason, format!("{name:?} is already in use"))));
            }
            None => copy(&mut accepted, &wanted, key),
        }
    }
    copy(&mut accepted, &wanted, "categories");
    (accepted, conflict)
}

fn copy(into: &mut Value, from: &Value, key: &str) {
    let Some(members) = into.as_object_mut() else {
        return;
    };
    match from.get(key) {
        Some(value) => members.insert(key.to_owned(), value.clone()),
        None => members.remove(key),
    };
}
