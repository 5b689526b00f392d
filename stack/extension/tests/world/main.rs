//! The components as pods of a simulated cluster, in virtual time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod charts;
mod helm;
mod process;
mod support;

use serde_json::json;
use support::*;

#[test]
fn a_commit_becomes_objects_and_what_it_drops_is_pruned() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.push(
            "app",
            &[
                ("a.yaml", &config_map("a", "1")),
                ("b.yaml", &config_map("b", "1")),
            ],
        );
        cluster.apply(&repository("app"));
        cluster.apply(&kustomization("app", "app", json!({})));
        let found = cluster.until(&kustomizations(), "default", "app", ready).await;
        let revision = found["status"]["lastAppliedRevision"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(revision.starts_with("main@sha1:"), "{revision}");
        let message = condition(&found, "Ready").unwrap()["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(message, format!("Applied revision: {revision}"));
        assert_eq!(
            found["status"]["inventory"]["entries"],
            json!([{"id": "default_a__ConfigMap", "v": "v1"}, {"id": "default_b__ConfigMap", "v": "v1"}])
        );
        assert_eq!(found["metadata"]["finalizers"], json!(["finalizers.fluxcd.io"]));
        let a = cluster.get(&config_maps(), "default", "a").unwrap();
        assert_eq!(a["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"], "app");

        cluster.push("app", &[("a.yaml", &config_map("a", "2"))]);
        cluster
            .until(&kustomizations(), "default", "app", |found| {
                ready(found) && found["status"]["lastAppliedRevision"] != json!(revision)
            })
            .await;
        assert_eq!(
            cluster.get(&config_maps(), "default", "a").unwrap()["data"]["key"],
            "2"
        );
        assert!(cluster.get(&config_maps(), "default", "b").is_none());
        assert_eq!(
            cluster.events("Kustomization", "app"),
            [
                "Normal Progressing ConfigMap/default/a created\nConfigMap/default/b created x1",
                "Normal ReconciliationSucceeded Reconciliation finished in 0s, next run in 1h0m0s x2",
                "Normal Progressing ConfigMap/default/a configured x1",
                "Normal Progressing ConfigMap/default/b deleted x1",
            ]
        );

        let path = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/default/kustomizations/app";
        cluster.request("DELETE", path, "", None);
        cluster.sleep(5).await;
        assert!(cluster.get(&kustomizations(), "default", "app").is_none());
        assert!(cluster.get(&config_maps(), "default", "a").is_none());
    });
}

#[test]
fn dependents_wait_until_what_they_depend_on_is_healthy() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.push("infra", &[("web.yaml", &deployment("web", Some("never")))]);
        cluster.push("apps", &[("a.yaml", &config_map("a", "1"))]);
        cluster.apply(&repository("infra"));
        cluster.apply(&repository("apps"));
        cluster.apply(&kustomization(
            "infra",
            "infra",
            json!({"wait": true, "timeout": "1m"}),
        ));
        cluster.apply(&kustomization(
            "apps",
            "apps",
            json!({"dependsOn": [{"name": "infra"}]}),
        ));
        let failed = cluster
            .until(&kustomizations(), "default", "infra", |found| {
                reason(found) == "HealthCheckFailed"
            })
            .await;
        assert_eq!(
            condition(&failed, "Ready").unwrap()["message"],
            "health check failed after 1m0s: timeout waiting for: [Deployment/default/web status: 'InProgress']"
        );
        assert_eq!(
            failed["status"]["inventory"]["entries"][0]["id"],
            "default_web_apps_Deployment"
        );
        assert_eq!(
            condition(&failed, "Reconciling").unwrap()["reason"],
            "ProgressingWithRetry"
        );
        assert_ne!(
            failed["status"]["observedGeneration"],
            failed["metadata"]["generation"]
        );
        let apps = cluster.get(&kustomizations(), "default", "apps").unwrap();
        assert_eq!(reason(&apps), "DependencyNotReady");
        assert_eq!(
            condition(&apps, "Ready").unwrap()["message"],
            "dependency 'default/infra' is not ready"
        );
        assert!(cluster.get(&config_maps(), "default", "a").is_none());

        cluster.push("infra", &[("web.yaml", &deployment("web", None))]);
        let apps = cluster.until(&kustomizations(), "default", "apps", ready).await;
        assert!(condition(&apps, "Healthy").is_none());
        let infra = cluster.get(&kustomizations(), "default", "infra").unwrap();
        assert_eq!(condition(&infra, "Healthy").unwrap()["reason"], "Succeeded");
        assert!(cluster.get(&config_maps(), "default", "a").is_some());
    });
}

#[test]
fn drift_is_corrected_and_nothing_else_is_written() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.push(
            "app",
            &[
                ("a.yaml", &config_map("a", "1")),
                ("b.yaml", &config_map("b", "1")),
            ],
        );
        let mut source = repository("app");
        source["spec"]["interval"] = json!("1h");
        cluster.apply(&source);
        cluster.apply(&kustomization("app", "app", json!({"interval": "10m"})));
        cluster.until(&kustomizations(), "default", "app", ready).await;
        let untouched = cluster.get(&config_maps(), "default", "b").unwrap();

        let path = "/api/v1/namespaces/default/configmaps/a";
        let edit =
            json!({"data": {"key": "edited", "extra": "x"}, "metadata": {"annotations": {"note": "y"}}});
        let edited = cluster.request(
            "PATCH",
            &format!("{path}?fieldManager=kubectl-edit"),
            "application/merge-patch+json",
            Some(&edit),
        );
        assert_eq!(edited.0, 200);
        cluster
            .until(&config_maps(), "default", "a", |found| {
                found["data"] == json!({"key": "1"})
            })
            .await;

        cluster.request("DELETE", path, "", None);
        cluster
            .until(&config_maps(), "default", "a", |found| {
                found["data"] == json!({"key": "1"})
            })
            .await;
        assert_eq!(cluster.get(&config_maps(), "default", "b").unwrap(), untouched);

        let before = cluster.get(&config_maps(), "default", "a").unwrap();
        cluster.sleep(24 * 3600).await;
        assert_eq!(cluster.get(&config_maps(), "default", "a").unwrap(), before);
        let history = &cluster.get(&kustomizations(), "default", "app").unwrap()["status"]["history"];
        assert!(
            history[0]["totalReconciliations"].as_i64().unwrap() > 140,
            "{history}"
        );
    });
}

#[test]
fn an_account_can_do_what_it_may() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.push("app", &[("a.yaml", &config_map("a", "1"))]);
        cluster.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "deployer", "namespace": "default"}}));
        cluster.apply(&repository("app"));
        cluster.apply(&kustomization(
            "app",
            "app",
            json!({"serviceAccountName": "deployer"}),
        ));
        let refused = cluster
            .until(&kustomizations(), "default", "app", |found| {
                reason(found) == "ReconciliationFailed"
            })
            .await;
        let message = condition(&refused, "Ready").unwrap()["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            message
                .starts_with("ConfigMap/default/a dry-run failed (Forbidden): configmaps \"a\" is forbidden"),
            "{message}"
        );
        assert!(
            message.contains("User \"system:serviceaccount:default:deployer\" cannot patch"),
            "{message}"
        );

        cluster.apply(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "deployer", "namespace": "default"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
            "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": "default"}],
        }));
        cluster.until(&kustomizations(), "default", "app", ready).await;
        assert!(cluster.get(&config_maps(), "default", "a").is_some());
    });
}

#[test]
fn definitions_and_namespaces_come_before_what_needs_them() {
    run(async {
        let cluster = Cluster::start().await;
        let crd = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
";
        let widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: shop}\nspec: {size: 3}\n";
        let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
        cluster.push(
            "app",
            &[
                ("a/widget.yaml", widget),
                ("b/crd.yaml", crd),
                ("c/ns.yml", namespace),
                ("d/note.txt", "x"),
            ],
        );
        cluster.apply(&repository("app"));
        let mut app = kustomization("app", "app", json!({}));
        app["spec"].as_object_mut().unwrap().remove("targetNamespace");
        cluster.apply(&app);
        let found = cluster.until(&kustomizations(), "default", "app", ready).await;
        assert_eq!(
            found["status"]["inventory"]["entries"],
            json!([
                {"id": "_widgets.example.com_apiextensions.k8s.io_CustomResourceDefinition", "v": "v1"},
                {"id": "_shop__Namespace", "v": "v1"},
                {"id": "shop_w_example.com_Widget", "v": "v1"},
            ])
        );
    });
}

#[test]
fn suspension_halts_and_requests_are_acknowledged() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.push("app", &[("a.yaml", &config_map("a", "1"))]);
        cluster.apply(&repository("app"));
        cluster.apply(&kustomization("app", "app", json!({})));
        cluster.until(&kustomizations(), "default", "app", ready).await;
        cluster.apply(&kustomization("app", "app", json!({"suspend": true})));
        cluster.push("app", &[("a.yaml", &config_map("a", "2"))]);
        let path = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/default/kustomizations/app";
        let request = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}});
        cluster.request("PATCH", path, "application/merge-patch+json", Some(&request));
        cluster.sleep(600).await;
        let found = cluster.get(&kustomizations(), "default", "app").unwrap();
        assert_eq!(found["status"]["lastHandledReconcileAt"], "now");
        assert_eq!(
            cluster.get(&config_maps(), "default", "a").unwrap()["data"]["key"],
            "1"
        );
        cluster.apply(&kustomization("app", "app", json!({})));
        cluster
            .until(&config_maps(), "default", "a", |found| {
                found["data"]["key"] == "2"
            })
            .await;
    });
}
