//! Endpoints and EndpointSlices: where a Service's requests go.

mod legacy;
mod mirror;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use manifest::{labels::Selector, object};
use serde_json::{Value, json};

use crate::{
    actor::Actor,
    limits::ENDPOINTS_PER_SLICE,
    owned,
    resources::{PODS, SERVICES, SLICES},
};

pub(crate) use legacy::{is_managed, reconcile as reconcile_legacy};
pub(crate) use mirror::reconcile as reconcile_mirror;

const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslice-controller.k8s.io";
const SERVICE_NAME: &str = "kubernetes.io/service-name";
const HEADLESS: &str = "service.kubernetes.io/headless";
const TRIGGER: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// What caused changes of a Service's endpoints before: the times already told, by Service and pod.
#[derive(Debug, Default)]
pub(crate) struct Triggers(BTreeMap<String, BTreeMap<String, String>>);

impl Triggers {
    /// The earliest cause that was not seen before.
    fn newest(&mut self, service: &Value, pods: &[Arc<Value>]) -> Option<String> {
        let seen = self.0.entry(object::uid(service).to_owned()).or_default();
        let mut causes = BTreeMap::new();
        causes.insert(
            String::new(),
            owned::text(service, "/metadata/creationTimestamp").to_owned(),
        );
        for pod in pods {
            let since = object::condition(pod, "Ready")
                .and_then(|entry| entry.get("lastTransitionTime"))
                .and_then(Value::as_str)
                .unwrap_or_default();
            if !since.is_empty() {
                causes.insert(object::uid(pod).to_owned(), since.to_owned());
            }
        }
        let new = causes
            .iter()
            .filter(|(key, time)| seen.get(*key) != Some(*time))
            .map(|(_, time)| time.clone())
            .min();
        *seen = causes;
        new
    }

    /// Forgets a Service that is gone.
    pub(crate) fn forget(&mut self, uid: &str) {
        self.0.remove(uid);
    }
}

/// The pods that a Service selects, if it selects any.
pub(crate) fn selected(actor: &Actor, service: &Value) -> Option<Vec<Arc<Value>>> {
    let wanted = service.pointer("/spec/selector")?.as_object()?;
    if wanted.is_empty() || owned::text(service, "/spec/type") == "ExternalName" {
        return None;
    }
    let selector = Selector::from_object(&json!({"matchLabels": wanted})).ok()?;
    let mut pods = actor.all(PODS, object::namespace(service));
    pods.retain(|pod| selector.matches(object::labels(pod)));
    Some(pods)
}

fn is_headless(service: &Value) -> bool {
    matches!(owned::text(service, "/spec/clusterIP"), "None" | "")
}

/// The ports of a Service on a pod: `name`, `port` and `protocol`; those whose target the pod has.
fn ports_on(service: &Value, pod: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for port in owned::list(service, "/spec/ports") {
        let number = match port.get("targetPort") {
            Some(Value::String(name)) => container_port(pod, name, owned::text(port, "/protocol")),
            Some(number) if number.as_u64() != Some(0) => number.as_u64(),
            _ => port.get("port").and_then(Value::as_u64),
        };
        let Some(number) = number else { continue };
        let protocol = port.get("protocol").cloned().unwrap_or_else(|| json!("TCP"));
        let mut entry = json!({"name": owned::text(port, "/name"), "port": number, "protocol": protocol});
        if let Some(application) = port.get("appProtocol") {
            entry["appProtocol"] = application.clone();
        }
        all.push(entry);
    }
    all
}

fn container_port(pod: &Value, name: &str, protocol: &str) -> Option<u64> {
    owned::list(pod, "/spec/containers")
        .iter()
        .flat_map(|container| owned::list(container, "/ports"))
        .find(|port| {
            owned::text(port, "/name") == name
                && port.get("protocol").and_then(Value::as_str).unwrap_or("TCP") == protocol
        })
        .and_then(|port| port.get("containerPort")?.as_u64())
}

fn target(pod: &Value) -> Value {
    json!({"kind": "Pod", "namespace": object::namespace(pod), "name": object::name(pod), "uid": object::uid(pod)})
}

fn endpoint(service: &Value, pod: &Value) -> Value {
    let (serving, terminating) = (owned::is_ready(pod), owned::is_deleting(pod));
    let always = service.pointer("/spec/publishNotReadyAddresses") == Some(&Value::Bool(true));
    let mut entry = json!({
        "addresses": [owned::text(pod, "/status/podIP")],
        "conditions": {
            "ready": always || (serving && !terminating), "serving": serving, "terminating": terminating,
        },
        "targetRef": target(pod),
    });
    let node = owned::text(pod, "/spec/nodeName");
    if !node.is_empty() {
        entry["nodeName"] = json!(node);
    }
    let host = owned::text(pod, "/spec/hostname");
    if !host.is_empty() && owned::text(pod, "/spec/subdomain") == object::name(service) {
        entry["hostname"] = json!(host);
    }
    entry
}

/// Writes the slices of a Service.
pub(crate) fn reconcile(actor: &Actor, triggers: &mut Triggers, service: &Value) {
    if owned::is_deleting(service) {
        return;
    }
    let Some(pods) = selected(actor, service) else {
        return;
    };
    let trigger = triggers.newest(service, &pods);
    let mut by_ports: BTreeMap<String, (Vec<Value>, Vec<Value>)> = BTreeMap::new();
    for pod in &pods {
        if owned::is_over(pod) || owned::text(pod, "/status/podIP").is_empty() {
            continue;
        }
        let ports = ports_on(service, pod);
        let key = Value::Array(ports.clone()).to_string();
        let (_, endpoints) = by_ports.entry(key).or_insert_with(|| (ports, Vec::new()));
        endpoints.push(endpoint(service, pod));
    }
    let mut wanted: Vec<(Value, Value)> = Vec::new();
    for (ports, endpoints) in by_ports.into_values() {
        for part in endpoints.chunks(ENDPOINTS_PER_SLICE) {
            wanted.push((Value::Array(ports.clone()), json!(part)));
        }
    }
    if wanted.is_empty() {
        // A Service without pods has one slice without ports.
        wanted.push((Value::Null, Value::Null));
    }
    write(actor, service, wanted, trigger.as_deref());
}

fn labels(service: &Value) -> Value {
    let mut labels = json!({});
    let map = object::map_at(&mut labels, &[]);
    for (key, value) in object::labels(service).into_iter().flatten() {
        if ![MANAGED_BY, SERVICE_NAME, HEADLESS].contains(&key.as_str()) {
            map.insert(key.clone(), value.clone());
        }
    }
    map.insert(MANAGED_BY.to_owned(), json!(MANAGER));
    map.insert(SERVICE_NAME.to_owned(), json!(object::name(service)));
    if is_headless(service) {
        map.insert(HEADLESS.to_owned(), json!(""));
    }
    labels
}

fn write(actor: &Actor, service: &Value, mut wanted: Vec<(Value, Value)>, trigger: Option<&str>) {
    let mut known = owned::by(&actor.api, SLICES, service);
    known.retain(|slice| !owned::is_deleting(slice));
    let labels = labels(service);
    let mut kept = BTreeSet::new();
    // Slices that say the right thing stay as they are.
    wanted.retain(|(ports, endpoints)| {
        let same = known.iter().find(|slice| {
            slice.get("ports").unwrap_or(&Value::Null) == ports
                && slice.get("endpoints").unwrap_or(&Value::Null) == endpoints
                && slice.pointer("/metadata/labels") == Some(&labels)
                && !kept.contains(object::uid(slice))
        });
        if let Some(slice) = same {
            kept.insert(object::uid(slice).to_owned());
        }
        same.is_none()
    });
    known.retain(|slice| !kept.contains(object::uid(slice)));
    for (ports, endpoints) in wanted {
        if let Some(slice) = known.pop() {
            let _ = actor.update(SLICES, &slice, |body| {
                body["ports"] = ports;
                body["endpoints"] = endpoints;
                let metadata = object::map_at(body, &["metadata"]);
                metadata.insert("labels".to_owned(), labels.clone());
                let mut annotations = metadata.remove("annotations").unwrap_or_else(|| json!({}));
                let map = object::map_at(&mut annotations, &[]);
                match trigger {
                    Some(time) => map.insert(TRIGGER.to_owned(), json!(time)),
                    None => map.remove(TRIGGER),
                };
                if !map.is_empty() {
                    metadata.insert("annotations".to_owned(), annotations);
                }
            });
            continue;
        }
        let mut metadata = json!({
            "generateName": format!("{}-", object::name(service)),
            "namespace": object::namespace(service),
            "labels": labels,
            "ownerReferences": owned::references(SERVICES, service),
        });
        if let Some(time) = trigger {
            metadata["annotations"] = json!({ TRIGGER: time });
        }
        let family = service.pointer("/spec/ipFamilies/0").cloned();
        let body = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata,
            "addressType": family.unwrap_or_else(|| json!("IPv4")), "endpoints": endpoints, "ports": ports,
        });
        let _ = actor.create(SLICES, object::namespace(service), &body);
    }
    for slice in known {
        actor.delete(SLICES, &slice, None);
    }
}
