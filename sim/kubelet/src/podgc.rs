//! Pods that nobody else would clear away.

use manifest::object;
use serde_json::{Value, json};

use crate::{
    actor::Actor,
    job, owned,
    resources::{JOBS, NODES, PODS},
};

/// Deletes a pod whose node is gone, and one that is being deleted but never had a node.
pub(crate) fn reconcile(collector: &Actor, pod: &Value) {
    let node = owned::text(pod, "/spec/nodeName");
    if node.is_empty() {
        return;
    }
    // Without any node there is nobody to have lost one: the pods were placed by hand.
    let nodes = collector.all(NODES, "");
    if nodes.is_empty() || nodes.iter().any(|known| object::name(known) == node) {
        return;
    }
    if !owned::is_over(pod) {
        let mut status = pod.get("status").cloned().unwrap_or_else(|| json!({}));
        status["phase"] = json!("Failed");
        collector.set_status(PODS, pod, status);
    }
    collector.delete(PODS, pod, Some(0));
}

/// Lets a Job's pod go when the Job is gone.
pub(crate) fn release(jobs: &Actor, pod: &Value) {
    let orphaned = match owned::controller(pod) {
        Some(("Job", name, uid)) => jobs
            .find(JOBS, object::namespace(pod), name)
            .is_none_or(|job| object::uid(&job) != uid),
        Some(_) => false,
        None => true,
    };
    if orphaned {
        job::release_orphan(jobs, pod);
    }
}
