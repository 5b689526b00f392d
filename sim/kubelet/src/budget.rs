//! PodDisruptionBudgets: how many pods may be evicted now.

use std::sync::Arc;

use manifest::{labels::Selector, object};
use serde_json::{Map, Value, json};

use crate::{
    actor::{Actor, EventKind},
    owned,
    resources::{BUDGETS, DEPLOYMENTS, PODS, REPLICA_SETS, Resource, STATEFUL_SETS},
    status,
};

/// Writes the status of a budget.
pub(crate) fn reconcile(actor: &Actor, budget: &Value) {
    if owned::is_deleting(budget) {
        return;
    }
    let Some(selector) = budget
        .pointer("/spec/selector")
        .and_then(|selector| Selector::from_object(selector).ok())
    else {
        return;
    };
    let mut pods = actor.all(PODS, object::namespace(budget));
    pods.retain(|pod| selector.matches(object::labels(pod)) && !owned::is_over(pod));
    if pods.is_empty() {
        actor.event(
            BUDGETS,
            budget,
            EventKind::Normal,
            "NoPods",
            "No matching pods found",
        );
    }
    let (expected, desired) = wanted(actor, budget, &pods);
    let healthy = pods
        .iter()
        .filter(|pod| !owned::is_deleting(pod) && owned::is_ready(pod))
        .count();
    let allowed = if expected == 0 {
        0
    } else {
        healthy.saturating_sub(desired)
    };
    let mut next = Map::new();
    next.insert("observedGeneration".to_owned(), json!(object::generation(budget)));
    for (key, value) in [
        ("disruptionsAllowed", allowed),
        ("currentHealthy", healthy),
        ("desiredHealthy", desired),
        ("expectedPods", expected),
    ] {
        next.insert(key.to_owned(), json!(value));
    }
    let mut conditions = status::conditions(budget);
    let condition = status::Condition {
        kind: "DisruptionAllowed",
        status: allowed > 0,
        reason: if allowed > 0 {
            "SufficientPods"
        } else {
            "InsufficientPods"
        },
        message: "",
    };
    status::set(&mut conditions, &condition, &actor.now(), false);
    for entry in &mut conditions {
        if entry["type"] == "DisruptionAllowed" {
            entry["observedGeneration"] = json!(object::generation(budget));
            object::map_at(entry, &[])
                .entry("message")
                .or_insert_with(|| json!(""));
        }
    }
    next.insert("conditions".to_owned(), Value::Array(conditions));
    actor.set_status(BUDGETS, budget, Value::Object(next));
}

/// Pods that there should be, and that have to stay.
fn wanted(actor: &Actor, budget: &Value, pods: &[Arc<Value>]) -> (usize, usize) {
    let scaled = |value: &Value, total: usize| match value {
        Value::String(text) => {
            let percent: usize = text.trim_end_matches('%').parse().unwrap_or_default();
            (total * percent).div_ceil(100)
        }
        number => usize::try_from(number.as_u64().unwrap_or_default()).unwrap_or_default(),
    };
    if let Some(value) = budget.pointer("/spec/maxUnavailable") {
        let expected = scale(actor, pods);
        return (expected, expected.saturating_sub(scaled(value, expected)));
    }
    match budget.pointer("/spec/minAvailable") {
        Some(number) if !number.is_string() => (pods.len(), scaled(number, 0)),
        Some(percent) => {
            let expected = scale(actor, pods);
            (expected, scaled(percent, expected))
        }
        None => (pods.len(), 0),
    }
}

/// The size that the controllers of the pods shall have together.
fn scale(actor: &Actor, pods: &[Arc<Value>]) -> usize {
    let mut seen: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for pod in pods {
        let Some((kind, name, uid)) = owned::controller(pod) else {
            continue;
        };
        let namespace = object::namespace(pod);
        let find = |resource: Resource, name: &str| actor.find(resource, namespace, name);
        let (uid, size) = match kind {
            "ReplicaSet" => {
                let Some(set) = find(REPLICA_SETS, name) else {
                    continue;
                };
                match owned::controller(&set) {
                    Some(("Deployment", name, uid)) => match find(DEPLOYMENTS, name) {
                        Some(deployment) => (uid.to_owned(), owned::spec_count(&deployment, "replicas", 1)),
                        None => continue,
                    },
                    _ => (uid.to_owned(), owned::spec_count(&set, "replicas", 1)),
                }
            }
            "StatefulSet" => match find(STATEFUL_SETS, name) {
                Some(set) => (uid.to_owned(), owned::spec_count(&set, "replicas", 1)),
                None => continue,
            },
            _ => continue,
        };
        seen.insert(uid, size);
    }
    seen.into_values().sum()
}
