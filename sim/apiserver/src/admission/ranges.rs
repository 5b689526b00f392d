//! The LimitRanger: what a namespace's LimitRanges fill into pods and refuse.

use std::sync::Arc;

use kube_schema::gotext::aggregate;
use manifest::quantity::Quantity;
use serde_json::{Map, Value};

use super::amounts::{self, Amounts};
use crate::{call::Call, failure::Outcome, store::in_namespace};

const ANNOTATION: &str = "kubernetes.io/limit-ranger";

fn in_charge(call: &Call<'_>, object: &Value, old: Option<&Value>) -> bool {
    let pods = call.resource.is("", "pods") && old.is_none();
    let claims = call.resource.is("", "persistentvolumeclaims");
    call.target.subresource.is_empty()
        && (pods || claims)
        && old.is_none_or(|old| manifest::object::deletion_timestamp(old).is_empty())
        && manifest::object::deletion_timestamp(object).is_empty()
}

/// The entries of every LimitRange of the namespace.
fn limits(call: &Call<'_>) -> Vec<Arc<Value>> {
    let table = call.core.table("limitranges");
    in_namespace(&table, &call.target.namespace)
        .map(|(_, range)| Arc::clone(range))
        .collect()
}

fn entries(range: &Value) -> impl Iterator<Item = &Value> {
    let list = range.pointer("/spec/limits").and_then(Value::as_array);
    list.into_iter().flatten()
}

pub(super) fn mutate(call: &Call<'_>, object: &mut Value, old: Option<&Value>) {
    if !in_charge(call, object, old) || !call.resource.is("", "pods") {
        return;
    }
    for range in limits(call) {
        let (mut requests, mut limits) = (Map::new(), Map::new());
        for limit in entries(&range).filter(|limit| limit["type"] == "Container") {
            let own = |key: &str| limit.get(key).and_then(Value::as_object).cloned();
            requests.extend(own("defaultRequest").unwrap_or_default());
            limits.extend(own("default").unwrap_or_default());
        }
        fill(object, &requests, &limits);
    }
}

/// Gives every container what it leaves open, and notes it.
fn fill(pod: &mut Value, requests: &Map<String, Value>, limits: &Map<String, Value>) {
    let mut notes = Vec::new();
    for (list, what) in [("containers", "container"), ("initContainers", "init container")] {
        let own = pod
            .get_mut("spec")
            .and_then(|spec| spec.get_mut(list))
            .and_then(Value::as_array_mut);
        for container in own.into_iter().flatten() {
            let name = container["name"].as_str().unwrap_or_default().to_owned();
            for (kind, defaults) in [("request", requests), ("limit", limits)] {
                let set = complete(container, &format!("{kind}s"), defaults);
                if !set.is_empty() {
                    notes.push(format!("{} {kind} for {what} {name}", set.join(", ")));
                }
            }
        }
    }
    if !notes.is_empty() {
        let text = format!("LimitRanger plugin set: {}", notes.join("; "));
        manifest::object::map_at(pod, &["metadata", "annotations"]).insert(ANNOTATION.into(), text.into());
    }
}

/// The names of what was filled in, in order.
fn complete(container: &mut Value, key: &str, defaults: &Map<String, Value>) -> Vec<String> {
    let own = container.pointer(&format!("/resources/{key}"));
    let missing: Vec<String> = defaults
        .keys()
        .filter(|name| own.is_none_or(|own| own.get(name.as_str()).is_none()))
        .cloned()
        .collect();
    if !missing.is_empty() {
        let own = manifest::object::map_at(container, &["resources", key]);
        for name in &missing {
            own.insert(name.clone(), defaults[name].clone());
        }
    }
    missing
}

pub(super) fn validate(call: &Call<'_>, object: &Value, old: Option<&Value>) -> Outcome<()> {
    if !in_charge(call, object, old) {
        return Ok(());
    }
    let claims = call.resource.is("", "persistentvolumeclaims");
    for range in limits(call) {
        let mut problems = Vec::new();
        for limit in entries(&range) {
            match limit["type"].as_str() {
                Some("PersistentVolumeClaim") if claims => judge_claim(limit, object, &mut problems),
                Some("Container") if !claims => {
                    let lists = ["containers", "initContainers"];
                    for container in lists.iter().flat_map(|list| amounts::containers(object, list)) {
                        let own = |key: &str| amounts::read(container.pointer(key));
                        let asked = Asked {
                            requests: own("/resources/requests"),
                            limits: own("/resources/limits"),
                        };
                        judge(limit, "Container", &asked, &mut problems);
                    }
                }
                Some("Pod") if !claims => {
                    let asked = Asked {
                        requests: amounts::of_pod(object, "requests"),
                        limits: amounts::of_pod(object, "limits"),
                    };
                    judge(limit, "Pod", &asked, &mut problems);
                }
                _ => {}
            }
        }
        if !problems.is_empty() {
            return Err(call.forbidden(manifest::object::name(object), &aggregate(&problems)));
        }
    }
    Ok(())
}

struct Asked {
    requests: Amounts,
    limits: Amounts,
}

/// The amounts of an entry. The genuine server walks them in random order; here the last name comes first.
fn bounds(limit: &Value, key: &str) -> impl Iterator<Item = (String, Quantity)> {
    amounts::read(limit.get(key)).into_iter().rev()
}

fn judge(limit: &Value, kind: &str, asked: &Asked, problems: &mut Vec<String>) {
    for (name, bound) in bounds(limit, "min") {
        let what = format!("minimum {name} usage per {kind} is {bound}");
        let (request, limit) = (asked.requests.get(&name), asked.limits.get(&name));
        problems.extend(match (request, limit) {
            (None, _) => Some(format!("{what}.  No request is specified")),
            (Some(request), _) if *request < bound => Some(format!("{what}, but request is {request}")),
            (_, Some(limit)) if *limit < bound => Some(format!("{what}, but limit is {limit}")),
            _ => None,
        });
    }
    for (name, bound) in bounds(limit, "max") {
        let what = format!("maximum {name} usage per {kind} is {bound}");
        let (request, limit) = (asked.requests.get(&name), asked.limits.get(&name));
        problems.extend(match (limit, request) {
            (None, _) => Some(format!("{what}.  No limit is specified")),
            (Some(limit), _) if *limit > bound => Some(format!("{what}, but limit is {limit}")),
            (_, Some(request)) if *request > bound => Some(format!("{what}, but request is {request}")),
            _ => None,
        });
    }
    for (name, bound) in bounds(limit, "maxLimitRequestRatio") {
        let what = format!("{name} max limit to request ratio per {kind} is {bound}");
        let some = |amount: Option<&Quantity>| amount.filter(|amount| amount.sign() != 0).copied();
        let (request, limit) = (some(asked.requests.get(&name)), some(asked.limits.get(&name)));
        problems.extend(match (request, limit) {
            (None, _) => Some(format!("{what}, but no request is specified or request is 0")),
            (_, None) => Some(format!("{what}, but no limit is specified or limit is 0")),
            (Some(request), Some(limit)) => {
                let ratio = float(limit) / float(request);
                (ratio > float(bound)).then(|| format!("{what}, but provided ratio is {ratio:.6}"))
            }
        });
    }
}

fn float(amount: Quantity) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "the genuine server divides the same way"
    )]
    let milli = amount.milli() as f64;
    milli / 1000.0
}

fn judge_claim(limit: &Value, claim: &Value, problems: &mut Vec<String>) {
    let asked = amounts::read(claim.pointer("/spec/resources/requests"));
    for (name, bound) in bounds(limit, "min") {
        let what = format!("minimum {name} usage per PersistentVolumeClaim is {bound}");
        problems.extend(match asked.get(&name) {
            None => Some(format!("{what}.  No request is specified")),
            Some(own) if *own < bound => Some(format!("{what}, but request is {own}")),
            Some(_) => None,
        });
    }
    for (name, bound) in bounds(limit, "max") {
        let what = format!("maximum {name} usage per PersistentVolumeClaim is {bound}");
        problems.extend(match asked.get(&name) {
            None => Some(format!("{what}.  No request is specified")),
            Some(own) if *own > bound => Some(format!("{what}, but request is {own}")),
            Some(_) => None,
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_filled_in_is_noted_once_per_container() {
        let mut pod = json!({"spec": {"containers": [
            {"name": "a", "resources": {"requests": {"cpu": "1"}}},
            {"name": "b"},
        ]}});
        let defaults = json!({"cpu": "2", "memory": "1Gi"});
        let defaults = defaults.as_object().unwrap();
        fill(&mut pod, defaults, &Map::new());
        assert_eq!(
            manifest::object::annotation(&pod, ANNOTATION),
            Some(
                "LimitRanger plugin set: memory request for container a; cpu, memory request for container b"
            )
        );
        assert_eq!(pod["spec"]["containers"][0]["resources"]["requests"]["cpu"], "1");
    }
}
