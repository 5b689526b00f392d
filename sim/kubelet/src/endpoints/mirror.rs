//! Slices for Endpoints that someone wrote by hand.

use manifest::object;
use serde_json::{Value, json};

use super::{MANAGED_BY, SERVICE_NAME, legacy};
use crate::{
    actor::Actor,
    owned,
    resources::{ENDPOINTS, SERVICES, SLICES},
};

const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";

/// Mirrors Endpoints of a Service without a selector.
///
/// DIFFERENCE: addresses of both families in one object are not split, and none are left out beyond 1000.
pub(crate) fn reconcile(actor: &Actor, endpoints: &Value) {
    let (namespace, name) = (object::namespace(endpoints), object::name(endpoints));
    let service = actor.find(SERVICES, namespace, name);
    let selects = service.as_ref().is_some_and(|service| {
        let selector = service.pointer("/spec/selector").and_then(Value::as_object);
        selector.is_some_and(|all| !all.is_empty())
    });
    let known = owned::by(&actor.api, SLICES, endpoints);
    let mirrored = service.is_some()
        && !selects
        && !owned::is_deleting(endpoints)
        && object::label(endpoints, legacy::MANAGED_BY).is_none()
        && object::label(endpoints, SKIP) != Some("true")
        && object::annotation(endpoints, "control-plane.alpha.kubernetes.io/leader").is_none();
    let wanted: Vec<(Value, Value)> = if mirrored {
        owned::list(endpoints, "/subsets").iter().map(slice_of).collect()
    } else {
        Vec::new()
    };
    let mut known = known.into_iter();
    for (ports, list) in wanted {
        match known.next() {
            Some(slice) if slice.get("ports") == Some(&ports) && slice.get("endpoints") == Some(&list) => {}
            Some(slice) => {
                let _ = actor.update(SLICES, &slice, |body| {
                    body["ports"] = ports;
                    body["endpoints"] = list;
                });
            }
            None => create(actor, endpoints, &ports, &list),
        }
    }
    for slice in known {
        actor.delete(SLICES, &slice, None);
    }
}

fn slice_of(subset: &Value) -> (Value, Value) {
    let ports: Vec<Value> = owned::list(subset, "/ports")
        .iter()
        .map(|port| {
            let mut port = port.clone();
            let map = object::map_at(&mut port, &[]);
            map.entry("name").or_insert_with(|| json!(""));
            port
        })
        .collect();
    let mut list = Vec::new();
    for (key, ready) in [("/addresses", true), ("/notReadyAddresses", false)] {
        for address in owned::list(subset, key) {
            let mut entry = json!({"addresses": [address["ip"]], "conditions": {"ready": ready}});
            for member in ["targetRef", "nodeName", "hostname"] {
                if let Some(value) = address.get(member) {
                    entry[member] = value.clone();
                }
            }
            list.push(entry);
        }
    }
    (Value::Array(ports), Value::Array(list))
}

fn create(actor: &Actor, endpoints: &Value, ports: &Value, list: &Value) {
    let namespace = object::namespace(endpoints);
    let mut labels = json!(object::labels(endpoints).cloned().unwrap_or_default());
    labels[MANAGED_BY] = json!(MANAGER);
    labels[SERVICE_NAME] = json!(object::name(endpoints));
    let address = owned::text(list, "/0/addresses/0");
    let body = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "generateName": format!("{}-", object::name(endpoints)),
            "namespace": namespace,
            "labels": labels,
            "ownerReferences": owned::references(ENDPOINTS, endpoints),
        },
        "addressType": if address.contains(':') { "IPv6" } else { "IPv4" },
        "endpoints": list, "ports": ports,
    });
    let _ = actor.create(SLICES, namespace, &body);
}
