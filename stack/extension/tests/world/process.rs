//! What a component's process has around its controllers.

use serde_json::json;

use crate::support::*;

/// Adds arguments to a component and waits until it runs with them.
async fn reconfigure(cluster: &Cluster, component: &str, args: &[&str]) {
    let path = format!("/apis/apps/v1/namespaces/flux-system/deployments/{component}");
    let patch: Vec<_> = args
        .iter()
        .map(|arg| json!({"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": arg}))
        .collect();
    let answer = cluster.request("PATCH", &path, "application/json-patch+json", Some(&json!(patch)));
    assert_eq!(answer.0, 200, "{}", answer.1);
    cluster
        .until(&deployments(), "flux-system", component, |found| {
            let status = &found["status"];
            status["observedGeneration"] == found["metadata"]["generation"]
                && status["updatedReplicas"] == 1
                && status["availableReplicas"] == 1
                && status["replicas"] == 1
        })
        .await;
}

// Covers: RT-15, RT-16.
#[test]
fn health_and_metrics_are_served() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.push("app", &[("a.yaml", &config_map("a", "1"))]);
        cluster.apply(&repository("app"));
        cluster.apply(&kustomization("app", "app", json!({})));
        cluster.until(&kustomizations(), "default", "app", ready).await;
        for component in ["source-controller", "kustomize-controller"] {
            for path in ["/healthz", "/readyz"] {
                let answer = cluster.fetch(component, 9440, path).await;
                assert_eq!(answer, Some((200, "ok".to_owned())), "{component} {path}");
            }
            assert_eq!(cluster.fetch(component, 9440, "/metrics").await.unwrap().0, 404);
        }
        for (component, kind) in [
            ("source-controller", "GitRepository"),
            ("kustomize-controller", "Kustomization"),
        ] {
            let (code, text) = cluster.fetch(component, 8080, "/metrics").await.unwrap();
            assert_eq!(code, 200);
            let count = format!(
                "gotk_reconcile_duration_seconds_count{{kind=\"{kind}\",name=\"app\",namespace=\"default\"}} "
            );
            assert!(text.lines().any(|line| line.starts_with(&count)), "{text}");
        }
        reconfigure(&cluster, "source-controller", &["--metrics-addr=0"]).await;
        assert_eq!(cluster.fetch("source-controller", 8080, "/metrics").await, None);
    });
}

// Covers: RT-18, RT-19, KC-09.
#[test]
fn events_are_written_and_posted_with_their_metadata() {
    run(async {
        let cluster = Cluster::start().await;
        let posted = cluster.receiver("events.example.com");
        reconfigure(
            &cluster,
            "kustomize-controller",
            &["--events-addr=http://events.example.com./"],
        )
        .await;
        cluster.push("app", &[("a.yaml", &config_map("a", "1"))]);
        cluster.apply(&repository("app"));
        let mut object = kustomization("app", "app", json!({}));
        object["metadata"]["annotations"] = json!({"event.toolkit.fluxcd.io/team": "shop"});
        cluster.apply(&object);
        let found = cluster.until(&kustomizations(), "default", "app", ready).await;
        cluster.sleep(10).await;
        let posted = posted.lock().unwrap();
        let last = posted.last().unwrap();
        let metadata = json!({
            "kustomize.toolkit.fluxcd.io/revision": found["status"]["lastAppliedRevision"],
            "kustomize.toolkit.fluxcd.io/commit_status": "update",
            "event.toolkit.fluxcd.io/team": "shop",
        });
        assert_eq!(last["metadata"], metadata);
        assert_eq!(last["severity"], "info");
        assert_eq!(last["reason"], "ReconciliationSucceeded");
        assert_eq!(
            last["message"],
            "Reconciliation finished in 0s, next run in 1h0m0s"
        );
        assert_eq!(last["reportingController"], "kustomize-controller");
        let instance = last["reportingInstance"].as_str().unwrap();
        assert!(instance.starts_with("kustomize-controller-"), "{instance}");
        assert_eq!(last["involvedObject"]["uid"], found["metadata"]["uid"]);
        let messages: Vec<_> = posted
            .iter()
            .map(|event| event["message"].as_str().unwrap())
            .collect();
        assert!(messages.contains(&"ConfigMap/default/a created"), "{messages:?}");
        drop(posted);
        let written = cluster.event("Kustomization", "app", "ReconciliationSucceeded");
        assert_eq!(written["metadata"]["annotations"], metadata);
        assert_eq!(written["source"]["component"], "kustomize-controller");
    });
}

// Covers: RT-21.
#[test]
fn the_status_is_written_by_the_controllers_own_manager() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.push("app", &[("a.yaml", &config_map("a", "1"))]);
        cluster.apply(&repository("app"));
        cluster.apply(&kustomization("app", "app", json!({})));
        let found = cluster.until(&kustomizations(), "default", "app", ready).await;
        let entries = found["metadata"]["managedFields"].as_array().unwrap();
        let of_status = entries.iter().filter(|entry| entry["subresource"] == "status");
        let managers: Vec<_> = of_status
            .map(|entry| entry["manager"].as_str().unwrap())
            .collect();
        assert_eq!(managers, ["gotk-kustomize-controller"]);
    });
}
