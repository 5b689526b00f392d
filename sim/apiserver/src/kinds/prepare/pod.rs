//! What the server makes of a Pod.

use serde_json::{Map, Value, json};

use super::{amount, child, copy};

pub(super) fn create(object: &mut Value) {
    let class = quality(object);
    let gated = object
        .pointer("/spec/schedulingGates")
        .and_then(Value::as_array)
        .is_some_and(|g| !g.is_empty());
    if let Some(status) = child(object, "status") {
        status.insert("phase".into(), Value::from("Pending"));
        status.insert("qosClass".into(), Value::from(class));
    }
    let now = object.pointer("/metadata/creationTimestamp").cloned();
    if gated && let Some(status) = child(object, "status") {
        let condition = json!({"type": "PodScheduled", "status": "False", "lastProbeTime": null,
            "lastTransitionTime": now, "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates"});
        status.insert("conditions".into(), json!([condition]));
    }
    match_label_keys(object);
}

/// The class of service follows from the requests and limits of all containers.
fn quality(object: &Value) -> &'static str {
    let spec = &object["spec"];
    if let Some(resources) = spec
        .get("resources")
        .filter(|r| r.as_object().is_some_and(|r| !r.is_empty()))
    {
        return class(std::iter::once(resources));
    }
    let none = Value::Null;
    let lists = ["containers", "initContainers"].map(|l| spec.get(l).and_then(Value::as_array));
    let resources: Vec<&Value> = lists
        .into_iter()
        .flatten()
        .flatten()
        .map(|c| c.get("resources").unwrap_or(&none))
        .collect();
    class(resources.into_iter())
}

fn class<'a>(resources: impl Iterator<Item = &'a Value>) -> &'static str {
    let (mut any, mut guaranteed) = (false, true);
    for each in resources {
        let positive = |list: &str, name: &str| {
            amount(each.get(list).and_then(|l| l.get(name))).filter(|q| q.sign() > 0)
        };
        for name in ["cpu", "memory"] {
            let (request, limit) = (positive("requests", name), positive("limits", name));
            any |= request.is_some() || limit.is_some();
            guaranteed &= limit.is_some() && (request.is_none() || request == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

/// Label keys that a term or constraint names become requirements with the pod's own values.
fn match_label_keys(object: &mut Value) {
    let labels = object
        .pointer("/metadata/labels")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    for kind in ["podAffinity", "podAntiAffinity"] {
        for (list, inner) in [
            (
                "preferredDuringSchedulingIgnoredDuringExecution",
                Some("podAffinityTerm"),
            ),
            ("requiredDuringSchedulingIgnoredDuringExecution", None),
        ] {
            let terms = object.pointer_mut(&format!("/spec/affinity/{kind}/{list}"));
            for term in terms.and_then(Value::as_array_mut).into_iter().flatten() {
                let term = match inner {
                    Some(name) => term.get_mut(name),
                    None => Some(term),
                };
                if let Some(term) = term.and_then(Value::as_object_mut) {
                    require(term, "matchLabelKeys", "In", &labels);
                    require(term, "mismatchLabelKeys", "NotIn", &labels);
                }
            }
        }
    }
    let constraints = object
        .pointer_mut("/spec/topologySpreadConstraints")
        .and_then(Value::as_array_mut);
    for constraint in constraints.into_iter().flatten().filter_map(Value::as_object_mut) {
        require(constraint, "matchLabelKeys", "In", &labels);
    }
}

fn require(term: &mut Map<String, Value>, keys: &str, operator: &str, labels: &Map<String, Value>) {
    let keys = term
        .get(keys)
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let Some(selector) = term.get_mut("labelSelector").and_then(Value::as_object_mut) else {
        return;
    };
    for key in keys.iter().filter_map(Value::as_str) {
        let Some(value) = labels.get(key) else { continue };
        let requirements = selector.entry("matchExpressions").or_insert_with(|| json!([]));
        if let Some(list) = requirements.as_array_mut() {
            list.push(json!({"key": key, "operator": operator, "values": [value]}));
        }
    }
}

/// A status without a class or observed generations keeps the old ones.
pub(super) fn status(new: &mut Value, old: &Value) {
    for name in ["qosClass", "observedGeneration"] {
        if new.pointer("/status").is_some_and(|s| s.get(name).is_none()) {
            copy(new, old, "/status", name);
        }
    }
    let known = old
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut used = vec![false; known.len()];
    let conditions = new
        .pointer_mut("/status/conditions")
        .and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten().filter_map(Value::as_object_mut) {
        let found = (0..known.len()).find(|i| !used[*i] && known[*i].get("type") == condition.get("type"));
        let Some(i) = found else { continue };
        used[i] = true;
        if let (None, Some(generation)) = (
            condition.get("observedGeneration"),
            known[i].get("observedGeneration"),
        ) {
            condition.insert("observedGeneration".into(), generation.clone());
        }
    }
}

/// Writes to `ephemeralcontainers` and `resize` change only what they are for.
pub(super) fn subresource(name: &str, new: &mut Value, old: &Value) {
    let spec = new.get("spec").cloned().unwrap_or_default();
    for list in ["containers", "initContainers"] {
        let names = |spec: &Value| -> Vec<Value> {
            let list = spec.get(list).and_then(Value::as_array);
            list.into_iter().flatten().map(|c| c["name"].clone()).collect()
        };
        if name == "resize" && names(&spec) != names(&old["spec"]) {
            return;
        }
    }
    copy(new, old, "", "spec");
    copy(new, old, "", "status");
    for member in [
        "deletionTimestamp",
        "labels",
        "annotations",
        "finalizers",
        "ownerReferences",
    ] {
        copy(new, old, "/metadata", member);
    }
    let Some(kept) = child(new, "spec") else { return };
    let taken: &[&str] = if name == "resize" {
        &["resources"]
    } else {
        &["ephemeralContainers"]
    };
    for member in taken {
        match spec.get(*member) {
            Some(value) => kept.insert((*member).to_owned(), value.clone()),
            None => kept.remove(*member),
        };
    }
    if name == "resize" {
        for list in ["containers", "initContainers"] {
            let sizes = spec
                .get(list)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            let containers = kept
                .get_mut(list)
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten();
            for (container, size) in containers.filter_map(Value::as_object_mut).zip(sizes) {
                for member in ["resources", "resizePolicy"] {
                    match size.get(member) {
                        Some(value) => container.insert(member.to_owned(), value.clone()),
                        None => container.remove(member),
                    };
                }
            }
        }
    }
}
