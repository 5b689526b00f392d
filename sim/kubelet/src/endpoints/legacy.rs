//! Endpoints, the older form of the same.

use manifest::object;
use serde_json::{Value, json};

use super::{HEADLESS, is_headless, ports_on, selected, target};
use crate::{actor::Actor, owned, resources::ENDPOINTS};

pub(super) const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";

/// Whether Endpoints were written here, not by hand.
pub(crate) fn is_managed(endpoints: &Value) -> bool {
    object::label(endpoints, MANAGED_BY) == Some("endpoint-controller")
}

/// Writes the Endpoints of a Service that selects pods.
///
/// DIFFERENCE: without the annotation of the last change's time, and without the cut at 1000 addresses.
pub(crate) fn reconcile(actor: &Actor, service: &Value) {
    if owned::is_deleting(service) {
        return;
    }
    let Some(pods) = selected(actor, service) else {
        return;
    };
    let always = service.pointer("/spec/publishNotReadyAddresses") == Some(&Value::Bool(true));
    let mut subsets: Vec<Value> = Vec::new();
    for pod in &pods {
        let ip = owned::text(pod, "/status/podIP");
        if ip.is_empty() || owned::is_gone(pod) {
            continue;
        }
        let mut address = json!({"ip": ip, "targetRef": target(pod)});
        let node = owned::text(pod, "/spec/nodeName");
        if !node.is_empty() {
            address["nodeName"] = json!(node);
        }
        let ready = always || owned::is_ready(pod);
        let list = if ready { "addresses" } else { "notReadyAddresses" };
        let ports: Vec<Value> = ports_on(service, pod).into_iter().map(unnamed).collect();
        let at = subsets
            .iter()
            .position(|subset| owned::list(subset, "/ports") == ports.as_slice());
        let subset = match at {
            Some(at) => &mut subsets[at],
            None => {
                subsets.push(if ports.is_empty() {
                    json!({})
                } else {
                    json!({"ports": ports})
                });
                let last = subsets.len() - 1;
                &mut subsets[last]
            }
        };
        let addresses = object::map_at(subset, &[])
            .entry(list)
            .or_insert_with(|| json!([]));
        if let Some(addresses) = addresses.as_array_mut() {
            addresses.push(address);
        }
    }
    write(actor, service, subsets);
}

/// A port whose empty name is left out.
fn unnamed(mut port: Value) -> Value {
    if owned::text(&port, "/name").is_empty() {
        object::map_at(&mut port, &[]).remove("name");
    }
    port
}

fn write(actor: &Actor, service: &Value, subsets: Vec<Value>) {
    let (namespace, name) = (object::namespace(service), object::name(service));
    let mut labels = json!({});
    let map = object::map_at(&mut labels, &[]);
    map.extend(object::labels(service).cloned().unwrap_or_default());
    map.insert(MANAGED_BY.to_owned(), json!("endpoint-controller"));
    if is_headless(service) {
        map.insert(HEADLESS.to_owned(), json!(""));
    }
    match actor.find(ENDPOINTS, namespace, name) {
        Some(known) => {
            let same = owned::list(&known, "/subsets") == subsets.as_slice()
                && known.pointer("/metadata/labels") == Some(&labels);
            if !same {
                let _ = actor.update(ENDPOINTS, &known, |body| {
                    body["subsets"] = json!(subsets);
                    object::map_at(body, &["metadata"]).insert("labels".to_owned(), labels);
                });
            }
        }
        None => {
            let body = json!({
                "apiVersion": "v1", "kind": "Endpoints",
                "metadata": {"name": name, "namespace": namespace, "labels": labels},
                "subsets": subsets,
            });
            let _ = actor.create(ENDPOINTS, namespace, &body);
        }
    }
}
