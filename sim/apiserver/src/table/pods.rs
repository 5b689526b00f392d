//! Cells of pods: one word and one fraction for everything that goes on in them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::look::{Look, field, none};

/// What containers did, summed up.
#[derive(Default)]
struct Summary {
    reason: String,
    ready: usize,
    restarts: i64,
    last_restart: Option<Timestamp>,
}

pub(super) fn pod(look: &Look<'_>) -> Vec<Value> {
    let sidecars = look.list("/spec/initContainers").iter();
    let sidecars = sidecars.filter(|container| restartable(container)).count();
    let total = look.list("/spec/containers").len() + sidecars;
    let summary = summary(look);
    let restarts = match (summary.restarts, summary.last_restart) {
        (0, _) | (_, None) => summary.restarts.to_string(),
        (count, Some(last)) => format!("{count} ({} ago)", super::duration::since(last, look.now)),
    };
    let address = look.list("/status/podIPs").first();
    vec![
        look.name(),
        format!("{}/{total}", summary.ready).into(),
        summary.reason.into(),
        restarts.into(),
        look.age(),
        none(address.map_or("", |address| field(address, "ip"))).into(),
        none(look.text("/spec/nodeName")).into(),
        none(look.text("/status/nominatedNodeName")).into(),
        gates(look),
    ]
}

fn restartable(container: &Value) -> bool {
    field(container, "restartPolicy") == "Always"
}

fn gates(look: &Look<'_>) -> Value {
    let gates = look.list("/spec/readinessGates");
    if gates.is_empty() {
        return "<none>".into();
    }
    let open = gates
        .iter()
        .filter(|gate| look.condition(field(gate, "conditionType")) == Some("True"));
    format!("{}/{}", open.count(), gates.len()).into()
}

/// The mark of a row whose pod is over.
pub(super) fn finished(look: &Look<'_>) -> Option<Value> {
    let (reason, message) = match look.text("/status/phase") {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!({"type": "Completed", "status": "True", "reason": reason, "message": message}))
}

fn summary(look: &Look<'_>) -> Summary {
    let phase = look.text("/status/phase");
    let mut all = Summary {
        reason: match look.text("/status/reason") {
            "" => phase.to_owned(),
            reason => reason.to_owned(),
        },
        ..Summary::default()
    };
    let gated = look.list("/status/conditions").iter().any(|condition| {
        field(condition, "type") == "PodScheduled" && field(condition, "reason") == "SchedulingGated"
    });
    if gated {
        "SchedulingGated".clone_into(&mut all.reason);
    }
    let sidecars = Summary::default();
    let (initializing, sidecars) = init_containers(look, &mut all, sidecars);
    if !initializing || look.condition("Initialized") == Some("True") {
        all.restarts = sidecars.restarts;
        all.last_restart = sidecars.last_restart;
        containers(look, &mut all);
    }
    let over = matches!(phase, "Succeeded" | "Failed");
    if look.is_deleted() && look.text("/status/reason") == "NodeLost" {
        "Unknown".clone_into(&mut all.reason);
    } else if look.is_deleted() && !over {
        "Terminating".clone_into(&mut all.reason);
    }
    all
}

impl Summary {
    fn count(&mut self, status: &Value) {
        self.restarts += number(status, "/restartCount");
        let ended = status.pointer("/lastState/terminated/finishedAt");
        let ended = ended.and_then(Value::as_str).and_then(|time| time.parse().ok());
        self.last_restart = self.last_restart.max(ended);
    }
}

fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// Whether initialization goes on, and what sidecars did.
fn init_containers(look: &Look<'_>, all: &mut Summary, mut sidecars: Summary) -> (bool, Summary) {
    let specs = look.list("/spec/initContainers");
    for (at, status) in look.list("/status/initContainerStatuses").iter().enumerate() {
        all.count(status);
        let spec = specs
            .iter()
            .find(|spec| field(spec, "name") == field(status, "name"));
        let sidecar = spec.is_some_and(restartable);
        if sidecar {
            sidecars.count(status);
        }
        let state = |name: &str| {
            status
                .pointer(&format!("/state/{name}"))
                .filter(|state| !state.is_null())
        };
        match (state("terminated"), state("waiting")) {
            (Some(ended), _) if number(ended, "/exitCode") == 0 => continue,
            _ if sidecar && flag(status, "started") => {
                all.ready += usize::from(flag(status, "ready"));
                continue;
            }
            (Some(ended), _) => all.reason = format!("Init:{}", ending(ended)),
            (None, Some(waiting)) if !matches!(field(waiting, "reason"), "" | "PodInitializing") => {
                all.reason = format!("Init:{}", field(waiting, "reason"));
            }
            _ => all.reason = format!("Init:{at}/{}", specs.len()),
        }
        return (true, sidecars);
    }
    (false, sidecars)
}

/// Why a container ended.
fn ending(ended: &Value) -> String {
    match (field(ended, "reason"), number(ended, "/signal")) {
        ("", 0) => format!("ExitCode:{}", number(ended, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn containers(look: &Look<'_>, all: &mut Summary) {
    let mut running = false;
    for status in look.list("/status/containerStatuses").iter().rev() {
        all.count(status);
        let state = |name: &str| {
            status
                .pointer(&format!("/state/{name}"))
                .filter(|state| !state.is_null())
        };
        match (state("waiting"), state("terminated")) {
            (Some(waiting), _) if !field(waiting, "reason").is_empty() => {
                field(waiting, "reason").clone_into(&mut all.reason);
            }
            (_, Some(ended)) => all.reason = ending(ended),
            _ if flag(status, "ready") && state("running").is_some() => {
                running = true;
                all.ready += 1;
            }
            _ => {}
        }
    }
    if all.reason == "Completed" && running {
        let ready = look.condition("Ready") == Some("True");
        if ready { "Running" } else { "NotReady" }.clone_into(&mut all.reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(spec: Value, status: Value) -> (String, String, String) {
        let object = json!({"metadata": {"name": "a"}, "spec": spec, "status": status});
        let now = "2026-01-01T01:00:00Z".parse().unwrap();
        let cells = pod(&Look { object: &object, now });
        let text = |at: usize| cells[at].as_str().unwrap().to_owned();
        (text(1), text(2), text(3))
    }

    #[test]
    fn containers_decide_the_status() {
        let spec = json!({"containers": [{"name": "c"}, {"name": "d"}]});
        let status = json!({"phase": "Running", "containerStatuses": [
            {"name": "c", "ready": true, "restartCount": 0, "state": {"running": {}}},
            {"name": "d", "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-01-01T00:30:00Z"}}},
        ]});
        let (ready, reason, restarts) = cells(spec, status);
        assert_eq!((ready.as_str(), reason.as_str()), ("1/2", "CrashLoopBackOff"));
        assert_eq!(restarts, "2 (30m ago)");
    }

    #[test]
    fn init_containers_come_first() {
        let spec = json!({"containers": [{"name": "c"}], "initContainers": [{"name": "i"}, {"name": "j"}]});
        let status = json!({"phase": "Pending", "initContainerStatuses": [
            {"name": "i", "state": {"terminated": {"exitCode": 0}}},
            {"name": "j", "state": {"terminated": {"exitCode": 3}}},
        ]});
        assert_eq!(cells(spec, status).1, "Init:ExitCode:3");
    }

    #[test]
    fn started_sidecars_count_as_containers() {
        let spec = json!({"containers": [{"name": "c"}],
            "initContainers": [{"name": "i", "restartPolicy": "Always"}]});
        let status = json!({"phase": "Running",
            "initContainerStatuses": [{"name": "i", "ready": true, "started": true, "state": {"running": {}}}],
            "containerStatuses": [{"name": "c", "ready": true, "state": {"running": {}}}],
        });
        let (ready, reason, _) = cells(spec, status);
        assert_eq!((ready.as_str(), reason.as_str()), ("2/2", "Running"));
    }
}
