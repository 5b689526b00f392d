//! Role based access: bindings, roles and their rules.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    core::Core,
    store::{Key, in_namespace},
    user::{self, User},
};

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Action<'a> {
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) subresource: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

const CLUSTER_ROLES: &str = "clusterroles.rbac.authorization.k8s.io";
const ROLES: &str = "roles.rbac.authorization.k8s.io";
const CLUSTER_BINDINGS: &str = "clusterrolebindings.rbac.authorization.k8s.io";
const BINDINGS: &str = "rolebindings.rbac.authorization.k8s.io";

/// Whether some rule lets the user do it.
pub(crate) fn allowed(core: &Core, user: &User, action: &Action<'_>) -> bool {
    if user.in_group("system:masters") {
        return true;
    }
    let mut found = false;
    each_rule(core, user, action.namespace, &mut |rule| {
        found |= covers(rule, action)
    });
    found
}

/// Whether some rule lets the user see a path that is no resource.
pub(crate) fn path_allowed(core: &Core, user: &User, method: &str, path: &str) -> bool {
    const OPEN: [&str; 5] = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
    const DISCOVERY: [&str; 4] = ["/api", "/apis", "/openapi", "/.well-known"];
    let reads = matches!(method, "GET" | "HEAD");
    if user.in_group("system:masters") || reads && OPEN.contains(&path) {
        return true;
    }
    let inside =
        |root: &&str| path == *root || path.strip_prefix(*root).is_some_and(|rest| rest.starts_with('/'));
    if reads && user.in_group("system:authenticated") && DISCOVERY.iter().any(inside) {
        return true;
    }
    let verb = method.to_ascii_lowercase();
    let mut found = false;
    each_rule(core, user, "", &mut |rule| {
        found |= has(rule, "verbs", &verb)
            && strings(rule, "nonResourceURLs").any(|own| {
                own == path
                    || own == "*"
                    || own
                        .strip_suffix('*')
                        .is_some_and(|prefix| path.starts_with(prefix))
            });
    });
    found
}

/// Every rule that applies to the user in a namespace, cluster-wide ones included.
pub(crate) fn each_rule(core: &Core, user: &User, namespace: &str, visit: &mut dyn FnMut(&Value)) {
    for binding in core.table(CLUSTER_BINDINGS).values() {
        if names(binding, user, "") {
            rules(core, binding, "", visit);
        }
    }
    if namespace.is_empty() {
        return;
    }
    for (_, binding) in in_namespace(&core.table(BINDINGS), namespace) {
        if names(binding, user, namespace) {
            rules(core, binding, namespace, visit);
        }
    }
}

fn rules(core: &Core, binding: &Arc<Value>, namespace: &str, visit: &mut dyn FnMut(&Value)) {
    let text = |pointer: &str| {
        binding
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let name = text("/roleRef/name");
    let role = match text("/roleRef/kind") {
        "ClusterRole" => core.stored(CLUSTER_ROLES, &Key::new("", name)),
        _ => core.stored(ROLES, &Key::new(namespace, name)),
    };
    let list = role
        .as_deref()
        .and_then(|role| role.get("rules"))
        .and_then(Value::as_array);
    list.into_iter().flatten().for_each(visit);
}

/// Whether a binding speaks of the user.
fn names(binding: &Value, user: &User, namespace: &str) -> bool {
    let subjects = binding.get("subjects").and_then(Value::as_array);
    subjects.into_iter().flatten().any(|subject| {
        let text = |key: &str| subject.get(key).and_then(Value::as_str).unwrap_or_default();
        match text("kind") {
            "User" => text("name") == user.name,
            "Group" => user.in_group(text("name")),
            "ServiceAccount" => user::parse_service_account(&user.name).is_some_and(|(own, name)| {
                let asked = text("namespace");
                name == text("name") && own == if asked.is_empty() { namespace } else { asked }
            }),
            _ => false,
        }
    })
}

fn strings<'a>(rule: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    rule.get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

fn has(rule: &Value, key: &str, wanted: &str) -> bool {
    strings(rule, key).any(|own| own == "*" || own == wanted)
}

fn covers(rule: &Value, action: &Action<'_>) -> bool {
    has(rule, "verbs", action.verb)
        && has(rule, "apiGroups", action.group)
        && strings(rule, "resources").any(|own| resource_covers(own, action))
        && (strings(rule, "resourceNames").next().is_none()
            || strings(rule, "resourceNames").any(|own| !action.name.is_empty() && own == action.name))
}

fn resource_covers(own: &str, action: &Action<'_>) -> bool {
    if own == "*" {
        return true;
    }
    if action.subresource.is_empty() {
        return own == action.resource;
    }
    match own.split_once('/') {
        Some(("*", subresource)) => subresource == action.subresource,
        Some((resource, subresource)) => resource == action.resource && subresource == action.subresource,
        None => false,
    }
}
