//! The namespace controller: a namespace that is being deleted is emptied, then goes.

use std::sync::Arc;

use jiff::Timestamp;
use manifest::object;
use serde_json::Value;

use super::{Place, act::Actor};
use crate::{core::Core, names, store::Key};

/// Deletes what is in the namespace; without anything left, takes its own finalizer off.
pub(crate) fn empty(core: &mut Core, now: Timestamp, name: &str) {
    let key = Key::new("", name);
    let Some(namespace) = core.stored(names::NAMESPACES, &key) else {
        return;
    };
    if object::deletion_timestamp(&namespace).is_empty() {
        return;
    }
    let actor = Actor::new("namespace-controller", now);
    for place in content(core, name) {
        let Some((resource, item)) = Actor::find(core, &place) else {
            continue;
        };
        if object::deletion_timestamp(&item).is_empty() {
            actor.delete(core, &resource, &item, "Background");
        }
    }
    if !content(core, name).is_empty() {
        return;
    }
    let Some(namespace) = core.stored(names::NAMESPACES, &key) else {
        return;
    };
    let place = Place {
        table: names::NAMESPACES.into(),
        key: key.clone(),
    };
    let Some((resource, _)) = Actor::find(core, &place) else {
        return;
    };
    // Finalizing is a subresource of its own upstream; its effect is this one member.
    let mut next = (*namespace).clone();
    if let Some(list) = next.pointer_mut("/spec/finalizers").and_then(Value::as_array_mut) {
        list.retain(|entry| entry.as_str() != Some("kubernetes"));
    }
    let held = |pointer: &str| {
        next.pointer(pointer)
            .and_then(Value::as_array)
            .is_some_and(|list| !list.is_empty())
    };
    if held("/metadata/finalizers") || held("/spec/finalizers") {
        if next != *namespace {
            object::map_at(&mut next, &["spec"])
                .retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
            core.put(&resource, key, next);
        }
        return;
    }
    core.remove(&resource, &key);
}

/// Everything in a namespace.
fn content(core: &Core, name: &str) -> Vec<Place> {
    let mut all = Vec::new();
    for (table, items) in core.state.store.tables() {
        for (key, _) in crate::store::in_namespace(items, name) {
            all.push(Place {
                table: Arc::clone(table),
                key: key.clone(),
            });
        }
    }
    all
}
