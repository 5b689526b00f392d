//! A cluster of simulated nodes in virtual time.

use std::{sync::Arc, time::Duration};

use apiserver::{ApiServer, Controllers, Gvr, User};
use edges::{Clock, Seed};
use kubelet::{Behaviours, Config, Node};
use serde_json::{Value, json};
use tokio::task::JoinSet;

pub(crate) struct Cluster {
    pub(crate) api: ApiServer,
    pub(crate) clock: Clock,
    pub(crate) behaviours: Behaviours,
    _tasks: JoinSet<()>,
}

impl Cluster {
    pub(crate) fn start(nodes: usize) -> Self {
        let clock = Clock::starting_at("2024-01-01T00:00:00Z".parse().unwrap());
        let api = ApiServer::new(apiserver::Config {
            minor: "1.36".to_owned(),
            clock,
            seed: Seed(1),
            controllers: Controllers::All,
            openshift: false,
        });
        let behaviours = Behaviours::default();
        let config = Config {
            behaviours: behaviours.clone(),
            nodes: (1..=nodes).map(|n| Node::new(&format!("node-{n}"))).collect(),
            ..Config::new(clock, Seed(1))
        };
        let mut cluster = Self {
            api,
            clock,
            behaviours,
            _tasks: JoinSet::new(),
        };
        cluster.create(
            "/api/v1/namespaces",
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}),
        );
        cluster.create(
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                "metadata": {"name": "nodes"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:nodes"}],
            }),
        );
        cluster._tasks.spawn(kubelet::run(cluster.api.clone(), config));
        cluster
    }

    pub(crate) async fn pass(&self, seconds: u64) {
        self.clock.sleep(Duration::from_secs(seconds)).await;
    }

    pub(crate) fn create(&self, path: &str, body: Value) -> Value {
        let (code, answer) = self
            .api
            .call(&User::admin(), "POST", path, "application/json", Some(&body));
        assert_eq!(code, 201, "{answer:#}");
        answer
    }

    pub(crate) fn patch(&self, path: &str, body: Value) {
        let kind = "application/merge-patch+json";
        let (code, answer) = self.api.call(&User::admin(), "PATCH", path, kind, Some(&body));
        assert_eq!(code, 200, "{answer:#}");
    }

    pub(crate) fn delete(&self, path: &str) {
        let (code, answer) = self.api.call(&User::admin(), "DELETE", path, "", None);
        assert_eq!(code, 200, "{answer:#}");
    }

    pub(crate) fn get(&self, group: &str, plural: &str, name: &str) -> Option<Arc<Value>> {
        self.api.get(&Gvr::new(group, "v1", plural), "default", name)
    }

    pub(crate) fn list(&self, group: &str, plural: &str) -> Vec<Arc<Value>> {
        self.api.list(&Gvr::new(group, "v1", plural), Some("default"))
    }

    /// Reasons of the events about an object, each with how often it was told.
    pub(crate) fn told(&self, kind: &str) -> Vec<(String, u64)> {
        let about = |event: &&Arc<Value>| event["involvedObject"]["kind"] == kind;
        self.list("", "events")
            .iter()
            .filter(about)
            .map(|event| {
                let reason = event["reason"].as_str().unwrap_or_default().to_owned();
                (reason, event["count"].as_u64().unwrap_or_default())
            })
            .collect()
    }

    /// A pod with one container.
    pub(crate) fn pod(&self, name: &str) {
        self.create(
            "/api/v1/namespaces/default/pods",
            json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "registry.example/app:1"}]},
            }),
        );
    }

    pub(crate) fn deployment(&self, name: &str, replicas: u64) {
        self.create(
            "/apis/apps/v1/namespaces/default/deployments",
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
                "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template(name)},
            }),
        );
    }
}

pub(crate) fn template(app: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": [{"name": "main", "image": "registry.example/app:1"}]},
    })
}

pub(crate) fn condition(item: &Value, kind: &str) -> (String, String) {
    let found = manifest::object::condition(item, kind);
    let text = |key: &str| {
        let value = found.and_then(|entry| entry.get(key)).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    (text("status"), text("reason"))
}
