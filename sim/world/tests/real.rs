//! A world behind sockets: its API server over TLS, its Git server for the genuine client.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::{fs, io, path::Path, process::Command};

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{PostParams, WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;
use world::{Real, RealConfig};

async fn client(real: &Real) -> Client {
    let kubeconfig = Kubeconfig::from_yaml(&real.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options);
    Client::try_from(config.await.unwrap()).unwrap()
}

fn config_map(name: &str, bytes: usize) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": {"key": "x".repeat(bytes)}})).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_the_kubeconfig_writes_and_watches() {
    let real = Real::start(RealConfig::default()).unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(client(&real).await);
    let mut watch = maps
        .watch(
            &WatchParams::default()
                .fields("metadata.name=a")
                .disable_bookmarks(),
            "0",
        )
        .await
        .unwrap()
        .boxed();
    maps.create(&PostParams::default(), &config_map("a", 1))
        .await
        .unwrap();
    let event = watch.next().await.unwrap().unwrap();
    assert!(
        matches!(&event, WatchEvent::Added(map) if map.metadata.name.as_deref() == Some("a")),
        "{event:?}"
    );
    let large = maps
        .create(&PostParams::default(), &config_map("b", 4 << 20))
        .await
        .unwrap_err();
    assert!(
        matches!(&large, kube::Error::Api(status) if status.code == 413),
        "{large}"
    );
    real.shutdown().await;
    assert!(maps.get("a").await.is_err(), "the door is closed");
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let real = Real::start(RealConfig::default()).unwrap();
    let taken = real.api_url().trim_start_matches("https://").parse().unwrap();
    let config = RealConfig {
        listen: taken,
        ..RealConfig::default()
    };
    let error = Real::start(config).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&taken.to_string()), "{error}");
    let config = RealConfig {
        minor: "1.2".to_owned(),
        ..RealConfig::default()
    };
    let error = Real::start(config).err().unwrap();
    assert!(error.to_string().contains("\"1.2\""), "{error}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the genuine client is what the server is for"
)]
fn git(home: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.com"])
        .args(arguments)
        .current_dir(home)
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {text}{errors}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn the_genuine_client_pushes_what_another_clones() {
    let real = Real::start(RealConfig::default()).unwrap();
    let url = format!("{}/org/app.git", real.git_url());
    let server = real.world.git.clone();
    let home = tempfile::tempdir().unwrap();
    let work = home.path().join("work");
    fs::create_dir(&work).unwrap();
    git(&work, &["init", "--quiet", "--initial-branch=main"]);
    let commit = |text: &str| {
        fs::write(work.join("file"), text).unwrap();
        git(&work, &["add", "."]);
        git(&work, &["commit", "--quiet", "-m", "A change"]);
        git(&work, &["rev-parse", "HEAD"])
    };
    let first = commit("one");
    git(&work, &["tag", "-a", "v1", "-m", "v1"]);
    git(&work, &["push", "--quiet", &url, "main", "v1"]);
    assert_eq!(server.head("org/app", "main").unwrap().to_string(), first);
    // More than git sends in one piece.
    let second = commit(&"long line of a large file\n".repeat(200_000));
    git(&work, &["push", "--quiet", &url, "main"]);
    assert_eq!(server.head("org/app", "main").unwrap().to_string(), second);
    git(home.path(), &["clone", "--quiet", &url, "clone"]);
    assert_eq!(git(&home.path().join("clone"), &["rev-parse", "HEAD"]), second);
    git(
        &work,
        &["push", "--quiet", "--force", &url, "v1^{commit}:main", ":v1"],
    );
    assert_eq!(server.head("org/app", "main").unwrap().to_string(), first);
    assert_eq!(git(&work, &["ls-remote", "--tags", &url]), "");
    // A push of git and one of the world's own go together.
    let third = server
        .push("org/app", "main", &home.path().join("clone/.git/info"), "three")
        .unwrap()
        .to_string();
    git(&work, &["fetch", "--quiet", &url, "main"]);
    assert_eq!(git(&work, &["rev-parse", "FETCH_HEAD"]), third);
    assert_eq!(git(&work, &["rev-parse", "FETCH_HEAD^"]), first);
    let served = server.served();
    assert!(
        served.iter().any(|(_, oid)| oid.to_string() == second),
        "{served:?}"
    );
}
