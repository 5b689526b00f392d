//! ReplicaSets keep their number of pods.

use manifest::object;
use serde_json::{Map, Value, json};

use crate::{
    actor::{Actor, EventKind, PODS, REPLICA_SETS},
    driver::Again,
    limits::PODS_PER_PASS,
    owned,
    status::{self, Condition},
};

pub(crate) fn reconcile(actor: &Actor, set: &Value) -> Again {
    if !object::deletion_timestamp(set).is_empty() {
        return Again::Never;
    }
    let mut pods = owned::by(&actor.api, PODS, set);
    pods.retain(|pod| !owned::is_gone(pod));
    let wanted = owned::spec_count(set, "replicas", 1);
    let mut failure = None;
    if pods.len() < wanted {
        for _ in 0..(wanted - pods.len()).min(PODS_PER_PASS) {
            match create_pod(actor, set) {
                Ok(()) => {}
                Err(message) => {
                    failure = Some(message);
                    break;
                }
            }
        }
    } else if pods.len() > wanted {
        // Those that are not ready go first, then the youngest: what kubectl users expect to lose.
        pods.sort_by_key(|pod| {
            (
                owned::is_ready(pod),
                std::cmp::Reverse(object::resource_version(pod).to_owned()),
            )
        });
        for pod in pods.iter().take(pods.len() - wanted) {
            actor.delete(PODS, pod, None);
            let text = format!("Deleted pod: {}", object::name(pod));
            actor.event(REPLICA_SETS, set, EventKind::Normal, "SuccessfulDelete", &text);
        }
    }
    write_status(actor, set, failure.as_deref());
    if failure.is_some() {
        Again::Backoff
    } else {
        Again::Never
    }
}

fn create_pod(actor: &Actor, set: &Value) -> Result<(), String> {
    let body = pod_of(
        set,
        json!({"generateName": format!("{}-", object::name(set))}),
        REPLICA_SETS,
    );
    match actor.create(PODS, object::namespace(set), &body) {
        Ok(pod) => {
            let text = format!("Created pod: {}", object::name(&pod));
            actor.event(REPLICA_SETS, set, EventKind::Normal, "SuccessfulCreate", &text);
            Ok(())
        }
        Err(refused) => {
            let text = format!("Error creating: {}", refused.message);
            actor.event(REPLICA_SETS, set, EventKind::Warning, "FailedCreate", &text);
            Err(refused.message)
        }
    }
}

/// The pod that a workload's template describes.
pub(crate) fn pod_of(owner: &Value, names: Value, resource: crate::actor::Resource) -> Value {
    let template = owner.pointer("/spec/template").cloned().unwrap_or_default();
    let mut metadata = template
        .get("metadata")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    metadata.remove("creationTimestamp");
    if let Value::Object(names) = names {
        metadata.extend(names);
    }
    metadata.insert("namespace".to_owned(), json!(object::namespace(owner)));
    metadata.insert("ownerReferences".to_owned(), owned::references(resource, owner));
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template.get("spec")})
}

fn write_status(actor: &Actor, set: &Value, failure: Option<&str>) {
    let Some(set) = actor
        .api
        .get(&REPLICA_SETS.gvr(), object::namespace(set), object::name(set))
    else {
        return;
    };
    let mut pods = owned::by(&actor.api, PODS, &set);
    pods.retain(|pod| !owned::is_gone(pod));
    let ready = pods.iter().filter(|pod| owned::is_ready(pod)).count();
    let mut next = Map::new();
    next.insert("replicas".to_owned(), json!(pods.len()));
    status::count(&mut next, "fullyLabeledReplicas", pods.len());
    status::count(&mut next, "readyReplicas", ready);
    status::count(&mut next, "availableReplicas", ready);
    next.insert("observedGeneration".to_owned(), json!(object::generation(&set)));
    let mut conditions = status::conditions(&set);
    match failure {
        Some(message) => {
            let condition = Condition {
                kind: "ReplicaFailure",
                status: true,
                reason: "FailedCreate",
                message,
            };
            status::set(&mut conditions, &condition, &actor.now(), false);
        }
        None => status::remove(&mut conditions, "ReplicaFailure"),
    }
    if !conditions.is_empty() {
        next.insert("conditions".to_owned(), Value::Array(conditions));
    }
    actor.set_status(REPLICA_SETS, &set, Value::Object(next));
}
