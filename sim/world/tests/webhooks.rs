//! Admission webhooks are asked over the world's network.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use apiserver::User;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use edges::{HttpError, body_from};
use http::{Request, Response};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::PostParams};
use serde_json::{Value, json};
use world::{Config, World};

/// Denies what is called `no`, labels the rest.
async fn hook(request: Request<Bytes>) -> Result<Response<edges::Body>, HttpError> {
    let review: Value = serde_json::from_slice(request.body()).unwrap();
    let uid = &review["request"]["uid"];
    let response = if review["request"]["name"] == "no" {
        json!({"uid": uid, "allowed": false, "status": {"message": "not this name"}})
    } else {
        let patch = json!([{"op": "add", "path": "/metadata/labels", "value": {"seen": "yes"}}]);
        json!({
            "uid": uid, "allowed": true, "warnings": ["seen"],
            "patchType": "JSONPatch", "patch": STANDARD.encode(patch.to_string()),
        })
    };
    let answer =
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response});
    Ok(Response::new(body_from(answer.to_string())))
}

fn configure(world: &World, url: &str) {
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "hook"},
        "webhooks": [{
            "name": "hook.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "clientConfig": {"url": url}, "timeoutSeconds": 5,
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"],
            }],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}},
        }],
    });
    let path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
    let (code, answer) = world.api.call(
        &User::admin(),
        "POST",
        path,
        "application/json",
        Some(&configuration),
    );
    assert_eq!(code, 201, "{answer:#}");
}

async fn make(world: &World, name: &str) -> Result<ConfigMap, String> {
    let maps: Api<ConfigMap> = Api::namespaced(world.admin(), "default");
    let map = ConfigMap {
        metadata: kube::api::ObjectMeta {
            name: Some(name.to_owned()),
            ..Default::default()
        },
        ..ConfigMap::default()
    };
    match maps.create(&PostParams::default(), &map).await {
        Ok(map) => Ok(map),
        Err(kube::Error::Api(status)) => Err(status.message.clone()),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_changes_and_denies() {
    let world = World::start(&Config::default()).unwrap();
    world
        .net
        .add_host("hook.example.com", 443, tower::service_fn(hook));
    configure(&world, "https://hook.example.com/admit");
    let made = make(&world, "yes").await.unwrap();
    assert_eq!(made.metadata.labels.unwrap()["seen"], "yes");
    assert_eq!(
        make(&world, "no").await.unwrap_err(),
        "admission webhook \"hook.example.com\" denied the request: not this name"
    );
    let writes = world.api.audit();
    let maps = writes.iter().filter(|write| write.gvr.resource == "configmaps");
    assert_eq!(
        maps.filter(|write| write.namespace == "default" && write.user == "admin")
            .count(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_nobody_serves_fails_the_request() {
    let world = World::start(&Config::default()).unwrap();
    configure(&world, "https://hook.example.com/admit");
    let refused = make(&world, "any").await.unwrap_err();
    assert_eq!(
        refused,
        "Internal error occurred: failed calling webhook \"hook.example.com\": failed to call webhook: Post \"https://hook.example.com/admit?timeout=5s\": dial tcp: lookup hook.example.com: no such host"
    );
}
