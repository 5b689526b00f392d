//! Core kinds but pods.

use serde_json::{Value, json};

use super::{Members, empty, fill, object, text, unset};

pub(super) fn rules(shape: &str, map: &mut Members) {
    match shape {
        "core/v1.Namespace" => namespace(map),
        "core/v1.NamespaceStatus" => fill(map, "phase", "Active"),
        "core/v1.NodeStatus" if empty(map, "allocatable") => {
            if let Some(capacity) = map.get("capacity").cloned() {
                map.insert("allocatable".into(), capacity);
            }
        }
        "core/v1.NodeSpec" => one_and_all(map, "podCIDR", "podCIDRs", |one| one),
        "core/v1.PodStatus" => {
            one_and_all(map, "podIP", "podIPs", |ip| json!({"ip": ip}));
            one_and_all(map, "hostIP", "hostIPs", |ip| json!({"ip": ip}));
        }
        "core/v1.Secret" => secret(map),
        "core/v1.Service" => service(map),
        "core/v1.EndpointPort" => fill(map, "protocol", "TCP"),
        "core/v1.PersistentVolume" => {
            if let Some(status) = object(map, "status") {
                fill(status, "phase", "Pending");
            }
            if let Some(spec) = object(map, "spec") {
                fill(spec, "persistentVolumeReclaimPolicy", "Retain");
                fill(spec, "volumeMode", "Filesystem");
            }
        }
        "core/v1.PersistentVolumeClaim" => {
            if let Some(status) = object(map, "status") {
                fill(status, "phase", "Pending");
            }
        }
        "core/v1.PersistentVolumeClaimSpec" => fill(map, "volumeMode", "Filesystem"),
        "core/v1.LimitRangeItem" if text(map, "type") == "Container" => limit_range_item(map),
        "core/v1.ReplicationController" => super::workloads::replication_controller(map),
        _ => {}
    }
}

fn namespace(map: &mut Members) {
    let Some(metadata) = object(map, "metadata") else {
        return;
    };
    let name = text(metadata, "name").to_owned();
    if !name.is_empty()
        && let Some(labels) = object(metadata, "labels")
    {
        labels.insert("kubernetes.io/metadata.name".into(), Value::from(name));
    }
}

/// A member for one value and a younger one for all of them say the same.
fn one_and_all(map: &mut Members, one: &str, all: &str, wrap: fn(Value) -> Value) {
    let single = text(map, one).to_owned();
    let list = map
        .get(all)
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    match list.first() {
        Some(first) if single.is_empty() => {
            let value = first.get("ip").unwrap_or(first).clone();
            map.insert(one.into(), value);
        }
        None if !single.is_empty() => {
            map.insert(all.into(), json!([wrap(Value::from(single))]));
        }
        _ => {}
    }
}

/// `stringData` is folded into `data` when the server reads a Secret.
fn secret(map: &mut Members) {
    fill(map, "type", "Opaque");
    let Some(Value::Object(texts)) = map.remove("stringData") else {
        return;
    };
    if let Some(data) = object(map, "data") {
        for (name, value) in texts {
            let bytes = value.as_str().unwrap_or_default();
            data.insert(name, Value::from(base64(bytes.as_bytes())));
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn service(map: &mut Members) {
    let Some(spec) = object(map, "spec") else { return };
    fill(spec, "sessionAffinity", "None");
    match text(spec, "sessionAffinity") {
        "None" => {
            spec.remove("sessionAffinityConfig");
        }
        "ClientIP" => {
            let known = spec
                .get("sessionAffinityConfig")
                .and_then(|c| c.pointer("/clientIP/timeoutSeconds"));
            if unset(known) {
                spec.insert(
                    "sessionAffinityConfig".into(),
                    json!({"clientIP": {"timeoutSeconds": 10800}}),
                );
            }
        }
        _ => {}
    }
    fill(spec, "type", "ClusterIP");
    if let Some(Value::Array(ports)) = spec.get_mut("ports") {
        ports
            .iter_mut()
            .filter_map(Value::as_object_mut)
            .for_each(service_port);
    }
    let kind = text(spec, "type").to_owned();
    let balanced = kind == "LoadBalancer";
    if balanced || kind == "NodePort" || (kind == "ClusterIP" && !empty(spec, "externalIPs")) {
        fill(spec, "externalTrafficPolicy", "Cluster");
    }
    if ["NodePort", "LoadBalancer", "ClusterIP"].contains(&kind.as_str()) {
        fill(spec, "internalTrafficPolicy", "Cluster");
    }
    if balanced {
        fill(spec, "allocateLoadBalancerNodePorts", true);
        let ingress = map
            .get_mut("status")
            .and_then(|s| s.pointer_mut("/loadBalancer/ingress"));
        for point in ingress.and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(point) = point.as_object_mut()
                && !text(point, "ip").is_empty()
            {
                fill(point, "ipMode", "VIP");
            }
        }
    }
}

fn service_port(port: &mut Members) {
    fill(port, "protocol", "TCP");
    let target = port.get("targetPort");
    if unset(target) || target == Some(&Value::from(0)) {
        let number = port.get("port").cloned().unwrap_or_else(|| Value::from(0));
        port.insert("targetPort".into(), number);
    }
}

fn limit_range_item(map: &mut Members) {
    let amounts = |map: &Members, name: &str| {
        map.get(name)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default()
    };
    let mut limits = amounts(map, "default");
    for (name, value) in amounts(map, "max") {
        limits.entry(name).or_insert(value);
    }
    let mut requests = amounts(map, "defaultRequest");
    for (name, value) in limits.clone().into_iter().chain(amounts(map, "min")) {
        requests.entry(name).or_insert(value);
    }
    map.insert("default".into(), Value::Object(limits));
    map.insert("defaultRequest".into(), Value::Object(requests));
}
