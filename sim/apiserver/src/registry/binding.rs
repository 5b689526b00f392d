//! The binding subresource: the scheduler's one write, which gives a pod its node.

use std::sync::Arc;

use manifest::object;
use serde_json::{Value, json};

use super::{meta::metadata, read::stored_form};
use crate::{
    call::Call,
    conditions,
    failure::{Failure, Outcome},
    resource,
};

impl Call<'_> {
    /// Sets `spec.nodeName` and the PodScheduled condition, and copies the binding's labels and annotations.
    pub(crate) fn bind(&mut self) -> Outcome<(u16, Arc<Value>)> {
        let mut binding = self.decode(Some(("v1", "Binding")))?;
        self.check_namespace(&mut binding)?;
        if self.target.name.is_empty() {
            // The older way, by the collection of bindings.
            object::name(&binding).clone_into(&mut self.target.name);
            "pods".clone_into(&mut self.target.gvr.resource);
            self.resource = resource::builtin("", "v1", "pods").ok_or_else(|| self.not_found())?;
        } else {
            self.check_name(&mut binding)?;
        }
        let node = binding
            .pointer("/target/name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let kind = binding
            .pointer("/target/kind")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !matches!(kind, "" | "Node") {
            return Err(Failure::plain(format!(
                "target.kind: Unsupported value: {kind:?}: supported values: \"Node\", \"<empty>\""
            )));
        }
        if node.is_empty() {
            return Err(Failure::plain("target.name: Required value"));
        }
        let stored = self.stored()?;
        if let Some(refusal) = self.bind_refusal(&binding, &stored, &node) {
            return Err(refusal);
        }
        let mut pod = (*stored).clone();
        object::map_at(&mut pod, &["spec"]).insert("nodeName".to_owned(), json!(node));
        for member in ["labels", "annotations"] {
            if let Some(added) = binding
                .pointer(&format!("/metadata/{member}"))
                .and_then(Value::as_object)
                .cloned()
            {
                object::map_at(&mut pod, &["metadata", member]).extend(added);
            }
        }
        schedule(&mut pod, &crate::core::time(self.now));
        metadata(&mut pod).remove("resourceVersion");
        if !self.dry_run {
            let (resource, key) = (Arc::clone(&self.resource), self.key());
            self.core.put(&resource, key, stored_form(&resource, pod));
        }
        let done =
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
        Ok((201, Arc::new(done)))
    }

    fn bind_refusal(&self, binding: &Value, pod: &Value, node: &str) -> Option<Box<Failure>> {
        let asked = object::uid(binding);
        if !asked.is_empty() && asked != object::uid(pod) {
            let real = object::uid(pod);
            return Some(self.conflict(&format!(
                "Precondition failed: UID in precondition: {asked}, UID in object meta: {real}"
            )));
        }
        if !object::deletion_timestamp(pod).is_empty() {
            return Some(self.conflict(&format!(
                "pod {} is being deleted, cannot be assigned to a host",
                self.target.name
            )));
        }
        let bound = pod
            .pointer("/spec/nodeName")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if !bound.is_empty() {
            let name = &self.target.name;
            return Some(self.conflict(&format!("pod {name} is already assigned to node {bound:?}")));
        }
        let gated = pod
            .pointer("/spec/schedulingGates")
            .and_then(Value::as_array)
            .is_some_and(|list| !list.is_empty());
        gated.then(|| {
            let name = &self.target.name;
            self.conflict(&format!(
                "pod {name} has non-empty .spec.schedulingGates and cannot be bound to {node}"
            ))
        })
    }
}

fn schedule(pod: &mut Value, now: &str) {
    let status = object::map_at(pod, &["status"]);
    let mut list = status
        .get("conditions")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let next =
        json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now});
    conditions::set(&mut list, next);
    status.insert("conditions".to_owned(), Value::Array(list));
}
