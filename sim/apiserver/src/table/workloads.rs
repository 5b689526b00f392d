//! Cells of workloads: the controllers of pods, what scales and what protects them.

use serde_json::Value;

use super::look::{Look, field, some};
use crate::registry::selector_text;

pub(super) fn deployment(look: &Look<'_>) -> Vec<Value> {
    let mut cells = vec![
        look.name(),
        ready(look),
        look.number("/status/updatedReplicas").into(),
        look.number("/status/availableReplicas").into(),
        look.age(),
    ];
    cells.extend(look.containers("/spec/template/spec/containers"));
    cells.push(
        look.at("/spec/selector")
            .map(selector_text)
            .unwrap_or_default()
            .into(),
    );
    cells
}

fn ready(look: &Look<'_>) -> Value {
    let (ready, wanted) = (
        look.number("/status/readyReplicas"),
        look.number("/spec/replicas"),
    );
    format!("{ready}/{wanted}").into()
}

fn replicas(look: &Look<'_>) -> Vec<Value> {
    let mut cells = vec![
        look.name(),
        look.number("/spec/replicas").into(),
        look.number("/status/replicas").into(),
        look.number("/status/readyReplicas").into(),
        look.age(),
    ];
    cells.extend(look.containers("/spec/template/spec/containers"));
    cells
}

pub(super) fn replica_set(look: &Look<'_>) -> Vec<Value> {
    let mut cells = replicas(look);
    cells.push(look.selector("/spec/selector"));
    cells
}

pub(super) fn replication_controller(look: &Look<'_>) -> Vec<Value> {
    let mut cells = replicas(look);
    cells.push(look.labels("/spec/selector"));
    cells
}

pub(super) fn stateful_set(look: &Look<'_>) -> Vec<Value> {
    let mut cells = vec![look.name(), ready(look), look.age()];
    cells.extend(look.containers("/spec/template/spec/containers"));
    cells
}

pub(super) fn daemon_set(look: &Look<'_>) -> Vec<Value> {
    let mut cells = vec![look.name()];
    let numbers = [
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    ];
    cells.extend(numbers.map(|key| Value::from(look.number(&format!("/status/{key}")))));
    cells.push(look.labels("/spec/template/spec/nodeSelector"));
    cells.push(look.age());
    cells.extend(look.containers("/spec/template/spec/containers"));
    cells.push(look.selector("/spec/selector"));
    cells
}

pub(super) fn pod_template(look: &Look<'_>) -> Vec<Value> {
    let mut cells = vec![look.name()];
    cells.extend(look.containers("/template/spec/containers"));
    cells.push(look.labels("/template/metadata/labels"));
    cells
}

pub(super) fn controller_revision(look: &Look<'_>) -> Vec<Value> {
    let owners = look.list("/metadata/ownerReferences");
    let controller = owners
        .iter()
        .find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true));
    let controller = controller.map_or_else(
        || "<none>".to_owned(),
        |owner| {
            let (group, _) = manifest::split_api_version(field(owner, "apiVersion"));
            let kind = field(owner, "kind").to_lowercase();
            let kind = if group.is_empty() {
                kind
            } else {
                format!("{kind}.{group}")
            };
            format!("{kind}/{}", field(owner, "name"))
        },
    );
    vec![
        look.name(),
        controller.into(),
        look.number("/revision").into(),
        look.age(),
    ]
}

pub(super) fn disruption_budget(look: &Look<'_>) -> Vec<Value> {
    let bound = |pointer: &str| match look.at(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(number) => number.to_string(),
        None => "N/A".to_owned(),
    };
    vec![
        look.name(),
        bound("/spec/minAvailable").into(),
        bound("/spec/maxUnavailable").into(),
        look.number("/status/disruptionsAllowed").into(),
        look.age(),
    ]
}

pub(super) fn autoscaler(look: &Look<'_>) -> Vec<Value> {
    let target = format!(
        "{}/{}",
        look.text("/spec/scaleTargetRef/kind"),
        look.text("/spec/scaleTargetRef/name")
    );
    let least = look.at("/spec/minReplicas").and_then(Value::as_i64);
    vec![
        look.name(),
        target.into(),
        metrics(look).into(),
        least
            .map_or_else(|| "<unset>".to_owned(), |least| least.to_string())
            .into(),
        look.number("/spec/maxReplicas").into(),
        look.number("/status/currentReplicas").into(),
        look.age(),
    ]
}

const UNKNOWN: &str = "<unknown>";

fn metrics(look: &Look<'_>) -> String {
    let wanted = look.list("/spec/metrics");
    if wanted.is_empty() {
        return "<none>".to_owned();
    }
    let seen = look.list("/status/currentMetrics");
    let all: Vec<String> = wanted
        .iter()
        .enumerate()
        .map(|(at, metric)| match field(metric, "type") {
            "External" => external(metric, seen.get(at), "external"),
            "Object" => external(metric, seen.get(at), "object"),
            "Pods" => {
                let current = value(seen.get(at), "/pods/current/averageValue");
                let target = value(Some(metric), "/pods/target/averageValue").unwrap_or_default();
                format!("{}/{target}", current.as_deref().unwrap_or(UNKNOWN))
            }
            "Resource" => resource(metric, seen.get(at), "resource"),
            "ContainerResource" => resource(metric, seen.get(at), "containerResource"),
            _ => "<unknown type>".to_owned(),
        })
        .collect();
    some(&all, 2, ", ")
}

fn value(metric: Option<&Value>, pointer: &str) -> Option<String> {
    match metric?.pointer(pointer)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn external(metric: &Value, seen: Option<&Value>, member: &str) -> String {
    let of = |metric: Option<&Value>, rest: &str| value(metric, &format!("/{member}/{rest}"));
    if let Some(target) = of(Some(metric), "target/averageValue") {
        let current = of(seen, "current/averageValue");
        return format!("{}/{target} (avg)", current.as_deref().unwrap_or(UNKNOWN));
    }
    let current = of(seen, "current/value");
    let target = of(Some(metric), "target/value").unwrap_or_default();
    format!("{}/{target}", current.as_deref().unwrap_or(UNKNOWN))
}

fn resource(metric: &Value, seen: Option<&Value>, member: &str) -> String {
    let of = |metric: Option<&Value>, rest: &str| value(metric, &format!("/{member}/{rest}"));
    let name = of(Some(metric), "name").unwrap_or_default();
    if let Some(target) = of(Some(metric), "target/averageValue") {
        let current = of(seen, "current/averageValue");
        return format!("{name}: {}/{target}", current.as_deref().unwrap_or(UNKNOWN));
    }
    let percent = |metric, rest: &str| of(metric, rest).map(|number| format!("{number}%"));
    let current = percent(seen, "current/averageUtilization");
    let target = percent(Some(metric), "target/averageUtilization");
    format!(
        "{name}: {}/{}",
        current.as_deref().unwrap_or(UNKNOWN),
        target.as_deref().unwrap_or("<auto>")
    )
}
