//! The garbage collector: objects go with their owners.

use jiff::Timestamp;
use manifest::object;
use serde_json::{Value, json};

use super::{Place, act::Actor};
use crate::core::Core;

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";
const NAME: &str = "generic-garbage-collector";

fn has_finalizer(object: &Value, name: &str) -> bool {
    let list = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    list.is_some_and(|list| list.iter().any(|entry| entry.as_str() == Some(name)))
}

/// Whether an object that is being deleted waits for the collector.
pub(crate) fn waits(object: &Value) -> bool {
    has_finalizer(object, ORPHAN) || has_finalizer(object, FOREGROUND)
}

fn references(object: &Value) -> Vec<Value> {
    object
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

/// What stands behind a reference.
#[derive(PartialEq, Eq)]
enum Owner {
    Solid,
    /// Gone, in another namespace, or another incarnation.
    Dangling,
    /// Being deleted in the foreground: it waits for its dependents.
    Waiting,
}

fn owner(core: &Core, dependent: &Value, reference: &Value) -> Owner {
    let uid = reference.get("uid").and_then(Value::as_str).unwrap_or_default();
    let found = core
        .state
        .index
        .place(uid)
        .and_then(|place| Actor::find(core, place));
    let Some((_, owner)) = found else {
        return Owner::Dangling;
    };
    let namespace = object::namespace(&owner);
    if !namespace.is_empty() && namespace != object::namespace(dependent) {
        return Owner::Dangling;
    }
    if !object::deletion_timestamp(&owner).is_empty() && has_finalizer(&owner, FOREGROUND) {
        return Owner::Waiting;
    }
    Owner::Solid
}

/// Deletes an object none of whose owners is left, or takes the lost ones off its list.
pub(crate) fn judge(core: &mut Core, now: Timestamp, place: &Place) {
    let Some((resource, object)) = Actor::find(core, place) else {
        return;
    };
    let references = references(&object);
    if references.is_empty() || !object::deletion_timestamp(&object).is_empty() {
        return;
    }
    let (solid, lost): (Vec<_>, Vec<_>) = references
        .into_iter()
        .map(|entry| (owner(core, &object, &entry), entry))
        .partition(|(kind, _)| *kind == Owner::Solid);
    if lost.is_empty() {
        return;
    }
    let actor = Actor::new(NAME, now);
    if !solid.is_empty() {
        let kept: Vec<Value> = solid.into_iter().map(|(_, entry)| entry).collect();
        let patch = json!({"metadata": {"ownerReferences": kept, "uid": object::uid(&object)}});
        actor.patch(core, &resource, &object, &patch);
        return;
    }
    let waiting = lost.iter().any(|(kind, _)| *kind == Owner::Waiting);
    let parent = core.state.index.dependents(object::uid(&object)).next().is_some();
    let policy = match (
        waiting && parent,
        has_finalizer(&object, ORPHAN),
        has_finalizer(&object, FOREGROUND),
    ) {
        (true, ..) | (_, false, true) => "Foreground",
        (_, true, _) => "Orphan",
        _ => "Background",
    };
    actor.delete(core, &resource, &object, policy);
}

/// Lets an object go that waits for its dependents: they are orphaned, or gone as far as they block.
pub(crate) fn release(core: &mut Core, now: Timestamp, place: &Place) {
    let Some((resource, object)) = Actor::find(core, place) else {
        return;
    };
    if object::deletion_timestamp(&object).is_empty() || !waits(&object) {
        return;
    }
    let actor = Actor::new(NAME, now);
    let uid = object::uid(&object).to_owned();
    let dependents: Vec<Place> = core.state.index.dependents(&uid).cloned().collect();
    let finalizer = if has_finalizer(&object, ORPHAN) {
        for place in &dependents {
            orphan(core, &actor, place, &uid);
        }
        ORPHAN
    } else {
        let mut blocked = false;
        for place in &dependents {
            let Some((_, dependent)) = Actor::find(core, place) else {
                continue;
            };
            blocked |= references(&dependent).iter().any(|entry| {
                entry.get("uid").and_then(Value::as_str) == Some(&uid)
                    && entry.get("blockOwnerDeletion") == Some(&Value::Bool(true))
            });
            judge(core, now, place);
        }
        // Some may have gone at once; the events of the others bring the owner back here.
        if blocked && dependents.iter().any(|place| Actor::find(core, place).is_some()) {
            return;
        }
        FOREGROUND
    };
    let Some((_, object)) = Actor::find(core, place) else {
        return;
    };
    let list = object
        .pointer("/metadata/finalizers")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let kept: Vec<Value> = list
        .into_iter()
        .filter(|entry| entry.as_str() != Some(finalizer))
        .collect();
    let patch = json!({"metadata": {"finalizers": kept, "uid": uid}});
    actor.patch(core, &resource, &object, &patch);
}

fn orphan(core: &mut Core, actor: &Actor, place: &Place, uid: &str) {
    let Some((resource, dependent)) = Actor::find(core, place) else {
        return;
    };
    let kept: Vec<Value> = references(&dependent)
        .into_iter()
        .filter(|entry| entry.get("uid").and_then(Value::as_str) != Some(uid))
        .collect();
    let kept = if kept.is_empty() {
        Value::Null
    } else {
        Value::Array(kept)
    };
    let patch = json!({"metadata": {"ownerReferences": kept, "uid": object::uid(&dependent)}});
    actor.patch(core, &resource, &dependent, &patch);
}
