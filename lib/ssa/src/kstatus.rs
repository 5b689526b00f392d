//! How far an object is from what it should be, read from its own status.

use jiff::Timestamp;
use manifest::{Gvk, object};
use serde_json::Value;

/// How far an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// As wanted.
    Current,
    /// On its way.
    InProgress,
    /// It will not get there by itself.
    Failed,
    /// Being deleted.
    Terminating,
    /// There is none.
    NotFound,
    /// It could not be found out.
    Unknown,
}

impl Status {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "Current",
            Self::InProgress => "InProgress",
            Self::Failed => "Failed",
            Self::Terminating => "Terminating",
            Self::NotFound => "NotFound",
            Self::Unknown => "Unknown",
        }
    }
}

/// How long a pod may be unschedulable before that counts as a failure.
const SCHEDULING_GRACE_SECONDS: i64 = 15;

/// The status of a live object at `now`.
pub fn status(object: &Value, now: Timestamp) -> Status {
    if !object::deletion_timestamp(object).is_empty() {
        return Status::Terminating;
    }
    let observed = object
        .pointer("/status/observedGeneration")
        .and_then(Value::as_i64);
    if observed.is_some_and(|observed| observed != object::generation(object)) {
        return Status::InProgress;
    }
    if is(object, "Reconciling", "True") {
        return Status::InProgress;
    }
    if is(object, "Stalled", "True") {
        return Status::Failed;
    }
    let gvk = Gvk::new(object::api_version(object), object::kind(object));
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("apps", "Deployment") => deployment(object),
        ("apps", "StatefulSet") => stateful_set(object),
        ("apps", "DaemonSet") => daemon_set(object, observed),
        ("apps", "ReplicaSet") => replica_set(object),
        ("", "Pod") => pod(object, now),
        ("", "PersistentVolumeClaim") => current_if(text(object, "/status/phase") == "Bound"),
        ("", "Service") => current_if(
            text(object, "/spec/type") != "LoadBalancer" || !text(object, "/spec/clusterIP").is_empty(),
        ),
        ("batch", "Job") => job(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(object),
        ("", "ConfigMap") | ("batch", "CronJob") | ("policy", "PodDisruptionBudget") => Status::Current,
        _ => match object::condition(object, "Ready") {
            Some(_) => current_if(is(object, "Ready", "True")),
            None => Status::Current,
        },
    }
}

fn current_if(condition: bool) -> Status {
    if condition {
        Status::Current
    } else {
        Status::InProgress
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn number(object: &Value, pointer: &str, default: i64) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(default)
}

fn is(object: &Value, kind: &str, status: &str) -> bool {
    let condition = object::condition(object, kind);
    condition.is_some_and(|condition| condition.get("status").and_then(Value::as_str) == Some(status))
}

fn has_reason(object: &Value, kind: &str, reason: &str) -> bool {
    let condition = object::condition(object, kind);
    condition.is_some_and(|condition| condition.get("reason").and_then(Value::as_str) == Some(reason))
}

fn deployment(object: &Value) -> Status {
    if has_reason(object, "Progressing", "ProgressDeadlineExceeded") {
        return Status::Failed;
    }
    // Without a deadline the controller never says that it is done progressing.
    let no_deadline =
        number(object, "/spec/progressDeadlineSeconds", i64::from(i32::MAX)) == i64::from(i32::MAX);
    let progressed = no_deadline
        || (is(object, "Progressing", "True") && has_reason(object, "Progressing", "NewReplicaSetAvailable"));
    let wanted = number(object, "/spec/replicas", 1);
    let have = |name: &str| number(object, &format!("/status/{name}"), 0);
    current_if(
        wanted <= have("replicas")
            && wanted <= have("updatedReplicas")
            && have("replicas") <= wanted
            && have("updatedReplicas") <= have("availableReplicas")
            && wanted <= have("readyReplicas")
            && progressed
            && is(object, "Available", "True"),
    )
}

fn stateful_set(object: &Value) -> Status {
    if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return Status::Current;
    }
    let wanted = number(object, "/spec/replicas", 1);
    let have = |name: &str| number(object, &format!("/status/{name}"), 0);
    if wanted > have("replicas") || wanted > have("readyReplicas") || have("replicas") > wanted {
        return Status::InProgress;
    }
    let partition = number(object, "/spec/updateStrategy/rollingUpdate/partition", 0);
    if partition != 0 {
        return current_if(have("updatedReplicas") >= wanted - partition);
    }
    current_if(
        wanted <= have("currentReplicas")
            && text(object, "/status/currentRevision") == text(object, "/status/updateRevision"),
    )
}

fn daemon_set(object: &Value, observed: Option<i64>) -> Status {
    let wanted = number(object, "/status/desiredNumberScheduled", -1);
    if observed.is_none() || wanted < 0 {
        return Status::InProgress;
    }
    let enough = [
        "currentNumberScheduled",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberReady",
    ]
    .iter()
    .all(|name| wanted <= number(object, &format!("/status/{name}"), 0));
    current_if(enough)
}

fn replica_set(object: &Value) -> Status {
    if is(object, "ReplicaFailure", "True") {
        return Status::InProgress;
    }
    let wanted = number(object, "/spec/replicas", 1);
    let have = |name: &str| number(object, &format!("/status/{name}"), 0);
    let enough = ["fullyLabeledReplicas", "availableReplicas", "readyReplicas"]
        .iter()
        .all(|name| wanted <= have(name));
    current_if(enough && have("replicas") <= wanted)
}

fn pod(object: &Value, now: Timestamp) -> Status {
    match text(object, "/status/phase") {
        "Succeeded" | "Failed" => Status::Current,
        "Running" if is(object, "Ready", "True") => Status::Current,
        "Running" if crash_loops(object) => Status::Failed,
        "Pending"
            if is(object, "PodScheduled", "False") && has_reason(object, "PodScheduled", "Unschedulable") =>
        {
            let created = text(object, "/metadata/creationTimestamp")
                .parse::<Timestamp>()
                .unwrap_or(now);
            if now.as_second() - created.as_second() > SCHEDULING_GRACE_SECONDS {
                Status::Failed
            } else {
                Status::InProgress
            }
        }
        _ => Status::InProgress,
    }
}

fn crash_loops(object: &Value) -> bool {
    let containers = object
        .pointer("/status/containerStatuses")
        .and_then(Value::as_array);
    let mut containers = containers.into_iter().flatten();
    containers.any(|container| text(container, "/state/waiting/reason") == "CrashLoopBackOff")
}

/// As Flux judges Jobs: not when they start, but when they end.
fn job(object: &Value) -> Status {
    if is(object, "Failed", "True") {
        return Status::Failed;
    }
    current_if(is(object, "Complete", "True") || is(object, "Suspended", "True"))
}

fn definition(object: &Value) -> Status {
    if is(object, "NamesAccepted", "False") {
        return Status::Failed;
    }
    if is(object, "Established", "False") && !has_reason(object, "Established", "Installing") {
        return Status::Failed;
    }
    current_if(is(object, "Established", "True"))
}

#[cfg(test)]
mod tests;
