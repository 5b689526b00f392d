//! Where pods may run.

use super::{at::At, errors::Errors, names, selectors};

/// An `Affinity`.
pub(super) fn affinity(at: &At<'_>, errors: &mut Errors) {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
    let node = at.get("nodeAffinity");
    let required = node.get(REQUIRED);
    if required.is_set() {
        node_selector(&required, errors);
    }
    for term in node.get(PREFERRED).items() {
        weight(&term.get("weight"), errors);
        node_term(&term.get("preference"), errors);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        for term in at.get(kind).get(REQUIRED).items() {
            pod_term(&term, errors);
        }
        for term in at.get(kind).get(PREFERRED).items() {
            weight(&term.get("weight"), errors);
            pod_term(&term.get("podAffinityTerm"), errors);
        }
    }
}

/// A `NodeSelector`.
pub(super) fn node_selector(at: &At<'_>, errors: &mut Errors) {
    let terms = at.get("nodeSelectorTerms");
    if terms.is_empty() {
        return errors.required(&terms, "must have at least one node selector term");
    }
    terms.items().for_each(|term| node_term(&term, errors));
}

fn weight(at: &At<'_>, errors: &mut Errors) {
    if !(1..=100).contains(&at.number()) {
        errors.invalid(at, "must be in the range 1-100");
    }
}

fn node_term(at: &At<'_>, errors: &mut Errors) {
    for requirement in at.get("matchExpressions").items() {
        let (values, operator) = (requirement.get("values"), requirement.get("operator"));
        match operator.text() {
            "In" | "NotIn" if values.is_empty() => {
                errors.required(&values, "must be specified when `operator` is 'In' or 'NotIn'");
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                errors.forbidden(
                    &values,
                    "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
                );
            }
            "Gt" | "Lt" if values.len() != 1 => {
                errors.required(
                    &values,
                    "must be specified single value when `operator` is 'Lt' or 'Gt'",
                );
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
            _ => errors.invalid(&operator, "not a valid selector operator"),
        }
        let key = requirement.get("key");
        errors.invalid_each(&key, &names::qualified(key.text()));
    }
    for requirement in at.get("matchFields").items() {
        let operator = requirement.get("operator");
        if ["In", "NotIn"].contains(&operator.text()) {
            if requirement.get("values").len() != 1 {
                let text =
                    "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
                errors.required(&requirement.get("values"), text);
            }
        } else {
            errors.invalid(&operator, "not a valid selector operator");
        }
        if requirement.get("key").text() != "metadata.name" {
            errors.invalid(&requirement.get("key"), "not a valid field selector key");
        }
    }
}

fn pod_term(at: &At<'_>, errors: &mut Errors) {
    selectors::selector(&at.get("labelSelector"), errors);
    selectors::selector(&at.get("namespaceSelector"), errors);
    for namespace in at.get("namespaces").items() {
        // QUIRK: the path says `namespace` and has no index.
        let place = At::new(format!("{}.namespace", at.path()), namespace.value());
        errors.invalid_each(&place, &names::label(namespace.text()));
    }
    let key = at.get("topologyKey");
    if key.is_empty() {
        errors.required(&key, "can not be empty");
    }
    for message in names::qualified(key.text()) {
        errors.invalid_as(&key, &super::errors::quote(key.text()), &message);
    }
}

/// `schedulingGates`.
pub(super) fn gates(list: &At<'_>, errors: &mut Errors) {
    let mut seen = std::collections::BTreeSet::new();
    for gate in list.items() {
        let name = gate.get("name");
        errors.invalid_each(&gate.with(name.value()), &names::qualified(name.text()));
        if !seen.insert(name.text()) {
            errors.duplicate(&gate.with(name.value()));
        }
    }
}

/// `topologySpreadConstraints`.
pub(super) fn spread(list: &At<'_>, errors: &mut Errors) {
    let all: Vec<At<'_>> = list.items().collect();
    for (i, constraint) in all.iter().enumerate() {
        let skew = constraint.get("maxSkew");
        if skew.number() <= 0 {
            errors.invalid(&skew, "must be greater than zero");
        }
        let (key, when) = (constraint.get("topologyKey"), constraint.get("whenUnsatisfiable"));
        if key.is_empty() {
            errors.required(&key, "can not be empty");
        }
        errors.one_of(&when, &["DoNotSchedule", "ScheduleAnyway"]);
        let pair = (key.text(), when.text());
        let again = all[i + 1..]
            .iter()
            .any(|c| (c.get("topologyKey").text(), c.get("whenUnsatisfiable").text()) == pair);
        if again {
            let place = constraint.get("{topologyKey, whenUnsatisfiable}");
            let shown = format!("{{{}, {}}}", pair.0, pair.1);
            errors.duplicate_as(&place, &super::errors::quote(&shown), "");
        }
        let domains = constraint.get("minDomains");
        if domains.int().is_some_and(|n| n <= 0) {
            errors.invalid(&domains, "must be greater than 0");
        }
        if domains.is_set() && when.text() != "DoNotSchedule" {
            errors.invalid(
                &domains,
                "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway",
            );
        }
        for name in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            if constraint.get(name).is_set() {
                errors.one_of(&constraint.get(name), &["Honor", "Ignore"]);
            }
        }
        selectors::selector(&constraint.get("labelSelector"), errors);
    }
}

/// `tolerations`.
pub(super) fn tolerations(list: &At<'_>, errors: &mut Errors) {
    for toleration in list.items() {
        let part = |name: &str| toleration.get(name);
        let (key, operator, value, effect) = (part("key"), part("operator"), part("value"), part("effect"));
        if !key.is_empty() {
            errors.invalid_each(&key, &names::qualified(key.text()));
        }
        if key.is_empty() && operator.text() != "Exists" {
            let text =
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.invalid_as(&operator, &super::errors::quote(operator.text()), text);
        }
        if part("tolerationSeconds").is_set() && effect.text() != "NoExecute" {
            let text = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            errors.invalid_as(&effect, &super::errors::quote(effect.text()), text);
        }
        match operator.text() {
            "" | "Equal" => {
                let messages = names::label_value(value.text());
                if !messages.is_empty() {
                    errors.invalid(&operator.with(value.value()), &messages.join(";"));
                }
            }
            "Exists" if !value.is_empty() => {
                errors.invalid(
                    &operator.with(value.value()),
                    "value must be empty when `operator` is 'Exists'",
                );
            }
            "Exists" => {}
            "Lt" | "Gt" => errors.unsupported(&operator, &["Equal", "Exists", "Lt", "Gt"]),
            _ => errors.unsupported(&operator, &["Equal", "Exists"]),
        }
        if !effect.is_empty() {
            errors.one_of(&effect, &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
        }
    }
}
