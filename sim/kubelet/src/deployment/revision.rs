//! Revisions: the set of the present template, found or made, and its number.

use std::sync::Arc;

use manifest::object;
use serde_json::{Value, json};

use super::{DESIRED, HASH, HISTORY, MOST, REVISION, Rollout};
use crate::{
    hash, owned,
    resources::{DEPLOYMENTS, REPLICA_SETS},
    status::count,
};

/// Annotations that describe a Deployment or a set, not what is deployed.
const OWN_ANNOTATIONS: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MOST,
    "deprecated.deployment.rollback.to",
];

/// Characters that the list of earlier revisions may have.
const HISTORY_LENGTH: usize = 2000;

/// The revision of a set or Deployment.
pub(super) fn of(object: &Value) -> u64 {
    object::annotation(object, REVISION)
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

/// Older sets come first.
pub(super) fn age(set: &Value) -> (&str, &str) {
    (owned::text(set, "/metadata/creationTimestamp"), object::name(set))
}

/// The Deployment's template that a set was made from.
pub(super) fn template_without_hash(set: &Value) -> Value {
    let mut template = set.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(labels) = template
        .pointer_mut("/metadata/labels")
        .and_then(Value::as_object_mut)
    {
        labels.remove(HASH);
        if labels.is_empty()
            && let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut)
        {
            metadata.remove("labels");
        }
    }
    template
}

impl Rollout<'_> {
    /// Gives the new set the newest revision, and makes it if it is missing and that is wanted. Whether there is one.
    pub(super) fn sync_revision(&mut self, create: bool) -> bool {
        let next = self.old.iter().map(|set| of(set)).max().unwrap_or_default() + 1;
        match self.new.clone() {
            Some(set) => {
                self.renew(&set, next);
                true
            }
            None if create => self.create(next),
            None => false,
        }
    }

    /// Brings the annotations of the existing new set up to date.
    fn renew(&mut self, set: &Arc<Value>, next: u64) {
        let seconds = |item: &Value| owned::spec_count(item, "minReadySeconds", 0);
        let minimum = seconds(&self.deployment);
        let annotations = self.annotations(Some(set), next);
        let changed =
            annotations != object::annotations(set).cloned().unwrap_or_default() || seconds(set) != minimum;
        if changed {
            let _ = self.actor.update(REPLICA_SETS, set, |body| {
                object::map_at(body, &["metadata"]).insert("annotations".to_owned(), json!(annotations));
                let spec = object::map_at(body, &["spec"]);
                spec.remove("minReadySeconds");
                count(spec, "minReadySeconds", minimum);
            });
            self.refresh();
        }
        let revision = self.new.as_ref().map_or(next, |set| of(set));
        let found = format!("Found new replica set {:?}", object::name(set));
        let first = object::condition(&self.deployment, "Progressing").is_none();
        self.announce(revision, first.then_some(("FoundNewReplicaSet", found.as_str())));
    }

    /// The annotations of the new set: the Deployment's, and its own.
    fn annotations(&self, existing: Option<&Value>, next: u64) -> serde_json::Map<String, Value> {
        let mut all = existing
            .and_then(object::annotations)
            .cloned()
            .unwrap_or_default();
        for (key, value) in object::annotations(&self.deployment).into_iter().flatten() {
            if !OWN_ANNOTATIONS.contains(&key.as_str()) {
                all.insert(key.clone(), value.clone());
            }
        }
        let before = existing.map(of).unwrap_or_default();
        if before < next {
            all.insert(REVISION.to_owned(), json!(next.to_string()));
            if before > 0 {
                let history = all.get(HISTORY).and_then(Value::as_str).unwrap_or_default();
                let history = if history.is_empty() {
                    before.to_string()
                } else {
                    shortened(&format!("{history},{before}"))
                };
                all.insert(HISTORY.to_owned(), json!(history));
            }
        }
        all
    }

    /// Writes the Deployment's revision, and that its set was found or made.
    fn announce(&mut self, revision: u64, reason: Option<(&str, &str)>) {
        let text = revision.to_string();
        let known = object::annotation(&self.deployment, REVISION) == Some(&text);
        let reason = reason.filter(|_| self.has_deadline());
        if known && reason.is_none() {
            return;
        }
        let mut body = (*self.deployment).clone();
        object::map_at(&mut body, &["metadata", "annotations"]).insert(REVISION.to_owned(), json!(text));
        if let Some((reason, message)) = reason {
            self.set_condition_of(&mut body, "True", reason, message);
        }
        self.write(&body);
    }

    fn set_condition_of(&self, body: &mut Value, status: &str, reason: &str, message: &str) {
        let mut conditions = owned::list(body, "/status/conditions").to_vec();
        let condition = super::status::condition("Progressing", status, reason, message, &self.actor.now());
        super::status::set(&mut conditions, condition);
        object::map_at(body, &["status"]).insert("conditions".to_owned(), Value::Array(conditions));
    }

    /// Writes the Deployment's status and metadata.
    pub(super) fn write(&mut self, body: &Value) {
        if self.actor.put_status(DEPLOYMENTS, body)
            && let Some(written) = self.actor.fresh(DEPLOYMENTS, body)
        {
            self.deployment = written;
        }
    }

    fn create(&mut self, next: u64) -> bool {
        let collisions = self
            .deployment
            .pointer("/status/collisionCount")
            .and_then(Value::as_u64);
        let original = self
            .deployment
            .pointer("/spec/template")
            .cloned()
            .unwrap_or_default();
        let hash = hash::template(&original, collisions);
        let name = format!("{}-{hash}", object::name(&self.deployment));
        let body = self.set_of(original, &name, &hash, next);
        let replicas = owned::spec_count(&body, "replicas", 0);
        let namespace = object::namespace(&self.deployment).to_owned();
        match self.actor.create(REPLICA_SETS, &namespace, &body) {
            Ok(made) => {
                if replicas > 0 {
                    self.tell_scaled(&made, "up", 0, replicas);
                }
                self.new = Some(Arc::new(made));
                let text = format!("Created new replica set {name:?}");
                self.announce(next, Some(("NewReplicaSetCreated", &text)));
                true
            }
            Err(refused) if refused.code == 409 => {
                // Another template has this hash: the next look takes another one.
                let mut body = (*self.deployment).clone();
                object::map_at(&mut body, &["status"]).insert(
                    "collisionCount".to_owned(),
                    json!(collisions.unwrap_or_default() + 1),
                );
                self.write(&body);
                false
            }
            Err(refused) => {
                let text = format!("Failed to create new replica set {name:?}: {}", refused.message);
                if self.has_deadline() {
                    let mut body = (*self.deployment).clone();
                    self.set_condition_of(&mut body, "False", "ReplicaSetCreateError", &text);
                    self.write(&body);
                }
                false
            }
        }
    }

    /// A set for the present template.
    fn set_of(&self, mut template: Value, name: &str, hash: &str, next: u64) -> Value {
        object::map_at(&mut template, &["metadata", "labels"]).insert(HASH.to_owned(), json!(hash));
        let mut selector = self
            .deployment
            .pointer("/spec/selector")
            .cloned()
            .unwrap_or_default();
        object::map_at(&mut selector, &["matchLabels"]).insert(HASH.to_owned(), json!(hash));
        let desired = self.desired();
        let mut annotations = self.annotations(None, next);
        annotations.insert(DESIRED.to_owned(), json!(desired.to_string()));
        annotations.insert(MOST.to_owned(), json!((desired + self.surge()).to_string()));
        let mut spec = json!({"replicas": self.new_size(0), "selector": selector, "template": template});
        if let Some(seconds) = self.deployment.pointer("/spec/minReadySeconds") {
            spec["minReadySeconds"] = seconds.clone();
        }
        json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "namespace": object::namespace(&self.deployment),
                "labels": spec.pointer("/template/metadata/labels"),
                "annotations": annotations,
                "ownerReferences": owned::references(DEPLOYMENTS, &self.deployment),
            },
            "spec": spec,
        })
    }
}

/// A list of revisions without its first ones, if it is too long.
fn shortened(list: &str) -> String {
    let mut rest = list;
    while rest.len() > HISTORY_LENGTH {
        match rest.split_once(',') {
            Some((_, tail)) => rest = tail,
            None => break,
        }
    }
    rest.to_owned()
}
