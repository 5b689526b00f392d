//! Labels and selectors of labels.

use serde_json::Value;

use super::{
    at::At,
    errors::{Errors, quote},
    meta::ordered,
    names,
};

/// Names and values of labels.
pub(super) fn labels(at: &At<'_>, errors: &mut Errors) {
    for (name, value) in at.entries() {
        for message in names::qualified(name) {
            errors.invalid_as(at, &quote(name), &message);
        }
        for message in names::label_value(value.text()) {
            errors.invalid_as(at, &quote(value.text()), &message);
        }
    }
}

/// A `LabelSelector`.
pub(super) fn selector(at: &At<'_>, errors: &mut Errors) {
    labels(&at.get("matchLabels"), errors);
    for requirement in at.get("matchExpressions").items() {
        let values = requirement.get("values");
        let operator = requirement.get("operator");
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
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => errors.invalid_as(&operator, &quote(other), "not a valid selector operator"),
        }
        let key = requirement.get("key");
        for message in names::qualified(key.text()) {
            errors.invalid_as(&key, &quote(key.text()), &message);
        }
        for value in values.items() {
            errors.invalid_each(&value, &names::label_value(value.text()));
        }
    }
}

/// A selector as it is printed.
pub(super) fn shown(at: &At<'_>) -> String {
    if at.is_set() {
        ordered("meta/v1.LabelSelector", at.value())
    } else {
        "null".into()
    }
}

/// Whether it selects nothing because it says nothing.
pub(super) fn says_nothing(at: &At<'_>) -> bool {
    at.get("matchLabels").is_empty() && at.get("matchExpressions").is_empty()
}

/// Whether these labels are selected; `None` if the selector cannot be understood. No selector selects nothing.
pub(super) fn selects(at: &At<'_>, labels: &Value) -> Option<bool> {
    if !at.is_set() {
        return Some(false);
    }
    let mut all = at
        .get("matchLabels")
        .entries()
        .all(|(k, v)| labels.get(k) == Some(v.value()));
    for (name, value) in at.get("matchLabels").entries() {
        if !names::qualified(name).is_empty() || !names::label_value(value.text()).is_empty() {
            return None;
        }
    }
    for requirement in at.get("matchExpressions").items() {
        let (key, values) = (requirement.get("key").text(), requirement.get("values"));
        let found = labels.get(key);
        let listed = found.is_some_and(|v| values.items().any(|x| x.value() == v));
        if !names::qualified(key).is_empty()
            || values.items().any(|v| !names::label_value(v.text()).is_empty())
        {
            return None;
        }
        all &= match (requirement.get("operator").text(), values.is_empty()) {
            ("In", false) => listed,
            ("NotIn", false) => !listed,
            ("Exists", true) => found.is_some(),
            ("DoesNotExist", true) => found.is_none(),
            _ => return None,
        };
    }
    Some(all)
}
