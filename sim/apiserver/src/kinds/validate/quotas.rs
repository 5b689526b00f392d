//! Limits and quotas of namespaces.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Case,
    at::At,
    errors::{Errors, quote},
    meta::Name,
    names, resources,
};
use manifest::quantity::Quantity;

/// Judges objects of the kinds of this module; false for others.
pub(super) fn rules(case: &Case<'_>, errors: &mut Errors) -> bool {
    match case.kind.kind {
        "LimitRange" => {
            case.meta().whole(Name::Subdomain, errors);
            limits(&case.new.get("spec.limits"), errors);
        }
        "ResourceQuota" => quota(case, errors),
        _ => return false,
    }
    true
}

fn limits(list: &At<'_>, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for limit in list.items() {
        let kind = limit.get("type");
        limit_type(&kind, errors);
        if !seen.insert(kind.text()) {
            errors.duplicate(&kind);
        }
        let is_pod = kind.text() == "Pod";
        let mut amounts: BTreeMap<&str, BTreeMap<&str, Quantity>> = BTreeMap::new();
        for bag in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
            let at = limit.get(bag);
            if is_pod && bag.starts_with("default") {
                if !at.is_empty() {
                    errors.forbidden(&at, "may not be specified when `type` is 'Pod'");
                }
                continue;
            }
            if bag == "maxLimitRequestRatio" && kind.text() == "PersistentVolumeClaim" {
                let some = ["min", "max"]
                    .iter()
                    .any(|b| limit.get(b).key("storage").is_set());
                if !some {
                    let text =
                        "either minimum or maximum storage value is required, but neither was provided";
                    errors.required(&limit.get("limits"), text);
                }
            }
            for (name, amount) in at.entries() {
                resources::limit_resource(kind.text(), name, &amount, errors);
                if let Some(quantity) = Quantity::of(amount.value()) {
                    amounts.entry(name).or_default().insert(bag, quantity);
                }
            }
        }
        for (name, bags) in &amounts {
            compare(&limit, name, bags, errors);
        }
    }
}

fn limit_type(at: &At<'_>, errors: &mut Errors) {
    errors.invalid_each(at, &names::qualified(at.text()));
    let known = ["Pod", "Container", "PersistentVolumeClaim"].contains(&at.text());
    if !at.text().contains('/') && !known && names::qualified(at.text()).is_empty() {
        errors.invalid(at, "must be a standard limit type or fully qualified");
    }
}

fn compare(limit: &At<'_>, name: &str, bags: &BTreeMap<&str, Quantity>, errors: &mut Errors) {
    let get = |bag: &str| bags.get(bag).copied();
    let mut greater = |small: &str, large: &str, at: &str, shown: &str, said: (&str, &str)| {
        if let (Some(a), Some(b)) = (get(small), get(large))
            && a > b
        {
            let value = get(shown).unwrap_or(a).to_string();
            let text = format!("{} value {a} is greater than {} value {b}", said.0, said.1);
            errors.invalid_as(&limit.get(at).key(name), &quote(&value), &text);
        }
    };
    greater("min", "max", "min", "min", ("min", "max"));
    greater(
        "min",
        "defaultRequest",
        "defaultRequest",
        "defaultRequest",
        ("min", "default request"),
    );
    greater(
        "defaultRequest",
        "max",
        "defaultRequest",
        "defaultRequest",
        ("default request", "max"),
    );
    greater(
        "defaultRequest",
        "default",
        "defaultRequest",
        "defaultRequest",
        ("default request", "default limit"),
    );
    // QUIRK: these two print the other amount.
    greater("min", "default", "default", "min", ("min", "default"));
    greater("default", "max", "default", "max", ("default", "max"));
    let ratio_at = limit.get("maxLimitRequestRatio").key(name);
    if let Some(ratio) = get("maxLimitRequestRatio") {
        if ratio < Quantity::units(1) {
            errors.invalid_as(
                &ratio_at,
                &quote(&ratio.to_string()),
                &format!("ratio {ratio} is less than 1"),
            );
        }
        if let (Some(min), Some(max)) = (get("min"), get("max")) {
            too_much(&ratio_at, ratio, min, max, errors);
        }
    }
    if let (Some(limit_amount), Some(request)) = (get("default"), get("defaultRequest"))
        && !resources::may_overcommit(name)
        && limit_amount != request
    {
        let text =
            format!("default value {limit_amount} must equal to defaultRequest value {request} in {name}");
        let at = limit.get("defaultRequest").key(name);
        errors.invalid_as(&at, &quote(&request.to_string()), &text);
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the genuine server compares such amounts as floats"
)]
fn too_much(at: &At<'_>, ratio: Quantity, min: Quantity, max: Quantity, errors: &mut Errors) {
    let most = max.milli() as f64 / min.milli() as f64;
    if ratio.milli() as f64 / 1000.0 > most {
        let text = format!("ratio {ratio} is greater than max/min = {most:.6}");
        errors.invalid_as(at, &quote(&ratio.to_string()), &text);
    }
}

fn quota(case: &Case<'_>, errors: &mut Errors) {
    let update = case.old.is_some();
    if update {
        case.meta().update(errors);
    } else {
        case.meta().whole(Name::Subdomain, errors);
    }
    let (hard, scopes) = (case.new.get("spec.hard"), case.new.get("spec.scopes"));
    if case.subresource == "status" {
        for list in ["hard", "used"] {
            for (name, amount) in case.new.get("status").get(list).entries() {
                quota_resource(name, &amount, errors);
                resources::amount(name, &amount, errors);
            }
        }
        return;
    }
    for (name, amount) in hard.entries() {
        quota_resource(name, &amount, errors);
        resources::amount(name, &amount, errors);
    }
    quota_scopes(&hard, &scopes, errors);
    if let Some(old) = &case.old {
        let set = |at: &At<'_>| at.items().map(|s| s.text().to_owned()).collect::<BTreeSet<_>>();
        if set(&scopes) != set(&old.get("spec.scopes")) {
            errors.invalid(&scopes, "field is immutable");
        }
    }
}

fn quota_resource(name: &str, at: &At<'_>, errors: &mut Errors) {
    resources::resource(name, at, errors);
    if !name.contains('/') && !resources::countable(name) {
        errors.invalid_as(at, &quote(name), "must be a standard resource for quota");
    }
}

fn quota_scopes(hard: &At<'_>, scopes: &At<'_>, errors: &mut Errors) {
    const SCOPES: &[&str] = &[
        "Terminating",
        "NotTerminating",
        "BestEffort",
        "NotBestEffort",
        "PriorityClass",
        "CrossNamespacePodAffinity",
        "VolumeAttributesClass",
    ];
    for scope in scopes.items() {
        if !SCOPES.contains(&scope.text()) {
            errors.invalid(scopes, "unsupported scope");
        }
        for (name, _) in hard.entries() {
            if resources::countable(name) && !in_scope(scope.text(), name) {
                errors.invalid(scopes, "unsupported scope applied to resource");
            }
        }
    }
    let has = |name: &str| scopes.items().any(|s| s.text() == name);
    for (one, other) in [("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")] {
        if has(one) && has(other) {
            errors.invalid(scopes, "conflicting scopes");
        }
    }
}

/// Whether a scope makes sense for a resource.
fn in_scope(scope: &str, name: &str) -> bool {
    const PODS: &[&str] = &[
        "pods",
        "cpu",
        "memory",
        "requests.cpu",
        "requests.memory",
        "limits.cpu",
        "limits.memory",
        "ephemeral-storage",
        "requests.ephemeral-storage",
        "limits.ephemeral-storage",
    ];
    match scope {
        "BestEffort" => name == "pods",
        "Terminating"
        | "NotTerminating"
        | "NotBestEffort"
        | "PriorityClass"
        | "CrossNamespacePodAffinity" => PODS.contains(&name) || name.contains("hugepages-"),
        "VolumeAttributesClass" => ["persistentvolumeclaims", "requests.storage"].contains(&name),
        _ => true,
    }
}
