//! Which requests a webhook or a policy wants to see.

use std::sync::Arc;

use manifest::labels::Selector;
use serde_json::Value;

use crate::{call::Call, kinds, names, resource::Model, store::Key};

/// A write as admission sees it: creations have no old object, deletions no new one.
#[derive(Clone, Copy)]
pub(super) struct Write<'a> {
    pub(super) operation: &'static str,
    pub(super) name: &'a str,
    pub(super) object: Option<&'a Value>,
    pub(super) old: Option<&'a Value>,
}

impl<'a> Write<'a> {
    pub(super) fn of(object: &'a Value, old: Option<&'a Value>) -> Self {
        Self {
            operation: if old.is_some() { "UPDATE" } else { "CREATE" },
            name: manifest::object::name(object),
            object: Some(object),
            old,
        }
    }

    pub(super) fn deletion(old: &'a Value, name: &'a str) -> Self {
        Self {
            operation: "DELETE",
            name,
            object: None,
            old: Some(old),
        }
    }
}

/// Webhooks and policies are never asked about themselves: one could lock everybody out.
pub(super) fn exempt(call: &Call<'_>) -> bool {
    const OWN: [&str; 6] = [
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
    ];
    let gvr = &call.resource.gvr;
    gvr.group == "admissionregistration.k8s.io" && OWN.contains(&gvr.resource.as_str())
}

/// Whether a webhook's, policy's or binding's selectors and rules (under `rules`) speak of the write.
pub(super) fn matches(call: &Call<'_>, own: &Value, rules: &str, write: Write<'_>) -> bool {
    in_namespaces(call, own, write) && has_labels(own, write) && by_rules(call, own, rules, write)
}

fn selector(own: &Value, key: &str) -> Option<Selector> {
    let given = own.get(key).filter(|given| !given.is_null())?;
    // One that cannot be read was refused when it was written.
    Selector::from_object(given)
        .ok()
        .filter(|selector| !selector.is_empty())
}

fn in_namespaces(call: &Call<'_>, own: &Value, write: Write<'_>) -> bool {
    let Some(selector) = selector(own, "namespaceSelector") else {
        return true;
    };
    if call.resource.is("", "namespaces") {
        let namespace = write.object.or(write.old);
        return selector.matches(namespace.and_then(manifest::object::labels));
    }
    if !call.resource.namespaced {
        return true;
    }
    namespace(call).is_some_and(|namespace| selector.matches(manifest::object::labels(&namespace)))
}

/// The namespace of the request.
pub(super) fn namespace(call: &Call<'_>) -> Option<Arc<Value>> {
    call.core
        .stored(names::NAMESPACES, &Key::new("", &call.target.namespace))
}

fn has_labels(own: &Value, write: Write<'_>) -> bool {
    let Some(selector) = selector(own, "objectSelector") else {
        return true;
    };
    [write.object, write.old]
        .into_iter()
        .flatten()
        .any(|object| selector.matches(manifest::object::labels(object)))
}

fn by_rules(call: &Call<'_>, own: &Value, rules: &str, write: Write<'_>) -> bool {
    let list = |key: &str| own.get(key).and_then(Value::as_array).into_iter().flatten();
    if list("excludeResourceRules").any(|rule| by_rule(call, rule, own, write)) {
        return false;
    }
    // A binding without rules narrows nothing.
    let open = rules == "resourceRules" && own.get(rules).is_none();
    open || list(rules).any(|rule| by_rule(call, rule, own, write))
}

fn by_rule(call: &Call<'_>, rule: &Value, own: &Value, write: Write<'_>) -> bool {
    let has = |key: &str, wanted: &str| {
        let list = rule.get(key).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .any(|own| own == "*" || own == wanted)
    };
    let scope = match rule.get("scope").and_then(Value::as_str) {
        Some("Namespaced") => call.resource.namespaced,
        Some("Cluster") => !call.resource.namespaced,
        _ => true,
    };
    let named = rule.get("resourceNames").and_then(Value::as_array);
    let by_name = named
        .is_none_or(|names| names.is_empty() || names.iter().any(|name| name.as_str() == Some(write.name)));
    let resources = rule.get("resources").and_then(Value::as_array);
    let by_resource = resources
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .any(|pattern| resource_matches(pattern, &call.resource.gvr.resource, &call.target.subresource));
    let exact = own.get("matchPolicy").and_then(Value::as_str) == Some("Exact");
    let by_version = versions(call, exact)
        .iter()
        .any(|(group, version)| has("apiGroups", group) && has("apiVersions", version));
    scope && by_name && by_resource && by_version && has("operations", write.operation)
}

/// `pods`, `pods/*`, `*`, `*/status`, `*/*`.
fn resource_matches(pattern: &str, resource: &str, subresource: &str) -> bool {
    match pattern.split_once('/') {
        None => subresource.is_empty() && (pattern == "*" || pattern == resource),
        Some((own, below)) => {
            (own == "*" || own == resource)
                && (below == "*" || !subresource.is_empty() && below == subresource)
        }
    }
}

/// The group versions under which the request may be seen: its own, and unless it must be exact, all of its kind.
fn versions(call: &Call<'_>, exact: bool) -> Vec<(String, String)> {
    let gvr = &call.resource.gvr;
    let own = (gvr.group.clone(), gvr.version.clone());
    if exact {
        return vec![own];
    }
    let others: Vec<(String, String)> = match &call.resource.model {
        Model::Builtin(kind) => kinds::all()
            .iter()
            .filter(|other| other.storage == kind.storage && other.kind == kind.kind)
            .map(|other| (other.group.to_owned(), other.version.to_owned()))
            .collect(),
        Model::Custom(definition, _) => definition
            .versions
            .iter()
            .filter(|version| version.served)
            .map(|version| (definition.group.clone(), version.name.clone()))
            .collect(),
    };
    std::iter::once(own).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::resource_matches;

    #[test]
    fn a_star_alone_stands_for_no_subresource() {
        assert!(resource_matches("*", "pods", ""));
        assert!(!resource_matches("*", "pods", "status"));
        assert!(resource_matches("*/*", "pods", "status") && resource_matches("*/*", "pods", ""));
        assert!(resource_matches("pods/*", "pods", "exec"));
        assert!(resource_matches("*/scale", "deployments", "scale"));
        assert!(!resource_matches("deployments/scale", "deployments", ""));
    }
}
