//! Owners and what they own.

use std::sync::Arc;

use apiserver::ApiServer;
use manifest::object;
use serde_json::{Value, json};

use crate::actor::Resource;

/// The objects of a kind that `owner` controls, by name.
pub(crate) fn by(api: &ApiServer, resource: Resource, owner: &Value) -> Vec<Arc<Value>> {
    let uid = object::uid(owner);
    let all = api.list(&resource.gvr(), Some(object::namespace(owner)));
    all.into_iter()
        .filter(|item| controller(item).is_some_and(|found| found.2 == uid))
        .collect()
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

/// `spec.<field>` as a count.
pub(crate) fn spec_count(item: &Value, field: &str, default: usize) -> usize {
    let found = item
        .pointer("/spec")
        .and_then(|spec| spec.get(field))
        .and_then(Value::as_u64);
    found
        .and_then(|number| usize::try_from(number).ok())
        .unwrap_or(default)
}

/// `status.<field>` as a count.
pub(crate) fn status_count(item: &Value, field: &str) -> usize {
    let found = item
        .pointer("/status")
        .and_then(|status| status.get(field))
        .and_then(Value::as_u64);
    found
        .and_then(|number| usize::try_from(number).ok())
        .unwrap_or_default()
}

/// Whether a pod's Ready condition is True.
pub(crate) fn is_ready(pod: &Value) -> bool {
    object::condition(pod, "Ready")
        .and_then(|entry| entry.get("status"))
        .and_then(Value::as_str)
        == Some("True")
}

/// Whether a pod has ended or is being deleted.
pub(crate) fn is_gone(pod: &Value) -> bool {
    let phase = pod
        .pointer("/status/phase")
        .and_then(Value::as_str)
        .unwrap_or_default();
    phase == "Succeeded" || phase == "Failed" || !object::deletion_timestamp(pod).is_empty()
}

/// A stable short hash of a pod template, in the letters that Kubernetes uses for generated names.
///
/// DIFFERENCE: kube-controller-manager hashes Go's memory dump of the template, which no other program can repeat.
pub(crate) fn template_hash(template: &Value) -> String {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let digest = stdx::sha256_hex(template.to_string().as_bytes());
    digest
        .bytes()
        .take(10)
        .map(|byte| LETTERS[usize::from(byte) % LETTERS.len()] as char)
        .collect()
}
