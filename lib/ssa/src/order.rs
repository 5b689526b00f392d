//! In which order objects are applied: by stages, and within a stage by kind.

use manifest::{Gvk, object};
use serde_json::Value;

/// A stage is applied and ready before the next begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// What other objects need to exist at all.
    Definitions,
    /// What other objects refer to by class.
    Classes,
    /// Kinds that the user named.
    Custom,
    /// Everything else.
    Rest,
}

/// The stage of an object; `custom` are the kinds that the user named, as `group/Kind` or `Kind`.
pub fn stage(object: &Value, custom: &[String]) -> Stage {
    let gvk = Gvk::new(object::api_version(object), object::kind(object));
    let named = if gvk.group.is_empty() {
        gvk.kind.clone()
    } else {
        format!("{}/{}", gvk.group, gvk.kind)
    };
    match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("apiextensions.k8s.io", "CustomResourceDefinition")
        | ("", "Namespace")
        | ("rbac.authorization.k8s.io", "ClusterRole") => Stage::Definitions,
        (_, kind) if kind.ends_with("Class") => Stage::Classes,
        _ if custom.contains(&named) => Stage::Custom,
        _ => Stage::Rest,
    }
}

const FIRST: [&str; 23] = [
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

fn rank(kind: &str) -> usize {
    if let Some(at) = FIRST.iter().position(|first| *first == kind) {
        return at;
    }
    match LAST.iter().position(|last| *last == kind) {
        Some(at) => FIRST.len() + 1 + at,
        None => FIRST.len(),
    }
}

/// Sorts objects into the order in which they are applied.
pub fn sort(objects: &mut [Value]) {
    objects.sort_by_cached_key(|object| {
        let gvk = Gvk::new(object::api_version(object), object::kind(object));
        (
            rank(&gvk.kind),
            gvk.group,
            gvk.kind,
            object::namespace(object).to_owned(),
            object::name(object).to_owned(),
        )
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(api_version: &str, kind: &str, name: &str) -> Value {
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}})
    }

    #[test]
    fn kinds_have_an_order() {
        let mut objects = [
            object(
                "admissionregistration.k8s.io/v1",
                "ValidatingWebhookConfiguration",
                "a",
            ),
            object("example.com/v1", "Widget", "a"),
            object("apps/v1", "Deployment", "b"),
            object("apps/v1", "Deployment", "a"),
            object("v1", "ConfigMap", "z"),
            object("v1", "Namespace", "n"),
        ];
        sort(&mut objects);
        let order: Vec<_> = objects
            .iter()
            .map(|o| format!("{}/{}", object::kind(o), object::name(o)))
            .collect();
        assert_eq!(
            order,
            [
                "Namespace/n",
                "ConfigMap/z",
                "Deployment/a",
                "Deployment/b",
                "Widget/a",
                "ValidatingWebhookConfiguration/a"
            ]
        );
    }

    #[test]
    fn kinds_have_a_stage() {
        for (api_version, kind, expected) in [
            ("v1", "Namespace", Stage::Definitions),
            ("rbac.authorization.k8s.io/v1", "ClusterRole", Stage::Definitions),
            ("rbac.authorization.k8s.io/v1", "Role", Stage::Rest),
            ("storage.k8s.io/v1", "StorageClass", Stage::Classes),
            ("example.com/v1", "Widget", Stage::Custom),
            ("v1", "ConfigMap", Stage::Rest),
        ] {
            let custom = ["example.com/Widget".to_owned()];
            assert_eq!(
                stage(&object(api_version, kind, "x"), &custom),
                expected,
                "{kind}"
            );
        }
    }
}
