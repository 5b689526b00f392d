//! Binds pods to nodes, or says why not.

use std::{collections::BTreeMap, sync::Arc};

use manifest::object;
use serde_json::{Value, json};

use super::Machines;
use crate::{
    actor::EventKind,
    driver::Again,
    owned,
    resources::{NODES, PODS},
    scheduling::{self, Misfit},
    status::{self, Condition},
};

impl Machines {
    /// Binds a pod to the fitting node with the fewest pods.
    ///
    /// DIFFERENCE: nodes never run out of processors or memory, only of places, and pods do not care for each other's
    /// whereabouts: neither pod affinity nor spread constraints are looked at.
    pub(super) fn schedule(&self, pod: &Arc<Value>) -> Again {
        let elsewhere = !matches!(owned::text(pod, "/spec/schedulerName"), "" | "default-scheduler");
        if elsewhere || !owned::list(pod, "/spec/schedulingGates").is_empty() {
            return Again::Never;
        }
        let mut load: BTreeMap<String, usize> = BTreeMap::new();
        for other in self.api.list(&PODS.gvr(), None) {
            if !owned::is_over(&other) {
                *load
                    .entry(owned::text(&other, "/spec/nodeName").to_owned())
                    .or_default() += 1;
            }
        }
        let nodes = self.api.list(&NODES.gvr(), None);
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        let mut best: Option<(usize, &Value)> = None;
        for node in &nodes {
            let pods = load.get(object::name(node)).copied().unwrap_or_default();
            match scheduling::misfit(pod, node, pods) {
                Some((misfit, taint)) => *reasons.entry(reason(misfit, taint)).or_default() += 1,
                None if best.is_none_or(|(least, _)| pods < least) => best = Some((pods, node)),
                None => {}
            }
        }
        match best {
            Some((_, node)) => self.bind(pod, object::name(node)),
            None => self.refuse(pod, nodes.len(), &reasons),
        }
        Again::Never
    }

    fn bind(&self, pod: &Value, node: &str) {
        let (namespace, name) = (object::namespace(pod), object::name(pod));
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding",
            "metadata": {"name": name, "namespace": namespace, "uid": object::uid(pod)},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        self.scheduler.post(PODS, pod, "binding", &binding);
        let text = format!("Successfully assigned {namespace}/{name} to {node}");
        self.scheduler
            .event(PODS, pod, EventKind::Normal, "Scheduled", &text);
    }

    fn refuse(&self, pod: &Value, nodes: usize, reasons: &BTreeMap<String, usize>) {
        let text = if nodes == 0 {
            "no nodes available to schedule pods".to_owned()
        } else {
            let mut parts: Vec<String> = reasons
                .iter()
                .map(|(reason, count)| format!("{count} {reason}"))
                .collect();
            parts.sort();
            format!(
                "0/{nodes} nodes are available: {}. preemption: 0/{nodes} nodes are available: {nodes} Preemption is \
                 not helpful for scheduling.",
                parts.join(", ")
            )
        };
        let mut next = pod
            .get("status")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let mut conditions = status::conditions(pod);
        let condition = Condition {
            kind: "PodScheduled",
            status: false,
            reason: "Unschedulable",
            message: &text,
        };
        status::set(&mut conditions, &condition, &self.scheduler.now(), false);
        next.insert("conditions".to_owned(), Value::Array(conditions));
        if self.scheduler.set_status(PODS, pod, Value::Object(next)) {
            self.scheduler
                .event(PODS, pod, EventKind::Warning, "FailedScheduling", &text);
        }
    }
}

fn reason(misfit: Misfit, taint: Option<&Value>) -> String {
    match misfit {
        Misfit::Selector => "node(s) didn't match Pod's node affinity/selector".to_owned(),
        Misfit::Taint => {
            let taint = taint.unwrap_or(&Value::Null);
            format!(
                "node(s) had untolerated taint {{{}: {}}}",
                owned::text(taint, "/key"),
                owned::text(taint, "/value")
            )
        }
        Misfit::Unschedulable => "node(s) were unschedulable".to_owned(),
        Misfit::Name => "node(s) didn't match the requested node name".to_owned(),
        Misfit::Full => "Too many pods".to_owned(),
    }
}
