//! Pods as processes: what they are given, how they live and end. Every test runs as this machine allows best and again
//! without namespaces.
#![expect(clippy::print_stdout, reason = "a test says what it could do on this machine")]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::{fs, path::PathBuf, time::Duration};

use edges::Clock;
use futures::{AsyncBufReadExt, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{DeleteParams, LogParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    runtime::wait::await_condition,
};
use serde_json::{Value, json};
use world::{Isolation, Real, RealConfig};

/// Long enough for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

struct Host {
    real: Real,
    pods: Api<Pod>,
    client: Client,
}

fn programs() -> Vec<(String, PathBuf)> {
    vec![
        ("shell".to_owned(), PathBuf::from("/bin/sh")),
        ("git".to_owned(), git()),
    ]
}

fn git() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path)
        .map(|folder| folder.join("git"))
        .find(|path| path.is_file())
        .unwrap()
}

async fn host(isolation: Isolation) -> Host {
    let real = Real::start(RealConfig {
        images: programs(),
        isolation,
        ..RealConfig::default()
    })
    .unwrap();
    println!("pods are processes, {}", real.isolation().unwrap());
    let kubeconfig = Kubeconfig::from_yaml(&real.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let client = Client::try_from(config.unwrap()).unwrap();
    Host {
        real,
        pods: Api::default_namespaced(client.clone()),
        client,
    }
}

impl Host {
    async fn start(&self, pod: Value) -> Pod {
        let pod: Pod = serde_json::from_value(pod).unwrap();
        self.pods.create(&PostParams::default(), &pod).await.unwrap()
    }

    /// Waits until a pod is as wanted.
    async fn until(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let fits = |pod: Option<&Pod>| pod.is_some_and(|pod| wanted(&serde_json::to_value(pod).unwrap()));
        let waited = Clock::system()
            .timeout(PATIENCE, await_condition(self.pods.clone(), name, fits))
            .await;
        let pod = serde_json::to_value(self.pods.get(name).await.unwrap()).unwrap();
        let log = self.log(name, &LogParams::default()).await;
        assert!(waited.is_ok(), "{pod:#}\n{log}");
        serde_json::to_value(waited.unwrap().unwrap()).unwrap()
    }

    async fn over(&self, name: &str) -> Value {
        self.until(name, |pod| {
            matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
        })
        .await
    }

    async fn log(&self, name: &str, wanted: &LogParams) -> String {
        self.pods
            .logs(name, wanted)
            .await
            .unwrap_or_else(|error| error.to_string())
    }

    async fn gone(&self, name: &str) {
        let gone = |pod: Option<&Pod>| pod.is_none();
        Clock::system()
            .timeout(PATIENCE, await_condition(self.pods.clone(), name, gone))
            .await
            .unwrap()
            .unwrap();
    }
}

fn pod(name: &str, image: &str, args: &[&str]) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image, "args": args}]},
    })
}

fn exit_code(pod: &Value) -> i64 {
    pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"]
        .as_i64()
        .unwrap()
}

const BOTH: [Isolation; 2] = [Isolation::Auto, Isolation::Loopback];

#[tokio::test(flavor = "multi_thread")]
async fn a_process_finds_what_its_pod_gives_it() {
    for isolation in BOTH {
        let host = host(isolation).await;
        let script = "cat $POD_ROOT/var/run/secrets/kubernetes.io/serviceaccount/namespace; echo; \
                      grep -c BEGIN $POD_ROOT/var/run/secrets/kubernetes.io/serviceaccount/ca.crt; \
                      cat $POD_ROOT/etc/app/deep/key; echo; \
                      echo written > $POD_ROOT/data/file && cat $POD_ROOT/data/file; \
                      echo $GREETING $WORD $0; \
                      [ $POD_ROOT ] && echo $HOSTNAME || cat /proc/sys/kernel/hostname; exit 3";
        let mut task = pod("task", "shell", &["-c", script, "$(WORD)-$(UNKNOWN)"]);
        task["spec"]["containers"][0]["env"] = json!([
            {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "secret", "key": "word"}}},
            {"name": "GREETING", "value": "hello $(WORD)"},
            {"name": "NONE", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "k", "optional": true}}},
        ]);
        task["spec"]["containers"][0]["volumeMounts"] = json!([
            {"name": "config", "mountPath": "/etc/app/deep"}, {"name": "data", "mountPath": "/data"},
        ]);
        task["spec"]["volumes"] = json!([
            {"name": "config", "configMap": {"name": "config"}}, {"name": "data", "emptyDir": {}},
        ]);
        host.start(task).await;
        // What it needs comes later than the pod.
        for (path, body) in [
            (
                "secrets",
                json!({"metadata": {"name": "secret"}, "stringData": {"word": "world"}}),
            ),
            (
                "configmaps",
                json!({"metadata": {"name": "config"}, "data": {"key": "value"}}),
            ),
        ] {
            let request = http::Request::post(format!("/api/v1/namespaces/default/{path}"))
                .header("content-type", "application/json")
                .body(body.to_string().into_bytes())
                .unwrap();
            let _: Value = host.client.request(request).await.unwrap();
        }
        let over = host.over("task").await;
        let log = host.log("task", &LogParams::default()).await;
        assert_eq!(exit_code(&over), 3, "{log}");
        assert_eq!(
            log,
            "default\n1\nvalue\nwritten\nhello world world world-$(UNKNOWN)\ntask\n"
        );
        let tail = LogParams {
            tail_lines: Some(1),
            timestamps: true,
            ..LogParams::default()
        };
        assert!(host.log("task", &tail).await.contains("Z task"));
        host.real.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_the_cluster_lead_to_its_git_server() {
    for isolation in BOTH {
        let host = host(isolation).await;
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("file"), "text").unwrap();
        let commit = host
            .real
            .world
            .git
            .create("org/app", tree.path(), "First")
            .unwrap();
        for url in [
            "http://git.example.com/org/app.git",
            "http://git.example.com./org/app.git",
        ] {
            let name = if url.contains("com.") { "dotted" } else { "plain" };
            host.start(pod(name, "git", &["ls-remote", url, "HEAD"])).await;
            let over = host.over(name).await;
            let log = host.log(name, &LogParams::default()).await;
            assert_eq!(exit_code(&over), 0, "{log}");
            assert_eq!(log, format!("{commit}\tHEAD\n"));
        }
        host.start(pod(
            "lost",
            "git",
            &["ls-remote", "http://nowhere.example.com/a.git"],
        ))
        .await;
        assert_ne!(exit_code(&host.over("lost").await), 0, "nothing else is reached");
        host.real.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_decides_about_readiness_and_a_signal_ends_it() {
    for isolation in BOTH {
        let host = host(isolation).await;
        let shared = host.real.isolation().unwrap().starts_with("sharing");
        let listen = if shared {
            "--listen=$(POD_IP)"
        } else {
            "--reuseaddr"
        };
        let mut server = pod(
            "server",
            "git",
            &["daemon", listen, "--export-all", "--base-path=/usr"],
        );
        server["spec"]["restartPolicy"] = json!("Always");
        server["spec"]["containers"][0]["readinessProbe"] =
            json!({"tcpSocket": {"port": 9418}, "periodSeconds": 1});
        host.start(server).await;
        let ready = |pod: &Value| pod["status"]["containerStatuses"][0]["ready"] == true;
        host.until("server", ready).await;

        let mut deaf = pod("deaf", "shell", &["-c", "echo up; exec sleep 1000"]);
        deaf["spec"]["containers"][0]["readinessProbe"] =
            json!({"tcpSocket": {"port": 9419}, "periodSeconds": 1});
        host.start(deaf).await;
        let running = |pod: &Value| pod["status"]["containerStatuses"][0]["state"]["running"].is_object();
        assert!(!ready(&host.until("deaf", running).await));

        let mut polite = pod(
            "polite",
            "shell",
            &[
                "-c",
                "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done",
            ],
        );
        polite["spec"]["terminationGracePeriodSeconds"] = json!(50);
        host.start(polite).await;
        host.until("polite", running).await;
        let follow = LogParams {
            follow: true,
            ..LogParams::default()
        };
        let mut lines = host.pods.log_stream("polite", &follow).await.unwrap().lines();
        assert_eq!(lines.next().await.unwrap().unwrap(), "up");
        let delete = DeleteParams::default();
        host.pods.delete("polite", &delete).await.unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap(), "bye");
        assert!(lines.next().await.is_none());
        host.gone("polite").await;
        for name in ["deaf", "server"] {
            host.pods
                .delete(name, &delete.clone().grace_period(1))
                .await
                .unwrap();
            host.gone(name).await;
        }
        host.real.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_is_started_again_and_its_last_words_are_kept() {
    for isolation in BOTH {
        let host = host(isolation).await;
        let mut failing = pod("failing", "shell", &["-c", "echo run; exit 1"]);
        failing["spec"]["restartPolicy"] = json!("Always");
        host.start(failing).await;
        let waits = |pod: &Value| {
            pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        };
        let pod = host.until("failing", waits).await;
        let last = &pod["status"]["containerStatuses"][0]["lastState"]["terminated"];
        assert_eq!((&last["exitCode"], &last["reason"]), (&json!(1), &json!("Error")));
        assert_eq!(host.log("failing", &LogParams::default()).await, "run\n");
        host.real.shutdown().await;
    }
}
