//! Deployments roll their template out over ReplicaSets.

mod revision;
mod rolling;
mod status;

use std::sync::Arc;

use manifest::object;
use serde_json::{Value, json};

use crate::{
    actor::{Actor, EventKind},
    driver::Again,
    hash, owned,
    resources::{DEPLOYMENTS, PODS, REPLICA_SETS},
};

pub(crate) const HASH: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MOST: &str = "deployment.kubernetes.io/max-replicas";

/// A Deployment in the course of one look at it.
struct Rollout<'a> {
    actor: &'a Actor,
    /// As it was written last.
    deployment: Arc<Value>,
    /// The set of its present template.
    new: Option<Arc<Value>>,
    /// The others, oldest first.
    old: Vec<Arc<Value>>,
}

pub(crate) fn reconcile(actor: &Actor, deployment: &Arc<Value>) -> Again {
    let mut rollout = Rollout {
        actor,
        deployment: Arc::clone(deployment),
        new: None,
        old: Vec::new(),
    };
    rollout.sort_sets();
    if owned::is_deleting(deployment) {
        rollout.write_status(false);
        return Again::Never;
    }
    rollout.note_pause();
    if rollout.is_paused() || rollout.is_scaling() {
        rollout.sync_revision(false);
        rollout.scale_all();
        if rollout.is_paused() {
            rollout.clean_up();
        }
        rollout.write_status(false);
        return Again::Never;
    }
    if rollout.is_recreate() {
        rollout.recreate()
    } else {
        rollout.roll()
    }
}

impl Rollout<'_> {
    fn desired(&self) -> usize {
        owned::spec_count(&self.deployment, "replicas", 1)
    }

    fn is_paused(&self) -> bool {
        self.deployment.pointer("/spec/paused") == Some(&Value::Bool(true))
    }

    fn is_recreate(&self) -> bool {
        owned::text(&self.deployment, "/spec/strategy/type") == "Recreate"
    }

    /// All sets, the new one last.
    fn all(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.old.iter().chain(&self.new)
    }

    /// Finds the sets, and which of them has the present template.
    fn sort_sets(&mut self) {
        let mut sets = owned::claimed(self.actor, REPLICA_SETS, DEPLOYMENTS, &self.deployment);
        sets.sort_by(|a, b| revision::age(a).cmp(&revision::age(b)));
        let template = self.deployment.pointer("/spec/template");
        let collisions = self
            .deployment
            .pointer("/status/collisionCount")
            .and_then(Value::as_u64);
        let hash = hash::template(template.unwrap_or(&Value::Null), collisions);
        let at = sets
            .iter()
            .position(|set| Some(&revision::template_without_hash(set)) == template)
            .or_else(|| {
                sets.iter()
                    .position(|set| object::label(set, HASH) == Some(&hash))
            });
        self.new = at.map(|at| sets.remove(at));
        self.old = sets;
    }

    /// Looks at the sets again after a write.
    fn refresh(&mut self) {
        let fresh = |set: &Arc<Value>| self.actor.fresh(REPLICA_SETS, set);
        let new = self.new.as_ref().and_then(fresh);
        let old = self.old.iter().filter_map(fresh).collect();
        self.new = new;
        self.old = old;
    }

    fn recreate(&mut self) -> Again {
        self.sync_revision(false);
        let mut scaled = false;
        for set in self.old.clone() {
            scaled |= self.scale(&set, 0);
        }
        if scaled || self.old_pods_live() {
            return self.write_status(true);
        }
        if self.new.is_none() && !self.sync_revision(true) {
            return self.write_status(true).or_backoff();
        }
        if let Some(new) = self.new.clone() {
            self.scale(&new, self.desired());
        }
        if self.is_complete() {
            self.clean_up();
        }
        self.write_status(true)
    }

    /// Whether a pod of an old set is still there, be it on its way out.
    fn old_pods_live(&self) -> bool {
        self.old.iter().any(|set| {
            owned::by(&self.actor.api, PODS, set)
                .iter()
                .any(|pod| !owned::is_over(pod))
        })
    }

    /// Changes a set's size; whether it had another.
    fn scale(&mut self, set: &Arc<Value>, replicas: usize) -> bool {
        let before = owned::spec_count(set, "replicas", 1);
        let desired = self.desired();
        let most = desired + self.surge();
        let annotated = |key: &str, value: usize| object::annotation(set, key) == Some(&value.to_string());
        if before == replicas && annotated(DESIRED, desired) && annotated(MOST, most) {
            return false;
        }
        let written = self.actor.update(REPLICA_SETS, set, |body| {
            body["spec"]["replicas"] = json!(replicas);
            let annotations = object::map_at(body, &["metadata", "annotations"]);
            annotations.insert(DESIRED.to_owned(), json!(desired.to_string()));
            annotations.insert(MOST.to_owned(), json!(most.to_string()));
        });
        if written.is_err() {
            return false;
        }
        if before != replicas {
            let direction = if replicas > before { "up" } else { "down" };
            self.tell_scaled(set, direction, before, replicas);
        }
        self.refresh();
        before != replicas
    }

    fn tell_scaled(&self, set: &Value, direction: &str, from: usize, to: usize) {
        let name = object::name(set);
        let text = format!("Scaled {direction} replica set {name} from {from} to {to}");
        self.actor.event(
            DEPLOYMENTS,
            &self.deployment,
            EventKind::Normal,
            "ScalingReplicaSet",
            &text,
        );
    }

    /// Deletes empty old sets beyond `revisionHistoryLimit`.
    fn clean_up(&mut self) {
        let Some(keep) = owned::number(&self.deployment, "/spec/revisionHistoryLimit") else {
            return;
        };
        let mut sets: Vec<_> = self
            .old
            .iter()
            .filter(|set| !owned::is_deleting(set))
            .cloned()
            .collect();
        sets.sort_by_key(|set| revision::of(set));
        let surplus = sets.len().saturating_sub(keep);
        for set in sets.iter().take(surplus) {
            let observed = set.pointer("/status/observedGeneration").and_then(Value::as_i64);
            let idle = owned::status_count(set, "replicas") == 0
                && owned::spec_count(set, "replicas", 1) == 0
                && observed.unwrap_or_default() >= object::generation(set);
            if idle {
                self.actor.delete(REPLICA_SETS, set, None);
            }
        }
        self.refresh();
    }
}
