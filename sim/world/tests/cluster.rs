//! What kube-controller-manager does without being asked: furnishing, collecting, emptying.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::time::Duration;

use apiserver::{Gvr, User};
use manifest::object;
use serde_json::{Value, json};
use world::{Config, World};

fn start() -> World {
    let config = Config::default();
    let mut world = World::start(&config).unwrap();
    world.start_nodes(&config, None);
    world
}

fn call(world: &World, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = (!body.is_null()).then_some(body);
    world
        .api
        .call(&User::admin(), method, path, "application/json", body)
}

fn create(world: &World, path: &str, body: &Value) -> Value {
    let (code, answer) = call(world, "POST", path, body);
    assert_eq!(code, 201, "{answer:#}");
    answer
}

fn config_map(name: &str, owner: Option<&Value>) -> Value {
    let mut body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    if let Some(owner) = owner {
        body["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "v1", "kind": "ConfigMap", "name": object::name(owner), "uid": object::uid(owner),
            "blockOwnerDeletion": true,
        }]);
    }
    body
}

fn exists(world: &World, name: &str) -> bool {
    world
        .api
        .get(&Gvr::new("", "v1", "configmaps"), "default", name)
        .is_some()
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test(start_paused = true)]
async fn a_namespace_is_furnished_and_emptied() {
    let world = start();
    create(
        &world,
        "/api/v1/namespaces",
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}),
    );
    assert!(
        world
            .api
            .get(&Gvr::new("", "v1", "serviceaccounts"), "a", "default")
            .is_some()
    );
    assert!(
        world
            .api
            .get(&Gvr::new("", "v1", "configmaps"), "a", "kube-root-ca.crt")
            .is_some()
    );
    let mut held = config_map("held", None);
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    create(&world, "/api/v1/namespaces/a/configmaps", &held);
    let (code, answer) = call(&world, "DELETE", "/api/v1/namespaces/a", &Value::Null);
    assert_eq!(
        (code, answer["status"]["phase"].as_str()),
        (200, Some("Terminating")),
        "{answer:#}"
    );
    assert!(
        world
            .api
            .get(&Gvr::new("", "v1", "namespaces"), "", "a")
            .is_some(),
        "a finalizer holds it"
    );
    let (code, answer) = call(
        &world,
        "POST",
        "/api/v1/namespaces/a/configmaps",
        &config_map("late", None),
    );
    assert_eq!(
        (code, &answer["details"]["causes"][0]["reason"]),
        (403, &json!("NamespaceTerminating"))
    );
    let patch = json!({"metadata": {"finalizers": null}});
    let path = "/api/v1/namespaces/a/configmaps/held";
    world.api.call(
        &User::admin(),
        "PATCH",
        path,
        "application/merge-patch+json",
        Some(&patch),
    );
    assert!(
        world
            .api
            .get(&Gvr::new("", "v1", "namespaces"), "", "a")
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn dependents_go_with_their_owner_by_every_policy() {
    let world = start();
    for (policy, stays) in [("Background", false), ("Foreground", false), ("Orphan", true)] {
        let owner = create(&world, MAPS, &config_map("owner", None));
        create(&world, MAPS, &config_map("child", Some(&owner)));
        let options = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy});
        let (code, _) = call(&world, "DELETE", &format!("{MAPS}/owner"), &options);
        assert_eq!(code, 200);
        assert!(!exists(&world, "owner"), "{policy}");
        assert_eq!(exists(&world, "child"), stays, "{policy}");
    }
    let child = world
        .api
        .get(&Gvr::new("", "v1", "configmaps"), "default", "child")
        .unwrap();
    assert!(child.pointer("/metadata/ownerReferences").is_none(), "{child:#}");
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_never_was_takes_its_dependent_along() {
    let world = start();
    let ghost = json!({"metadata": {"name": "ghost", "uid": "00000000-0000-4000-8000-000000000000"}});
    create(&world, MAPS, &config_map("child", Some(&ghost)));
    assert!(!exists(&world, "child"));
}

#[tokio::test(start_paused = true)]
async fn roles_are_aggregated() {
    let world = start();
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "extra", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
        "rules": [{"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["get"]}],
    });
    create(&world, "/apis/rbac.authorization.k8s.io/v1/clusterroles", &role);
    let view = world
        .api
        .get(
            &Gvr::new("rbac.authorization.k8s.io", "v1", "clusterroles"),
            "",
            "view",
        )
        .unwrap();
    assert!(
        view["rules"].as_array().unwrap().contains(&role["rules"][0]),
        "{view:#}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_deleted_definition_takes_its_objects_along() {
    let world = start();
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                          "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
        },
    });
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    create(&world, definitions, &crd);
    let thing = json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}});
    create(&world, "/apis/example.com/v1/namespaces/default/things", &thing);
    let (code, _) = call(
        &world,
        "DELETE",
        &format!("{definitions}/things.example.com"),
        &Value::Null,
    );
    assert_eq!(code, 200);
    let (code, _) = call(
        &world,
        "GET",
        "/apis/example.com/v1/namespaces/default/things/a",
        &Value::Null,
    );
    assert_eq!(code, 404);
    create(&world, definitions, &crd);
    assert_eq!(
        world
            .api
            .list(&Gvr::new("example.com", "v1", "things"), None)
            .len(),
        0
    );
}

#[tokio::test(start_paused = true)]
async fn the_node_is_there_and_ready() {
    let world = start();
    world.clock.sleep(Duration::from_secs(1)).await;
    let nodes = world.api.list(&Gvr::new("", "v1", "nodes"), None);
    assert_eq!(nodes.len(), 1);
    assert_eq!(object::condition(&nodes[0], "Ready").unwrap()["status"], "True");
}
