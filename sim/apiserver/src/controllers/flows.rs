//! FlowSchemas that say whether the priority level they send requests to exists. The server does this itself.

use jiff::Timestamp;
use manifest::object;
use serde_json::{Value, json};

use super::act::Actor;
use crate::{
    core::{Core, time},
    store::Key,
};

pub(super) const SCHEMAS: &str = "flowschemas.flowcontrol.apiserver.k8s.io";
pub(super) const LEVELS: &str = "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io";
const MANAGER: &str = "api-priority-and-fairness-config-consumer-v1";

/// Brings the condition `Dangling` of a FlowSchema up to date.
pub(super) fn tell(core: &mut Core, now: Timestamp, name: &str) {
    let Some(schema) = core.stored(SCHEMAS, &Key::new("", name)) else {
        return;
    };
    let level = schema
        .pointer("/spec/priorityLevelConfiguration/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (status, reason, end) = match core.stored(LEVELS, &Key::new("", level)) {
        Some(_) => ("False", "Found", "and it exists"),
        None => ("True", "NotFound", "but there is no such object"),
    };
    let message =
        format!("This FlowSchema references the PriorityLevelConfiguration object named {level:?} {end}");
    let known = object::condition(&schema, "Dangling").is_some_and(|condition| {
        condition["status"] == status
            && condition["reason"] == reason
            && condition["message"] == message.as_str()
    });
    if known {
        return;
    }
    let body = json!({
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema", "metadata": {"name": name},
        "status": {"conditions": [{
            "type": "Dangling", "status": status, "lastTransitionTime": time(now), "reason": reason, "message": message,
        }]},
    });
    let path = format!("/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/{name}/status");
    Actor::server(now).apply(core, &path, MANAGER, &body);
}
