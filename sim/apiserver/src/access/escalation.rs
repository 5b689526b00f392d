//! Nobody grants more than they have: the checks on writes to roles and bindings.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use kube_schema::gotext::{aggregate, quote};
use serde_json::{Value, json};

use super::rbac::{self, Action, MASTERS, strings};
use crate::{
    call::Call,
    core::Core,
    failure::{Failure, Outcome},
    limits,
    user::User,
};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Refuses a role or a binding that would give its user's maker rights that the maker lacks.
pub(crate) fn check(call: &Call<'_>, object: &Value, old: Option<&Value>) -> Outcome<()> {
    if call.target.gvr.group != GROUP || !call.target.subresource.is_empty() {
        return Ok(());
    }
    let resource = call.target.gvr.resource.as_str();
    if call.user.in_group(MASTERS) || old.is_some_and(|old| collector_only(object, old)) {
        return Ok(());
    }
    let namespace = call.target.namespace.as_str();
    match resource {
        "roles" | "clusterroles" => role(call, object, namespace),
        "rolebindings" | "clusterrolebindings" => binding(call, object, namespace),
        _ => Ok(()),
    }
}

fn role(call: &Call<'_>, object: &Value, namespace: &str) -> Outcome<()> {
    let escalate = Action {
        verb: "escalate",
        group: GROUP,
        resource: &call.target.gvr.resource,
        subresource: "",
        namespace,
        name: &call.target.name,
    };
    if rbac::allowed(call.core, &call.user, &escalate) {
        return Ok(());
    }
    let name = manifest::object::name(object);
    let rules: Vec<Value> = rbac::rules(object).cloned().collect();
    confirm(call.core, &call.user, namespace, &rules).map_err(|detail| call.forbidden(name, &detail))?;
    let aggregates = object
        .pointer("/aggregationRule/clusterRoleSelectors")
        .and_then(Value::as_array)
        .is_some_and(|selectors| !selectors.is_empty());
    if !aggregates {
        return Ok(());
    }
    let everything = [
        json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}),
        json!({"verbs": ["*"], "nonResourceURLs": ["*"]}),
    ];
    confirm(call.core, &call.user, namespace, &everything).map_err(|_| {
        call.forbidden(
            name,
            "must have cluster-admin privileges to use the aggregationRule",
        )
    })
}

fn binding(call: &Call<'_>, object: &Value, namespace: &str) -> Outcome<()> {
    let reference = object.get("roleRef").unwrap_or(&Value::Null);
    let text = |key: &str| reference.get(key).and_then(Value::as_str).unwrap_or_default();
    let bind = Action {
        verb: "bind",
        group: GROUP,
        resource: if text("kind") == "ClusterRole" {
            "clusterroles"
        } else {
            "roles"
        },
        subresource: "",
        namespace,
        name: text("name"),
    };
    if rbac::allowed(call.core, &call.user, &bind) {
        return Ok(());
    }
    let gvr = &call.target.gvr;
    let role = rbac::referenced(call.core, reference, namespace)
        .map_err(|_| Failure::not_found(&gvr.group, &gvr.resource, text("name")))?;
    let rules: Vec<Value> = rbac::rules(&role).cloned().collect();
    confirm(call.core, &call.user, namespace, &rules)
        .map_err(|detail| call.forbidden(manifest::object::name(object), &detail))
}

/// A change that only lets the garbage collector do its work.
fn collector_only(object: &Value, old: &Value) -> bool {
    let bare = |value: &Value| {
        let mut value = value.clone();
        if let Some(meta) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            for key in [
                "ownerReferences",
                "finalizers",
                "managedFields",
                "resourceVersion",
            ] {
                meta.remove(key);
            }
        }
        value
    };
    bare(object) == bare(old)
}

/// Whether the user holds all of `rules` in the namespace; if not, the text that lists what is missing.
fn confirm(core: &Core, user: &User, namespace: &str, rules: &[Value]) -> Result<(), String> {
    let mut own: Vec<Value> = Vec::new();
    let unresolved = rbac::each_grant(core, user, namespace, &mut |grant| {
        own.push(grant.rule.clone());
        ControlFlow::Continue(())
    });
    // What one rule holds as a whole need not be taken apart.
    let open: Vec<&Value> = rules
        .iter()
        .filter(|rule| !own.iter().any(|held| covers_whole(held, rule)))
        .collect();
    let parts = open
        .iter()
        .fold(0_usize, |sum, rule| sum.saturating_add(count(rule)));
    if parts > limits::PERMISSIONS {
        // DIFFERENCE: the genuine server has no bound but the size of a body.
        return Err(format!(
            "the rules grant {parts} permissions, at most {} can be compared with those of the user",
            limits::PERMISSIONS
        ));
    }
    let missing: Vec<Atom> = open
        .into_iter()
        .flat_map(atoms)
        .filter(|atom| !own.iter().any(|rule| atom.covered_by(rule)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let groups: Vec<String> = user.groups.iter().map(|group| quote(group)).collect();
    let mut text = format!(
        "user {} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
        quote(&user.name),
        groups.join(" "),
        compact(&missing).join("\n")
    );
    if !unresolved.is_empty() {
        text.push_str(&format!("; resolution errors: [{}]", aggregate(&unresolved)));
    }
    Err(text)
}

/// The smallest part of a rule: one verb on one resource or path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Atom {
    verb: String,
    on: On,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum On {
    Resource {
        group: String,
        resource: String,
        name: Option<String>,
    },
    Path(String),
}

/// Into how many parts a rule falls.
fn count(rule: &Value) -> usize {
    let size = |key: &str| strings(rule, key).count();
    let resources = [size("resources"), size("verbs"), size("resourceNames").max(1)]
        .into_iter()
        .fold(size("apiGroups"), usize::saturating_mul);
    resources.saturating_add(size("nonResourceURLs").saturating_mul(size("verbs")))
}

/// Whether one rule holds every part of another.
fn covers_whole(own: &Value, rule: &Value) -> bool {
    let any = |key: &str, wanted: &str| strings(own, key).any(|held| held == "*" || held == wanted);
    let names = || {
        let named = strings(rule, "resourceNames").next().is_some();
        strings(own, "resourceNames").next().is_none()
            || named
                && strings(rule, "resourceNames")
                    .all(|name| strings(own, "resourceNames").any(|held| held == name))
    };
    let resources = strings(rule, "resources").next().is_none()
        || strings(rule, "apiGroups").all(|group| any("apiGroups", group))
            && strings(rule, "resources").all(|resource| resource_covered(own, resource))
            && names();
    strings(rule, "verbs").all(|verb| any("verbs", verb))
        && resources
        && strings(rule, "nonResourceURLs")
            .all(|path| strings(own, "nonResourceURLs").any(|held| rbac::path_covers(held, path)))
}

/// A rule taken apart, in its order.
fn atoms(rule: &Value) -> Vec<Atom> {
    let mut found = Vec::new();
    let names: Vec<Option<String>> = match strings(rule, "resourceNames").collect::<Vec<_>>().as_slice() {
        [] => vec![None],
        names => names.iter().map(|name| Some((*name).to_owned())).collect(),
    };
    for group in strings(rule, "apiGroups") {
        for resource in strings(rule, "resources") {
            for verb in strings(rule, "verbs") {
                found.extend(names.iter().map(|name| Atom {
                    verb: verb.to_owned(),
                    on: On::Resource {
                        group: group.to_owned(),
                        resource: resource.to_owned(),
                        name: name.clone(),
                    },
                }));
            }
        }
    }
    for path in strings(rule, "nonResourceURLs") {
        found.extend(strings(rule, "verbs").map(|verb| Atom {
            verb: verb.to_owned(),
            on: On::Path(path.to_owned()),
        }));
    }
    found
}

impl Atom {
    fn covered_by(&self, rule: &Value) -> bool {
        let any = |key: &str, wanted: &str| strings(rule, key).any(|own| own == "*" || own == wanted);
        if !any("verbs", &self.verb) {
            return false;
        }
        match &self.on {
            On::Path(path) => strings(rule, "nonResourceURLs").any(|own| rbac::path_covers(own, path)),
            On::Resource {
                group,
                resource,
                name,
            } => {
                let unnamed = strings(rule, "resourceNames").next().is_none();
                let named = || {
                    name.as_deref()
                        .is_some_and(|name| strings(rule, "resourceNames").any(|own| own == name))
                };
                any("apiGroups", group) && resource_covered(rule, resource) && (unnamed || named())
            }
        }
    }
}

fn resource_covered(rule: &Value, resource: &str) -> bool {
    let any_parent = resource
        .split_once('/')
        .map(|(_, subresource)| format!("*/{subresource}"));
    strings(rule, "resources")
        .any(|own| own == "*" || own == resource || any_parent.as_deref().is_some_and(|wanted| own == wanted))
}

/// What is missing as rules: verbs on the same thing together, in the order of their texts.
fn compact(missing: &[Atom]) -> Vec<String> {
    let mut resources: BTreeMap<&On, Vec<&str>> = BTreeMap::new();
    let mut texts = BTreeSet::new();
    for atom in missing {
        match &atom.on {
            On::Path(path) => {
                texts.insert(format!(
                    "{{NonResourceURLs:[{}], Verbs:[{}]}}",
                    quote(path),
                    quote(&atom.verb)
                ));
            }
            on => resources.entry(on).or_default().push(&atom.verb),
        }
    }
    for (on, verbs) in resources {
        let On::Resource {
            group,
            resource,
            name,
        } = on
        else {
            continue;
        };
        let named = name
            .as_deref()
            .map(|name| format!(", ResourceNames:[{}]", quote(name)))
            .unwrap_or_default();
        let verbs: Vec<String> = verbs.iter().map(|verb| quote(verb)).collect();
        texts.insert(format!(
            "{{APIGroups:[{}], Resources:[{}]{named}, Verbs:[{}]}}",
            quote(group),
            quote(resource),
            verbs.join(" ")
        ));
    }
    texts.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use edges::Seed;

    use super::*;
    use crate::controllers::Controllers;

    #[test]
    fn a_rule_covers_its_parts_only() {
        let own = json!({"apiGroups": [""], "resources": ["*/log", "pods"], "verbs": ["get"], "resourceNames": ["a"]});
        let covered = |rule: Value| atoms(&rule).iter().all(|atom| atom.covered_by(&own));
        assert!(covered(
            json!({"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"], "resourceNames": ["a"]})
        ));
        assert!(!covered(
            json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]})
        ));
        assert!(!covered(
            json!({"apiGroups": ["apps"], "resources": ["pods"], "verbs": ["get"], "resourceNames": ["a"]})
        ));
        assert!(!covered(
            json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["*"], "resourceNames": ["a"]})
        ));
    }

    #[test]
    fn a_rule_that_falls_into_too_many_parts_is_refused() {
        let many: Vec<String> = (0..1_000).map(|number| format!("x{number}")).collect();
        let rule = json!({"apiGroups": many, "resources": many, "verbs": many, "resourceNames": many});
        let core = Core::new("1.36", Controllers::None, Seed(1).derive("test").rng());
        let text = confirm(&core, &User::anonymous(), "", &[rule]).unwrap_err();
        assert_eq!(
            text,
            "the rules grant 1000000000000 permissions, at most 100000 can be compared with those of the user"
        );
    }

    #[test]
    fn a_rule_is_held_as_a_whole_or_in_parts() {
        let own = json!({"apiGroups": ["*"], "resources": ["pods", "*/log"], "verbs": ["get", "list"]});
        let whole = |rule: Value| covers_whole(&own, &rule);
        assert!(whole(
            json!({"apiGroups": ["", "apps"], "resources": ["pods", "pods/log"], "verbs": ["list"], "resourceNames": ["a"]})
        ));
        assert!(!whole(
            json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "watch"]})
        ));
        assert!(!whole(json!({"nonResourceURLs": ["/a"], "verbs": ["get"]})));
        let named =
            json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": ["a"]});
        assert!(!covers_whole(
            &named,
            &json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]})
        ));
        assert!(covers_whole(&named, &named));
    }

    #[test]
    fn missing_verbs_are_listed_together() {
        let rule = json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"]});
        assert_eq!(
            compact(&atoms(&rule)),
            [r#"{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}"#]
        );
    }
}
