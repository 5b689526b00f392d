//! A deleted CustomResourceDefinition takes its objects along before it goes.

use std::sync::Arc;

use jiff::Timestamp;
use manifest::object;
use serde_json::Value;

use super::{Place, act::Actor};
use crate::{core::Core, crd, names, resource, store::Key};

const COLLECTION: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// Deletes the objects of a definition that is being deleted; without any left, takes the finalizer off.
pub(crate) fn clean_up(core: &mut Core, now: Timestamp, name: &str) {
    let key = Key::new("", name);
    let Some(definition) = core.stored(names::DEFINITIONS, &key) else {
        return;
    };
    if object::deletion_timestamp(&definition).is_empty() {
        establish(core, now, &definition);
        return;
    }
    // The server itself cleans up, with all rights.
    let actor = Actor::server(now);
    if let Some(next) = crd::in_progress(&definition).filter(|_| !core.table(name).is_empty()) {
        actor.replace_status(core, COLLECTION, &next);
    }
    let places: Vec<Place> = core
        .table(name)
        .iter()
        .map(|(key, _)| Place {
            table: name.into(),
            key: key.clone(),
        })
        .collect();
    for place in &places {
        let Some((resource, item)) = Actor::find(core, place) else {
            continue;
        };
        if object::deletion_timestamp(&item).is_empty() {
            actor.delete(core, &resource, &item, "Background");
        }
    }
    if !core.table(name).is_empty() {
        return;
    }
    let Some(definition) = core.stored(names::DEFINITIONS, &key) else {
        return;
    };
    let Some(resource) = resource::builtin(crd::GROUP, "v1", "customresourcedefinitions") else {
        return;
    };
    let mut next = (*definition).clone();
    if let Some(list) = next
        .pointer_mut("/metadata/finalizers")
        .and_then(Value::as_array_mut)
    {
        list.retain(|entry| entry.as_str() != Some(crd::CLEANUP));
        if !list.is_empty() {
            if next != *definition {
                core.put(&resource, key, next);
            }
            return;
        }
    }
    core.remove(&resource, &key);
}

/// Accepts the names of a definition and establishes it.
fn establish(core: &mut Core, now: Timestamp, definition: &Value) {
    let group = definition
        .pointer("/spec/group")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let name = object::name(definition);
    let others: Vec<Arc<Value>> = core
        .table(names::DEFINITIONS)
        .values()
        .filter(|other| other.pointer("/spec/group").and_then(Value::as_str) == Some(group))
        .filter(|other| object::name(other) != name)
        .cloned()
        .collect();
    let status = crd::status(definition, &others, now);
    if definition.get("status") == Some(&status) {
        return;
    }
    let mut next = definition.clone();
    next["status"] = status;
    Actor::server(now).replace_status(core, COLLECTION, &next);
}

/// The definitions of a group, which may wait for a name.
pub(super) fn of_group(core: &Core, definition: &Value) -> Vec<String> {
    let group = definition.pointer("/spec/group");
    core.table(names::DEFINITIONS)
        .values()
        .filter(|other| other.pointer("/spec/group") == group)
        .map(|other| object::name(other).to_owned())
        .collect()
}
