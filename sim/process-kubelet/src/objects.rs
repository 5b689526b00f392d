//! What a kubelet looks up for its pods.

use std::sync::Arc;

use apiserver::{ApiServer, Gvr};
use serde_json::{Value, json};

/// The API server as the node reads it, and the authority that signed its certificate.
#[derive(Clone)]
pub(crate) struct Objects {
    pub(crate) api: ApiServer,
}

impl Objects {
    pub(crate) fn find(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.api.get(&Gvr::new("", "v1", resource), namespace, name)
    }

    /// A token of a pod's ServiceAccount.
    pub(crate) fn token(&self, pod: &kubelet::Pod) -> String {
        self.api.token_for(&pod.namespace, &pod.service_account)
    }

    /// Tells of a pod what `kubectl describe` shows.
    pub(crate) fn event(&self, pod: &kubelet::Pod, now: &str, kind: &str, reason: &str, message: &str) {
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"generateName": format!("{}.", pod.name), "namespace": pod.namespace},
            "involvedObject": {
                "apiVersion": "v1", "kind": "Pod", "namespace": pod.namespace, "name": pod.name, "uid": pod.uid,
            },
            "type": kind, "reason": reason, "message": message, "count": 1,
            "firstTimestamp": now, "lastTimestamp": now,
            "source": {"component": "kubelet"}, "reportingComponent": "kubelet", "reportingInstance": "",
        });
        let path = format!("/api/v1/namespaces/{}/events", pod.namespace);
        let node = apiserver::User::new("system:node:node-1", &["system:nodes", "system:authenticated"]);
        // An event that cannot be written (the namespace is going) is lost, as everywhere.
        let _ = self
            .api
            .call(&node, "POST", &path, "application/json", Some(&event));
    }
}
