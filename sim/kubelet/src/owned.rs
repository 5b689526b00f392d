//! Owners and what they own.

use std::sync::Arc;

use apiserver::ApiServer;
use jiff::Timestamp;
use manifest::{labels::Selector, object};
use serde_json::{Value, json};

use crate::{
    actor::Actor,
    resources::{PODS, Resource},
};

/// The objects of a kind that `owner` controls, by name.
pub(crate) fn by(api: &ApiServer, resource: Resource, owner: &Value) -> Vec<Arc<Value>> {
    let uid = object::uid(owner);
    let all = api.list(&resource.gvr(), Some(object::namespace(owner)));
    all.into_iter()
        .filter(|item| controller(item).is_some_and(|found| found.2 == uid))
        .collect()
}

/// The objects that `owner` controls after it has adopted those that its selector matches and nobody controls, and
/// let go those that it does not match any more.
pub(crate) fn claimed(
    actor: &Actor,
    resource: Resource,
    owner_kind: Resource,
    owner: &Value,
) -> Vec<Arc<Value>> {
    let Some(selector) = owner
        .pointer("/spec/selector")
        .and_then(|selector| Selector::from_object(selector).ok())
    else {
        return Vec::new();
    };
    let deleting = !object::deletion_timestamp(owner).is_empty();
    let uid = object::uid(owner);
    let mut mine = Vec::new();
    for item in actor.all(resource, object::namespace(owner)) {
        let matches = selector.matches(object::labels(&item));
        match controller(&item) {
            Some((_, _, other)) if other != uid => {}
            Some(_) if matches => mine.push(item),
            Some(_) if !deleting => {
                let patch = json!({"metadata": {
                    "uid": object::uid(&item), "ownerReferences": [{"$patch": "delete", "uid": uid}],
                }});
                let _ = actor.patch(resource, &item, &patch);
            }
            None if matches
                && !deleting
                && object::deletion_timestamp(&item).is_empty()
                && !(resource == PODS && is_over(&item)) =>
            {
                let patch = json!({"metadata": {
                    "uid": object::uid(&item), "ownerReferences": references(owner_kind, owner),
                }});
                if actor.patch(resource, &item, &patch).is_ok() {
                    mine.extend(actor.fresh(resource, &item));
                }
            }
            _ => {}
        }
    }
    mine
}

/// Kind, name and uid of the controller that owns `item`.
pub(crate) fn controller(item: &Value) -> Option<(&str, &str, &str)> {
    let references = item.pointer("/metadata/ownerReferences")?.as_array()?;
    let entry = references
        .iter()
        .find(|entry| entry.get("controller") == Some(&Value::Bool(true)))?;
    let text = |key| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    Some((text("kind"), text("name"), text("uid")))
}

/// The `ownerReferences` of an object that `owner` makes.
pub(crate) fn references(resource: Resource, owner: &Value) -> Value {
    json!([{
        "apiVersion": resource.api_version(), "kind": resource.kind, "name": object::name(owner),
        "uid": object::uid(owner), "controller": true, "blockOwnerDeletion": true,
    }])
}

/// A number anywhere in an object.
pub(crate) fn number(item: &Value, pointer: &str) -> Option<usize> {
    let found = item.pointer(pointer).and_then(Value::as_u64);
    found.and_then(|number| usize::try_from(number).ok())
}

/// A text anywhere in an object, empty if absent.
pub(crate) fn text<'a>(item: &'a Value, pointer: &str) -> &'a str {
    item.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A time anywhere in an object.
pub(crate) fn time(item: &Value, pointer: &str) -> Option<Timestamp> {
    text(item, pointer).parse().ok()
}

/// A list anywhere in an object.
pub(crate) fn list<'a>(item: &'a Value, pointer: &str) -> &'a [Value] {
    item.pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// `spec.<field>` as a count.
pub(crate) fn spec_count(item: &Value, field: &str, default: usize) -> usize {
    number(item, &format!("/spec/{field}")).unwrap_or(default)
}

/// `status.<field>` as a count.
pub(crate) fn status_count(item: &Value, field: &str) -> usize {
    number(item, &format!("/status/{field}")).unwrap_or_default()
}

/// Whether a pod's Ready condition is True.
pub(crate) fn is_ready(pod: &Value) -> bool {
    object::condition(pod, "Ready")
        .and_then(|entry| entry.get("status"))
        .and_then(Value::as_str)
        == Some("True")
}

/// Whether a pod has been ready for so many seconds.
pub(crate) fn is_available(pod: &Value, seconds: usize, now: Timestamp) -> bool {
    if !is_ready(pod) {
        return false;
    }
    seconds == 0
        || ready_since(pod).is_some_and(|since| now.duration_since(since).as_secs() >= seconds as i64)
}

/// When a pod became ready.
pub(crate) fn ready_since(pod: &Value) -> Option<Timestamp> {
    object::condition(pod, "Ready")?
        .get("lastTransitionTime")?
        .as_str()?
        .parse()
        .ok()
}

/// How long until one of the ready pods counts as available.
pub(crate) fn until_available<'a>(
    pods: impl Iterator<Item = &'a Value>,
    seconds: usize,
    now: Timestamp,
) -> Option<std::time::Duration> {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    pods.filter(|pod| is_ready(pod))
        .filter_map(ready_since)
        .map(|since| {
            let due = since
                .checked_add(jiff::SignedDuration::from_secs(seconds))
                .unwrap_or(Timestamp::MAX);
            std::time::Duration::try_from(due.duration_since(now)).unwrap_or_default()
        })
        .filter(|left| !left.is_zero())
        .min()
}

/// Whether a pod has ended.
pub(crate) fn is_over(pod: &Value) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// A pod's phase.
pub(crate) fn phase(pod: &Value) -> &str {
    text(pod, "/status/phase")
}

/// Whether an object is being deleted.
pub(crate) fn is_deleting(item: &Value) -> bool {
    !object::deletion_timestamp(item).is_empty()
}

/// Whether a pod has ended or is being deleted.
pub(crate) fn is_gone(pod: &Value) -> bool {
    is_over(pod) || is_deleting(pod)
}

/// The number of a StatefulSet's pod: what stands behind the last dash of its name.
pub(crate) fn ordinal(pod: &Value) -> Option<usize> {
    object::name(pod).rsplit_once('-')?.1.parse().ok()
}
