//! What a kubelet writes of a pod: phase, conditions, states of containers, events.

use jiff::Timestamp;
use manifest::object;
use serde_json::{Map, Value, json};

use crate::{
    actor::{Actor, EventKind, seconds},
    life::{Effect, Exit, Local, Policy, Stage, backoff},
    owned,
    resources::PODS,
    status::{self, Condition},
};

/// The containers' restart policy.
pub(crate) fn policy(pod: &Value) -> Policy {
    match owned::text(pod, "/spec/restartPolicy") {
        "Never" => Policy::Never,
        "OnFailure" => Policy::OnFailure,
        _ => Policy::Always,
    }
}

fn succeeded(local: &Local) -> bool {
    local.last.as_ref().is_none_or(|exit| exit.code == 0)
}

/// Writes the status that a pod has by now.
pub(crate) fn write(kubelet: &Actor, pod: &Value, local: &Local, host: &str) {
    let stamp = kubelet.now();
    let mut next = pod
        .get("status")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let phase = match local.stage {
        Stage::Creating | Stage::PullError | Stage::PullBackOff => "Pending",
        Stage::Up { .. } | Stage::BackOff => "Running",
        Stage::Over if succeeded(local) => "Succeeded",
        Stage::Over => "Failed",
    };
    next.insert("phase".to_owned(), json!(phase));
    next.entry("startTime").or_insert_with(|| json!(stamp));
    next.insert("hostIP".to_owned(), json!(host));
    next.insert("hostIPs".to_owned(), json!([{"ip": host}]));
    next.insert("podIP".to_owned(), json!(local.ip));
    next.insert("podIPs".to_owned(), json!([{"ip": local.ip}]));
    next.insert(
        "conditions".to_owned(),
        Value::Array(conditions(pod, local, &stamp)),
    );
    let states = owned::list(pod, "/spec/containers")
        .iter()
        .map(|container| container_status(pod, container, local))
        .collect();
    next.insert("containerStatuses".to_owned(), Value::Array(states));
    let init = owned::list(pod, "/spec/initContainers");
    if !init.is_empty() {
        let states = init
            .iter()
            .map(|container| init_status(container, local))
            .collect();
        next.insert("initContainerStatuses".to_owned(), Value::Array(states));
    }
    kubelet.set_status(PODS, pod, Value::Object(next));
}

fn conditions(pod: &Value, local: &Local, stamp: &str) -> Vec<Value> {
    let mut list = status::conditions(pod);
    let running = local.stage == Stage::Up { ready: true };
    let names: Vec<&str> = owned::list(pod, "/spec/containers")
        .iter()
        .map(|container| owned::text(container, "/name"))
        .collect();
    let unready = format!("containers with unready status: [{}]", names.join(" "));
    let over = local.stage == Stage::Over;
    let done = over && succeeded(local);
    let (reason, message) = match local.stage {
        Stage::Up { ready: true } => ("", ""),
        Stage::Over if done => ("PodCompleted", ""),
        Stage::Over => ("PodFailed", ""),
        _ => ("ContainersNotReady", unready.as_str()),
    };
    let open = open_gate(pod);
    let (ready_reason, ready_message) = match (&open, running) {
        (Some(text), true) => ("ReadinessGatesNotReady", text.as_str()),
        _ => (reason, message),
    };
    let condition = |kind, status, reason, message| Condition {
        kind,
        status,
        reason,
        message,
    };
    let initialized = if done { "PodCompleted" } else { "" };
    for condition in [
        condition("PodReadyToStartContainers", !over, "", ""),
        condition("Initialized", true, initialized, ""),
        condition("Ready", running && open.is_none(), ready_reason, ready_message),
        condition("ContainersReady", running, reason, message),
        condition("PodScheduled", true, "", ""),
    ] {
        status::set(&mut list, &condition, stamp, false);
    }
    list
}

/// The first readiness gate that is not open, in the kubelet's words.
fn open_gate(pod: &Value) -> Option<String> {
    let closed: Vec<String> = owned::list(pod, "/spec/readinessGates")
        .iter()
        .filter_map(|gate| gate.get("conditionType").and_then(Value::as_str))
        .filter_map(|kind| {
            match object::condition(pod, kind).and_then(|entry| entry.get("status")?.as_str()) {
                Some("True") => None,
                Some(_) => Some(format!(
                    "the status of pod readiness gate {kind:?} is not \"True\", but False"
                )),
                None => Some(format!(
                    "corresponding condition of pod readiness gate {kind:?} does not exist."
                )),
            }
        })
        .collect();
    (!closed.is_empty()).then(|| closed.join(", "))
}

fn terminated(exit: &Exit) -> Value {
    json!({"terminated": {
        "exitCode": exit.code, "reason": exit.reason,
        "startedAt": seconds(exit.started), "finishedAt": seconds(exit.at),
    }})
}

fn pull_error(image: &str) -> String {
    format!(
        "failed to pull and unpack image {image:?}: failed to resolve reference {image:?}: {image}: not found"
    )
}

/// Seconds as Go prints them: `10s`, `2m40s`.
fn duration(wait: std::time::Duration) -> String {
    stdx::duration::format(wait)
}

fn full_name(pod: &Value) -> String {
    format!(
        "{}_{}({})",
        object::name(pod),
        object::namespace(pod),
        object::uid(pod)
    )
}

fn container_status(pod: &Value, container: &Value, local: &Local) -> Value {
    let (name, image) = (owned::text(container, "/name"), owned::text(container, "/image"));
    let waiting = |reason: &str, message: String| json!({"waiting": {"reason": reason, "message": message}});
    let state = match local.stage {
        Stage::Creating => json!({"waiting": {"reason": "ContainerCreating"}}),
        Stage::PullError => waiting("ErrImagePull", pull_error(image)),
        Stage::PullBackOff => waiting(
            "ImagePullBackOff",
            format!(
                "Back-off pulling image {image:?}: ErrImagePull: {}",
                pull_error(image)
            ),
        ),
        Stage::Up { .. } => json!({"running": {"startedAt": seconds(local.started)}}),
        Stage::BackOff => {
            let wait = duration(backoff(local.restarts));
            let text = format!(
                "back-off {wait} restarting failed container={name} pod={}",
                full_name(pod)
            );
            waiting("CrashLoopBackOff", text)
        }
        Stage::Over => local.last.as_ref().map_or_else(|| json!({}), terminated),
    };
    let last = match &local.last {
        Some(exit) if local.stage != Stage::Over => terminated(exit),
        _ => json!({}),
    };
    let up = matches!(local.stage, Stage::Up { .. }) && local.health.is_none_or(|health| health.started);
    let pulled = !matches!(local.stage, Stage::PullError | Stage::PullBackOff);
    let id = if pulled { image_id(image) } else { String::new() };
    json!({
        "name": name, "image": image, "imageID": id,
        "ready": local.stage == Stage::Up { ready: true }, "started": up, "restartCount": local.restarts,
        "state": state, "lastState": last,
    })
}

fn image_id(image: &str) -> String {
    format!("sha256:{}", stdx::sha256_hex(image.as_bytes()))
}

fn init_status(container: &Value, local: &Local) -> Value {
    let (name, image) = (owned::text(container, "/name"), owned::text(container, "/image"));
    let at = seconds(local.started);
    json!({
        "name": name, "image": image, "imageID": image_id(image),
        "ready": true, "started": false, "restartCount": 0, "lastState": {},
        "state": {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": at, "finishedAt": at}},
    })
}

/// Tells what happened to a pod's containers.
pub(crate) fn tell(kubelet: &Actor, pod: &Value, effect: Effect) {
    let normal = |reason: &str, text: &str| kubelet.event(PODS, pod, EventKind::Normal, reason, text);
    let warning = |reason: &str, text: &str| kubelet.event(PODS, pod, EventKind::Warning, reason, text);
    for container in owned::list(pod, "/spec/containers") {
        let (name, image) = (owned::text(container, "/name"), owned::text(container, "/image"));
        match effect {
            Effect::Start => {
                let text = format!(
                    "Container image {image:?} already present on machine and can be accessed by the pod"
                );
                normal("Pulled", &text);
                normal("Created", "Container created");
                normal("Started", "Container started");
            }
            Effect::PullFailed => {
                normal("Pulling", &format!("Pulling image {image:?}"));
                let text = format!(
                    "Failed to pull image {image:?}: rpc error: code = NotFound desc = {}",
                    pull_error(image)
                );
                warning("Failed", &text);
                warning("Failed", "Error: ErrImagePull");
            }
            Effect::PullWaits => {
                normal("BackOff", &format!("Back-off pulling image {image:?}"));
                warning("Failed", "Error: ImagePullBackOff");
            }
            Effect::RestartWaits => {
                let text = format!(
                    "Back-off restarting failed container {name} in pod {}",
                    full_name(pod)
                );
                warning("BackOff", &text);
            }
            Effect::ProbeFailed => {
                let text = "Readiness probe failed: HTTP probe failed with statuscode: 503";
                warning("Unhealthy", text);
            }
            Effect::Kill => {}
        }
    }
}

/// The status of a pod whose node is silent: it is not ready, and after its eviction it says why.
pub(crate) fn unreachable(pod: &Value, evicted: Option<&str>, now: Timestamp) -> Value {
    let mut next: Map<String, Value> = pod
        .get("status")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    if let Some(list) = next.get_mut("conditions").and_then(Value::as_array_mut) {
        for entry in list {
            if entry["type"] == "Ready" && entry["status"] == "True" {
                entry["status"] = json!("False");
                entry["lastTransitionTime"] = json!(seconds(now));
            }
        }
    }
    if let Some(node) = evicted {
        let text = format!(
            "Node {node} which was running pod {} is unresponsive",
            object::name(pod)
        );
        next.insert("reason".to_owned(), json!("NodeLost"));
        next.insert("message".to_owned(), json!(text));
    }
    Value::Object(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_gate_keeps_a_running_pod_unready() {
        let pod =
            json!({"spec": {"readinessGates": [{"conditionType": "www"}], "containers": [{"name": "a"}]}});
        let mut local = Local::new(String::new(), Timestamp::UNIX_EPOCH);
        local.stage = Stage::Up { ready: true };
        let list = conditions(&pod, &local, "t");
        let ready = list.iter().find(|entry| entry["type"] == "Ready").unwrap();
        assert_eq!(ready["status"], "False");
        assert_eq!(ready["reason"], "ReadinessGatesNotReady");
        let opened =
            json!({"spec": pod["spec"], "status": {"conditions": [{"type": "www", "status": "True"}]}});
        let list = conditions(&opened, &local, "t");
        assert!(
            list.iter()
                .any(|entry| entry["type"] == "Ready" && entry["status"] == "True")
        );
    }
}
