//! ReplicaSets keep their number of pods.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use manifest::{labels::Selector, object};
use serde_json::{Map, Value, json};

use crate::{
    actor::{Actor, EventKind},
    driver::Again,
    limits::PODS_PER_PASS,
    owned,
    resources::{PODS, REPLICA_SETS, Resource},
    status,
};

pub(crate) fn reconcile(actor: &Actor, set: &Arc<Value>) -> Again {
    let pods = owned::claimed(actor, PODS, REPLICA_SETS, set);
    let (mut active, gone): (Vec<_>, Vec<_>) = pods.into_iter().partition(|pod| !owned::is_gone(pod));
    let terminating = gone
        .iter()
        .filter(|pod| owned::is_deleting(pod) && !owned::is_over(pod))
        .count();
    let failure = if owned::is_deleting(set) {
        None
    } else {
        manage(actor, set, &mut active).err()
    };
    write_status(actor, set, &active, terminating, failure.as_deref());
    if failure.is_some() {
        return Again::Backoff;
    }
    let seconds = owned::spec_count(set, "minReadySeconds", 0);
    let waiting = owned::until_available(active.iter().map(AsRef::as_ref), seconds, actor.clock.now());
    waiting.map_or(Again::Never, Again::After)
}

/// Makes the pods that are missing and deletes those that are too many.
fn manage(actor: &Actor, set: &Value, active: &mut Vec<Arc<Value>>) -> Result<(), String> {
    let wanted = owned::spec_count(set, "replicas", 1);
    if active.len() < wanted {
        for _ in 0..(wanted - active.len()).min(PODS_PER_PASS) {
            let names = json!({"generateName": format!("{}-", object::name(set))});
            let body = pod_of(set, names, REPLICA_SETS);
            active.push(Arc::new(create_pod(actor, REPLICA_SETS, set, &body)?));
        }
    } else if active.len() > wanted {
        let mut order = active.clone();
        let nodes = crowds(active);
        order.sort_by_cached_key(|pod| rank(pod, &nodes));
        let surplus = active.len() - wanted;
        for pod in order.iter().take(surplus) {
            delete_pod(actor, REPLICA_SETS, set, pod);
            active.retain(|other| object::uid(other) != object::uid(pod));
        }
    }
    Ok(())
}

/// How many pods of the set share each node.
fn crowds(pods: &[Arc<Value>]) -> BTreeMap<String, usize> {
    let mut nodes = BTreeMap::new();
    for pod in pods {
        *nodes
            .entry(owned::text(pod, "/spec/nodeName").to_owned())
            .or_insert(0) += 1;
    }
    nodes
}

/// Pods with a smaller rank go first: those that nobody would miss, then the cheap, the crowded and the young.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    placed: bool,
    phase: u8,
    ready: bool,
    cost: i64,
    crowd: Reverse<usize>,
    ready_since: Reverse<String>,
    restarts: Reverse<usize>,
    created: Reverse<(String, u64)>,
}

fn rank(pod: &Value, nodes: &BTreeMap<String, usize>) -> Rank {
    let cost = object::annotation(pod, "controller.kubernetes.io/pod-deletion-cost");
    let node = owned::text(pod, "/spec/nodeName");
    let ready = object::condition(pod, "Ready").filter(|_| owned::is_ready(pod));
    let since = ready
        .and_then(|entry| entry.get("lastTransitionTime"))
        .and_then(Value::as_str);
    let restarts = owned::list(pod, "/status/containerStatuses")
        .iter()
        .filter_map(|entry| owned::number(entry, "/restartCount"))
        .max();
    let created = owned::text(pod, "/metadata/creationTimestamp").to_owned();
    let version = object::resource_version(pod).parse().unwrap_or_default();
    Rank {
        placed: !node.is_empty(),
        phase: match owned::phase(pod) {
            "Pending" => 0,
            "Running" => 2,
            _ => 1,
        },
        ready: owned::is_ready(pod),
        cost: cost.and_then(|text| text.parse().ok()).unwrap_or_default(),
        crowd: Reverse(nodes.get(node).copied().unwrap_or_default()),
        ready_since: Reverse(since.unwrap_or_default().to_owned()),
        restarts: Reverse(restarts.unwrap_or_default()),
        created: Reverse((created, version)),
    }
}

/// Creates a workload's pod and tells of it.
pub(crate) fn create_pod(
    actor: &Actor,
    resource: Resource,
    owner: &Value,
    body: &Value,
) -> Result<Value, String> {
    match actor.create(PODS, object::namespace(owner), body) {
        Ok(pod) => {
            let text = format!("Created pod: {}", object::name(&pod));
            actor.event(resource, owner, EventKind::Normal, "SuccessfulCreate", &text);
            Ok(pod)
        }
        Err(refused) => {
            let text = format!("Error creating: {}", refused.message);
            actor.event(resource, owner, EventKind::Warning, "FailedCreate", &text);
            Err(refused.message)
        }
    }
}

/// Deletes a workload's pod and tells of it.
pub(crate) fn delete_pod(actor: &Actor, resource: Resource, owner: &Value, pod: &Value) {
    if actor.delete(PODS, pod, None) {
        let text = format!("Deleted pod: {}", object::name(pod));
        actor.event(resource, owner, EventKind::Normal, "SuccessfulDelete", &text);
    }
}

/// The pod that a workload's template describes.
pub(crate) fn pod_of(owner: &Value, names: Value, resource: Resource) -> Value {
    let template = owner.pointer("/spec/template").cloned().unwrap_or_default();
    pod_from(&template, owner, names, resource)
}

/// The pod that a template describes.
pub(crate) fn pod_from(template: &Value, owner: &Value, names: Value, resource: Resource) -> Value {
    let from = template.get("metadata").and_then(Value::as_object);
    let mut metadata = Map::new();
    for key in ["labels", "annotations", "finalizers"] {
        if let Some(value) = from.and_then(|from| from.get(key)) {
            metadata.insert(key.to_owned(), value.clone());
        }
    }
    if let Value::Object(names) = names {
        metadata.extend(names);
    }
    metadata.insert("namespace".to_owned(), json!(object::namespace(owner)));
    metadata.insert("ownerReferences".to_owned(), owned::references(resource, owner));
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template.get("spec")})
}

fn write_status(
    actor: &Actor,
    set: &Value,
    active: &[Arc<Value>],
    terminating: usize,
    failure: Option<&str>,
) {
    let Some(set) = actor.fresh(REPLICA_SETS, set) else {
        return;
    };
    let now = actor.clock.now();
    let seconds = owned::spec_count(&set, "minReadySeconds", 0);
    let template = owned_labels(&set);
    let of = |wanted: &dyn Fn(&Value) -> bool| active.iter().filter(|pod| wanted(pod)).count();
    let mut next = Map::new();
    next.insert("replicas".to_owned(), json!(active.len()));
    let labelled = of(&|pod| {
        template
            .as_ref()
            .is_some_and(|selector| selector.matches(object::labels(pod)))
    });
    status::count(&mut next, "fullyLabeledReplicas", labelled);
    status::count(&mut next, "readyReplicas", of(&owned::is_ready));
    let available = of(&|pod| owned::is_available(pod, seconds, now));
    status::count(&mut next, "availableReplicas", available);
    next.insert("terminatingReplicas".to_owned(), json!(terminating));
    next.insert("observedGeneration".to_owned(), json!(object::generation(&set)));
    let mut conditions = status::conditions(&set);
    match failure {
        Some(message) => {
            let known = object::condition(&set, "ReplicaFailure").is_some();
            let condition = status::Condition {
                kind: "ReplicaFailure",
                status: true,
                reason: "FailedCreate",
                message,
            };
            // Once told, it stays as it is: the names of the pods that failed would change it without end.
            if !known {
                status::set(&mut conditions, &condition, &actor.now(), false);
            }
        }
        None => status::remove(&mut conditions, "ReplicaFailure"),
    }
    if !conditions.is_empty() {
        next.insert("conditions".to_owned(), Value::Array(conditions));
    }
    actor.set_status(REPLICA_SETS, &set, Value::Object(next));
}

fn owned_labels(set: &Value) -> Option<Selector> {
    let labels = set.pointer("/spec/template/metadata/labels")?;
    Selector::from_object(&json!({"matchLabels": labels})).ok()
}
