//! Horizontal pod autoscalers, in both versions.

use super::{
    Case,
    at::At,
    errors::{Errors, quote},
    meta::Name,
    names,
};
use manifest::quantity::Quantity;

/// Judges autoscalers; false for other kinds.
pub(super) fn rules(case: &Case<'_>, errors: &mut Errors) -> bool {
    if case.kind.kind != "HorizontalPodAutoscaler" {
        return false;
    }
    if case.old.is_some() {
        case.meta().update(errors);
    } else {
        case.meta().whole(Name::Subdomain, errors);
    }
    if case.subresource == "status" {
        for name in ["currentReplicas", "desiredReplicas"] {
            errors.not_negative(&case.new.get("status").get(name));
        }
    } else {
        spec(case, &case.new.get("spec"), errors);
    }
    true
}

fn spec(case: &Case<'_>, at: &At<'_>, errors: &mut Errors) {
    let (least, most) = (at.get("minReplicas"), at.get("maxReplicas"));
    if least.int().is_some_and(|n| n < 1) {
        errors.invalid(&least, "must be greater than or equal to 1");
    }
    match most.number() {
        0 => errors.required(&most, "must be set and greater than 0"),
        n if n < 0 => errors.invalid(&most, "must be greater than or equal to 1"),
        _ => {}
    }
    if least.int().is_some_and(|n| most.number() < n) {
        errors.invalid_as(
            &most,
            &most.number().to_string(),
            "must be greater than or equal to `minReplicas`",
        );
    }
    let before = case.old.as_ref().map(|old| old.get("spec"));
    let known = before
        .as_ref()
        .map(|b| b.get("scaleTargetRef.apiVersion").text().to_owned());
    reference(&at.get("scaleTargetRef"), known.as_deref(), errors);
    metrics(at, errors);
    for name in ["scaleUp", "scaleDown"] {
        scaling(&at.get("behavior").get(name), errors);
    }
    let cpu = at.get("targetCPUUtilizationPercentage");
    if cpu.int().is_some_and(|n| n < 1) {
        let place = At::new(
            "spec.metrics[0].resource.target.averageUtilization".into(),
            cpu.value(),
        );
        errors.invalid(&place, "must be greater than 0");
    }
}

/// A reference to an object; what was invalid before may stay.
fn reference(at: &At<'_>, before: Option<&str>, errors: &mut Errors) {
    for name in ["kind", "name"] {
        let member = at.get(name);
        if member.is_empty() {
            errors.required(&member, "");
        } else {
            errors.invalid_each(&member, &names::path_segment(member.text(), false));
        }
    }
    let version = at.get("apiVersion");
    let text = version.text();
    if before.is_some_and(|b| version_fault(b).is_some()) {
        return;
    }
    if let Some(fault) = version_fault(text) {
        errors.invalid_as(&version, &quote(text), &fault);
    }
}

fn version_fault(text: &str) -> Option<String> {
    match text.matches('/').count() {
        // QUIRK: the core group's kinds have no group, but a text without one may be meant.
        0 if text == "v1" => None,
        0 => Some("apiVersion must specify API group".into()),
        1 if text.starts_with('/') => Some("apiVersion must specify API group".into()),
        1 => None,
        _ => Some(format!("unexpected GroupVersion string: {text}")),
    }
}

const SOURCES: &[(&str, &str)] = &[
    ("Object", "object"),
    ("External", "external"),
    ("Pods", "pods"),
    ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
];

fn metrics(spec: &At<'_>, errors: &mut Errors) {
    const TYPES: &[&str] = &["ContainerResource", "External", "Object", "Pods", "Resource"];
    for metric in spec.get("metrics").items() {
        let kind = metric.get("type");
        if kind.is_empty() {
            errors.required(&kind, "must specify a metric source type");
        }
        let known = TYPES.contains(&kind.text());
        if !known {
            errors.unsupported_as(&kind, &quote(kind.text()), TYPES);
        }
        let given: Vec<&(&str, &str)> = SOURCES
            .iter()
            .filter(|(_, name)| metric.get(name).is_set())
            .collect();
        if let Some((_, name)) = given.first() {
            source(name, &metric.get(name), errors);
        }
        let expected = SOURCES
            .iter()
            .find(|(k, _)| *k == kind.text())
            .map(|(_, name)| *name);
        match expected {
            Some(name) if !metric.get(name).is_set() => {
                errors.required(
                    &metric.get(name),
                    "must populate information for the given metric source",
                );
            }
            None => errors.unsupported_as(&kind, &quote(kind.text()), TYPES),
            _ => {}
        }
        if given.len() != 1 {
            for (_, name) in given.iter().filter(|(_, name)| Some(*name) != expected) {
                errors.forbidden(&metric.get(name), "must populate the given metric source only");
            }
        }
    }
}

fn source(name: &str, at: &At<'_>, errors: &mut Errors) {
    let target = at.get("target");
    if name == "object" {
        reference(&at.get("describedObject"), Some("any"), errors);
    }
    if ["object", "external", "pods"].contains(&name) {
        let id = at.get("metric.name");
        if id.is_empty() {
            errors.required(&id, "must specify a metric name");
        } else {
            errors.invalid_each(&id, &names::path_segment(id.text(), false));
        }
    } else {
        if at.get("name").is_empty() {
            errors.required(&at.get("name"), "must specify a resource name");
        }
        if name == "containerResource" {
            let container = at.get("container");
            if container.is_empty() {
                errors.required(&container, "must specify a container");
            } else {
                errors.invalid_each(&container, &names::label(container.text()));
            }
        }
    }
    target_rules(&target, errors);
    let set = |name: &str| target.get(name).is_set();
    let average = target.get("averageValue");
    match name {
        "object" if !set("value") && !set("averageValue") => {
            errors.required(&average, "must set either a target value or averageValue");
        }
        "external" if !set("value") && !set("averageValue") => {
            errors.required(
                &average,
                "must set either a target value for metric or a per-pod target",
            );
        }
        "external" if set("value") && set("averageValue") => {
            let text = "may not set both a target value for metric and a per-pod target";
            errors.forbidden(&target.get("value"), text);
        }
        "pods" if !set("averageValue") => {
            errors.required(&average, "must specify a positive target averageValue")
        }
        "resource" | "containerResource" => match (set("averageUtilization"), set("averageValue")) {
            (false, false) => {
                let text = "must set either a target raw value or a target utilization";
                errors.required(&target.get("averageUtilization"), text);
            }
            (true, true) => errors.forbidden(
                &average,
                "may not set both a target raw value and a target utilization",
            ),
            _ => {}
        },
        _ => {}
    }
}

fn target_rules(at: &At<'_>, errors: &mut Errors) {
    let kind = at.get("type");
    if kind.is_empty() {
        errors.required(&kind, "must specify a metric target type");
    }
    if !["Utilization", "Value", "AverageValue"].contains(&kind.text()) {
        errors.invalid_as(
            &kind,
            &quote(kind.text()),
            "must be either Utilization, Value, or AverageValue",
        );
    }
    for name in ["value", "averageValue"] {
        let amount = at.get(name);
        if Quantity::of(amount.value()).is_some_and(|q| q.sign() <= 0) {
            errors.invalid(&amount, "must be positive");
        }
    }
    let share = at.get("averageUtilization");
    if share.int().is_some_and(|n| n < 1) {
        errors.invalid(&share, "must be greater than 0");
    }
}

fn scaling(at: &At<'_>, errors: &mut Errors) {
    if !at.is_set() {
        return;
    }
    let window = at.get("stabilizationWindowSeconds");
    match window.int() {
        Some(n) if n < 0 => errors.invalid(&window, "must be greater than or equal to zero"),
        Some(n) if n > 3600 => errors.invalid(&window, "must be less than or equal to 3600"),
        _ => {}
    }
    let select = at.get("selectPolicy");
    if select.is_set() {
        errors.one_of(&select, &["Disabled", "Max", "Min"]);
    }
    let policies = at.get("policies");
    if policies.is_empty() {
        errors.required(&policies, "must specify at least one Policy");
    }
    for policy in policies.items() {
        errors.one_of(&policy.get("type"), &["Percent", "Pods"]);
        let (value, period) = (policy.get("value"), policy.get("periodSeconds"));
        if value.number() <= 0 {
            errors.invalid(&value, "must be greater than zero");
        }
        if period.number() <= 0 {
            errors.invalid(&period, "must be greater than zero");
        }
        if period.number() > 1800 {
            errors.invalid(&period, "must be less than or equal to 1800");
        }
    }
}
