//! What of a pod may change.

use serde_json::{Value, json};

use super::{
    Case,
    at::At,
    errors::{Errors, show},
    internal, pod,
};

const ONLY: &str = "pod updates may not change fields other than `spec.containers[*].image`,\
                    `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to \
                    existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was \
                    previously negative)";

/// Judges pods; false for other kinds.
pub(super) fn rules(case: &Case<'_>, errors: &mut Errors) -> bool {
    if case.kind.kind != "Pod" {
        return false;
    }
    match (&case.old, case.subresource) {
        (None, _) => pod::create(&case.meta(), errors),
        (Some(_), "status") => {
            case.meta().update(errors);
        }
        (Some(old), "") => update(case, old, errors),
        (Some(_), _) => {
            case.meta().update(errors);
            pod::whole(&case.meta(), errors);
        }
    }
    true
}

fn update(case: &Case<'_>, old: &At<'_>, errors: &mut Errors) {
    case.meta().update(errors);
    pod::whole(&case.meta(), errors);
    let (spec, before) = (case.new.get("spec"), old.get("spec"));
    for list in ["containers", "initContainers"] {
        if containers(&spec.get(list), &before.get(list), errors) {
            return;
        }
    }
    if deadline(
        &spec.get("activeDeadlineSeconds"),
        &before.get("activeDeadlineSeconds"),
        errors,
    ) {
        return;
    }
    tolerations(&spec.get("tolerations"), &before.get("tolerations"), errors);
    gates(
        &spec.get("schedulingGates"),
        &before.get("schedulingGates"),
        errors,
    );
    if spec.same(&before) {
        return;
    }
    let allowed = with_old_where_free(spec.value(), before.value());
    let allowed = spec.with(&allowed);
    if !allowed.same(&before) {
        let difference = internal::difference("core.PodSpec", &before, &allowed);
        errors.forbidden(&spec, &format!("{ONLY}\n{difference}"));
    }
}

/// Whether the rest cannot be judged.
fn containers(list: &At<'_>, before: &At<'_>, errors: &mut Errors) -> bool {
    if list.len() != before.len() {
        errors.forbidden(list, "pod updates may not add or remove containers");
        return true;
    }
    for container in list.items() {
        let image = container.get("image");
        if image.is_empty() {
            errors.required(&image, "");
        }
        if image.text().trim() != image.text() {
            errors.invalid(&image, "must not have leading or trailing whitespace");
        }
    }
    false
}

fn deadline(at: &At<'_>, before: &At<'_>, errors: &mut Errors) -> bool {
    match (at.int(), before.int()) {
        (Some(n), _) if !(0..=i64::from(i32::MAX)).contains(&n) => {
            errors.invalid(at, "must be between 0 and 2147483647, inclusive");
            true
        }
        (Some(n), Some(old)) if old < n => {
            errors.invalid(at, "must be less than or equal to previous value");
            true
        }
        (None, Some(_)) => {
            errors.invalid_as(
                at,
                &show(&Value::Null),
                "must not update from a positive integer to nil value",
            );
            false
        }
        _ => false,
    }
}

fn tolerations(list: &At<'_>, before: &At<'_>, errors: &mut Errors) {
    let key = |t: &At<'_>| {
        let mut value = t.value().clone();
        if let Some(map) = value.as_object_mut() {
            map.remove("tolerationSeconds");
        }
        value
    };
    for old in before.items() {
        if !list.items().any(|t| key(&t) == key(&old)) {
            let text = "existing toleration can not be modified except its tolerationSeconds";
            return errors.forbidden(list, text);
        }
    }
}

fn gates(list: &At<'_>, before: &At<'_>, errors: &mut Errors) {
    for gate in list.items() {
        let name = gate.get("name");
        if !before.items().any(|g| g.get("name").text() == name.text()) {
            errors.forbidden(
                &gate,
                &format!(
                    "only deletion is allowed, but found new scheduling gate '{}'",
                    name.text()
                ),
            );
        }
    }
}

/// The new specification with the old values of what may change.
fn with_old_where_free(new: &Value, old: &Value) -> Value {
    let mut out = new.clone();
    for list in ["containers", "initContainers"] {
        let before = old
            .get(list)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let containers = out
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten();
        for (container, before) in containers.zip(before) {
            container["image"] = before.get("image").cloned().unwrap_or_default();
        }
    }
    for member in ["activeDeadlineSeconds", "schedulingGates", "tolerations"] {
        match (old.get(member), out.as_object_mut()) {
            (Some(value), Some(map)) => map.insert(member.to_owned(), value.clone()),
            (None, Some(map)) => map.remove(member),
            _ => None,
        };
    }
    let grace = old.get("terminationGracePeriodSeconds");
    if grace.and_then(Value::as_i64).is_some_and(|n| n < 0)
        && out["terminationGracePeriodSeconds"] == json!(1)
    {
        out["terminationGracePeriodSeconds"] = grace.cloned().unwrap_or_default();
    }
    out
}
