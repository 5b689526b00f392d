//! An OpenShift cluster: security context constraints decide which pods a Deployment gets.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::time::Duration;

use apiserver::{Gvr, User};
use manifest::object;
use serde_json::{Value, json};
use world::{Config, World};

fn start() -> World {
    let config = Config {
        openshift: true,
        ..Config::default()
    };
    let mut world = World::start(&config).unwrap();
    world.start_nodes(&config, None);
    world
}

fn create(world: &World, path: &str, body: &Value) {
    let (code, answer) = world
        .api
        .call(&User::admin(), "POST", path, "application/json", Some(body));
    assert_eq!(code, 201, "{answer:#}");
}

/// A Deployment like those of upstream Flux: a group of its own for its volumes.
fn deploy(world: &World) {
    create(
        world,
        "/api/v1/namespaces",
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}),
    );
    let template = json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "securityContext": {"fsGroup": 1337},
            "containers": [{"name": "manager", "image": "registry.example/manager:1"}],
        },
    });
    create(
        world,
        "/apis/apps/v1/namespaces/flux-system/deployments",
        &json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template},
        }),
    );
}

#[tokio::test(start_paused = true)]
async fn a_namespace_gets_ids_of_its_own() {
    let world = start();
    deploy(&world);
    let namespaces = world.api.list(&Gvr::new("", "v1", "namespaces"), None);
    let mut blocks: Vec<&str> = namespaces
        .iter()
        .map(|namespace| object::annotation(namespace, "openshift.io/sa.scc.uid-range").unwrap())
        .collect();
    assert!(blocks.contains(&"1000000000/10000"), "{blocks:?}");
    blocks.sort_unstable();
    blocks.dedup();
    assert_eq!(blocks.len(), namespaces.len());
}

#[tokio::test(start_paused = true)]
async fn a_refused_workload_runs_once_it_may_use_a_constraint() {
    let world = start();
    deploy(&world);
    world.clock.sleep(Duration::from_secs(5)).await;
    let pods = Gvr::new("", "v1", "pods");
    assert!(world.api.list(&pods, Some("flux-system")).is_empty());
    let events = world.api.list(&Gvr::new("", "v1", "events"), Some("flux-system"));
    let failed = events
        .iter()
        .find(|event| event["reason"] == "FailedCreate")
        .unwrap();
    let message = failed["message"].as_str().unwrap();
    assert!(
        message.contains("unable to validate against any security context constraint: [provider \"anyuid\": Forbidden: not usable by user or serviceaccount, provider restricted-v2: .spec.securityContext.fsGroup: Invalid value: [1337]: 1337 is not an allowed group"),
        "{message}"
    );

    create(
        &world,
        "/apis/rbac.authorization.k8s.io/v1/namespaces/flux-system/rolebindings",
        &json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "system:openshift:scc:nonroot-v2"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "system:openshift:scc:nonroot-v2",
            },
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "flux-system"}],
        }),
    );
    world.clock.sleep(Duration::from_secs(1200)).await;
    let pods = world.api.list(&pods, Some("flux-system"));
    assert_eq!(pods.len(), 1);
    assert_eq!(
        object::annotation(&pods[0], "openshift.io/scc"),
        Some("nonroot-v2")
    );
    assert_eq!(pods[0]["spec"]["securityContext"]["fsGroup"], 1337);
}
