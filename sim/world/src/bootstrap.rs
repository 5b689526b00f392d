//! What a fresh cluster holds.

use std::net::Ipv4Addr;

use apiserver::{ApiServer, User};
use edges::Clock;
use serde_json::{Value, json};

use crate::real::names;

/// An API server with the system namespaces, whose nodes may work.
pub(crate) fn server(world: &crate::Config, clock: Clock, ca: Option<&str>) -> ApiServer {
    let config = apiserver::Config {
        minor: world.minor.clone(),
        clock,
        seed: world.seed.derive("apiserver"),
        controllers: apiserver::Controllers::All,
        openshift: world.openshift,
    };
    let api = ApiServer::new(config);
    if let Some(ca) = ca {
        api.publish_ca(ca);
    }
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

/// The Services that every cluster has: the API server's own, and the DNS where there is one.
pub(crate) fn services(api: &ApiServer, dns: bool) {
    let service = |name: &str, address: Ipv4Addr, ports: Value| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"type": "ClusterIP", "clusterIP": address.to_string(), "ports": ports},
        })
    };
    let https = json!([{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]);
    let mut kubernetes = service("kubernetes", names::API, https);
    kubernetes["metadata"]["labels"] = json!({"component": "apiserver", "provider": "kubernetes"});
    make(api, "/api/v1/namespaces/default/services", &kubernetes);
    if dns {
        let ports = json!([{"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53}]);
        let mut service = service("kube-dns", names::DNS, ports);
        service["metadata"]["labels"] = json!({"k8s-app": "kube-dns"});
        make(api, "/api/v1/namespaces/kube-system/services", &service);
    }
}

/// Creates an object; one that is there already stays.
fn make(api: &ApiServer, path: &str, body: &Value) {
    let (code, answer) = api.call(&User::admin(), "POST", path, "application/json", Some(body));
    debug_assert!(code < 300 || code == 409, "bootstrap refused: {answer}");
}
