//! Deployments roll their template out over ReplicaSets.

use std::{sync::Arc, time::Duration};

use manifest::object;
use serde_json::{Map, Value, json};

use crate::{
    actor::{Actor, DEPLOYMENTS, EventKind, REPLICA_SETS},
    driver::Again,
    owned,
    status::{self, Condition},
};

const HASH: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";

/// The ReplicaSets of a Deployment: the one of its present template, and the others.
struct Sets {
    new: Option<Arc<Value>>,
    old: Vec<Arc<Value>>,
}

pub(crate) fn reconcile(actor: &Actor, deployment: &Value) -> Again {
    if !object::deletion_timestamp(deployment).is_empty() {
        return Again::Never;
    }
    let mut sets = sets(actor, deployment);
    let mut failure = None;
    let paused = deployment.pointer("/spec/paused") == Some(&Value::Bool(true));
    if !paused {
        if sets.new.is_none() {
            failure = create_set(actor, deployment, &sets).err();
            sets = self::sets(actor, deployment);
        }
        roll(actor, deployment, &sets);
        clean_up(actor, deployment, &sets);
        sets = self::sets(actor, deployment);
    }
    write_status(actor, deployment, &sets, failure.as_deref())
}

fn sets(actor: &Actor, deployment: &Value) -> Sets {
    let hash = hash(deployment);
    let all = owned::by(&actor.api, REPLICA_SETS, deployment);
    let (new, old) = all
        .into_iter()
        .partition::<Vec<_>, _>(|set| object::label(set, HASH) == Some(&hash));
    Sets {
        new: new.into_iter().next(),
        old,
    }
}

fn hash(deployment: &Value) -> String {
    owned::template_hash(deployment.pointer("/spec/template").unwrap_or(&Value::Null))
}

fn revision(object: &Value) -> u64 {
    object::annotation(object, REVISION)
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

fn create_set(actor: &Actor, deployment: &Value, sets: &Sets) -> Result<(), String> {
    let hash = hash(deployment);
    let next = sets.old.iter().map(|set| revision(set)).max().unwrap_or_default() + 1;
    let mut template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
    object::map_at(&mut template, &["metadata", "labels"]).insert(HASH.to_owned(), json!(hash));
    let mut selector = deployment.pointer("/spec/selector").cloned().unwrap_or_default();
    object::map_at(&mut selector, &["matchLabels"]).insert(HASH.to_owned(), json!(hash));
    let desired = owned::spec_count(deployment, "replicas", 1);
    let first = start_count(deployment, sets, desired);
    let body = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", object::name(deployment)),
            "namespace": object::namespace(deployment),
            "labels": template.pointer("/metadata/labels"),
            "annotations": {
                REVISION: next.to_string(),
                "deployment.kubernetes.io/desired-replicas": desired.to_string(),
                "deployment.kubernetes.io/max-replicas": (desired + surge(deployment, desired)).to_string(),
            },
            "ownerReferences": owned::references(DEPLOYMENTS, deployment),
        },
        "spec": {"replicas": first, "selector": selector, "template": template},
    });
    let made = actor
        .create(REPLICA_SETS, object::namespace(deployment), &body)
        .map_err(|refused| refused.message)?;
    scaled(actor, deployment, &made, "up", 0, first);
    let _ = actor.update(DEPLOYMENTS, deployment, |body| {
        object::map_at(body, &["metadata", "annotations"])
            .insert(REVISION.to_owned(), json!(next.to_string()));
    });
    Ok(())
}

fn start_count(deployment: &Value, sets: &Sets, desired: usize) -> usize {
    let old: usize = sets
        .old
        .iter()
        .map(|set| owned::spec_count(set, "replicas", 1))
        .sum();
    if is_recreate(deployment) {
        let living: usize = sets
            .old
            .iter()
            .map(|set| owned::status_count(set, "replicas"))
            .sum();
        return if old + living == 0 { desired } else { 0 };
    }
    desired.min((desired + surge(deployment, desired)).saturating_sub(old))
}

fn is_recreate(deployment: &Value) -> bool {
    deployment.pointer("/spec/strategy/type").and_then(Value::as_str) == Some("Recreate")
}

/// `maxSurge` or `maxUnavailable` in pods; percentages round up or down.
fn fraction(deployment: &Value, field: &str, desired: usize, round_up: bool) -> usize {
    let value = deployment
        .pointer("/spec/strategy/rollingUpdate")
        .and_then(|update| update.get(field));
    match value {
        Some(Value::Number(number)) => number
            .as_u64()
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or_default(),
        Some(Value::String(text)) => {
            let percent: usize = text.trim_end_matches('%').parse().unwrap_or(25);
            let scaled = desired * percent;
            if round_up {
                scaled.div_ceil(100)
            } else {
                scaled / 100
            }
        }
        _ => 0,
    }
}

fn surge(deployment: &Value, desired: usize) -> usize {
    if is_recreate(deployment) {
        0
    } else {
        fraction(deployment, "maxSurge", desired, true)
    }
}

fn unavailable(deployment: &Value, desired: usize) -> usize {
    let surge = surge(deployment, desired);
    let allowed = fraction(deployment, "maxUnavailable", desired, false);
    // Upstream never lets both be zero: the rollout could not move.
    if surge == 0 && allowed == 0 {
        1
    } else {
        allowed.min(desired)
    }
}

/// Moves replicas from the old sets to the new one as far as the strategy allows now.
fn roll(actor: &Actor, deployment: &Value, sets: &Sets) {
    let Some(new) = &sets.new else { return };
    let desired = owned::spec_count(deployment, "replicas", 1);
    let at = owned::spec_count(new, "replicas", 1);
    let old_total: usize = sets
        .old
        .iter()
        .map(|set| owned::spec_count(set, "replicas", 1))
        .sum();
    if is_recreate(deployment) {
        for set in &sets.old {
            scale(actor, deployment, set, 0);
        }
        let living: usize = sets
            .old
            .iter()
            .map(|set| owned::status_count(set, "replicas"))
            .sum();
        if living == 0 {
            scale(actor, deployment, new, desired);
        }
        return;
    }
    if old_total == 0 {
        scale(actor, deployment, new, desired);
        return;
    }
    if at > desired {
        scale(actor, deployment, new, desired);
    } else {
        let room = (desired + surge(deployment, desired)).saturating_sub(old_total + at);
        scale(actor, deployment, new, desired.min(at + room));
    }
    let available: usize = sets
        .old
        .iter()
        .chain([new])
        .map(|set| owned::status_count(set, "availableReplicas"))
        .sum();
    let least = desired - unavailable(deployment, desired);
    let mut spare = available.saturating_sub(least);
    for set in &sets.old {
        let count = owned::spec_count(set, "replicas", 1);
        let unready = count.saturating_sub(owned::status_count(set, "availableReplicas"));
        // Pods that serve nobody can always go.
        let take = unready + spare.min(count - unready);
        spare -= take - unready;
        scale(actor, deployment, set, count - take);
    }
}

fn scale(actor: &Actor, deployment: &Value, set: &Value, replicas: usize) {
    let before = owned::spec_count(set, "replicas", 1);
    if before == replicas {
        return;
    }
    if actor
        .update(REPLICA_SETS, set, |body| {
            body["spec"]["replicas"] = json!(replicas)
        })
        .is_ok()
    {
        let direction = if replicas > before { "up" } else { "down" };
        scaled(actor, deployment, set, direction, before, replicas);
    }
}

fn scaled(actor: &Actor, deployment: &Value, set: &Value, direction: &str, from: usize, to: usize) {
    let text = format!(
        "Scaled {direction} replica set {} from {from} to {to}",
        object::name(set)
    );
    actor.event(
        DEPLOYMENTS,
        deployment,
        EventKind::Normal,
        "ScalingReplicaSet",
        &text,
    );
}

/// Deletes empty old sets beyond `revisionHistoryLimit`.
fn clean_up(actor: &Actor, deployment: &Value, sets: &Sets) {
    let keep = owned::spec_count(deployment, "revisionHistoryLimit", 10);
    let mut empty: Vec<_> = sets
        .old
        .iter()
        .filter(|set| owned::status_count(set, "replicas") == 0)
        .collect();
    empty.sort_by_key(|set| revision(set));
    for set in empty.iter().take(empty.len().saturating_sub(keep)) {
        actor.delete(REPLICA_SETS, set, None);
    }
}

fn write_status(actor: &Actor, deployment: &Value, sets: &Sets, failure: Option<&str>) -> Again {
    let (namespace, name) = (object::namespace(deployment), object::name(deployment));
    let Some(deployment) = actor.api.get(&DEPLOYMENTS.gvr(), namespace, name) else {
        return Again::Never;
    };
    let desired = owned::spec_count(&deployment, "replicas", 1);
    let total = |field: &str| -> usize {
        sets.old
            .iter()
            .chain(&sets.new)
            .map(|set| owned::status_count(set, field))
            .sum()
    };
    let updated = sets
        .new
        .as_ref()
        .map(|set| owned::status_count(set, "replicas"))
        .unwrap_or_default();
    let (replicas, ready, available) = (
        total("replicas"),
        total("readyReplicas"),
        total("availableReplicas"),
    );
    let mut next = Map::new();
    next.insert(
        "observedGeneration".to_owned(),
        json!(object::generation(&deployment)),
    );
    status::count(&mut next, "replicas", replicas);
    status::count(&mut next, "updatedReplicas", updated);
    status::count(&mut next, "readyReplicas", ready);
    status::count(&mut next, "availableReplicas", available);
    status::count(
        &mut next,
        "unavailableReplicas",
        replicas.max(desired).saturating_sub(available),
    );
    let complete = updated == desired && replicas == desired && available >= desired;
    let mut conditions = status::conditions(&deployment);
    let now = actor.now();
    let enough = available >= desired.saturating_sub(unavailable(&deployment, desired));
    let (reason, message) = if enough {
        ("MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        (
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        )
    };
    status::set(
        &mut conditions,
        &Condition {
            kind: "Available",
            status: enough,
            reason,
            message,
        },
        &now,
        true,
    );
    replica_failure(&mut conditions, sets, failure, &now);
    let again = progress(actor, &deployment, sets, complete, &mut conditions);
    next.insert("conditions".to_owned(), Value::Array(conditions));
    actor.set_status(DEPLOYMENTS, &deployment, Value::Object(next));
    again
}

fn replica_failure(conditions: &mut Vec<Value>, sets: &Sets, failure: Option<&str>, now: &str) {
    let inherited = sets
        .new
        .as_ref()
        .and_then(|set| object::condition(set, "ReplicaFailure"));
    let inherited = inherited
        .and_then(|entry| entry.get("message"))
        .and_then(Value::as_str);
    match failure.or(inherited) {
        Some(message) => {
            let condition = Condition {
                kind: "ReplicaFailure",
                status: true,
                reason: "FailedCreate",
                message,
            };
            status::set(conditions, &condition, now, true);
        }
        None => status::remove(conditions, "ReplicaFailure"),
    }
}

/// The Progressing condition, which `kubectl rollout status` and kstatus judge by. A rollout that made no progress
/// for `progressDeadlineSeconds` has failed.
fn progress(
    actor: &Actor,
    deployment: &Value,
    sets: &Sets,
    complete: bool,
    conditions: &mut Vec<Value>,
) -> Again {
    let Some(set) = &sets.new else { return Again::Never };
    let set_name = object::name(set);
    let now = actor.now();
    if complete {
        let message = format!("ReplicaSet {set_name:?} has successfully progressed.");
        let done = Condition {
            kind: "Progressing",
            status: true,
            reason: "NewReplicaSetAvailable",
            message: &message,
        };
        status::set(conditions, &done, &now, true);
        return Again::Never;
    }
    let known = object::condition(deployment, "Progressing");
    let text = |key| {
        known
            .and_then(|entry| entry.get(key))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    // The counts are the progress: a change of one of them restarts the deadline.
    let counts =
        ["replicas", "readyReplicas", "availableReplicas"].map(|field| owned::status_count(set, field));
    let about = text("message").contains(&format!("{set_name:?}"));
    let moved = !about || counts != last_counts(deployment, set);
    let deadline = Duration::from_secs(owned::spec_count(deployment, "progressDeadlineSeconds", 600) as u64);
    let since = text("lastUpdateTime")
        .parse()
        .unwrap_or_else(|_| actor.clock.now());
    let waited = actor.clock.since(since);
    if !moved && waited >= deadline && text("reason") != "NewReplicaSetAvailable" {
        let message = format!("ReplicaSet {set_name:?} has timed out progressing.");
        let late = Condition {
            kind: "Progressing",
            status: false,
            reason: "ProgressDeadlineExceeded",
            message: &message,
        };
        status::set(conditions, &late, &now, true);
        return Again::Never;
    }
    let (reason, message) = if counts == [0, 0, 0] {
        (
            "NewReplicaSetCreated",
            format!("Created new replica set {set_name:?}"),
        )
    } else {
        (
            "ReplicaSetUpdated",
            format!("ReplicaSet {set_name:?} is progressing."),
        )
    };
    if moved || text("reason") == "NewReplicaSetAvailable" {
        status::remove(conditions, "Progressing");
        status::set(
            conditions,
            &Condition {
                kind: "Progressing",
                status: true,
                reason,
                message: &message,
            },
            &now,
            true,
        );
        return Again::After(deadline);
    }
    Again::After(deadline.saturating_sub(waited))
}

/// What the Deployment's own status said of the present set when it was last written. With no other set around, the
/// sums are that set's counts; during a rollout any change of the sums is progress too.
fn last_counts(deployment: &Value, set: &Value) -> [usize; 3] {
    let updated = owned::status_count(deployment, "updatedReplicas");
    let ready = owned::status_count(deployment, "readyReplicas");
    let available = owned::status_count(deployment, "availableReplicas");
    [
        updated,
        ready.min(owned::status_count(set, "replicas")),
        available.min(owned::status_count(set, "replicas")),
    ]
}
