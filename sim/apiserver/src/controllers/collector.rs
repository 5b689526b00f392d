//! The garbage collector: objects go with their owners.

use jiff::Timestamp;
use manifest::object;
use serde_json::{Value, json};

use super::{Place, act::Actor};
use crate::{
    core::{Core, time},
    store::Key,
};

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
    /// Of a kind that nobody serves, or one that the dependent cannot have: nothing is known, so nothing is done.
    Unknown,
}

fn owner(core: &Core, dependent: &Value, reference: &Value) -> Owner {
    let text = |key: &str| reference.get(key).and_then(Value::as_str).unwrap_or_default();
    let Some(resource) = core.resource_of_kind(text("apiVersion"), text("kind")) else {
        return Owner::Unknown;
    };
    let own = object::namespace(dependent);
    if resource.namespaced && own.is_empty() {
        return Owner::Unknown;
    }
    // The owner is looked for where the reference says it is, whatever else has that uid.
    let namespace = if resource.namespaced { own } else { "" };
    let found = core.stored(&resource.table, &Key::new(namespace, text("name")));
    let Some(owner) = found.filter(|found| object::uid(found) == text("uid")) else {
        return Owner::Dangling;
    };
    if !object::deletion_timestamp(&owner).is_empty() && has_finalizer(&owner, FOREGROUND) {
        return Owner::Waiting;
    }
    Owner::Solid
}

/// Says so when an owner is in another namespace than its dependent.
fn report_foreign(core: &mut Core, now: Timestamp, dependent: &Value, reference: &Value) {
    const REASON: &str = "OwnerRefInvalidNamespace";
    const COMPONENT: &str = "garbage-collector-controller";
    let text = |key: &str| reference.get(key).and_then(Value::as_str).unwrap_or_default();
    let namespace = object::namespace(dependent);
    let foreign = core.state.index.place(text("uid")).is_some_and(|place| {
        let other = place.key.namespace();
        !other.is_empty() && other != namespace
    });
    if !foreign || namespace.is_empty() {
        return;
    }
    let name = object::name(dependent);
    let message = format!(
        "ownerRef [{}/{}, namespace: {namespace}, name: {}, uid: {}] does not exist in namespace {namespace:?}",
        text("apiVersion"),
        text("kind"),
        text("name"),
        text("uid")
    );
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": format!("{name}.{:x}", now.as_nanosecond()), "namespace": namespace},
        "involvedObject": {
            "kind": object::kind(dependent), "namespace": namespace, "name": name, "uid": object::uid(dependent),
            "apiVersion": object::api_version(dependent),
        },
        "reason": REASON, "message": message, "source": {"component": COMPONENT}, "type": "Warning", "count": 1,
        "firstTimestamp": time(now), "lastTimestamp": time(now), "reportingComponent": COMPONENT,
    });
    Actor::new(NAME, now).create(core, &format!("/api/v1/namespaces/{namespace}/events"), &event);
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
    if lost.is_empty() || lost.iter().any(|(kind, _)| *kind == Owner::Unknown) {
        return;
    }
    for (_, entry) in &lost {
        report_foreign(core, now, &object, entry);
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
