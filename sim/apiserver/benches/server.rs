//! What the scenarios live on: starting a server, dry-run applies that change nothing, creates, lists and watches.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

use apiserver::{ApiServer, Config, User};
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use edges::{Clock, Seed};
use http::Request;
use serde_json::{Value, json};

fn server() -> ApiServer {
    ApiServer::new(Config {
        minor: "1.36".to_owned(),
        clock: Clock::system(),
        seed: Seed(7),
        controllers: apiserver::Controllers::All,
        openshift: false,
    })
}

fn send(server: &ApiServer, user: &User, method: &str, path: &str, content_type: &str, body: &Value) -> u16 {
    let body = if body.is_null() {
        Bytes::new()
    } else {
        Bytes::from(body.to_string())
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", content_type)
        .body(body)
        .unwrap();
    server.handle(request, Some(user)).status().as_u16()
}

fn with_namespace() -> (ApiServer, User) {
    let (server, user) = (server(), User::admin());
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}});
    assert_eq!(
        send(
            &server,
            &user,
            "POST",
            "/api/v1/namespaces",
            "application/json",
            &namespace
        ),
        201
    );
    (server, user)
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "apps", "labels": {"app.kubernetes.io/name": "web"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{
                    "name": "web", "image": "web:1", "ports": [{"name": "http", "containerPort": 8080}],
                    "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                    "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                    "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
                }]},
            },
        },
    })
}

fn start(c: &mut Criterion) {
    c.bench_function("start", |b| b.iter(server));
}

fn dry_run(c: &mut Criterion) {
    let (server, user) = with_namespace();
    let path = "/apis/apps/v1/namespaces/apps/deployments/web?fieldManager=m&force=true";
    let apply = |path: &str| {
        send(
            &server,
            &user,
            "PATCH",
            path,
            "application/apply-patch+yaml",
            &deployment(),
        )
    };
    assert_eq!(apply(path), 201);
    let path = format!("{path}&dryRun=All");
    c.bench_function("dry-run apply of an unchanged Deployment", |b| {
        b.iter(|| assert_eq!(apply(&path), 200))
    });
}

fn create(c: &mut Criterion) {
    let (server, user) = with_namespace();
    let mut number = 0;
    c.bench_function("create a ConfigMap", |b| {
        b.iter(|| {
            number += 1;
            let map = json!({"metadata": {"name": format!("map-{number}")}, "data": {"key": "value"}});
            let path = "/api/v1/namespaces/apps/configmaps";
            assert_eq!(send(&server, &user, "POST", path, "application/json", &map), 201);
        });
    });
}

fn list(c: &mut Criterion) {
    let (server, user) = with_namespace();
    let path = "/api/v1/namespaces/apps/configmaps";
    for number in 0..1000 {
        let map = json!({"metadata": {"name": format!("map-{number}")}, "data": {"key": "value"}});
        assert_eq!(send(&server, &user, "POST", path, "application/json", &map), 201);
    }
    c.bench_function("list 1000 ConfigMaps", |b| {
        b.iter(|| assert_eq!(send(&server, &user, "GET", path, "", &Value::Null), 200));
    });
    let before = server.snapshot();
    c.bench_function("snapshot and restore 1000 objects", |b| {
        b.iter(|| server.restore(&before))
    });
}

criterion_group!(benches, start, dry_run, create, list);
criterion_main!(benches);
