//! Cells of what belongs to the cluster: nodes, namespaces, classes, devices, certificates.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::Value;

use super::{
    duration,
    look::{Look, field, join, none},
};

pub(super) fn namespace(look: &Look<'_>) -> Vec<Value> {
    vec![look.name(), look.text("/status/phase").into(), look.age()]
}

pub(super) fn component_status(look: &Look<'_>) -> Vec<Value> {
    let conditions = look.list("/conditions");
    let healthy = conditions
        .iter()
        .find(|condition| field(condition, "type") == "Healthy");
    let status = match healthy.map(|condition| field(condition, "status")) {
        Some("True") => "Healthy",
        Some(_) => "Unhealthy",
        None => "Unknown",
    };
    let text = |key: &str| healthy.map_or("", |condition| field(condition, key));
    vec![
        look.name(),
        status.into(),
        text("message").into(),
        text("error").into(),
    ]
}

pub(super) fn node(look: &Look<'_>) -> Vec<Value> {
    let mut status = match look.condition("Ready") {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if look.flag("/spec/unschedulable", false) {
        status.push_str(",SchedulingDisabled");
    }
    let mut roles = BTreeSet::new();
    for (key, value) in look.map("/metadata/labels").into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) if !role.is_empty() => roles.insert(role),
            None if key == "kubernetes.io/role" && !value.is_empty() => roles.insert(value),
            _ => false,
        };
    }
    let address = |kind: &str| {
        let addresses = look.list("/status/addresses");
        let found = addresses.iter().find(|address| field(address, "type") == kind);
        found.map_or("<none>", |address| field(address, "address"))
    };
    let info = |key: &str| match look.text(&format!("/status/nodeInfo/{key}")) {
        "" => "<unknown>",
        text => text,
    };
    let kernel = match (info("kernelVersion"), look.text("/status/nodeInfo/architecture")) {
        (kernel, "") | (kernel @ "<unknown>", _) => kernel.to_owned(),
        (kernel, architecture) => format!("{kernel} ({architecture})"),
    };
    vec![
        look.name(),
        status.into(),
        none(&join(roles.iter(), ",")).into(),
        look.age(),
        look.text("/status/nodeInfo/kubeletVersion").into(),
        address("InternalIP").into(),
        address("ExternalIP").into(),
        info("osImage").into(),
        kernel.into(),
        info("containerRuntimeVersion").into(),
    ]
}

pub(super) fn runtime_class(look: &Look<'_>) -> Vec<Value> {
    vec![look.name(), look.text("/handler").into(), look.age()]
}

pub(super) fn priority_class(look: &Look<'_>) -> Vec<Value> {
    vec![
        look.name(),
        look.number("/value").into(),
        look.flag("/globalDefault", false).into(),
        look.age(),
        look.text("/preemptionPolicy").into(),
    ]
}

pub(super) fn signing_request(look: &Look<'_>) -> Vec<Value> {
    let has = |kind: &str| look.condition(kind).is_some();
    let mut status = if has("Denied") {
        "Denied"
    } else if has("Approved") {
        "Approved"
    } else {
        "Pending"
    }
    .to_owned();
    if has("Failed") {
        status.push_str(",Failed");
    }
    if !look.text("/status/certificate").is_empty() {
        status.push_str(",Issued");
    }
    let asked = look.at("/spec/expirationSeconds").and_then(Value::as_i64);
    let asked = asked.map_or_else(
        || "<none>".to_owned(),
        |seconds| duration::human(SignedDuration::from_secs(seconds)),
    );
    vec![
        look.name(),
        look.age(),
        none(look.text("/spec/signerName")).into(),
        look.text("/spec/username").into(),
        asked.into(),
        status.into(),
    ]
}

pub(super) fn resource_claim(look: &Look<'_>) -> Vec<Value> {
    let mut states = Vec::new();
    if look.is_deleted() {
        states.push("deleted");
    }
    if look.at("/status/allocation").is_some() {
        states.push("allocated");
        if !look.list("/status/reservedFor").is_empty() {
            states.push("reserved");
        }
    } else if !look.is_deleted() {
        states.push("pending");
    }
    vec![look.name(), states.join(",").into(), look.age()]
}

pub(super) fn resource_slice(look: &Look<'_>) -> Vec<Value> {
    vec![
        look.name(),
        look.text("/spec/nodeName").into(),
        look.text("/spec/driver").into(),
        look.text("/spec/pool/name").into(),
        look.age(),
    ]
}
