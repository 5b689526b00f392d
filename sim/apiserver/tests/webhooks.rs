//! Admission webhooks and requests that come again with their answers.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::{Arc, Mutex};

use apiserver::{ApiServer, ChangeKind, Config, Controllers, User, WebhookCall, Webhooks};
use edges::{Clock, Seed};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde_json::{Value, json};

/// A server whose webhook denies the deletion of `b` and notes whom it was asked about.
fn server(asked: &Arc<Mutex<Vec<Value>>>) -> ApiServer {
    let server = ApiServer::new(Config {
        minor: "1.36".to_owned(),
        clock: Clock::starting_at(jiff::Timestamp::UNIX_EPOCH),
        seed: Seed(1),
        controllers: Controllers::None,
        openshift: false,
    });
    let asked = Arc::clone(asked);
    let hook: Webhooks = Arc::new(move |call: WebhookCall| {
        let review: Value = serde_json::from_slice(&call.body).unwrap();
        let request = &review["request"];
        let about = if request["operation"] == "DELETE" {
            &request["oldObject"]
        } else {
            &request["object"]
        };
        let answer = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "response": {"uid": request["uid"], "allowed": about["metadata"]["name"] != "b"},
        });
        asked.lock().unwrap().push(about.clone());
        Box::pin(async move { Ok((200, answer.to_string().into())) })
    });
    server.call_webhooks(Some(hook));
    server
}

fn call(server: &ApiServer, path: &str, body: &Value) {
    let (code, answer) = server.call(&User::admin(), "POST", path, "application/json", Some(body));
    assert_eq!(code, 201, "{answer:#}");
}

fn configure(server: &ApiServer, operations: &[&str]) {
    let body = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "hook"},
        "webhooks": [{
            "name": "hook.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "clientConfig": {"url": "https://hook.example.com/"},
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": operations, "resources": ["configmaps"],
            }],
        }],
    });
    call(
        server,
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
        &body,
    );
}

fn names(asked: &Arc<Mutex<Vec<Value>>>) -> Vec<String> {
    let asked = asked.lock().unwrap();
    asked
        .iter()
        .map(|one| one["metadata"]["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_collection_is_deleted_up_to_the_first_refusal() {
    let asked = Arc::default();
    let server = server(&asked);
    call(&server, "/api/v1/namespaces", &json!({"metadata": {"name": "n"}}));
    for name in ["a", "b", "c"] {
        call(
            &server,
            "/api/v1/namespaces/n/configmaps",
            &json!({"metadata": {"name": name}}),
        );
    }
    configure(&server, &["DELETE"]);
    let mut changes = server.changes();
    let maps: Api<ConfigMap> = Api::namespaced(server.client(User::admin()), "n");
    let refused = maps
        .delete_collection(&DeleteParams::default(), &ListParams::default())
        .await
        .unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("admission webhook \"hook.example.com\" denied the request"),
        "{refused}"
    );
    assert_eq!(names(&asked), ["a", "b"]);
    let gone = std::iter::from_fn(|| changes.try_next());
    let gone: Vec<(ChangeKind, String)> = gone
        .map(|change| {
            (
                change.kind,
                change.object["metadata"]["name"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    assert_eq!(gone, [(ChangeKind::Deleted, "a".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn what_a_webhook_saw_is_what_is_stored() {
    let asked = Arc::default();
    let server = server(&asked);
    call(&server, "/api/v1/namespaces", &json!({"metadata": {"name": "n"}}));
    configure(&server, &["CREATE"]);
    let maps: Api<ConfigMap> = Api::namespaced(server.client(User::admin()), "n");
    let map = ConfigMap {
        metadata: kube::api::ObjectMeta {
            generate_name: Some("x-".to_owned()),
            ..Default::default()
        },
        ..ConfigMap::default()
    };
    let made = maps.create(&PostParams::default(), &map).await.unwrap();
    assert_eq!(names(&asked), [made.metadata.name.unwrap()]);
    let uid = asked.lock().unwrap()[0]["metadata"]["uid"].clone();
    assert_eq!(uid.as_str(), made.metadata.uid.as_deref());
}
