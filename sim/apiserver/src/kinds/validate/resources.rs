//! Requests and limits.

use super::{
    at::At,
    errors::{Errors, quote},
    names,
};
use manifest::quantity::Quantity;

const NEGATIVE: &str = "must be greater than or equal to 0";

/// `ResourceRequirements` of a container.
pub(super) fn requirements(at: &At<'_>, errors: &mut Errors) {
    let (limits, requests) = (at.get("limits"), at.get("requests"));
    for (name, place) in limits.entries() {
        container_resource(name, &place, errors);
        amount(name, &place, errors);
    }
    for (name, place) in requests.entries() {
        container_resource(name, &place, errors);
        amount(name, &place, errors);
        let limit = limits.key(name);
        match (Quantity::of(place.value()), Quantity::of(limit.value())) {
            (Some(request), Some(limit)) if request != limit && !overcommits(name) => {
                let text = format!("must be equal to {name} limit of {limit}");
                errors.invalid_as(&requests, &quote(&request.to_string()), &text);
            }
            (Some(request), Some(limit)) if request > limit => {
                let text = format!("must be less than or equal to {name} limit of {limit}");
                errors.invalid_as(&requests, &quote(&request.to_string()), &text);
            }
            (_, None) if !overcommits(name) => {
                errors.required(&limits, "Limit must be set for non overcommitable resources");
            }
            _ => {}
        }
    }
    let has = |f: &dyn Fn(&str) -> bool| {
        limits
            .entries()
            .chain(requests.entries())
            .any(|(name, _)| f(name))
    };
    if has(&|n| n.starts_with("hugepages-")) && !has(&|n| ["cpu", "memory"].contains(&n)) {
        errors.forbidden(at, "HugePages require cpu or memory");
    }
}

/// Amounts are not negative, and whole where parts make no sense.
pub(super) fn amount(name: &str, at: &At<'_>, errors: &mut Errors) {
    let Some(quantity) = Quantity::of(at.value()) else {
        return;
    };
    if quantity.sign() < 0 {
        errors.invalid(at, NEGATIVE);
    }
    if whole_only(name) && !quantity.is_whole() {
        errors.invalid(at, "must be an integer");
    }
}

fn whole_only(name: &str) -> bool {
    const COUNTS: &[&str] = &[
        "pods",
        "replicationcontrollers",
        "resourcequotas",
        "services",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    ];
    COUNTS.contains(&name) || extended(name) || name.starts_with("count/")
}

/// A resource that someone else than Kubernetes defines.
fn extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/") && !name.starts_with("requests.")
}

fn overcommits(name: &str) -> bool {
    (!name.contains('/') || name.contains("kubernetes.io/")) && !name.starts_with("hugepages-")
}

/// A name with a domain, or one of the known ones.
pub(super) fn resource(name: &str, at: &At<'_>, errors: &mut Errors) -> bool {
    let messages = names::qualified(name);
    for message in &messages {
        errors.invalid_as(at, &quote(name), message);
    }
    if messages.is_empty() && !name.contains('/') && !standard(name) {
        errors.invalid_as(
            at,
            &quote(name),
            "must be a standard resource type or fully qualified",
        );
        return false;
    }
    messages.is_empty()
}

fn container_resource(name: &str, at: &At<'_>, errors: &mut Errors) {
    resource(name, at, errors);
    if !name.contains('/') {
        let known = ["cpu", "memory", "ephemeral-storage"].contains(&name) || name.starts_with("hugepages-");
        if !known {
            errors.invalid_as(at, &quote(name), "must be a standard resource for containers");
        }
    } else if !name.contains("kubernetes.io/") && !extended(name) {
        errors.invalid_as(at, &quote(name), "doesn't follow extended resource name standard");
    }
}

/// Names without a domain that mean a resource somewhere.
fn standard(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "storage",
        "requests.storage",
        "services.nodeports",
        "services.loadbalancers",
    ];
    NAMES.contains(&name) || name.starts_with("hugepages-") || name.starts_with("requests.hugepages-")
}

/// A name that a quota or a range of limits may use.
pub(super) fn limit_resource(kind: &str, name: &str, at: &At<'_>, errors: &mut Errors) {
    if ["Pod", "Container"].contains(&kind) {
        container_resource(name, at, errors);
    } else {
        resource(name, at, errors);
    }
}

/// Whether what is given may exceed what there is.
pub(super) fn may_overcommit(name: &str) -> bool {
    overcommits(name)
}

/// Whether a quota can count this resource.
pub(super) fn countable(name: &str) -> bool {
    if let Some(rest) = name.strip_prefix("count/") {
        return !rest.is_empty();
    }
    let by_class = name
        .split_once(".storageclass.storage.k8s.io/")
        .map(|(_, rest)| rest);
    standard(name) && name != "storage"
        || name.starts_with("requests.") && (name.contains('/') || name.starts_with("requests.hugepages-"))
        || matches!(by_class, Some("requests.storage" | "persistentvolumeclaims"))
}
