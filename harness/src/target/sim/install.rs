//! The extension in a simulated world: its manifests, and how its pods run as the real components.

use std::sync::Arc;

use apiserver::{ApiServer, User, kinds};
use kubelet::{Launcher, Pod, Process};
use manifest::object;
use serde_json::{Value, json};
use world::Gate;

use crate::verdict::Miss;

/// Starts pods of the extension's image as its components, with what really stands in the pod.
pub(crate) fn launcher(gate: Gate) -> Launcher {
    Arc::new(move |pod: &Pod| -> Option<Process> {
        if pod.image != extension::IMAGE {
            return None;
        }
        let edges = gate.edges(pod);
        let mut words = pod.command.iter().chain(&pod.args).cloned();
        let component = words.next().unwrap_or_default();
        let args: Vec<String> = words.collect();
        let env = pod.env.clone();
        let name = pod.name.clone();
        Some(Box::pin(async move {
            let ended = match edges {
                Ok(edges) => extension::run(&component, &args, &env, edges)
                    .await
                    .map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match ended {
                Ok(()) => 0,
                Err(error) => {
                    tracing::error!(pod = name, error, "the component ended");
                    1
                }
            }
        }))
    })
}

/// Creates every object of an installation; on OpenShift also what a cluster administrator grants first, since the
/// extension's pods have an `fsGroup` of their own.
pub(in crate::target) fn install(api: &ApiServer, openshift: bool) -> Result<(), Miss> {
    for manifest in extension::manifests() {
        let namespace = (object::kind(&manifest) == "Namespace").then(|| object::name(&manifest).to_owned());
        create(api, &manifest)?;
        if let Some(namespace) = namespace.filter(|_| openshift) {
            create(api, &grant(&namespace))?;
        }
    }
    Ok(())
}

/// What `oc adm policy add-scc-to-group nonroot-v2 system:serviceaccounts:NAMESPACE` does.
fn grant(namespace: &str) -> Value {
    let role = "system:openshift:scc:nonroot-v2";
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": role, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{
            "apiGroup": "rbac.authorization.k8s.io", "kind": "Group",
            "name": format!("system:serviceaccounts:{namespace}"),
        }],
    })
}

fn create(api: &ApiServer, manifest: &Value) -> Result<(), Miss> {
    let path = path(manifest)?;
    let (code, answer) = api.call(&User::admin(), "POST", &path, "application/json", Some(manifest));
    if code < 300 {
        return Ok(());
    }
    let what = format!("{}/{}", object::kind(manifest), object::name(manifest));
    let said = answer["message"].as_str().unwrap_or_default();
    Err(Miss::failed(
        "target.install",
        format!("{what} was refused: {said}"),
    ))
}

/// Where objects of a manifest's kind are created.
fn path(manifest: &Value) -> Result<String, Miss> {
    let version = object::api_version(manifest);
    let (group, short) = manifest::split_api_version(version);
    let kind = kinds::find_kind(group, short, object::kind(manifest)).ok_or_else(|| {
        Miss::broken(
            "target.install",
            format!("no kind {} in {version}", object::kind(manifest)),
        )
    })?;
    let root = if group.is_empty() { "api" } else { "apis" };
    let scope = if kind.namespaced {
        format!("namespaces/{}/", object::namespace(manifest))
    } else {
        String::new()
    };
    Ok(format!("/{root}/{version}/{scope}{}", kind.resource))
}
