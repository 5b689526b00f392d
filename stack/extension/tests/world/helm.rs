//! HelmReleases in a simulated cluster: charts come as artifacts of a server of the test's own.

use std::sync::Arc;

use apiserver::Gvr;
use serde_json::{Value, json};

use super::{
    charts::{archive, web},
    support::*,
};

const HOST: &str = "charts.example.com";

fn helm_releases() -> Gvr {
    Gvr::new("helm.toolkit.fluxcd.io", "v2", "helmreleases")
}

fn secrets() -> Gvr {
    Gvr::new("", "v1", "secrets")
}

impl Cluster {
    /// Makes a version of the chart what the HelmChart `name` has.
    fn publish(&self, name: &str, version: &str) {
        let bytes = archive(&web(version));
        let digest = format!("sha256:{}", stdx::sha256_hex(&bytes));
        let path = format!("{name}-{version}.tgz");
        self.serve(HOST, &format!("/{path}"), bytes);
        self.apply(&json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmChart",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"chart": "web", "interval": "1h", "suspend": true,
                "sourceRef": {"kind": "HelmRepository", "name": "none"}},
        }));
        let generation = self.get(
            &Gvr::new("source.toolkit.fluxcd.io", "v1", "helmcharts"),
            "default",
            name,
        );
        let generation = generation.unwrap()["metadata"]["generation"].clone();
        let status = json!({"status": {
            "observedGeneration": generation,
            "artifact": {"digest": digest, "path": path, "revision": version,
                "url": format!("http://{HOST}/{path}"), "lastUpdateTime": "2024-01-01T00:00:00Z"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "ChartPullSucceeded", "message": "",
                "lastTransitionTime": "2024-01-01T00:00:00Z"}],
        }});
        let path = format!("/apis/source.toolkit.fluxcd.io/v1/namespaces/default/helmcharts/{name}/status");
        let (code, answer) = self.request("PATCH", &path, "application/merge-patch+json", Some(&status));
        assert!(code < 300, "{answer}");
    }

    fn release(&self, name: &str, spec: Value) {
        let mut all =
            json!({"interval": "1h", "timeout": "20s", "chartRef": {"kind": "HelmChart", "name": "web"}});
        for (key, value) in spec.as_object().unwrap() {
            all[key] = value.clone();
        }
        self.apply(&json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
            "metadata": {"name": name, "namespace": "default"}, "spec": all,
        }));
    }

    async fn released(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Arc<Value> {
        self.until(&helm_releases(), "default", name, wanted).await
    }

    fn record(&self, name: &str, version: u32) -> Option<String> {
        let secret = self.get(
            &secrets(),
            "default",
            &format!("sh.helm.release.v1.{name}.v{version}"),
        )?;
        assert_eq!(secret["type"], "helm.sh/release.v1");
        Some(
            secret["metadata"]["labels"]["status"]
                .as_str()
                .unwrap()
                .to_owned(),
        )
    }

    fn annotate(&self, name: &str, annotations: &Value) {
        let path = format!("/apis/helm.toolkit.fluxcd.io/v2/namespaces/default/helmreleases/{name}");
        let patch = json!({"metadata": {"annotations": annotations}});
        let (code, answer) = self.request("PATCH", &path, "application/merge-patch+json", Some(&patch));
        assert!(code < 300, "{answer}");
    }
}

fn message(found: &Value, kind: &str) -> String {
    let condition = condition(found, kind);
    let text = condition.and_then(|condition| condition["message"].as_str());
    text.unwrap_or_default().to_owned()
}

fn versions(found: &Value) -> Vec<(u64, String)> {
    let history = found["status"]["history"].as_array().unwrap();
    let shown = history.iter().map(|s| {
        (
            s["version"].as_u64().unwrap(),
            s["status"].as_str().unwrap().to_owned(),
        )
    });
    shown.collect()
}

fn has_version(found: &Value, version: u64) -> bool {
    ready(found) && found["status"]["history"][0]["version"] == version
}

// Covers: HC-01, HC-02, HC-03, HC-04, HC-05, HC-06, HC-38, HC-45, HC-46, HC-51, HC-56.
#[test]
#[expect(clippy::too_many_lines, reason = "one life, told in order")]
fn a_release_is_installed_upgraded_forced_and_uninstalled() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.publish("web", "1.0.0");
        cluster.release("web", json!({}));
        let found = cluster.released("web", ready).await;
        let text = "Helm install succeeded for release default/web.v1 with chart web@1.0.0";
        assert_eq!(message(&found, "Ready"), text);
        assert_eq!(message(&found, "Released"), text);
        assert_eq!(reason(&found), "InstallSucceeded");
        assert_eq!(versions(&found), [(1, "deployed".to_owned())]);
        assert_eq!(found["status"]["lastAttemptedRevision"], "1.0.0");
        assert_eq!(cluster.record("web", 1).as_deref(), Some("deployed"));
        let ids: Vec<_> = found["status"]["inventory"]["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["id"].clone())
            .collect();
        assert_eq!(
            ids,
            [
                "default_web__ConfigMap",
                "default_web_apps_Deployment",
                "_widgets.example.com_apiextensions.k8s.io_CustomResourceDefinition"
            ]
        );
        let live = cluster.get(&deployments(), "default", "web").unwrap();
        let manager = &live["metadata"]["managedFields"][0];
        assert_eq!(
            (&manager["manager"], &manager["operation"]),
            (&json!("helm-controller"), &json!("Apply"))
        );
        assert_eq!(live["metadata"]["labels"]["helm.toolkit.fluxcd.io/name"], "web");
        assert_eq!(
            live["metadata"]["annotations"]["meta.helm.sh/release-name"],
            "web"
        );
        let event = cluster.event("HelmRelease", "web", "InstallSucceeded");
        assert_eq!(
            event["metadata"]["annotations"]["helm.toolkit.fluxcd.io/revision"],
            "1.0.0"
        );

        cluster.release("web", json!({"values": {"replicas": 2}}));
        let found = cluster.released("web", |found| has_version(found, 2)).await;
        assert_eq!(reason(&found), "UpgradeSucceeded");
        assert_eq!(
            versions(&found),
            [(2, "deployed".to_owned()), (1, "superseded".to_owned())]
        );
        assert_eq!(cluster.record("web", 1).as_deref(), Some("superseded"));
        assert_eq!(
            cluster.get(&deployments(), "default", "web").unwrap()["spec"]["replicas"],
            2
        );

        cluster.annotate("web", &json!({"reconcile.fluxcd.io/requestedAt": "a"}));
        let handled = |value: &'static str| {
            move |found: &Value| found["status"]["lastHandledReconcileAt"] == value && ready(found)
        };
        cluster.released("web", handled("a")).await;
        assert_eq!(cluster.record("web", 3), None);
        cluster.annotate(
            "web",
            &json!({"reconcile.fluxcd.io/requestedAt": "b", "reconcile.fluxcd.io/forceAt": "b"}),
        );
        let found = cluster.released("web", handled("b")).await;
        assert!(has_version(&found, 3), "{found}");
        assert_eq!(found["status"]["lastHandledForceAt"], "b");

        cluster.publish("web", "1.1.0");
        let found = cluster.released("web", |found| has_version(found, 4)).await;
        assert_eq!(found["status"]["history"][0]["chartVersion"], "1.1.0");

        let path = "/apis/helm.toolkit.fluxcd.io/v2/namespaces/default/helmreleases/web";
        cluster.request("DELETE", path, "", None);
        cluster.sleep(30).await;
        assert!(cluster.get(&helm_releases(), "default", "web").is_none());
        assert!(cluster.get(&deployments(), "default", "web").is_none());
        assert_eq!(cluster.record("web", 4), None);
    });
}

// Covers: HC-20, HC-20b, HC-22, HC-25, HC-57.
#[test]
fn failures_are_counted_remediated_and_forgotten() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.publish("web", "1.0.0");
        cluster.release("a", json!({"values": {"gate": true}}));
        let stalled = |found: &Value| condition(found, "Stalled").is_some();
        let found = cluster.released("a", stalled).await;
        assert_eq!(message(&found, "Stalled"), "Failed to install after 1 attempt(s)");
        assert_eq!(condition(&found, "Stalled").unwrap()["reason"], "RetriesExceeded");
        assert_eq!(reason(&found), "InstallFailed");
        assert_eq!(found["status"]["installFailures"], 1);
        assert_eq!(
            found["status"]["observedGeneration"],
            found["metadata"]["generation"]
        );
        assert_eq!(cluster.record("a", 1).as_deref(), Some("failed"));
        let event = cluster.event("HelmRelease", "a", "InstallFailed");
        assert!(
            event["message"]
                .as_str()
                .unwrap()
                .contains("\n\nLast Helm logs:\n\n")
        );
        cluster.release("a", json!({"values": {"gate": false}}));
        let found = cluster.released("a", |found| has_version(found, 2)).await;
        assert!(condition(&found, "Stalled").is_none() && found["status"].get("installFailures").is_none());

        cluster.release("b", json!({"values": {"greeting": ""}}));
        let found = cluster
            .released("b", |found| reason(found) == "InstallFailed")
            .await;
        assert!(
            message(&found, "Ready").contains("greeting is required"),
            "{found}"
        );
        assert!(condition(&found, "Stalled").is_none() && found["status"].get("installFailures").is_none());
        assert_eq!(cluster.record("b", 1), None);

        cluster.release(
            "a",
            json!({"values": {"gate": true}, "upgrade": {"remediation": {"retries": 1}}}),
        );
        let found = cluster.released("a", stalled).await;
        assert_eq!(message(&found, "Stalled"), "Failed to upgrade after 2 attempt(s)");
        assert_eq!(reason(&found), "RollbackSucceeded");
        assert_eq!(condition(&found, "Remediated").unwrap()["status"], "True");
        let live = cluster.get(&deployments(), "default", "a").unwrap();
        assert!(
            live["spec"]["template"]["spec"].get("readinessGates").is_none(),
            "{live}"
        );
    });
}

// Covers: HC-21, HC-26.
#[test]
fn retries_are_remediated_or_not() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.publish("web", "1.0.0");
        let remediation = json!({"values": {"gate": true}, "install": {"remediation": {"retries": 2, "remediateLastFailure": true}}});
        cluster.release("a", remediation);
        let found = cluster
            .released("a", |found| condition(found, "Stalled").is_some())
            .await;
        assert_eq!(message(&found, "Stalled"), "Failed to install after 3 attempt(s)");
        assert_eq!(reason(&found), "UninstallSucceeded");
        assert_eq!(cluster.record("a", 1), None);

        let strategy = json!({"name": "RetryOnFailure", "retryInterval": "5s"});
        let retrying = json!({"values": {"gate": true}, "install": {"strategy": strategy}, "upgrade": {"strategy": strategy}});
        cluster.release("b", retrying);
        let found = cluster
            .released("b", |found| found["status"]["history"][0]["version"] == 3)
            .await;
        assert!(condition(&found, "Stalled").is_none());
        let found = cluster
            .released("b", |found| message(found, "Reconciling") == "retrying after 5s")
            .await;
        assert_eq!(reason(&found), "UpgradeFailed");
    });
}

// Covers: HC-35.
#[test]
fn drift_is_told_and_corrected() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.publish("web", "1.0.0");
        cluster.release(
            "web",
            json!({"interval": "1m", "driftDetection": {"mode": "warn"}}),
        );
        cluster.released("web", ready).await;
        let patch = json!({"data": {"greeting": "changed"}});
        let path = "/api/v1/namespaces/default/configmaps/web?fieldManager=kubectl";
        cluster.request("PATCH", path, "application/merge-patch+json", Some(&patch));
        let found = cluster
            .released("web", |found| {
                condition(found, "Drifted").is_some_and(|drifted| drifted["status"] == "True")
            })
            .await;
        assert_eq!(
            message(&found, "Drifted"),
            "Cluster state of release default/web.v1 has drifted from the desired state:\nConfigMap/default/web \
             changed (0 additions, 1 changes, 0 removals)"
        );
        let path = "/apis/apps/v1/namespaces/default/deployments/web";
        cluster.request("DELETE", path, "", None);
        cluster.release(
            "web",
            json!({"interval": "1m", "driftDetection": {"mode": "enabled"}}),
        );
        cluster
            .released("web", |found| {
                message(found, "Drifted") == "No drift detected against the cluster state"
            })
            .await;
        let event = cluster.event("HelmRelease", "web", "DriftCorrected");
        assert_eq!(
            event["message"],
            "Cluster state of release default/web.v1 has been corrected:\nDeployment/default/web \
             created\nConfigMap/default/web configured"
        );
        let config = cluster.get(&config_maps(), "default", "web").unwrap();
        assert_eq!(config["data"]["greeting"], "hello");
        assert_eq!(cluster.record("web", 2), None);
    });
}

// Covers: HC-10, HC-17, HC-13.
#[test]
fn prerequisites_are_waited_for() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.publish("web", "1.0.0");
        cluster.release("first", json!({"valuesFrom": [{"kind": "Secret", "name": "v"}]}));
        cluster.release("second", json!({"dependsOn": [{"name": "first"}]}));
        let found = cluster
            .released("first", |found| reason(found) == "ValuesError")
            .await;
        let text = message(&found, "Ready");
        let prefix = "could not resolve Secret chart values reference 'default/v' with key 'values.yaml': ";
        assert!(text.starts_with(prefix), "{text}");
        let found = cluster
            .released("second", |found| reason(found) == "DependencyNotReady")
            .await;
        assert_eq!(
            message(&found, "Ready"),
            "dependency 'default/first' is not ready"
        );
        cluster.apply(&json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "v", "namespace": "default", "labels": {"reconcile.fluxcd.io/watch": "Enabled"}},
            "stringData": {"values.yaml": "greeting: secret"}}));
        cluster.released("second", ready).await;
        let config = cluster.get(&config_maps(), "default", "first").unwrap();
        assert_eq!(config["data"]["greeting"], "secret");
        let reference = json!({"chartRef": {"kind": "OCIRepository", "name": "none"}});
        cluster.release("third", reference);
        let found = cluster
            .released("third", |found| reason(found) == "ArtifactFailed")
            .await;
        assert!(message(&found, "Ready").starts_with("could not get Source object: "));
    });
}

// Covers: HC-27, HC-30, HC-37.
#[test]
fn tests_run_definitions_stay_and_stuck_releases_are_unlocked() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.publish("web", "1.0.0");
        cluster.release("web", json!({"test": {"enable": true}, "values": {"hook": true}}));
        let found = cluster.released("web", ready).await;
        assert_eq!(
            message(&found, "TestSuccess"),
            "Helm test succeeded for release default/web.v1 with chart web@1.0.0: no test hooks"
        );
        assert!(cluster.get(&config_maps(), "default", "web-hook").is_some());
        let definitions = Gvr::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");
        let definition = cluster.get(&definitions, "", "widgets.example.com").unwrap();
        assert_eq!(
            definition["metadata"]["labels"]["helm.toolkit.fluxcd.io/name"],
            "web"
        );

        let secret = "sh.helm.release.v1.web.v1";
        let live = cluster.get(&secrets(), "default", secret).unwrap();
        let stuck = helm_record(&live["data"]["release"], |record| {
            record.info.status = "pending-install".to_owned()
        });
        let path = format!("/api/v1/namespaces/default/secrets/{secret}");
        let patch = json!({"data": {"release": stuck}});
        cluster.request("PATCH", &path, "application/merge-patch+json", Some(&patch));
        cluster.annotate("web", &json!({"reconcile.fluxcd.io/requestedAt": "a"}));
        cluster.released("web", |found| has_version(found, 2)).await;
        let event = cluster.event("HelmRelease", "web", "PendingRelease");
        assert_eq!(
            event["message"],
            "Unlocked Helm release default/web.v1 with chart web@1.0.0 in pending-install state"
        );
    });
}

/// The record in a Secret, changed.
fn helm_record(data: &Value, change: impl FnOnce(&mut helm::Record)) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let text = STANDARD.decode(data.as_str().unwrap()).unwrap();
    let mut record = helm::Record::decode(&String::from_utf8(text).unwrap()).unwrap();
    change(&mut record);
    STANDARD.encode(record.encode().unwrap())
}
