//! What a fresh cluster holds.

use apiserver::{ApiServer, User};
use edges::{Clock, Seed};
use serde_json::{Value, json};

/// An API server with the system namespaces, whose nodes may work.
pub(crate) fn server(minor: &str, clock: Clock, seed: Seed, openshift: bool) -> ApiServer {
    let config = apiserver::Config {
        minor: minor.to_owned(),
        clock,
        seed: seed.derive("apiserver"),
        controllers: apiserver::Controllers::All,
        openshift,
    };
    let api = ApiServer::new(config);
    for namespace in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        make(&api, "/api/v1/namespaces", &body);
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

/// Creates an object; one that is there already stays.
fn make(api: &ApiServer, path: &str, body: &Value) {
    let (code, answer) = api.call(&User::admin(), "POST", path, "application/json", Some(body));
    debug_assert!(code < 300 || code == 409, "bootstrap refused: {answer}");
}
