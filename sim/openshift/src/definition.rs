//! The CustomResourceDefinition of the constraints.

use serde_json::{Map, Value, json};

/// The object that makes the API server serve `securitycontextconstraints`.
pub fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {
            "name": crate::RESOURCE,
            "annotations": {
                "api-approved.openshift.io": "https://github.com/openshift/api/pull/470",
                "include.release.openshift.io/ibm-cloud-managed": "true",
                "include.release.openshift.io/self-managed-high-availability": "true",
                "release.openshift.io/bootstrap-required": "true",
            },
        },
        "spec": {
            "group": "security.openshift.io", "scope": "Cluster",
            "names": {
                "kind": "SecurityContextConstraints", "listKind": "SecurityContextConstraintsList",
                "plural": "securitycontextconstraints", "singular": "securitycontextconstraints",
                "shortNames": ["scc"],
            },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "additionalPrinterColumns": columns(),
                "schema": {"openAPIV3Schema": schema()},
            }],
        },
    })
}

fn columns() -> Value {
    const COLUMNS: [(&str, &str); 9] = [
        ("Priv", ".allowPrivilegedContainer"),
        ("Caps", ".allowedCapabilities"),
        ("SELinux", ".seLinuxContext.type"),
        ("RunAsUser", ".runAsUser.type"),
        ("FSGroup", ".fsGroup.type"),
        ("SupGroup", ".supplementalGroups.type"),
        ("Priority", ".priority"),
        ("ReadOnlyRootFS", ".readOnlyRootFilesystem"),
        ("Volumes", ".volumes"),
    ];
    COLUMNS
        .iter()
        .map(|(name, path)| json!({"name": name, "type": "string", "jsonPath": path}))
        .collect()
}

fn schema() -> Value {
    const FLAGS: [&str; 7] = [
        "allowHostDirVolumePlugin",
        "allowHostIPC",
        "allowHostNetwork",
        "allowHostPID",
        "allowHostPorts",
        "allowPrivilegedContainer",
        "readOnlyRootFilesystem",
    ];
    const TEXTS: [&str; 9] = [
        "allowedCapabilities",
        "allowedUnsafeSysctls",
        "defaultAddCapabilities",
        "forbiddenSysctls",
        "groups",
        "requiredDropCapabilities",
        "seccompProfiles",
        "users",
        "volumes",
    ];
    let text = json!({"type": "string"});
    let mut properties = Map::new();
    let mut add = |name: &str, schema: Value| {
        properties.insert(name.to_owned(), schema);
    };
    for name in ["apiVersion", "kind"] {
        add(name, text.clone());
    }
    add("metadata", json!({"type": "object"}));
    for name in FLAGS {
        add(name, json!({"type": "boolean"}));
    }
    for name in ["allowPrivilegeEscalation", "defaultAllowPrivilegeEscalation"] {
        add(name, json!({"type": "boolean", "nullable": true}));
    }
    for name in TEXTS {
        add(name, list(&text));
    }
    for (name, schema) in nested(&text) {
        add(name, schema);
    }
    let required: Vec<&str> = FLAGS
        .into_iter()
        .chain([
            "allowedCapabilities",
            "defaultAddCapabilities",
            "priority",
            "requiredDropCapabilities",
            "volumes",
        ])
        .collect();
    json!({"type": "object", "properties": properties, "required": required})
}

/// The properties that have members of their own, and those with a fixed set of values.
fn nested(text: &Value) -> Vec<(&'static str, Value)> {
    let number = json!({"type": "integer", "format": "int64"});
    let range = json!({"type": "object", "properties": {"min": number, "max": number}});
    let ranges = json!({"type": "array", "x-kubernetes-list-type": "atomic", "items": range});
    let groups = strategy(json!({"type": text, "ranges": ranges}));
    let flex = json!({"type": "object", "required": ["driver"], "properties": {"driver": text}});
    let user = json!({"type": text, "uid": number, "uidRangeMin": number, "uidRangeMax": number});
    let label =
        json!({"type": "object", "properties": {"level": text, "role": text, "type": text, "user": text}});
    vec![
        ("allowedFlexVolumes", list(&flex)),
        ("fsGroup", groups.clone()),
        ("supplementalGroups", groups),
        ("runAsUser", strategy(user)),
        (
            "seLinuxContext",
            strategy(json!({"type": text, "seLinuxOptions": label})),
        ),
        (
            "priority",
            json!({"type": "integer", "format": "int32", "nullable": true}),
        ),
        (
            "userNamespaceLevel",
            json!({"type": "string", "enum": ["AllowHostLevel", "RequirePodLevel"], "default": "AllowHostLevel"}),
        ),
    ]
}

fn list(items: &Value) -> Value {
    json!({"type": "array", "nullable": true, "x-kubernetes-list-type": "atomic", "items": items})
}

fn strategy(properties: Value) -> Value {
    json!({"type": "object", "nullable": true, "properties": properties})
}
