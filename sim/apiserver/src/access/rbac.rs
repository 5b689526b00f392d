//! Role based access: bindings, roles and their rules.

use std::{ops::ControlFlow, sync::Arc};

use kube_schema::gotext::{aggregate, quote};
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

/// What the rules say, and maybe why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Verdict {
    pub(crate) allowed: bool,
    /// The binding that allows it; of a refusal the roles that could not be found.
    pub(crate) reason: String,
}

/// A rule that applies to a user, with the binding and the subject that make it so.
pub(crate) struct Grant<'a> {
    pub(crate) rule: &'a Value,
    binding: &'a Value,
    subject: &'a Value,
}

const CLUSTER_ROLES: &str = "clusterroles.rbac.authorization.k8s.io";
const ROLES: &str = "roles.rbac.authorization.k8s.io";
const CLUSTER_BINDINGS: &str = "clusterrolebindings.rbac.authorization.k8s.io";
const BINDINGS: &str = "rolebindings.rbac.authorization.k8s.io";

/// Members of this group may do everything, whatever the rules say.
pub(crate) const MASTERS: &str = "system:masters";

/// Whether some rule lets the user do it.
pub(crate) fn allowed(core: &Core, user: &User, action: &Action<'_>) -> bool {
    judge(core, user, action).allowed
}

/// What the rules say about an action.
pub(crate) fn judge(core: &Core, user: &User, action: &Action<'_>) -> Verdict {
    decide(core, user, action.namespace, &mut |grant| {
        covers(grant.rule, action)
    })
}

/// The same, where an allowance says its reason too.
pub(crate) fn explain(core: &Core, user: &User, action: &Action<'_>) -> Verdict {
    explained(core, user, action.namespace, &|rule| covers(rule, action))
}

/// What the rules say about a path that is no resource.
pub(crate) fn judge_path(core: &Core, user: &User, verb: &str, path: &str) -> Verdict {
    decide(core, user, "", &mut |grant| opens(grant.rule, verb, path))
}

/// The same, where an allowance says its reason too.
pub(crate) fn explain_path(core: &Core, user: &User, verb: &str, path: &str) -> Verdict {
    explained(core, user, "", &|rule| opens(rule, verb, path))
}

fn opens(rule: &Value, verb: &str, path: &str) -> bool {
    has(rule, "verbs", verb) && strings(rule, "nonResourceURLs").any(|own| path_covers(own, path))
}

/// Whether a path of a rule, maybe with a `*` at its end, is or covers another.
pub(crate) fn path_covers(own: &str, path: &str) -> bool {
    own == path
        || own
            .strip_suffix('*')
            .is_some_and(|prefix| path.starts_with(prefix))
}

/// The verdict with the reason of an allowance.
fn explained(core: &Core, user: &User, namespace: &str, applies: &dyn Fn(&Value) -> bool) -> Verdict {
    let mut reason = String::new();
    let mut verdict = decide(core, user, namespace, &mut |grant| {
        let found = applies(grant.rule);
        if found {
            reason = format!("RBAC: allowed by {}", describe(grant));
        }
        found
    });
    if verdict.allowed {
        verdict.reason = reason;
    }
    verdict
}

/// Looks for a rule that applies, no further than the first; only a refusal says its reason.
fn decide(core: &Core, user: &User, namespace: &str, applies: &mut dyn FnMut(&Grant<'_>) -> bool) -> Verdict {
    if user.in_group(MASTERS) {
        return Verdict {
            allowed: true,
            reason: String::new(),
        };
    }
    let mut allowed = false;
    let missing = each_grant(core, user, namespace, &mut |grant| {
        allowed = applies(&grant);
        if allowed {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let reason = if allowed || missing.is_empty() {
        String::new()
    } else {
        format!("RBAC: {}", aggregate(&missing))
    };
    Verdict { allowed, reason }
}

fn describe(grant: &Grant<'_>) -> String {
    let text = |value: &Value, key: &str| {
        value
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (binding, subject) = (grant.binding, grant.subject);
    let namespace = manifest::object::namespace(binding);
    let name = manifest::object::name(binding);
    let (kind, name) = if namespace.is_empty() {
        ("ClusterRoleBinding", name.to_owned())
    } else {
        ("RoleBinding", format!("{name}/{namespace}"))
    };
    let role = binding.get("roleRef").unwrap_or(&Value::Null);
    let mut who = text(subject, "name");
    if text(subject, "kind") == "ServiceAccount" {
        who = format!("{who}/{}", text(subject, "namespace"));
    }
    format!(
        "{kind} {} of {} {} to {} {}",
        quote(&name),
        text(role, "kind"),
        quote(&text(role, "name")),
        text(subject, "kind"),
        quote(&who),
    )
}

/// Visits every rule that applies to the user in a namespace, cluster-wide ones included, until it is told to stop; the
/// answer names the roles that bindings speak of and nobody has made.
pub(crate) fn each_grant(
    core: &Core,
    user: &User,
    namespace: &str,
    visit: &mut dyn FnMut(Grant<'_>) -> ControlFlow<()>,
) -> Vec<String> {
    let mut missing = Vec::new();
    let account = user::parse_service_account(&user.name);
    for binding in core.table(CLUSTER_BINDINGS).values() {
        if let Some(subject) = subject(binding, user, account, "")
            && grants(core, binding, subject, "", visit, &mut missing).is_break()
        {
            return missing;
        }
    }
    if namespace.is_empty() {
        return missing;
    }
    for (_, binding) in in_namespace(&core.table(BINDINGS), namespace) {
        if let Some(subject) = subject(binding, user, account, namespace)
            && grants(core, binding, subject, namespace, visit, &mut missing).is_break()
        {
            return missing;
        }
    }
    missing
}

fn grants(
    core: &Core,
    binding: &Arc<Value>,
    subject: &Value,
    namespace: &str,
    visit: &mut dyn FnMut(Grant<'_>) -> ControlFlow<()>,
    missing: &mut Vec<String>,
) -> ControlFlow<()> {
    let reference = binding.get("roleRef").unwrap_or(&Value::Null);
    match referenced(core, reference, namespace) {
        Ok(role) => rules(&role).try_for_each(|rule| {
            visit(Grant {
                rule,
                binding,
                subject,
            })
        }),
        Err(text) => {
            missing.push(text);
            ControlFlow::Continue(())
        }
    }
}

/// The role that a binding speaks of, or the text that says it is not there.
pub(crate) fn referenced(core: &Core, reference: &Value, namespace: &str) -> Result<Arc<Value>, String> {
    let text = |key: &str| reference.get(key).and_then(Value::as_str).unwrap_or_default();
    let name = text("name");
    let (table, kind, key) = match text("kind") {
        "ClusterRole" => (CLUSTER_ROLES, "clusterrole", Key::new("", name)),
        _ => (ROLES, "role", Key::new(namespace, name)),
    };
    core.stored(table, &key)
        .ok_or_else(|| format!("{kind}.rbac.authorization.k8s.io {} not found", quote(name)))
}

/// The rules of a role.
pub(crate) fn rules(role: &Value) -> impl Iterator<Item = &Value> {
    role.get("rules").and_then(Value::as_array).into_iter().flatten()
}

/// The subject of a binding that the user is.
fn subject<'a>(
    binding: &'a Value,
    user: &User,
    account: Option<(&str, &str)>,
    namespace: &str,
) -> Option<&'a Value> {
    let subjects = binding.get("subjects").and_then(Value::as_array);
    subjects.into_iter().flatten().find(|subject| {
        let text = |key: &str| subject.get(key).and_then(Value::as_str).unwrap_or_default();
        match text("kind") {
            "User" => text("name") == user.name,
            "Group" => user.in_group(text("name")),
            "ServiceAccount" => account.is_some_and(|(own, name)| {
                let asked = text("namespace");
                name == text("name") && own == if asked.is_empty() { namespace } else { asked }
            }),
            _ => false,
        }
    })
}

pub(crate) fn strings<'a>(rule: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
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
