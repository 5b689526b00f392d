//! The namespace controller: a namespace that is being deleted is emptied, then goes.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use manifest::object;
use serde_json::{Value, json};

use super::{Place, act::Actor};
use crate::{
    conditions,
    core::{Core, time},
    names,
    resource::Resource,
    store::Key,
};

const NAME: &str = "namespace-controller";
const COLLECTION: &str = "/api/v1/namespaces";
const PODS: &str = "pods";

/// Deletes what is in the namespace, says how far it is, and without anything left takes its own finalizer off.
pub(crate) fn empty(core: &mut Core, now: Timestamp, name: &str) {
    let key = Key::new("", name);
    core.state.waiting.remove(name);
    let Some(namespace) = core.stored(names::NAMESPACES, &key) else {
        return;
    };
    let Ok(deleted) = object::deletion_timestamp(&namespace).parse::<Timestamp>() else {
        return;
    };
    let due = deleted + core.namespace_delay;
    if now < due {
        core.state.waiting.insert(name.to_owned(), due);
        return;
    }
    let actor = Actor::new(NAME, now);
    // Pods go before what they may depend on.
    clear(core, &actor, content(core, name, |table| table == PODS));
    if content(core, name, |table| table == PODS).is_empty() {
        clear(core, &actor, content(core, name, |_| true));
    }
    let left = Left::of(core, name);
    let Some(namespace) = core.stored(names::NAMESPACES, &key) else {
        return;
    };
    if let Some(next) = with_conditions(&namespace, &left, &time(now)) {
        actor.replace_status(core, COLLECTION, &next);
    }
    if left.counts.is_empty() {
        finalize(core, &actor, &key);
    }
}

/// Takes the finalizer `kubernetes` off the spec; without any other the namespace is gone with that.
fn finalize(core: &mut Core, actor: &Actor, key: &Key) {
    let Some(namespace) = core.stored(names::NAMESPACES, key) else {
        return;
    };
    let mut next = (*namespace).clone();
    let Some(list) = next.pointer_mut("/spec/finalizers").and_then(Value::as_array_mut) else {
        return;
    };
    let before = list.len();
    list.retain(|entry| entry.as_str() != Some("kubernetes"));
    if list.len() < before {
        actor.replace(core, &format!("{COLLECTION}/{}/finalize", key.name()), &next);
    }
}

fn clear(core: &mut Core, actor: &Actor, places: Vec<Place>) {
    for place in places {
        let Some((resource, item)) = Actor::find(core, &place) else {
            continue;
        };
        if object::deletion_timestamp(&item).is_empty() {
            actor.delete(core, &resource, &item, "Background");
        }
    }
}

/// What is in a namespace, of some tables.
fn content(core: &Core, name: &str, wanted: impl Fn(&str) -> bool) -> Vec<Place> {
    let mut all = Vec::new();
    for (table, items) in core.state.store.tables().filter(|(table, _)| wanted(table)) {
        for (key, _) in crate::store::in_namespace(items, name) {
            all.push(Place {
                table: Arc::clone(table),
                key: key.clone(),
            });
        }
    }
    all
}

/// What a deletion has left over.
struct Left {
    /// Objects by resource, as the messages call it.
    counts: BTreeMap<String, usize>,
    /// Objects by finalizer.
    finalizers: BTreeMap<String, usize>,
}

impl Left {
    fn of(core: &Core, name: &str) -> Self {
        let mut left = Self {
            counts: BTreeMap::new(),
            finalizers: BTreeMap::new(),
        };
        for place in content(core, name, |_| true) {
            let Some((resource, item)) = Actor::find(core, &place) else {
                continue;
            };
            *left.counts.entry(called(&resource)).or_default() += 1;
            let list = item.pointer("/metadata/finalizers").and_then(Value::as_array);
            for finalizer in list.into_iter().flatten().filter_map(Value::as_str) {
                *left.finalizers.entry(finalizer.to_owned()).or_default() += 1;
            }
        }
        left
    }

    fn message(counts: &BTreeMap<String, usize>, between: &str) -> String {
        let parts: Vec<String> = counts
            .iter()
            .map(|(name, count)| format!("{name} {between} {count} resource instances"))
            .collect();
        parts.join(", ")
    }

    /// Type, status, reason and message of each condition.
    fn conditions(&self) -> [(&'static str, &'static str, &'static str, String); 5] {
        let remaining = if self.counts.is_empty() {
            (
                "False",
                "ContentRemoved",
                "All content successfully removed".to_owned(),
            )
        } else {
            let list = Self::message(&self.counts, "has");
            (
                "True",
                "SomeResourcesRemain",
                format!("Some resources are remaining: {list}"),
            )
        };
        let held = if self.finalizers.is_empty() {
            let text = "All content-preserving finalizers finished".to_owned();
            ("False", "ContentHasNoFinalizers", text)
        } else {
            let list = Self::message(&self.finalizers, "in");
            let text = format!("Some content in the namespace has finalizers remaining: {list}");
            ("True", "SomeFinalizersRemain", text)
        };
        let fixed = |kind, reason, text: &str| (kind, "False", reason, text.to_owned());
        [
            fixed(
                "NamespaceDeletionDiscoveryFailure",
                "ResourcesDiscovered",
                "All resources successfully discovered",
            ),
            fixed(
                "NamespaceDeletionGroupVersionParsingFailure",
                "ParsedGroupVersions",
                "All legacy kube types successfully parsed",
            ),
            fixed(
                "NamespaceDeletionContentFailure",
                "ContentDeleted",
                "All content successfully deleted, may be waiting on finalization",
            ),
            ("NamespaceContentRemaining", remaining.0, remaining.1, remaining.2),
            ("NamespaceFinalizersRemaining", held.0, held.1, held.2),
        ]
    }
}

fn called(resource: &Resource) -> String {
    format!("{}.{}", resource.gvr.resource, resource.gvr.group)
}

/// The namespace with conditions that say what is left, if they change.
fn with_conditions(namespace: &Value, left: &Left, now: &str) -> Option<Value> {
    let mut next = namespace.clone();
    let status = object::map_at(&mut next, &["status"]);
    let list = status.entry("conditions").or_insert_with(|| json!([]));
    let list = list.as_array_mut()?;
    for (kind, state, reason, message) in left.conditions() {
        let condition = json!({
            "type": kind, "status": state, "lastTransitionTime": now, "reason": reason, "message": message,
        });
        conditions::set(list, condition);
    }
    (next != *namespace).then_some(next)
}
