//! A deleted CustomResourceDefinition takes its objects along before it goes.

use jiff::Timestamp;
use manifest::object;
use serde_json::Value;

use super::{Place, act::Actor};
use crate::{core::Core, crd, names, resource, store::Key};

/// Deletes the objects of a definition that is being deleted; without any left, takes the finalizer off.
pub(crate) fn clean_up(core: &mut Core, now: Timestamp, name: &str) {
    let key = Key::new("", name);
    let Some(definition) = core.stored(names::DEFINITIONS, &key) else {
        return;
    };
    if object::deletion_timestamp(&definition).is_empty() {
        return;
    }
    // The server itself cleans up, with all rights.
    let actor = Actor::server(now);
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
