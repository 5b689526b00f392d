//! Pods: bound to the node, started, ready, ended.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use manifest::object;
use serde_json::{Value, json};

use crate::{
    Health, Pod,
    actor::{Actor, EventKind, PODS},
    driver::Again,
    node,
    process::Exit,
    status::{self, Condition},
};

/// The identities that move a pod on.
pub(crate) struct Hands {
    pub(crate) scheduler: Actor,
    pub(crate) kubelet: Actor,
}

/// How long the states of a simulated pod last.
#[derive(Clone, Copy)]
pub(crate) struct Delays {
    pub(crate) ready_after: Duration,
    pub(crate) completes_after: Duration,
}

/// What the node knows of a pod beyond the API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) ip: String,
    /// When the present run of the containers began; `None` while a crashed process waits for its restart.
    pub(crate) running_since: Option<Timestamp>,
    pub(crate) restarts: u32,
    /// The last end of a real process.
    pub(crate) exit: Option<Exit>,
    /// Whether a real process runs in it.
    pub(crate) real: bool,
    /// How that process is, if its launcher knows.
    pub(crate) health: Option<Health>,
}

/// Binds a pod to the node, or says why not.
pub(crate) fn schedule(hands: &Hands, pod: &Value) -> Again {
    let gated = pod
        .pointer("/spec/schedulingGates")
        .and_then(Value::as_array)
        .is_some_and(|gates| !gates.is_empty());
    if gated {
        return Again::Never;
    }
    let labels = node::object("");
    let wanted = pod.pointer("/spec/nodeSelector").and_then(Value::as_object);
    let fits = wanted.is_none_or(|all| {
        all.iter()
            .all(|(key, value)| object::label(&labels, key) == value.as_str())
    });
    if !fits {
        let text = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. \
                    preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
        let mut next = pod
            .get("status")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let mut conditions = status::conditions(pod);
        let condition = Condition {
            kind: "PodScheduled",
            status: false,
            reason: "Unschedulable",
            message: text,
        };
        status::set(&mut conditions, &condition, &hands.scheduler.now(), false);
        next.insert("conditions".to_owned(), Value::Array(conditions));
        hands.scheduler.set_status(PODS, pod, Value::Object(next));
        hands
            .scheduler
            .event(PODS, pod, EventKind::Warning, "FailedScheduling", text);
        return Again::Never;
    }
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding",
        "metadata": {"name": object::name(pod), "namespace": object::namespace(pod), "uid": object::uid(pod)},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node::NAME},
    });
    hands.scheduler.post(PODS, pod, "binding", &binding);
    Again::Never
}

/// Whether a pod has a node.
pub(crate) fn is_bound(pod: &Value) -> bool {
    pod.pointer("/spec/nodeName")
        .and_then(Value::as_str)
        .is_some_and(|name| !name.is_empty())
}

/// Whether a pod has ended.
pub(crate) fn is_over(pod: &Value) -> bool {
    let phase = pod
        .pointer("/status/phase")
        .and_then(Value::as_str)
        .unwrap_or_default();
    phase == "Succeeded" || phase == "Failed"
}

/// Whether the containers start again when they end.
pub(crate) fn restarts_always(pod: &Value) -> bool {
    pod.pointer("/spec/restartPolicy")
        .and_then(Value::as_str)
        .unwrap_or("Always")
        == "Always"
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Starting,
    /// A real process runs, but is not ready.
    Unready,
    Running,
    Waiting,
    Succeeded,
    Failed,
}

/// Writes the status that a bound pod has by now.
pub(crate) fn advance(hands: &Hands, delays: Delays, pod: &Value, local: &Local) -> Again {
    let now = hands.kubelet.clock.now();
    let (stage, again) = match local.running_since {
        None if restarts_always(pod) => (Stage::Waiting, Again::Never),
        None if local.exit.as_ref().is_some_and(|exit| exit.code == 0) => (Stage::Succeeded, Again::Never),
        None => (Stage::Failed, Again::Never),
        Some(since) => {
            let ran = hands.kubelet.clock.since(since);
            let ends = !local.real && !restarts_always(pod);
            if let Some(health) = local.health {
                (real_stage(health), Again::Never)
            } else if ends && ran >= delays.completes_after {
                (Stage::Succeeded, Again::Never)
            } else if ran >= delays.ready_after {
                let left = delays.completes_after.saturating_sub(ran);
                (
                    Stage::Running,
                    if ends { Again::After(left) } else { Again::Never },
                )
            } else {
                (Stage::Starting, Again::After(delays.ready_after - ran))
            }
        }
    };
    write(hands, pod, local, stage, now);
    again
}

fn real_stage(health: Health) -> Stage {
    match health {
        Health { running: false, .. } => Stage::Starting,
        Health { ready: false, .. } => Stage::Unready,
        Health { ready: true, .. } => Stage::Running,
    }
}

fn write(hands: &Hands, pod: &Value, local: &Local, stage: Stage, now: Timestamp) {
    let stamp = hands.kubelet.now();
    let mut next = pod
        .get("status")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let phase = match stage {
        Stage::Starting if local.restarts == 0 => "Pending",
        Stage::Starting | Stage::Unready | Stage::Running | Stage::Waiting => "Running",
        Stage::Succeeded => "Succeeded",
        Stage::Failed => "Failed",
    };
    next.insert("phase".to_owned(), json!(phase));
    next.entry("startTime").or_insert_with(|| json!(stamp));
    next.insert("hostIP".to_owned(), json!(node::ADDRESS));
    next.insert("hostIPs".to_owned(), json!([{"ip": node::ADDRESS}]));
    next.insert("podIP".to_owned(), json!(local.ip));
    next.insert("podIPs".to_owned(), json!([{"ip": local.ip}]));
    next.insert(
        "conditions".to_owned(),
        Value::Array(conditions(pod, stage, &stamp)),
    );
    let containers = pod
        .pointer("/spec/containers")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let states = containers
        .iter()
        .map(|container| container_status(container, local, stage, now))
        .collect();
    next.insert("containerStatuses".to_owned(), Value::Array(states));
    let init = pod
        .pointer("/spec/initContainers")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if !init.is_empty() {
        let states = init
            .iter()
            .map(|container| init_status(container, local))
            .collect();
        next.insert("initContainerStatuses".to_owned(), Value::Array(states));
    }
    hands.kubelet.set_status(PODS, pod, Value::Object(next));
}

fn conditions(pod: &Value, stage: Stage, stamp: &str) -> Vec<Value> {
    let mut list = status::conditions(pod);
    let running = stage == Stage::Running;
    let names: Vec<&str> = pod
        .pointer("/spec/containers")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|container| container.get("name").and_then(Value::as_str))
        .collect();
    let unready = format!("containers with unready status: [{}]", names.join(" "));
    let (reason, message) = match stage {
        Stage::Running => ("", ""),
        Stage::Succeeded => ("PodCompleted", ""),
        Stage::Failed => ("PodFailed", ""),
        Stage::Starting | Stage::Unready | Stage::Waiting => ("ContainersNotReady", unready.as_str()),
    };
    let open = open_gate(pod);
    let (ready_reason, ready_message) = match (&open, running) {
        (Some(text), true) => ("ReadinessGatesNotReady", text.as_str()),
        _ => (reason, message),
    };
    let done = stage == Stage::Succeeded;
    for condition in [
        Condition {
            kind: "PodReadyToStartContainers",
            status: !done && stage != Stage::Failed,
            reason: "",
            message: "",
        },
        Condition {
            kind: "Initialized",
            status: true,
            reason: if done { "PodCompleted" } else { "" },
            message: "",
        },
        Condition {
            kind: "Ready",
            status: running && open.is_none(),
            reason: ready_reason,
            message: ready_message,
        },
        Condition {
            kind: "ContainersReady",
            status: running,
            reason,
            message,
        },
        Condition {
            kind: "PodScheduled",
            status: true,
            reason: "",
            message: "",
        },
    ] {
        status::set(&mut list, &condition, stamp, false);
    }
    list
}

/// The first readiness gate that is not open, in the kubelet's words.
fn open_gate(pod: &Value) -> Option<String> {
    let gates = pod.pointer("/spec/readinessGates").and_then(Value::as_array)?;
    let closed: Vec<String> = gates
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
    if closed.is_empty() {
        None
    } else {
        Some(closed.join(", "))
    }
}

fn container_status(container: &Value, local: &Local, stage: Stage, now: Timestamp) -> Value {
    let text = |key: &str| container.get(key).and_then(Value::as_str).unwrap_or_default();
    let started = local.running_since.unwrap_or(now);
    let started = Timestamp::from_second(started.as_second())
        .unwrap_or(started)
        .to_string();
    let ended = |reason: &str, code: i32| json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": seconds(now)}});
    let state = match stage {
        Stage::Starting => json!({"waiting": {"reason": "ContainerCreating"}}),
        Stage::Running | Stage::Unready => json!({"running": {"startedAt": started}}),
        Stage::Waiting => json!({"waiting": {
            "reason": "CrashLoopBackOff",
            "message": format!("back-off restarting failed container {}", text("name")),
        }}),
        Stage::Succeeded => ended("Completed", 0),
        Stage::Failed => ended("Error", local.exit.as_ref().map_or(1, |exit| exit.code)),
    };
    let last = match &local.exit {
        Some(exit) if stage != Stage::Failed && stage != Stage::Succeeded => json!({"terminated": {
            "exitCode": exit.code,
            "reason": if exit.code == 0 { "Completed" } else { "Error" },
            "finishedAt": seconds(exit.at),
        }}),
        _ => json!({}),
    };
    let ready = stage == Stage::Running;
    let begun = ready
        || local
            .health
            .is_some_and(|health| health.started && health.running);
    json!({
        "name": text("name"), "image": text("image"), "imageID": format!("sha256:{}", stdx::sha256_hex(text("image").as_bytes())),
        "ready": ready, "started": begun, "restartCount": local.restarts, "state": state, "lastState": last,
    })
}

fn init_status(container: &Value, local: &Local) -> Value {
    let text = |key: &str| container.get(key).and_then(Value::as_str).unwrap_or_default();
    let at = local.running_since.map(seconds);
    json!({
        "name": text("name"), "image": text("image"), "imageID": format!("sha256:{}", stdx::sha256_hex(text("image").as_bytes())),
        "ready": true, "started": false, "restartCount": 0, "lastState": {},
        "state": {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": at, "finishedAt": at}},
    })
}

fn seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second())
        .unwrap_or(time)
        .to_string()
}

/// What the pod's first container is started with.
pub(crate) fn start_of(pod: &Value, ip: &str) -> Option<Pod> {
    let container = pod.pointer("/spec/containers/0")?;
    let strings = |key: &str| -> Vec<String> {
        let list = container.get(key).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let env = environment(pod, container, ip);
    Some(Pod {
        namespace: object::namespace(pod).to_owned(),
        name: object::name(pod).to_owned(),
        uid: object::uid(pod).to_owned(),
        image: container
            .get("image")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        command: strings("command").iter().map(|text| expand(text, &env)).collect(),
        args: strings("args").iter().map(|text| expand(text, &env)).collect(),
        service_account: pod
            .pointer("/spec/serviceAccountName")
            .and_then(Value::as_str)
            .unwrap_or("default")
            .to_owned(),
        ip: ip.to_owned(),
        env,
        object: Arc::new(pod.clone()),
    })
}

fn environment(pod: &Value, container: &Value, ip: &str) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for entry in container
        .get("env")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let Some(name) = entry.get("name").and_then(Value::as_str) else {
            continue;
        };
        let value = match (entry.get("value").and_then(Value::as_str), entry.get("valueFrom")) {
            (Some(value), _) => expand(value, &env),
            (None, Some(from)) => match resolve(pod, container, from, ip) {
                Some(value) => value,
                None => continue,
            },
            (None, None) => String::new(),
        };
        env.insert(name.to_owned(), value);
    }
    env
}

fn resolve(pod: &Value, container: &Value, from: &Value, ip: &str) -> Option<String> {
    if let Some(resource) = from.pointer("/resourceFieldRef/resource").and_then(Value::as_str) {
        let (list, name) = resource.split_once('.')?;
        return container
            .get("resources")?
            .get(list)?
            .get(name)?
            .as_str()
            .map(str::to_owned);
    }
    let field = from.pointer("/fieldRef/fieldPath").and_then(Value::as_str)?;
    match field {
        "status.podIP" => Some(ip.to_owned()),
        "status.hostIP" => Some(node::ADDRESS.to_owned()),
        _ => pod
            .pointer(&format!("/{}", field.replace('.', "/")))?
            .as_str()
            .map(str::to_owned),
    }
}

/// Expands `$(NAME)` as the kubelet does: unknown names stay, `$$(` stands for `$(`.
pub fn expand(text: &str, env: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        if let Some(after) = tail.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = tail.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match env.get(name) {
                Some(value) => out.push_str(value),
                None => out.push_str(&rest[at..rest.len() - after.len()]),
            }
            rest = after;
        } else {
            out.push('$');
            rest = tail;
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_expand_as_the_kubelet_does() {
        let env = BTreeMap::from([("NS".to_owned(), "flux-system".to_owned())]);
        for (text, expected) in [
            ("--addr=x.$(NS).svc", "--addr=x.flux-system.svc"),
            ("$(MISSING)", "$(MISSING)"),
            ("$$(NS)", "$(NS)"),
            ("a$", "a$"),
            ("$(open", "$(open"),
        ] {
            assert_eq!(expand(text, &env), expected);
        }
    }

    #[test]
    fn a_closed_gate_keeps_a_running_pod_unready() {
        let pod =
            json!({"spec": {"readinessGates": [{"conditionType": "www"}], "containers": [{"name": "a"}]}});
        let list = conditions(&pod, Stage::Running, "t");
        let ready = list.iter().find(|entry| entry["type"] == "Ready").unwrap();
        assert_eq!(ready["status"], "False");
        assert_eq!(ready["reason"], "ReadinessGatesNotReady");
        let opened =
            json!({"spec": pod["spec"], "status": {"conditions": [{"type": "www", "status": "True"}]}});
        let list = conditions(&opened, Stage::Running, "t");
        assert!(
            list.iter()
                .any(|entry| entry["type"] == "Ready" && entry["status"] == "True")
        );
    }

    #[test]
    fn field_references_resolve() {
        let pod = json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u"},
            "spec": {"serviceAccountName": "sa", "containers": [{
                "name": "c", "image": "i", "args": ["--ns=$(RUNTIME_NAMESPACE)"],
                "env": [{"name": "RUNTIME_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}],
            }]},
        });
        let start = start_of(&pod, "10.0.0.1").unwrap();
        assert_eq!(start.args, ["--ns=n"]);
        assert_eq!(start.service_account, "sa");
    }
}
