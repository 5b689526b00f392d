//! A cluster that lives: workloads become ready, processes start and die, names lead to ports.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use apiserver::{Gvr, User};
use bytes::Bytes;
use edges::{Body, HttpError, body_from};
use http::{Request, Response};
use manifest::object;
use serde_json::{Value, json};
use tower::util::BoxCloneSyncService;
use world::{Config, World};

fn start() -> World {
    let config = Config::default();
    let mut world = World::start(&config).unwrap();
    world.start_nodes(&config, None);
    world
}

fn gvr(group: &str, resource: &str) -> Gvr {
    Gvr::new(group, "v1", resource)
}

fn create(world: &World, path: &str, body: &Value) -> Value {
    let (code, answer) = world
        .api
        .call(&User::admin(), "POST", path, "application/json", Some(body));
    assert_eq!(code, 201, "{answer:#}");
    answer
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
}

fn deployment(template: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    })
}

fn status_of(value: &Value, kind: &str) -> (String, String) {
    let entry = object::condition(value, kind).cloned().unwrap_or_default();
    let text = |key: &str| {
        entry
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    (text("status"), text("reason"))
}

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

#[tokio::test(start_paused = true)]
async fn a_deployment_becomes_available_and_rolls_over() {
    let world = start();
    create(&world, DEPLOYMENTS, &deployment(&template("web:1")));
    world.clock.sleep(Duration::from_secs(10)).await;
    let found = world
        .api
        .get(&gvr("apps", "deployments"), "default", "web")
        .unwrap();
    assert_eq!(
        status_of(&found, "Progressing"),
        ("True".into(), "NewReplicaSetAvailable".into()),
        "{found:#}"
    );
    assert_eq!(status_of(&found, "Available").0, "True");
    assert_eq!(found["status"]["readyReplicas"], 3);

    let patch = json!({"spec": {"template": template("web:2")}});
    let path = format!("{DEPLOYMENTS}/web");
    let (code, _) = world.api.call(
        &User::admin(),
        "PATCH",
        &path,
        "application/strategic-merge-patch+json",
        Some(&patch),
    );
    assert_eq!(code, 200);
    world.clock.sleep(Duration::from_secs(30)).await;
    let found = world
        .api
        .get(&gvr("apps", "deployments"), "default", "web")
        .unwrap();
    assert_eq!(found["status"]["updatedReplicas"], 3, "{found:#}");
    assert_eq!(found["status"]["replicas"], 3, "{found:#}");
    let pods = world.api.list(&gvr("", "pods"), Some("default"));
    assert_eq!(pods.len(), 3);
    assert!(
        pods.iter()
            .all(|pod| pod["spec"]["containers"][0]["image"] == "web:2")
    );
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_cannot_become_ready_exceeds_its_deadline() {
    let world = start();
    let mut template = template("web:1");
    template["spec"]["readinessGates"] = json!([{"conditionType": "example.com/never"}]);
    create(&world, DEPLOYMENTS, &deployment(&template));
    world.clock.sleep(Duration::from_secs(60)).await;
    let found = world
        .api
        .get(&gvr("apps", "deployments"), "default", "web")
        .unwrap();
    assert_eq!(status_of(&found, "Progressing").0, "True", "{found:#}");
    assert_eq!(
        status_of(&found, "Available"),
        ("False".into(), "MinimumReplicasUnavailable".into())
    );
    world.clock.sleep(Duration::from_secs(700)).await;
    let found = world
        .api
        .get(&gvr("apps", "deployments"), "default", "web")
        .unwrap();
    assert_eq!(
        status_of(&found, "Progressing"),
        ("False".into(), "ProgressDeadlineExceeded".into()),
        "{found:#}"
    );
}

#[tokio::test(start_paused = true)]
async fn jobs_complete_and_stateful_pods_keep_their_names() {
    let world = start();
    let mut job = template("task:1");
    job["spec"]["restartPolicy"] = json!("Never");
    let body = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "task"}, "spec": {"template": job}});
    create(&world, "/apis/batch/v1/namespaces/default/jobs", &body);
    let body = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
        "spec": {"replicas": 2, "serviceName": "db", "selector": {"matchLabels": {"app": "web"}},
                 "template": template("db:1")},
    });
    create(&world, "/apis/apps/v1/namespaces/default/statefulsets", &body);
    world.clock.sleep(Duration::from_secs(10)).await;
    let job = world.api.get(&gvr("batch", "jobs"), "default", "task").unwrap();
    assert_eq!(status_of(&job, "Complete").0, "True", "{job:#}");
    assert_eq!(job["status"]["succeeded"], 1);
    let set = world
        .api
        .get(&gvr("apps", "statefulsets"), "default", "db")
        .unwrap();
    assert_eq!(set["status"]["readyReplicas"], 2, "{set:#}");
    assert_eq!(set["status"]["currentRevision"], set["status"]["updateRevision"]);
    assert!(world.api.get(&gvr("", "pods"), "default", "db-1").is_some());
}

/// A world in which pods with the image `real:1` run `process`.
fn with_process(process: impl Fn() -> kubelet::Process + Send + Sync + 'static) -> (World, Arc<AtomicU32>) {
    let config = Config::default();
    let mut world = World::start(&config).unwrap();
    let starts = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&starts);
    let launcher: kubelet::Launcher = Arc::new(move |pod| {
        (pod.image == "real:1").then(|| {
            count.fetch_add(1, Ordering::SeqCst);
            process()
        })
    });
    world.start_nodes(&config, Some(launcher));
    (world, starts)
}

#[tokio::test(start_paused = true)]
async fn a_crashing_process_is_started_again_after_a_growing_wait() {
    let (world, starts) = with_process(|| Box::pin(async { 1 }));
    let mut body = deployment(&template("real:1"));
    body["spec"]["replicas"] = json!(1);
    create(&world, DEPLOYMENTS, &body);
    world.clock.sleep(Duration::from_secs(5)).await;
    // The first restart comes at once.
    assert_eq!(starts.load(Ordering::SeqCst), 2);
    let pods = world.api.list(&gvr("", "pods"), Some("default"));
    let state = &pods[0]["status"]["containerStatuses"][0]["state"];
    assert_eq!(state["waiting"]["reason"], "CrashLoopBackOff", "{:#}", pods[0]);
    world.clock.sleep(Duration::from_secs(40)).await;
    assert_eq!(starts.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_service_leads_to_the_port_of_its_ready_pod_until_that_dies() {
    let config = Config::default();
    let mut world = World::start(&config).unwrap();
    let gate = world.gate();
    let launcher: kubelet::Launcher = Arc::new(move |pod| {
        let edges = (pod.image == "real:1").then(|| gate.edges(pod).unwrap())?;
        Some(Box::pin(async move {
            let hello = tower::service_fn(|_: Request<Bytes>| async {
                Ok::<Response<Body>, Infallible>(Response::new(body_from("hello")))
            });
            let _open = edges
                .listener
                .serve(9090, BoxCloneSyncService::new(hello))
                .unwrap();
            std::future::pending().await
        }))
    });
    world.start_nodes(&config, Some(launcher));
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 9090}]},
    });
    create(&world, "/api/v1/namespaces/default/services", &service);
    let get = || async {
        let request = Request::get("http://web.default.svc.cluster.local./x")
            .body(Bytes::new())
            .unwrap();
        world.net.client().fetch(request, 100).await
    };
    assert!(matches!(get().await, Err(HttpError::Refused)));
    let mut body = deployment(&template("real:1"));
    body["spec"]["replicas"] = json!(1);
    create(&world, DEPLOYMENTS, &body);
    world.clock.sleep(Duration::from_secs(5)).await;
    assert_eq!(get().await.unwrap().body().as_ref(), b"hello");
    let options = json!({"propagationPolicy": "Background"});
    let path = format!("{DEPLOYMENTS}/web");
    world.api.call(
        &User::admin(),
        "DELETE",
        &path,
        "application/json",
        Some(&options),
    );
    world.clock.sleep(Duration::from_secs(5)).await;
    assert_eq!(world.api.list(&gvr("", "pods"), Some("default")).len(), 0);
    assert!(matches!(get().await, Err(HttpError::Refused)));
    let request = Request::get("http://nowhere.example.org/")
        .body(Bytes::new())
        .unwrap();
    assert!(matches!(
        world.net.client().fetch(request, 100).await,
        Err(HttpError::NoSuchHost(_))
    ));
}
