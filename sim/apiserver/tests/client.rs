//! The server as `kube::Client` meets it.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use apiserver::{ApiServer, Config, Gvr, User};
use edges::{Clock, Seed};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
    runtime::watcher,
};
use serde_json::json;

fn server() -> ApiServer {
    ApiServer::new(Config {
        minor: "1.36".to_owned(),
        clock: Clock::starting_at("2026-01-01T00:00:00Z".parse().unwrap()),
        seed: Seed(7),
        controllers: apiserver::Controllers::All,
        openshift: false,
    })
}

async fn namespace(client: &Client, name: &str) {
    let object: Namespace = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
    Api::all(client.clone())
        .create(&PostParams::default(), &object)
        .await
        .unwrap();
}

fn config_map(name: &str, value: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": {"key": value}})).unwrap()
}

#[tokio::test(start_paused = true)]
async fn objects_live() {
    let server = server();
    let client = server.client(User::admin());
    namespace(&client, "apps").await;
    let api: Api<ConfigMap> = Api::namespaced(client, "apps");
    let created = api
        .create(&PostParams::default(), &config_map("a", "1"))
        .await
        .unwrap();
    assert!(created.uid().is_some());
    let refused = api
        .create(&PostParams::default(), &config_map("a", "1"))
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("configmaps \"a\" already exists"),
        "{refused}"
    );

    let patch = json!({"data": {"key": "2"}});
    let patched = api
        .patch("a", &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .unwrap();
    assert_eq!(patched.data.unwrap()["key"], "2");
    let stale = api
        .replace("a", &PostParams::default(), &created)
        .await
        .unwrap_err();
    assert!(
        stale.to_string().contains("the object has been modified"),
        "{stale}"
    );

    assert_eq!(
        api.list(&ListParams::default().fields("metadata.name=a"))
            .await
            .unwrap()
            .items
            .len(),
        1
    );
    assert_eq!(
        api.list(&ListParams::default().labels("x=y"))
            .await
            .unwrap()
            .items
            .len(),
        0
    );
    api.delete("a", &DeleteParams::default()).await.unwrap();
    assert!(api.get_opt("a").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn watches_see_what_happens() {
    let server = server();
    let client = server.client(User::admin());
    namespace(&client, "apps").await;
    let api: Api<ConfigMap> = Api::namespaced(client, "apps");
    let version = server.resource_version().to_string();
    let mut events = api
        .watch(&WatchParams::default().timeout(60), &version)
        .await
        .unwrap()
        .boxed();
    api.create(&PostParams::default(), &config_map("a", "1"))
        .await
        .unwrap();
    api.delete("a", &DeleteParams::default()).await.unwrap();
    assert!(matches!(
        events.try_next().await.unwrap(),
        Some(WatchEvent::Added(_))
    ));
    assert!(matches!(
        events.try_next().await.unwrap(),
        Some(WatchEvent::Deleted(_))
    ));
    // The server ends the watch when its time is up; time is virtual.
    assert!(!matches!(
        events.try_next().await.unwrap(),
        Some(WatchEvent::Added(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn informers_run_by_list_and_by_stream() {
    for config in [
        watcher::Config::default(),
        watcher::Config::default().streaming_lists(),
    ] {
        let server = server();
        let client = server.client(User::admin());
        namespace(&client, "apps").await;
        let api: Api<ConfigMap> = Api::namespaced(client, "apps");
        api.create(&PostParams::default(), &config_map("a", "1"))
            .await
            .unwrap();
        let mut stream = watcher(api.clone(), config).boxed();
        let mut ready = false;
        while let Some(event) = stream.try_next().await.unwrap() {
            if matches!(event, watcher::Event::InitDone) {
                ready = true;
                api.create(&PostParams::default(), &config_map("b", "1"))
                    .await
                    .unwrap();
            }
            if let watcher::Event::Apply(object) = event {
                assert_eq!(object.name_any(), "b");
                break;
            }
        }
        assert!(ready);
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_brings_the_past_back() {
    let server = server();
    let client = server.client(User::admin());
    namespace(&client, "apps").await;
    let before = server.snapshot();
    let api: Api<ConfigMap> = Api::namespaced(client, "apps");
    api.create(&PostParams::default(), &config_map("a", "1"))
        .await
        .unwrap();
    server.restore(&before);
    let gvr = Gvr::new("", "v1", "configmaps");
    assert!(server.get(&gvr, "apps", "a").is_none());
}

#[tokio::test(start_paused = true)]
async fn strangers_are_refused_and_tokens_speak() {
    let server = server();
    namespace(&server.client(User::admin()), "apps").await;
    let stranger = server.client(User::new("bob", &["system:authenticated"]));
    let api: Api<ConfigMap> = Api::namespaced(stranger, "apps");
    let refused = api.list(&ListParams::default()).await.unwrap_err();
    let text = "configmaps is forbidden: User \"bob\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"apps\"";
    assert!(refused.to_string().contains(text), "{refused}");
}
