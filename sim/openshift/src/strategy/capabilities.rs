//! Which capabilities a container gains and gives up.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{constraint::Constraint, context, problem::invalid};

fn names(capabilities: Option<&Value>, key: &str) -> Vec<String> {
    let list = capabilities
        .and_then(|own| own.get(key))
        .and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// The capabilities of a container with what the constraint adds and drops; `None` if that changes nothing.
pub(crate) fn generate(own: &Constraint, container: &Value) -> Option<Value> {
    let asked = context::own(container, "capabilities");
    let add: BTreeSet<String> = names(asked, "add").into_iter().collect();
    let drop: BTreeSet<String> = names(asked, "drop").into_iter().collect();
    let added: BTreeSet<String> = own
        .capabilities_added
        .iter()
        .filter(|name| !drop.contains(*name))
        .chain(&add)
        .cloned()
        .collect();
    let dropped: BTreeSet<String> = own.capabilities_dropped.iter().chain(&drop).cloned().collect();
    if added.len() == add.len() && dropped.len() == drop.len() {
        return None;
    }
    let mut next = json!({});
    for (key, set) in [("add", added), ("drop", dropped)] {
        if !set.is_empty() {
            next[key] = set.into_iter().collect();
        }
    }
    Some(next)
}

pub(crate) fn validate(own: &Constraint, path: &str, container: &Value) -> Vec<String> {
    let Some(have) = context::own(container, "capabilities") else {
        if own.capabilities_added.is_empty() && own.capabilities_dropped.is_empty() {
            return Vec::new();
        }
        let detail = "required capabilities are not set on the securityContext";
        return vec![invalid(&format!("{path}.capabilities"), "null", detail)];
    };
    let allowed = &own.capabilities_allowed;
    if allowed.iter().any(|name| name == "*") {
        return Vec::new();
    }
    let dropped = names(Some(have), "drop");
    let refused = names(Some(have), "add")
        .into_iter()
        .filter(|name| !allowed.contains(name) && !own.capabilities_added.contains(name));
    let mut problems: Vec<String> = refused
        .map(|name| {
            invalid(
                &format!("{path}.capabilities.add"),
                format!("{name:?}"),
                "capability may not be added",
            )
        })
        .collect();
    let kept = own
        .capabilities_dropped
        .iter()
        .filter(|name| !dropped.contains(name));
    problems.extend(kept.map(|name| {
        invalid(
            &format!("{path}.capabilities.drop"),
            json!(dropped),
            format!("{name} is required to be dropped but was not found"),
        )
    }));
    problems
}
