//! What a Service loses when it changes to a type that has no use for it.

use serde_json::{Map, Value, json};

pub(super) fn update(new: &mut Value, old: &Value) {
    let Some(before) = old.get("spec").and_then(Value::as_object) else {
        return;
    };
    let Some(spec) = new.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    let (was, is) = (text(before, "type"), text(spec, "type"));
    if was != "ExternalName" && is == "ExternalName" {
        if same(spec, before, "clusterIP") && same(spec, before, "clusterIPs") {
            spec.remove("clusterIP");
            spec.remove("clusterIPs");
        }
        drop_if_same(spec, before, "ipFamilies");
        drop_if_same(spec, before, "ipFamilyPolicy");
    }
    if node_ports(&was) && !node_ports(&is) {
        drop_node_ports(spec, before);
    }
    let balanced = was == "LoadBalancer" && is != "LoadBalancer";
    let health = |kind: &str, spec: &Map<String, Value>| {
        kind == "LoadBalancer" && text(spec, "externalTrafficPolicy") == "Local"
    };
    if health(&was, before) && !health(&is, spec) {
        drop_if_same(spec, before, "healthCheckNodePort");
    }
    if balanced {
        drop_if_same(spec, before, "allocateLoadBalancerNodePorts");
        drop_if_same(spec, before, "loadBalancerClass");
    }
    if external(&was, before) && !external(&is, spec) {
        drop_if_same(spec, before, "externalTrafficPolicy");
    }
    hide(new);
    if is != "LoadBalancer"
        && let Some(status) = new.get_mut("status").and_then(Value::as_object_mut)
    {
        status.insert("loadBalancer".into(), json!({}));
    }
}

/// An ExternalName is never shown with an `internalTrafficPolicy`, whether one was given or left over.
pub(super) fn hide(object: &mut Value) {
    if let Some(Value::Object(spec)) = object.get_mut("spec")
        && text(spec, "type") == "ExternalName"
        && ["Cluster", "Local"].contains(&text(spec, "internalTrafficPolicy").as_str())
    {
        spec.remove("internalTrafficPolicy");
    }
}

fn external(kind: &str, spec: &Map<String, Value>) -> bool {
    let addresses = spec
        .get("externalIPs")
        .and_then(Value::as_array)
        .is_some_and(|a| !a.is_empty());
    node_ports(kind) || (kind == "ClusterIP" && addresses)
}

fn node_ports(kind: &str) -> bool {
    ["NodePort", "LoadBalancer"].contains(&kind)
}

fn drop_node_ports(spec: &mut Map<String, Value>, before: &Map<String, Value>) {
    let numbers = |spec: &Map<String, Value>| -> Vec<i64> {
        let ports = spec.get("ports").and_then(Value::as_array);
        ports
            .into_iter()
            .flatten()
            .filter_map(|p| p.get("nodePort")?.as_i64())
            .filter(|n| *n != 0)
            .collect()
    };
    let known = numbers(before);
    if numbers(spec).iter().all(|n| known.contains(n)) {
        let ports = spec.get_mut("ports").and_then(Value::as_array_mut);
        for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
            port.remove("nodePort");
        }
    }
}

fn text(spec: &Map<String, Value>, name: &str) -> String {
    spec.get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn same(spec: &Map<String, Value>, before: &Map<String, Value>, name: &str) -> bool {
    spec.get(name) == before.get(name)
}

fn drop_if_same(spec: &mut Map<String, Value>, before: &Map<String, Value>, name: &str) {
    if same(spec, before, name) {
        spec.remove(name);
    }
}
