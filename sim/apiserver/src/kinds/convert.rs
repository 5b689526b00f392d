//! The other API versions of a kind.

use serde_json::{Map, Value, json};

use super::{Kind, find_kind, settle};

/// The object in another version of its group, or of the other group for Events; `None` where there is no such
/// view. `to` is an `apiVersion`.
pub fn convert(object: &Value, from: &Kind, to: &str) -> Option<Value> {
    if from.api_version() == to {
        return Some(object.clone());
    }
    let (group, version) = to.split_once('/').unwrap_or(("", to));
    let target = find_kind(group, version, from.kind)?;
    let mut out = match (from.kind, to) {
        ("HorizontalPodAutoscaler", "autoscaling/v1") => to_v1(object),
        ("HorizontalPodAutoscaler", "autoscaling/v2") => to_v2(object),
        ("Event", "events.k8s.io/v1") => rename(object, CORE_TO_EVENTS),
        ("Event", "v1") => {
            let back: Vec<(&str, &str)> = CORE_TO_EVENTS.iter().map(|(a, b)| (*b, *a)).collect();
            rename(object, &back)
        }
        _ => return None,
    };
    out["apiVersion"] = Value::from(to);
    settle(target, &mut out);
    Some(out)
}

const CORE_TO_EVENTS: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

fn rename(object: &Value, names: &[(&str, &str)]) -> Value {
    let members = object.as_object().into_iter().flatten();
    let renamed = members.map(|(name, value)| {
        let name = names
            .iter()
            .find(|(old, _)| old == name)
            .map_or(name.as_str(), |(_, new)| new);
        (name.to_owned(), value.clone())
    });
    Value::Object(renamed.collect())
}

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const CURRENT: &str = "autoscaling.alpha.kubernetes.io/current-metrics";

/// What the old version has no member for, it carries in annotations.
fn to_v1(object: &Value) -> Value {
    let mut out = object.clone();
    let spec = out["spec"]
        .as_object_mut()
        .map(std::mem::take)
        .unwrap_or_default();
    let status = out["status"]
        .as_object_mut()
        .map(std::mem::take)
        .unwrap_or_default();
    let mut annotations: Vec<(&str, String)> = Vec::new();
    let mut old = picked(&spec, &["scaleTargetRef", "minReplicas", "maxReplicas"]);
    let (cpu, metrics) = plain_cpu(&spec, "metrics", "target");
    if let Some(value) = cpu {
        old.insert("targetCPUUtilizationPercentage".into(), value);
    }
    if let Some(metrics) = metrics {
        annotations.push((METRICS, metrics));
    }
    if let Some(behavior) = spec.get("behavior") {
        annotations.push((BEHAVIOR, go_text(&behavior_to_v1(behavior))));
    }
    let mut old_status = picked(
        &status,
        &[
            "observedGeneration",
            "lastScaleTime",
            "currentReplicas",
            "desiredReplicas",
        ],
    );
    let (cpu, current) = plain_cpu(&status, "currentMetrics", "current");
    if let Some(value) = cpu {
        old_status.insert("currentCPUUtilizationPercentage".into(), value);
    }
    if let Some(current) = current {
        annotations.push((CURRENT, current));
    }
    if let Some(conditions) = status
        .get("conditions")
        .filter(|c| c.as_array().is_some_and(|c| !c.is_empty()))
    {
        annotations.push((CONDITIONS, go_text(conditions)));
    }
    out["spec"] = Value::Object(old);
    out["status"] = Value::Object(old_status);
    annotate(&mut out, annotations);
    out
}

fn picked(map: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), map.get(*name)?.clone())))
        .collect()
}

/// The first metric that is plain CPU utilisation, and the others as the old version's text.
fn plain_cpu(map: &Map<String, Value>, list: &str, side: &str) -> (Option<Value>, Option<String>) {
    let mut others = map
        .get(list)
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let found = others.iter().position(|m| percent(m, side).is_some());
    let cpu = found.and_then(|i| percent(&others.remove(i), side));
    let text = go_text(&others.iter().map(|m| metric_to_v1(m, side)).collect());
    (cpu, (!others.is_empty()).then_some(text))
}

/// The utilisation of a metric that is plain CPU utilisation.
fn percent(metric: &Value, side: &str) -> Option<Value> {
    let resource = metric.get("resource")?;
    if metric.get("type")? != "Resource" || resource.get("name")? != "cpu" {
        return None;
    }
    resource
        .get(side)?
        .get("averageUtilization")
        .filter(|v| !v.is_null())
        .cloned()
}

/// A metric in the old version's form, in which the target is spread over members.
fn metric_to_v1(metric: &Value, side: &str) -> Value {
    let mut out = metric.clone();
    let prefix = if side == "target" { "target" } else { "current" };
    for source in ["resource", "containerResource"] {
        let Some(map) = out.get_mut(source).and_then(Value::as_object_mut) else {
            continue;
        };
        if let Some(Value::Object(target)) = map.remove(side) {
            for (from, to) in [
                ("averageUtilization", "AverageUtilization"),
                ("averageValue", "AverageValue"),
            ] {
                if let Some(value) = target.get(from) {
                    map.insert(format!("{prefix}{to}"), value.clone());
                }
            }
        }
    }
    out
}

fn behavior_to_v1(behavior: &Value) -> Value {
    let mut out = Map::new();
    for (from, to) in [("scaleUp", "ScaleUp"), ("scaleDown", "ScaleDown")] {
        let Some(rules) = behavior.get(from).and_then(Value::as_object) else {
            continue;
        };
        let policies: Vec<Value> = rules
            .get("policies")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|p| json!({"Type": p["type"], "Value": p["value"], "PeriodSeconds": p["periodSeconds"]}))
            .collect();
        out.insert(
            to.into(),
            json!({
                "StabilizationWindowSeconds": rules.get("stabilizationWindowSeconds"),
                "SelectPolicy": rules.get("selectPolicy"),
                "Policies": policies,
                "Tolerance": rules.get("tolerance"),
            }),
        );
    }
    Value::Object(out)
}

/// In which order Go writes the members of the structs that annotations carry.
const ORDER: [&str; 31] = [
    "ScaleUp",
    "ScaleDown",
    "StabilizationWindowSeconds",
    "SelectPolicy",
    "Policies",
    "Tolerance",
    "Type",
    "Value",
    "PeriodSeconds",
    "type",
    "status",
    "lastTransitionTime",
    "reason",
    "message",
    "object",
    "pods",
    "resource",
    "containerResource",
    "external",
    "target",
    "kind",
    "name",
    "apiVersion",
    "metricName",
    "metricSelector",
    "targetAverageUtilization",
    "currentAverageUtilization",
    "targetValue",
    "currentValue",
    "targetAverageValue",
    "currentAverageValue",
];

/// JSON with members in the order of Go's structs; members it does not know come last.
fn go_text(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            let place = |name: &str| ORDER.iter().position(|own| *own == name).unwrap_or(ORDER.len());
            members.sort_by_key(|(name, _)| place(name));
            let members = members
                .into_iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), go_text(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go_text).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

fn annotate(object: &mut Value, annotations: Vec<(&str, String)>) {
    if annotations.is_empty() {
        return;
    }
    if !object["metadata"]["annotations"].is_object() {
        object["metadata"]["annotations"] = json!({});
    }
    for (name, text) in annotations {
        object["metadata"]["annotations"][name] = Value::from(text);
    }
}

fn to_v2(object: &Value) -> Value {
    let mut out = object.clone();
    let spec = out["spec"]
        .as_object_mut()
        .map(std::mem::take)
        .unwrap_or_default();
    let status = out["status"]
        .as_object_mut()
        .map(std::mem::take)
        .unwrap_or_default();
    let mut carried = |name: &str| -> Option<Value> {
        let text = out["metadata"]["annotations"].as_object_mut()?.remove(name)?;
        serde_json::from_str(text.as_str()?).ok()
    };
    let extra = [
        carried(METRICS),
        carried(BEHAVIOR),
        carried(CURRENT),
        carried(CONDITIONS),
    ];
    let [metrics, behavior, current, conditions] = extra;
    let mut new = spec.clone();
    let mut list: Vec<Value> = Vec::new();
    if let Some(value) = new
        .remove("targetCPUUtilizationPercentage")
        .filter(|v| !v.is_null())
    {
        list.push(json!({"type": "Resource", "resource": {
            "name": "cpu", "target": {"type": "Utilization", "averageUtilization": value}}}));
    }
    for metric in metrics.as_ref().and_then(Value::as_array).into_iter().flatten() {
        list.push(metric_to_v2(metric, "target"));
    }
    if !list.is_empty() {
        new.insert("metrics".into(), Value::Array(list));
    }
    if let Some(behavior) = behavior {
        new.insert("behavior".into(), behavior_to_v2(&behavior));
    }
    let mut new_status = status.clone();
    let mut seen: Vec<Value> = Vec::new();
    if let Some(value) = new_status
        .remove("currentCPUUtilizationPercentage")
        .filter(|v| !v.is_null())
    {
        seen.push(json!({"type": "Resource", "resource": {
            "name": "cpu", "current": {"averageUtilization": value}}}));
    }
    for metric in current.as_ref().and_then(Value::as_array).into_iter().flatten() {
        seen.push(metric_to_v2(metric, "current"));
    }
    new_status.insert(
        "currentMetrics".into(),
        if seen.is_empty() {
            Value::Null
        } else {
            Value::Array(seen)
        },
    );
    if let Some(conditions) = conditions {
        new_status.insert("conditions".into(), conditions);
    }
    out["spec"] = Value::Object(new);
    out["status"] = Value::Object(new_status);
    out
}

fn metric_to_v2(metric: &Value, side: &str) -> Value {
    let mut out = metric.clone();
    for source in ["resource", "containerResource"] {
        let Some(map) = out.get_mut(source).and_then(Value::as_object_mut) else {
            continue;
        };
        let mut target = Map::new();
        if let Some(value) = map.remove(&format!("{side}AverageUtilization")) {
            target.insert("averageUtilization".into(), value);
            target.insert("type".into(), Value::from("Utilization"));
        }
        if let Some(value) = map.remove(&format!("{side}AverageValue")) {
            target.insert("averageValue".into(), value);
            target
                .entry("type")
                .or_insert_with(|| Value::from("AverageValue"));
        }
        if side == "current" {
            target.remove("type");
        }
        map.insert(side.into(), Value::Object(target));
    }
    out
}

fn behavior_to_v2(behavior: &Value) -> Value {
    let mut out = Map::new();
    for (from, to) in [("ScaleUp", "scaleUp"), ("ScaleDown", "scaleDown")] {
        let Some(rules) = behavior.get(from).and_then(Value::as_object) else {
            continue;
        };
        let mut new = Map::new();
        for (old, name) in [
            ("StabilizationWindowSeconds", "stabilizationWindowSeconds"),
            ("SelectPolicy", "selectPolicy"),
            ("Tolerance", "tolerance"),
        ] {
            if let Some(value) = rules.get(old).filter(|v| !v.is_null()) {
                new.insert(name.into(), value.clone());
            }
        }
        let policies = rules
            .get("Policies")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let policies: Vec<Value> = policies
            .map(|p| json!({"type": p["Type"], "value": p["Value"], "periodSeconds": p["PeriodSeconds"]}))
            .collect();
        new.insert("policies".into(), Value::Array(policies));
        out.insert(to.into(), Value::Object(new));
    }
    Value::Object(out)
}
