//! ResourceQuotas: what of a namespace is used.

use std::sync::Arc;

use apiserver::Gvr;
use manifest::object;
use serde_json::{Map, Value, json};

use crate::{
    actor::Actor,
    owned, quantity,
    resources::{CLAIMS, PODS, QUOTAS, SERVICES},
};

/// Writes the status of a quota: what it grants and what is used of it.
pub(crate) fn reconcile(actor: &Actor, quota: &Value) {
    if owned::is_deleting(quota) {
        return;
    }
    let hard = quota.pointer("/spec/hard").and_then(Value::as_object);
    let namespace = object::namespace(quota);
    let mut used = Map::new();
    for name in hard.into_iter().flatten().map(|(name, _)| name) {
        if let Some(amount) = usage(actor, namespace, name, quota) {
            used.insert(name.clone(), json!(amount));
        }
    }
    let mut next = Map::new();
    if let Some(hard) = hard.filter(|hard| !hard.is_empty()) {
        next.insert("hard".to_owned(), json!(hard));
    }
    if !used.is_empty() {
        next.insert("used".to_owned(), Value::Object(used));
    }
    actor.set_status(QUOTAS, quota, Value::Object(next));
}

/// How much is used of one resource; nothing for one that nobody measures.
fn usage(actor: &Actor, namespace: &str, name: &str, quota: &Value) -> Option<String> {
    let pods = || -> Vec<Arc<Value>> {
        let mut pods = actor.all(PODS, namespace);
        pods.retain(|pod| !owned::is_over(pod) && in_scope(quota, pod));
        pods
    };
    let services = |wanted: &dyn Fn(&Value) -> usize| -> String {
        let all = actor.all(SERVICES, namespace);
        all.iter()
            .map(|service| wanted(service))
            .sum::<usize>()
            .to_string()
    };
    match name {
        "pods" => Some(pods().len().to_string()),
        "services" => Some(services(&|_| 1)),
        "services.loadbalancers" => Some(services(&|service| {
            usize::from(has_type(service, &["LoadBalancer"]))
        })),
        "services.nodeports" => Some(services(&|service| {
            let open = has_type(service, &["LoadBalancer", "NodePort"]);
            let ports = owned::list(service, "/spec/ports");
            let numbered = ports.iter().filter(|port| port.get("nodePort").is_some());
            if open { numbered.count() } else { 0 }
        })),
        "configmaps" | "secrets" | "persistentvolumeclaims" | "replicationcontrollers" | "resourcequotas" => {
            Some(count(actor, namespace, name, "").to_string())
        }
        "requests.storage" => {
            let claims = actor.all(CLAIMS, namespace);
            Some(sum(claims.iter().map(|claim| {
                owned::text(claim, "/spec/resources/requests/storage").to_owned()
            })))
        }
        _ => {
            if let Some(counted) = name.strip_prefix("count/") {
                let (plural, group) = counted.split_once('.').unwrap_or((counted, ""));
                return Some(count(actor, namespace, plural, group).to_string());
            }
            let (list, resource) = match name.split_once('.') {
                Some((list @ ("requests" | "limits"), resource)) => (list, resource),
                _ => ("requests", name),
            };
            let measured = matches!(resource, "cpu" | "memory" | "ephemeral-storage")
                || resource.starts_with("hugepages-")
                || resource.contains('/');
            measured.then(|| sum(pods().iter().map(|pod| of_pod(pod, list, resource))))
        }
    }
}

fn has_type(service: &Value, types: &[&str]) -> bool {
    types.contains(&owned::text(service, "/spec/type"))
}

fn count(actor: &Actor, namespace: &str, plural: &str, group: &str) -> usize {
    ["v1", "v2", "v1beta1", "v1alpha1"]
        .iter()
        .map(|version| {
            actor
                .api
                .list(&Gvr::new(group, version, plural), Some(namespace))
                .len()
        })
        .max()
        .unwrap_or_default()
}

fn sum(parts: impl Iterator<Item = String>) -> String {
    let (mut total, mut binary) = (0, false);
    for part in parts {
        binary |= part.ends_with('i');
        total += quantity::milli(&part).unwrap_or_default();
    }
    quantity::format(total, binary)
}

/// What a pod asks for: its containers together, or its largest init container if that is more.
fn of_pod(pod: &Value, list: &str, resource: &str) -> String {
    let of = |containers: &str| -> Vec<(i128, bool)> {
        owned::list(pod, containers)
            .iter()
            .filter_map(|container| container.get("resources")?.get(list)?.get(resource))
            .map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
            .map(|text| (quantity::milli(&text).unwrap_or_default(), text.ends_with('i')))
            .collect()
    };
    let (main, init) = (of("/spec/containers"), of("/spec/initContainers"));
    let binary = main.iter().chain(&init).any(|(_, binary)| *binary);
    let largest = init.iter().map(|(amount, _)| *amount).max().unwrap_or_default();
    let total = main.iter().map(|(amount, _)| *amount).sum::<i128>().max(largest);
    quantity::format(total, binary)
}

/// Whether a quota's scopes cover a pod.
fn in_scope(quota: &Value, pod: &Value) -> bool {
    let simple = owned::list(quota, "/spec/scopes")
        .iter()
        .filter_map(Value::as_str);
    let chosen = owned::list(quota, "/spec/scopeSelector/matchExpressions");
    simple.into_iter().all(|scope| has_scope(pod, scope))
        && chosen.iter().all(|rule| {
            let scope = owned::text(rule, "/scopeName");
            if scope != "PriorityClass" {
                return has_scope(pod, scope);
            }
            let class = owned::text(pod, "/spec/priorityClassName");
            let among = owned::list(rule, "/values").iter().any(|value| value == class);
            match owned::text(rule, "/operator") {
                "In" => among,
                "NotIn" => !among,
                "Exists" => !class.is_empty(),
                "DoesNotExist" => class.is_empty(),
                _ => false,
            }
        })
}

fn has_scope(pod: &Value, scope: &str) -> bool {
    let limited = pod.pointer("/spec/activeDeadlineSeconds").is_some();
    let best_effort = owned::text(pod, "/status/qosClass") == "BestEffort";
    match scope {
        "Terminating" => limited,
        "NotTerminating" => !limited,
        "BestEffort" => best_effort,
        "NotBestEffort" => !best_effort,
        _ => true,
    }
}
