//! What a fresh cluster holds.

use std::sync::OnceLock;

use apiserver::{ApiServer, User};
use edges::{Clock, Seed};
use serde_json::{Value, json};

static POLICY: &[u8] = include_bytes!("../data/bootstrap-policy.json.zst");

/// An API server with Kubernetes' default roles, the system namespaces and the node.
pub(crate) fn server(clock: Clock, seed: Seed) -> ApiServer {
    let config = apiserver::Config {
        minor: "1.36".to_owned(),
        clock,
        seed: seed.derive("apiserver"),
        controllers: true,
    };
    let api = ApiServer::new(config);
    for namespace in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        make(&api, "/api/v1/namespaces", &body);
    }
    for object in policy() {
        let plural = if object["kind"] == "ClusterRole" {
            "clusterroles"
        } else {
            "clusterrolebindings"
        };
        make(
            &api,
            &format!("/apis/rbac.authorization.k8s.io/v1/{plural}"),
            object,
        );
    }
    make(
        &api,
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        &nodes_binding(),
    );
    api
}

/// DIFFERENCE: kube-apiserver lets nodes work through its Node authorizer, which looks at what is bound to them. Here
/// the group of all nodes simply has the role that the authorizer's rules come from.
fn nodes_binding() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "sim:nodes"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:nodes"}],
    })
}

/// Creates an object; one that is there already (the server made it itself) stays.
fn make(api: &ApiServer, path: &str, body: &Value) {
    let (code, answer) = api.call(&User::admin(), "POST", path, "application/json", Some(body));
    debug_assert!(code < 300 || code == 409, "bootstrap refused: {answer}");
}

fn policy() -> &'static [Value] {
    static DECODED: OnceLock<Vec<Value>> = OnceLock::new();
    DECODED.get_or_init(|| {
        let bytes = zstd::decode_all(POLICY).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_whole() {
        assert_eq!(
            policy()
                .iter()
                .filter(|object| object["kind"] == "ClusterRole")
                .count(),
            70
        );
        assert_eq!(
            policy()
                .iter()
                .filter(|object| object["kind"] == "ClusterRoleBinding")
                .count(),
            51
        );
    }
}
