//! What a fresh OpenShift cluster has: its constraints, the roles that let one use them, and what it adds to new ones.

use manifest::object;
use serde_json::{Value, json};

use crate::volumes;

const CONSTRAINTS: &str = include_str!("../data/constraints.json");

/// The eleven constraints of every cluster.
pub fn constraints() -> Vec<Value> {
    serde_json::from_str(CONSTRAINTS).unwrap_or_default()
}

/// A ClusterRole for each constraint; the two strict ones are bound to everybody who is authenticated.
pub fn policy() -> Vec<Value> {
    const OPEN: [&str; 2] = ["restricted-v2", "restricted-v3"];
    let annotations = json!({
        "include.release.openshift.io/ibm-cloud-managed": "true",
        "include.release.openshift.io/self-managed-high-availability": "true",
        "include.release.openshift.io/single-node-developer": "true",
    });
    let mut all = Vec::new();
    for constraint in constraints() {
        let name = object::name(&constraint);
        let role = format!("system:openshift:scc:{name}");
        let mut own = annotations.clone();
        own["rbac.authorization.kubernetes.io/autoupdate"] = "true".into();
        all.push(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": role, "annotations": own},
            "rules": [{
                "apiGroups": ["security.openshift.io"], "resources": ["securitycontextconstraints"],
                "resourceNames": [name], "verbs": ["use"],
            }],
        }));
        if OPEN.contains(&name) {
            all.push(json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                "metadata": {"name": role, "annotations": annotations},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [
                    {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"},
                ],
            }));
        }
    }
    all
}

/// Adds to a constraint that is being written what older clients leave out.
pub fn complete(constraint: &mut Value) {
    let Some(members) = constraint.as_object_mut() else {
        return;
    };
    for key in ["fsGroup", "supplementalGroups"] {
        let strategy = members.entry(key).or_insert_with(|| json!({}));
        if strategy.is_null() {
            *strategy = json!({});
        }
        if strategy["type"].as_str().unwrap_or_default().is_empty() {
            strategy["type"] = "RunAsAny".into();
        }
    }
    for key in ["users", "groups"] {
        let list = members.entry(key).or_insert_with(|| json!([]));
        if list.is_null() {
            *list = json!([]);
        }
    }
    let escalation = members.entry("allowPrivilegeEscalation").or_insert(Value::Null);
    if escalation.is_null() {
        *escalation = true.into();
    }
    let mounts_host = members.get("allowHostDirVolumePlugin") == Some(&Value::Bool(true));
    let volumes = settle_volumes(members.get("volumes").and_then(Value::as_array), mounts_host);
    members.insert("volumes".to_owned(), volumes.into());
}

/// The old flag for host paths and the list of kinds must agree; the flag wins.
fn settle_volumes(asked: Option<&Vec<Value>>, mounts_host: bool) -> Vec<String> {
    let mut kinds: Vec<String> = match asked {
        None => vec!["*".to_owned()],
        Some(list) if list.is_empty() && !mounts_host => vec!["none".to_owned()],
        Some(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    };
    let all = kinds.iter().any(|kind| kind == "*");
    if mounts_host {
        if !all {
            kinds.push("hostPath".to_owned());
        }
    } else {
        kinds.retain(|kind| kind != "*" && kind != "hostPath");
        if all {
            kinds.extend(volumes::all_but("hostPath"));
        }
    }
    kinds.sort();
    kinds.dedup();
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_set_is_complete_as_it_is() {
        let all = constraints();
        assert_eq!(all.len(), 11);
        for constraint in all {
            let mut completed = constraint.clone();
            complete(&mut completed);
            assert_eq!(completed, constraint);
        }
    }

    #[test]
    fn every_constraint_has_its_role() {
        let roles = policy();
        assert_eq!(
            roles.iter().filter(|own| own["kind"] == "ClusterRole").count(),
            11
        );
        assert_eq!(
            roles
                .iter()
                .filter(|own| own["kind"] == "ClusterRoleBinding")
                .count(),
            2
        );
    }

    #[test]
    fn an_absent_list_of_volumes_means_all_that_the_flag_allows() {
        assert_eq!(settle_volumes(None, true), ["*"]);
        assert!(!settle_volumes(None, false).contains(&"hostPath".to_owned()));
        assert_eq!(settle_volumes(Some(&Vec::new()), false), ["none"]);
        assert_eq!(settle_volumes(Some(&Vec::new()), true), ["hostPath"]);
    }
}
