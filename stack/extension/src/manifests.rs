//! What installs the extension: namespace, CRDs, accounts, roles, Deployments, Services.

use serde_json::{Value, json};

/// The namespace of the extension.
pub const NAMESPACE: &str = "flux-system";
/// The image of all components; its first argument names the component.
pub const IMAGE: &str = "gitops-extension:dev";

/// The API groups that the extension's roles speak of.
const GROUPS: [&str; 3] = [
    "source.toolkit.fluxcd.io",
    "kustomize.toolkit.fluxcd.io",
    "helm.toolkit.fluxcd.io",
];
const ACCOUNTS: [&str; 3] = ["source-controller", "kustomize-controller", "helm-controller"];

/// Every object of an installation, in the order in which to apply them.
pub fn manifests() -> Vec<Value> {
    let mut all = vec![namespace()];
    all.extend(flux_api::crds());
    all.extend(ACCOUNTS.map(account));
    all.extend(roles());
    all.extend(bindings());
    all.push(source_controller_service());
    all.push(source_controller());
    all.push(kustomize_controller());
    all.push(helm_controller());
    for object in &mut all {
        label(object);
    }
    all
}

fn label(object: &mut Value) {
    let labels = manifest::object::map_at(object, &["metadata", "labels"]);
    labels.insert("app.kubernetes.io/part-of".to_owned(), json!("flux"));
    labels.insert("app.kubernetes.io/instance".to_owned(), json!(NAMESPACE));
    let version = concat!("v", env!("CARGO_PKG_VERSION"));
    labels.insert("app.kubernetes.io/version".to_owned(), json!(version));
}

fn namespace() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": NAMESPACE,
            "labels": {
                "pod-security.kubernetes.io/warn": "restricted",
                "pod-security.kubernetes.io/warn-version": "latest",
            },
        },
    })
}

fn account(component: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": component,
            "namespace": NAMESPACE,
            "labels": {"app.kubernetes.io/component": component},
        },
    })
}

fn cluster_role(name: &str, labels: &Value, rules: &Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": format!("{name}-{NAMESPACE}"), "labels": labels},
        "rules": rules,
    })
}

fn roles() -> [Value; 3] {
    const READ: [&str; 3] = ["get", "list", "watch"];
    const CHANGE: [&str; 5] = ["create", "delete", "deletecollection", "patch", "update"];
    const ALL: [&str; 7] = ["get", "list", "watch", "create", "update", "patch", "delete"];
    let aggregate = |to: &[&str]| -> Value {
        let labels = to.iter().map(|role| {
            (
                format!("rbac.authorization.k8s.io/aggregate-to-{role}"),
                json!("true"),
            )
        });
        Value::Object(labels.collect())
    };
    let controller = json!([
        {"apiGroups": GROUPS, "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": [""], "resources": ["namespaces", "secrets", "configmaps", "serviceaccounts"], "verbs": READ},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
        {"apiGroups": [""], "resources": ["configmaps", "configmaps/status"], "verbs": ALL},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ALL},
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]},
        {"nonResourceURLs": ["/livez/ping"], "verbs": ["head"]},
    ]);
    let edit = json!([{"apiGroups": GROUPS, "resources": ["*"], "verbs": CHANGE}]);
    let view = json!([{"apiGroups": GROUPS, "resources": ["*"], "verbs": READ}]);
    [
        cluster_role("crd-controller", &json!({}), &controller),
        cluster_role("flux-edit", &aggregate(&["admin", "edit"]), &edit),
        cluster_role("flux-view", &aggregate(&["admin", "edit", "view"]), &view),
    ]
}

fn bindings() -> [Value; 2] {
    let binding = |name: &str, role: &str, accounts: &[&str]| {
        let subject =
            |account: &&str| json!({"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE});
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": format!("{name}-{NAMESPACE}")},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": accounts.iter().map(subject).collect::<Vec<_>>(),
        })
    };
    [
        binding(
            "crd-controller",
            &format!("crd-controller-{NAMESPACE}"),
            &ACCOUNTS,
        ),
        binding(
            "cluster-reconciler",
            "cluster-admin",
            &["kustomize-controller", "helm-controller"],
        ),
    ]
}

/// What differs between the components' Deployments.
struct Component {
    name: &'static str,
    args: Vec<String>,
    cpu: &'static str,
    grace: u32,
    volumes: &'static [(&'static str, &'static str)],
}

fn deployment(component: &Component) -> Value {
    let name = component.name;
    let mut args = vec![name.to_owned()];
    args.extend(component.args.iter().cloned());
    let mounts = component
        .volumes
        .iter()
        .map(|(name, path)| json!({"name": name, "mountPath": path}));
    let volumes = component
        .volumes
        .iter()
        .map(|(name, _)| json!({"name": name, "emptyDir": {}}));
    let container = json!({
        "name": "manager",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": args,
        "env": [{
            "name": "RUNTIME_NAMESPACE",
            "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
        }],
        "resources": {
            "limits": {"cpu": "1000m", "memory": "1Gi"},
            "requests": {"cpu": component.cpu, "memory": "64Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "ports": [
            {"name": "http-prom", "containerPort": 8080, "protocol": "TCP"},
            {"name": "healthz", "containerPort": 9440, "protocol": "TCP"},
        ],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "healthz"}},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "healthz"}},
        "volumeMounts": mounts.collect::<Vec<_>>(),
    });
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {"control-plane": "controller", "app.kubernetes.io/component": name},
        },
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {
                    "labels": {"app": name, "app.kubernetes.io/component": name},
                    "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
                },
                "spec": {
                    "serviceAccountName": name,
                    "priorityClassName": "system-cluster-critical",
                    "terminationGracePeriodSeconds": component.grace,
                    "nodeSelector": {"kubernetes.io/os": "linux"},
                    "securityContext": {"fsGroup": 1337},
                    "containers": [container],
                    "volumes": volumes.collect::<Vec<_>>(),
                },
            },
        },
    })
}

fn source_controller() -> Value {
    let mut deployment = deployment(&Component {
        name: "source-controller",
        args: vec![
            "--watch-all-namespaces=true".to_owned(),
            "--storage-adv-addr=source-controller.$(RUNTIME_NAMESPACE).svc.cluster.local.".to_owned(),
        ],
        cpu: "50m",
        grace: 10,
        volumes: &[("data", "/data"), ("tmp", "/tmp")],
    });
    deployment["spec"]["strategy"] = json!({"type": "Recreate"});
    let container = &mut deployment["spec"]["template"]["spec"]["containers"][0];
    if let Some(ports) = container["ports"].as_array_mut() {
        ports.push(json!({"name": "http", "containerPort": 9090, "protocol": "TCP"}));
    }
    // Its artifacts are served by the leader alone, and only that one is ready.
    container["readinessProbe"] = json!({"httpGet": {"path": "/", "port": "http"}});
    deployment
}

fn kustomize_controller() -> Value {
    deployment(&Component {
        name: "kustomize-controller",
        args: vec!["--watch-all-namespaces=true".to_owned()],
        cpu: "100m",
        grace: 60,
        volumes: &[("temp", "/tmp")],
    })
}

fn helm_controller() -> Value {
    deployment(&Component {
        name: "helm-controller",
        args: vec!["--watch-all-namespaces=true".to_owned()],
        cpu: "100m",
        grace: 600,
        volumes: &[("temp", "/tmp")],
    })
}

fn source_controller_service() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "source-controller",
            "namespace": NAMESPACE,
            "labels": {"control-plane": "controller", "app.kubernetes.io/component": "source-controller"},
        },
        "spec": {
            "type": "ClusterIP",
            "selector": {"app": "source-controller"},
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}],
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use manifest::object;

    use super::*;

    #[test]
    fn the_arguments_of_the_deployments_are_understood() {
        for object in manifests()
            .iter()
            .filter(|object| object::kind(object) == "Deployment")
        {
            let args = &object["spec"]["template"]["spec"]["containers"][0]["args"];
            let args: Vec<String> = serde_json::from_value(args.clone()).unwrap();
            let env = BTreeMap::new();
            match args[0].as_str() {
                "source-controller" => drop(crate::cli::source_controller(&args[1..], &env).unwrap()),
                "kustomize-controller" => drop(crate::cli::kustomize_controller(&args[1..], &env).unwrap()),
                "helm-controller" => drop(crate::cli::helm_controller(&args[1..], &env).unwrap()),
                other => panic!("{other}"),
            }
        }
    }
}
