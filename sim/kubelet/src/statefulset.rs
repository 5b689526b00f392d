//! StatefulSets make their pods one after the other, each under a name that stays.

mod claims;
mod status;

use std::sync::Arc;

use manifest::object;
use serde_json::{Value, json};

use crate::{
    actor::{Actor, EventKind},
    driver::Again,
    hash,
    history::{self, Naming},
    owned,
    replicaset::pod_of,
    resources::{PODS, STATEFUL_SETS},
};

const REVISION_LABEL: &str = "controller-revision-hash";

/// A StatefulSet in the course of one look at it.
struct Look<'a> {
    actor: &'a Actor,
    set: Arc<Value>,
    /// Revisions that pods are made from: below the partition or not yet updated, and the newest.
    current: Arc<Value>,
    update: Arc<Value>,
}

pub(crate) fn reconcile(actor: &Actor, set: &Arc<Value>) -> Again {
    let pods = owned::claimed(actor, PODS, STATEFUL_SETS, set);
    if owned::is_deleting(set) {
        return Again::Never;
    }
    let known = history::of(actor, STATEFUL_SETS, set);
    let collisions = set.pointer("/status/collisionCount").and_then(Value::as_u64);
    let hash = hash::revision(&history::text(&history::data(set)), Some(collisions.unwrap_or(0)));
    let naming = Naming {
        hash: &hash,
        label: "controller.kubernetes.io/hash",
    };
    let Some(update) = history::current(actor, STATEFUL_SETS, set, &known, &naming) else {
        return Again::Backoff;
    };
    let name = owned::text(set, "/status/currentRevision");
    let current = known
        .iter()
        .find(|revision| object::name(revision) == name)
        .unwrap_or(&update);
    let look = Look {
        actor,
        set: Arc::clone(set),
        current: Arc::clone(current),
        update: Arc::clone(&update),
    };
    let stuck = look.manage(&pods).is_err();
    let waiting = look.write_status();
    let used = |revision: &Value| {
        let name = object::name(revision);
        name == object::name(&look.current)
            || name == object::name(&look.update)
            || pods.iter().any(|pod| revision_of(pod) == name)
    };
    history::truncate(actor, set, &known, used);
    if stuck {
        return Again::Backoff;
    }
    waiting.map_or(Again::Never, Again::After)
}

fn revision_of(pod: &Value) -> &str {
    object::label(pod, REVISION_LABEL).unwrap_or_default()
}

fn runs_ready(pod: &Value) -> bool {
    owned::phase(pod) == "Running" && owned::is_ready(pod)
}

impl Look<'_> {
    fn wanted(&self) -> usize {
        owned::spec_count(&self.set, "replicas", 1)
    }

    /// The number of the first pod.
    fn start(&self) -> usize {
        owned::number(&self.set, "/spec/ordinals/start").unwrap_or_default()
    }

    fn is_parallel(&self) -> bool {
        owned::text(&self.set, "/spec/podManagementPolicy") == "Parallel"
    }

    fn partition(&self) -> Option<usize> {
        owned::number(&self.set, "/spec/updateStrategy/rollingUpdate/partition")
    }

    fn available(&self, pod: &Value) -> bool {
        let seconds = owned::spec_count(&self.set, "minReadySeconds", 0);
        owned::phase(pod) == "Running" && owned::is_available(pod, seconds, self.actor.clock.now())
    }

    fn is_healthy(&self, pod: &Value) -> bool {
        runs_ready(pod) && !owned::is_deleting(pod)
    }

    /// Takes the next steps towards the wanted pods; an error if the server refused one.
    fn manage(&self, pods: &[Arc<Value>]) -> Result<(), ()> {
        let range = self.start()..self.start() + self.wanted();
        for ordinal in range.clone() {
            let pod = pods.iter().find(|pod| owned::ordinal(pod) == Some(ordinal));
            if !self.settle(ordinal, pod)? && !self.is_parallel() {
                return Ok(());
            }
        }
        let mut condemned: Vec<_> = pods
            .iter()
            .filter(|pod| owned::ordinal(pod).is_none_or(|ordinal| !range.contains(&ordinal)))
            .collect();
        condemned.sort_by_key(|pod| std::cmp::Reverse(owned::ordinal(pod)));
        let unhealthy = pods
            .iter()
            .filter(|pod| !self.is_healthy(pod))
            .min_by_key(|pod| owned::ordinal(pod))
            .map(|pod| object::uid(pod));
        for pod in condemned {
            let waits = owned::is_deleting(pod) || (!runs_ready(pod) && unhealthy != Some(object::uid(pod)));
            if waits && !self.is_parallel() {
                return Ok(());
            }
            if !owned::is_deleting(pod) {
                self.delete(pod);
                if !self.is_parallel() {
                    return Ok(());
                }
            }
        }
        self.update_pods(pods, range);
        Ok(())
    }

    /// Brings one place into order; whether the next may follow.
    fn settle(&self, ordinal: usize, pod: Option<&Arc<Value>>) -> Result<bool, ()> {
        let Some(pod) = pod else {
            self.create(ordinal)?;
            return Ok(false);
        };
        if owned::is_over(pod) {
            if !owned::is_deleting(pod) {
                let text = format!(
                    "StatefulSet {}/{} is recreating failed Pod {}",
                    object::namespace(&self.set),
                    object::name(&self.set),
                    object::name(pod)
                );
                let set = &self.set;
                self.actor.event(
                    STATEFUL_SETS,
                    set,
                    EventKind::Warning,
                    "RecreatingFailedPod",
                    &text,
                );
                self.delete(pod);
            }
            return Ok(false);
        }
        Ok(!owned::is_deleting(pod) && runs_ready(pod) && self.available(pod))
    }

    /// Replaces outdated pods from the last to the first, each after the one behind it is healthy again.
    fn update_pods(&self, pods: &[Arc<Value>], range: std::ops::Range<usize>) {
        if owned::text(&self.set, "/spec/updateStrategy/type") == "OnDelete" {
            return;
        }
        let least = self.start() + self.partition().unwrap_or_default();
        for ordinal in range.rev().take_while(|ordinal| *ordinal >= least) {
            let Some(pod) = pods.iter().find(|pod| owned::ordinal(pod) == Some(ordinal)) else {
                return;
            };
            if revision_of(pod) != object::name(&self.update) && !owned::is_deleting(pod) {
                self.delete(pod);
                return;
            }
            if !self.is_healthy(pod) {
                return;
            }
        }
    }

    fn delete(&self, pod: &Value) {
        let outcome = self.actor.delete(PODS, pod, None);
        self.tell(
            "Delete",
            object::name(pod),
            outcome.then_some("").ok_or("refused"),
        );
    }

    /// The revision of the pod at a place.
    fn revision_at(&self, ordinal: usize) -> &Arc<Value> {
        if object::name(&self.current) == object::name(&self.update) {
            return &self.update;
        }
        let kept = match self.partition() {
            Some(partition) => self.start() + partition,
            None => self.start() + owned::status_count(&self.set, "currentReplicas"),
        };
        if ordinal < kept {
            &self.current
        } else {
            &self.update
        }
    }

    fn create(&self, ordinal: usize) -> Result<(), ()> {
        let name = format!("{}-{ordinal}", object::name(&self.set));
        let revision = self.revision_at(ordinal);
        let set = history::restored(&self.set, revision);
        self.create_claims(&set, ordinal, &name)?;
        let names = json!({"name": name, "generateName": format!("{}-", object::name(&set))});
        let mut pod = pod_of(&set, names, STATEFUL_SETS);
        let labels = object::map_at(&mut pod, &["metadata", "labels"]);
        for (key, value) in [
            (REVISION_LABEL, object::name(revision)),
            ("statefulset.kubernetes.io/pod-name", &name),
            ("apps.kubernetes.io/pod-index", &ordinal.to_string()),
        ] {
            labels.insert(key.to_owned(), json!(value));
        }
        let spec = object::map_at(&mut pod, &["spec"]);
        spec.insert("hostname".to_owned(), json!(name));
        let service = owned::text(&set, "/spec/serviceName");
        if !service.is_empty() {
            spec.insert("subdomain".to_owned(), json!(service));
        }
        self.add_volumes(&set, ordinal, &mut pod);
        match self.actor.create(PODS, object::namespace(&set), &pod) {
            Ok(_) => {
                self.tell("Create", &name, Ok(""));
                Ok(())
            }
            Err(refused) => {
                self.tell("Create", &name, Err(&refused.message));
                Err(())
            }
        }
    }

    fn tell(&self, verb: &str, pod: &str, outcome: Result<&str, &str>) {
        let name = object::name(&self.set);
        let (kind, reason, text) = match outcome {
            Ok(_) => (
                EventKind::Normal,
                format!("Successful{verb}"),
                format!("{verb} Pod {pod} in StatefulSet {name} successful"),
            ),
            Err(error) => (
                EventKind::Warning,
                format!("Failed{verb}"),
                format!("{verb} Pod {pod} in StatefulSet {name} failed error: {error}"),
            ),
        };
        self.actor.event(STATEFUL_SETS, &self.set, kind, &reason, &text);
    }
}
