//! Nodes that fall silent, and what becomes of their pods.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use manifest::object;
use serde_json::{Value, json};

use super::Machines;
use crate::{
    actor::{EventKind, seconds},
    driver::Again,
    owned,
    report::unreachable,
    resources::{NODES, PODS},
    scheduling,
};

/// How long a node may be silent before it counts as lost.
const GRACE: Duration = Duration::from_secs(50);

const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const NOT_READY: &str = "node.kubernetes.io/not-ready";

impl Machines {
    /// Notes that a node is silent, or back.
    pub(super) fn reconcile_node(&mut self, node: &Arc<Value>) -> Again {
        let name = object::name(node);
        if !self.kubelets.contains_key(name) {
            return Again::Never;
        }
        let now = self.config.clock.now();
        if !self.config.behaviours.is_lost(name) {
            self.silent.remove(name);
            self.revive(node);
            return Again::Never;
        }
        let since = *self.silent.entry(name.to_owned()).or_insert(now);
        let left = GRACE.saturating_sub(self.config.clock.since(since));
        if !left.is_zero() {
            return Again::After(left);
        }
        self.declare_lost(node, now);
        Again::Never
    }

    fn declare_lost(&self, node: &Value, now: Timestamp) {
        let name = object::name(node);
        let tainted = owned::list(node, "/spec/taints")
            .iter()
            .any(|taint| taint["key"] == UNREACHABLE);
        if tainted {
            return;
        }
        let mut status = node.get("status").cloned().unwrap_or_else(|| json!({}));
        for entry in status
            .get_mut("conditions")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if entry["status"] != "Unknown" {
                entry["lastTransitionTime"] = json!(seconds(now));
            }
            entry["status"] = json!("Unknown");
            entry["reason"] = json!("NodeStatusUnknown");
            entry["message"] = json!("Kubelet stopped posting node status.");
        }
        self.lifecycle.set_status(NODES, node, status);
        if let Some(fresh) = self.lifecycle.fresh(NODES, node) {
            let taints = json!([
                {"key": UNREACHABLE, "effect": "NoSchedule", "timeAdded": seconds(now)},
                {"key": UNREACHABLE, "effect": "NoExecute", "timeAdded": seconds(now)},
            ]);
            let _ = self
                .lifecycle
                .patch(NODES, &fresh, &json!({"spec": {"taints": taints}}));
        }
        let text = format!("Node {name} status is now: NodeNotReady");
        self.lifecycle
            .event(NODES, node, EventKind::Normal, "NodeNotReady", &text);
        for pod in self.api.list(&PODS.gvr(), None) {
            if owned::text(&pod, "/spec/nodeName") == name && !owned::is_over(&pod) {
                self.lifecycle
                    .set_status(PODS, &pod, unreachable(&pod, None, now));
                self.lifecycle.event(
                    PODS,
                    &pod,
                    EventKind::Warning,
                    "NodeNotReady",
                    "Node is not ready",
                );
            }
        }
    }

    /// Takes back what was noted of a node that answers again.
    fn revive(&self, node: &Value) {
        let taints = owned::list(node, "/spec/taints");
        let ours = |taint: &&Value| taint["key"] == UNREACHABLE || taint["key"] == NOT_READY;
        if !taints.iter().any(|taint| ours(&taint)) {
            return;
        }
        let (kubelet, address) = match self.kubelets.get(object::name(node)) {
            Some(found) => found,
            None => return,
        };
        let spec = self
            .config
            .nodes
            .iter()
            .find(|spec| spec.name == object::name(node));
        let Some(spec) = spec else { return };
        let mut status = node.get("status").cloned().unwrap_or_else(|| json!({}));
        status["conditions"] =
            crate::node::object(spec, address, &kubelet.api.version(), &kubelet.now())["status"]["conditions"].clone();
        kubelet.set_status(NODES, node, status);
        if let Some(fresh) = self.lifecycle.fresh(NODES, node) {
            let kept: Vec<Value> = taints.iter().filter(|taint| !ours(taint)).cloned().collect();
            let _ = self.lifecycle.update(NODES, &fresh, |body| {
                let spec = object::map_at(body, &["spec"]);
                if kept.is_empty() {
                    spec.remove("taints");
                } else {
                    spec.insert("taints".to_owned(), json!(kept));
                }
            });
        }
        let text = format!("Node {} status is now: NodeReady", object::name(node));
        self.lifecycle
            .event(NODES, node, EventKind::Normal, "NodeReady", &text);
    }

    /// A pod on a silent node: it is deleted when it does not tolerate that any longer, and stays, since nobody
    /// confirms its end.
    pub(super) fn outlive(&self, pod: &Arc<Value>, name: &str) -> Again {
        if owned::is_deleting(pod) {
            return Again::Never;
        }
        let Some(node) = self.api.get(&NODES.gvr(), "", name) else {
            return Again::Never;
        };
        let taint = owned::list(&node, "/spec/taints")
            .iter()
            .find(|taint| taint["key"] == UNREACHABLE && taint["effect"] == "NoExecute");
        let Some(taint) = taint else {
            return Again::After(GRACE);
        };
        let tolerations: Vec<&Value> = owned::list(pod, "/spec/tolerations")
            .iter()
            .filter(|one| scheduling::tolerates(one, taint))
            .collect();
        let patience = tolerations
            .iter()
            .filter_map(|one| one.get("tolerationSeconds").and_then(Value::as_u64))
            .min();
        let patience = match (tolerations.is_empty(), patience) {
            (true, _) => 0,
            (false, None) => return Again::Never,
            (false, Some(patience)) => patience,
        };
        let since = owned::time(taint, "/timeAdded").unwrap_or_else(|| self.config.clock.now());
        let left = Duration::from_secs(patience).saturating_sub(self.config.clock.since(since));
        if !left.is_zero() {
            return Again::After(left);
        }
        let speaker = self.lifecycle.speaking_as("taint-eviction-controller");
        let text = format!(
            "Marking for deletion Pod {}/{}",
            object::namespace(pod),
            object::name(pod)
        );
        speaker.event(PODS, pod, EventKind::Normal, "TaintManagerEviction", &text);
        let now = self.config.clock.now();
        self.lifecycle
            .set_status(PODS, pod, unreachable(pod, Some(name), now));
        if let Some(fresh) = self.lifecycle.fresh(PODS, pod) {
            self.lifecycle.delete(PODS, &fresh, None);
        }
        Again::Never
    }
}
