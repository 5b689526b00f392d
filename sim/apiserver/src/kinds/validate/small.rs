//! Kinds with few rules.

use serde_json::Value;

use super::{
    Case,
    at::At,
    errors::{Errors, quote},
    internal,
    meta::Name,
    names, selectors,
};

/// The most that a ConfigMap or Secret may hold.
const MAX_DATA: usize = 1024 * 1024;

/// Judges objects of the kinds of this module; false for others.
pub(super) fn rules(case: &Case<'_>, errors: &mut Errors) -> bool {
    match case.kind.kind {
        "ConfigMap" => config_map(case, errors),
        "Secret" => secret(case, errors),
        "ServiceAccount" => {
            case.meta().update(errors);
            case.meta().whole(Name::Subdomain, errors);
        }
        "Namespace" => namespace(case, errors),
        "Role" | "ClusterRole" => role(case, errors),
        "RoleBinding" | "ClusterRoleBinding" => binding(case, errors),
        "Lease" => lease(case, errors),
        "RuntimeClass" => runtime_class(case, errors),
        "PriorityClass" => priority_class(case, errors),
        "PodDisruptionBudget" => budget(case, errors),
        _ => return false,
    }
    true
}

fn sealed(case: &Case<'_>, bags: &[&str], errors: &mut Errors) {
    const SEALED: &str = "field is immutable when `immutable` is set";
    let Some(old) = case.old.as_ref().filter(|o| o.get("immutable").is_true()) else {
        return;
    };
    if !case.new.get("immutable").is_true() {
        errors.forbidden(&case.new.get("immutable"), SEALED);
    }
    for bag in bags {
        if !case.new.get(bag).same(&old.get(bag)) {
            errors.forbidden(&case.new.get(bag), SEALED);
        }
    }
}

fn config_map(case: &Case<'_>, errors: &mut Errors) {
    case.meta().update(errors);
    sealed(case, &["data", "binaryData"], errors);
    case.meta().whole(Name::Subdomain, errors);
    let (data, binary) = (case.new.get("data"), case.new.get("binaryData"));
    let mut size = 0;
    for (key, value) in data.entries() {
        for message in names::config_key(key) {
            errors.invalid_as(&value, &quote(key), &message);
        }
        if binary.value().get(key).is_some() {
            errors.invalid_as(&value, &quote(key), "duplicate of key present in binaryData");
        }
        size += value.len();
    }
    for (key, value) in binary.entries() {
        for message in names::config_key(key) {
            errors.invalid_as(&value, &quote(key), &message);
        }
        size += decoded(value.text()).len();
    }
    if size > MAX_DATA {
        errors.too_long(case.new, MAX_DATA);
    }
}

fn decoded(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap_or_default()
}

fn secret(case: &Case<'_>, errors: &mut Errors) {
    case.meta().update(errors);
    if let Some(old) = &case.old {
        errors.immutable(&case.new.get("type"), &old.get("type"));
    }
    sealed(case, &["data"], errors);
    case.meta().whole(Name::Subdomain, errors);
    let data = case.new.get("data");
    let mut size = 0;
    for (key, value) in data.entries() {
        for message in names::config_key(key) {
            errors.invalid_as(&value, &quote(key), &message);
        }
        size += decoded(value.text()).len();
    }
    if size > MAX_DATA {
        errors.too_long(&data, MAX_DATA);
    }
    secret_type(case.new, &data, errors);
}

/// Some types promise certain keys.
fn secret_type(new: &At<'_>, data: &At<'_>, errors: &mut Errors) {
    match new.get("type").text() {
        "kubernetes.io/service-account-token" => {
            let account = new
                .get("metadata.annotations")
                .key("kubernetes.io/service-account.name");
            if account.is_empty() {
                errors.required(&account, "");
            }
        }
        "kubernetes.io/dockercfg" => json_key(&data.key(".dockercfg"), errors),
        "kubernetes.io/dockerconfigjson" => json_key(&data.key(".dockerconfigjson"), errors),
        "kubernetes.io/basic-auth" => {
            let both = [data.key("username"), data.key("password")];
            if both.iter().all(|k| !k.is_set()) {
                both.iter().for_each(|k| errors.required(k, ""));
            }
        }
        "kubernetes.io/ssh-auth" if data.key("ssh-privatekey").is_empty() => {
            errors.required(&data.key("ssh-privatekey"), "");
        }
        "kubernetes.io/tls" => {
            for key in ["tls.crt", "tls.key"] {
                if !data.key(key).is_set() {
                    errors.required(&data.key(key), "");
                }
            }
        }
        _ => {}
    }
}

fn json_key(at: &At<'_>, errors: &mut Errors) {
    if !at.is_set() {
        return errors.required(at, "");
    }
    if let Some(complaint) = super::json_text::complaint(&decoded(at.text())) {
        errors.invalid_as(at, &quote("<secret contents redacted>"), &complaint);
    }
}

fn namespace(case: &Case<'_>, errors: &mut Errors) {
    case.meta().update(errors);
    if case.old.is_none() {
        case.meta().whole(Name::Label, errors);
        let finalizers = case.new.get("spec.finalizers");
        for finalizer in finalizers.items() {
            let text = finalizer.text();
            for message in names::qualified(text) {
                errors.invalid_as(&finalizers, &quote(text), &message);
            }
            if !text.contains('/') && !["kubernetes", "orphan", "foregroundDeletion"].contains(&text) {
                let rule = "name is neither a standard finalizer name nor is it fully qualified";
                errors.invalid_as(&finalizers, &quote(text), rule);
            }
        }
    }
    if case.subresource == "status" {
        let deleted = case.new.get("metadata.deletionTimestamp").is_set();
        let phase = case.new.get("status.phase");
        if deleted && phase.text() != "Terminating" {
            errors.invalid(
                &phase,
                "may only be 'Terminating' if `deletionTimestamp` is not empty",
            );
        } else if !deleted && phase.text() != "Active" {
            errors.invalid(&phase, "may only be 'Active' if `deletionTimestamp` is empty");
        }
    }
}

fn role(case: &Case<'_>, errors: &mut Errors) {
    case.meta().whole(Name::Segment, errors);
    for rule in case.new.get("rules").items() {
        policy_rule(&rule, case.kind.namespaced, errors);
    }
    let aggregation = case.new.get("aggregationRule");
    if aggregation.is_set() {
        let list = aggregation.get("clusterRoleSelectors");
        if list.is_empty() {
            errors.required(
                &list,
                "at least one clusterRoleSelector required if aggregationRule is non-nil",
            );
        }
        for selector in list.items() {
            selectors::selector(&selector, errors);
            if selectors::selects(&selector, &Value::Null).is_none() {
                errors.invalid_as(&selector, "null", "invalid label selector.");
            }
        }
    }
    case.meta().update(errors);
}

fn policy_rule(rule: &At<'_>, namespaced: bool, errors: &mut Errors) {
    if rule.get("verbs").is_empty() {
        errors.required(&rule.get("verbs"), "verbs must contain at least one value");
    }
    let urls = rule.get("nonResourceURLs");
    let empty = |name: &str| rule.get(name).is_empty();
    if !urls.is_empty() {
        if namespaced {
            errors.invalid(&urls, "namespaced rules cannot apply to non-resource URLs");
        }
        if !empty("apiGroups") || !empty("resources") || !empty("resourceNames") {
            errors.invalid(
                &urls,
                "rules cannot apply to both regular resources and non-resource URLs",
            );
        }
        return;
    }
    if empty("apiGroups") {
        errors.required(
            &rule.get("apiGroups"),
            "resource rules must supply at least one api group",
        );
    }
    if empty("resources") {
        errors.required(
            &rule.get("resources"),
            "resource rules must supply at least one resource",
        );
    }
}

fn binding(case: &Case<'_>, errors: &mut Errors) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    case.meta().whole(Name::Segment, errors);
    let reference = case.new.get("roleRef");
    errors.one_of(&reference.get("apiGroup"), &[GROUP]);
    let kinds: &[&str] = if case.kind.namespaced {
        &["Role", "ClusterRole"]
    } else {
        &["ClusterRole"]
    };
    errors.one_of(&reference.get("kind"), kinds);
    let name = reference.get("name");
    if name.is_empty() {
        errors.required(&name, "");
    } else {
        errors.invalid_each(&name, &names::path_segment(name.text(), false));
    }
    for subject in case.new.get("subjects").items() {
        subject_rules(&subject, case.kind.namespaced, errors);
    }
    case.meta().update(errors);
    if let Some(old) = &case.old
        && !reference.same(&old.get("roleRef"))
    {
        errors.invalid_as(
            &reference,
            &internal::show("rbac.RoleRef", reference.value()),
            "cannot change roleRef",
        );
    }
}

fn subject_rules(subject: &At<'_>, namespaced: bool, errors: &mut Errors) {
    let (name, group) = (subject.get("name"), subject.get("apiGroup"));
    if name.is_empty() {
        errors.required(&name, "");
    }
    let group = if group.is_set() {
        group
    } else {
        group.with(&Value::Null)
    };
    match subject.get("kind").text() {
        "ServiceAccount" => {
            if !name.is_empty() {
                errors.invalid_each(&name, &names::subdomain(name.text()));
            }
            if !group.is_empty() {
                errors.unsupported(&group, &[""]);
            }
            if !namespaced && subject.get("namespace").is_empty() {
                errors.required(&subject.get("namespace"), "");
            }
        }
        "User" | "Group" => {
            if group.text() != "rbac.authorization.k8s.io" {
                errors.unsupported_as(&group, &quote(group.text()), &["rbac.authorization.k8s.io"]);
            }
        }
        other => {
            let kinds = ["ServiceAccount", "User", "Group"];
            errors.unsupported_as(&subject.get("kind"), &quote(other), &kinds);
        }
    }
}

fn lease(case: &Case<'_>, errors: &mut Errors) {
    if case.old.is_some() {
        case.meta().plain_update(errors);
    } else {
        case.meta().plain(Name::Subdomain, errors);
    }
    let spec = case.new.get("spec");
    let duration = spec.get("leaseDurationSeconds");
    if duration.int().is_some_and(|n| n <= 0) {
        errors.invalid(&duration, "must be greater than 0");
    }
    errors.not_negative(&spec.get("leaseTransitions"));
    if !spec.get("preferredHolder").is_empty() && spec.get("strategy").is_empty() {
        errors.forbidden(
            &spec.get("preferredHolder"),
            "may only be specified if `strategy` is defined",
        );
    }
}

fn runtime_class(case: &Case<'_>, errors: &mut Errors) {
    let handler = case.new.get("handler");
    if let Some(old) = &case.old {
        case.meta().plain_update(errors);
        return errors.immutable(&handler, &old.get("handler"));
    }
    case.meta().plain(Name::Subdomain, errors);
    if handler.is_empty() {
        errors.required(&handler, "");
    } else {
        errors.invalid_each(&handler, &names::label(handler.text()));
    }
    selectors::labels(&case.new.get("scheduling.nodeSelector"), errors);
}

fn priority_class(case: &Case<'_>, errors: &mut Errors) {
    let (value, policy) = (case.new.get("value"), case.new.get("preemptionPolicy"));
    if let Some(old) = &case.old {
        case.meta().update(errors);
        if value.number() != old.get("value").number() {
            errors.forbidden(&value, "may not be changed in an update.");
        }
        return errors.immutable(&policy, &old.get("preemptionPolicy"));
    }
    case.meta().whole(Name::Subdomain, errors);
    let name = case.new.get("metadata.name");
    if name.text().starts_with("system-") {
        let known = [
            ("system-node-critical", 2_000_001_000),
            ("system-cluster-critical", 2_000_000_000),
        ];
        if !known.contains(&(name.text(), value.number())) {
            let text = "priority class names with 'system-' prefix are reserved for system use only. error: ";
            let cause = match known.iter().find(|(n, _)| *n == name.text()) {
                Some((n, v)) => format!("value of {n} PriorityClass must be {v}"),
                None => format!("{} is not a known system priority class", name.text()),
            };
            errors.forbidden(&name, &format!("{text}{cause}"));
        }
    } else if value.number() > 1_000_000_000 {
        errors.forbidden(
            &value,
            "maximum allowed value of a user defined priority is 1000000000",
        );
    }
    if policy.is_set() {
        match policy.text() {
            "" => errors.required(&policy, ""),
            "PreemptLowerPriority" | "Never" => {}
            _ => errors.unsupported(&policy, &["PreemptLowerPriority", "Never"]),
        }
    }
}

fn budget(case: &Case<'_>, errors: &mut Errors) {
    if case.subresource == "status" {
        case.meta().update(errors);
        for name in [
            "disruptionsAllowed",
            "currentHealthy",
            "desiredHealthy",
            "expectedPods",
        ] {
            errors.not_negative(&case.new.get("status").get(name));
        }
        return;
    }
    let spec = case.new.get("spec");
    let (least, most) = (spec.get("minAvailable"), spec.get("maxUnavailable"));
    if least.is_set() && most.is_set() {
        let shown = internal::show("policy.PodDisruptionBudgetSpec", spec.value());
        errors.invalid_as(
            &spec,
            &shown,
            "minAvailable and maxUnavailable cannot be both set",
        );
    }
    for amount in [least, most] {
        if amount.is_set() {
            int_or_percent(&amount, errors);
            at_most_all(&amount, errors);
        }
    }
    selectors::selector(&spec.get("selector"), errors);
    let policy = spec.get("unhealthyPodEvictionPolicy");
    if policy.is_set() {
        errors.one_of(&policy, &["AlwaysAllow", "IfHealthyBudget"]);
    }
}

/// A number or a share that is not negative.
pub(super) fn int_or_percent(at: &At<'_>, errors: &mut Errors) {
    match at.value() {
        Value::String(text) => errors.invalid_each(at, &names::percent(text)),
        _ => errors.not_negative(at),
    }
}

/// The number of a share, if it is one.
pub(super) fn percent(at: &At<'_>) -> Option<i64> {
    let text = at.value().as_str().filter(|t| names::percent(t).is_empty())?;
    text.trim_end_matches('%').parse().ok()
}

/// A share is at most everything.
pub(super) fn at_most_all(at: &At<'_>, errors: &mut Errors) {
    if percent(at).is_some_and(|p| p > 100) {
        errors.invalid(at, "must not be greater than 100%");
    }
}
