//! What a StatefulSet says of itself.

use std::time::Duration;

use manifest::object;
use serde_json::{Map, Value, json};

use super::{Look, revision_of, runs_ready};
use crate::{
    owned,
    resources::{PODS, STATEFUL_SETS},
    status::count,
};

impl Look<'_> {
    /// Writes the status; the answer is when a ready pod becomes available.
    pub(super) fn write_status(&self) -> Option<Duration> {
        let set = self.actor.fresh(STATEFUL_SETS, &self.set)?;
        let pods = owned::by(&self.actor.api, PODS, &set);
        let of = |wanted: &dyn Fn(&Value) -> bool| pods.iter().filter(|pod| wanted(pod)).count();
        let at = |revision: &Value| {
            of(&|pod| !owned::is_deleting(pod) && revision_of(pod) == object::name(revision))
        };
        let (replicas, ready, updated) = (of(&|_| true), of(&runs_ready), at(&self.update));
        let complete = owned::text(&set, "/spec/updateStrategy/type") != "OnDelete"
            && updated == replicas
            && ready == replicas
            && replicas == self.wanted();
        let current = if complete { &self.update } else { &self.current };
        let mut next = Map::new();
        next.insert(
            "observedGeneration".to_owned(),
            json!(object::generation(&self.set)),
        );
        next.insert("replicas".to_owned(), json!(replicas));
        count(&mut next, "readyReplicas", ready);
        count(&mut next, "currentReplicas", at(current));
        count(&mut next, "updatedReplicas", updated);
        next.insert("currentRevision".to_owned(), json!(object::name(current)));
        next.insert("updateRevision".to_owned(), json!(object::name(&self.update)));
        let collisions = set
            .pointer("/status/collisionCount")
            .cloned()
            .unwrap_or_else(|| json!(0));
        next.insert("collisionCount".to_owned(), collisions);
        next.insert(
            "availableReplicas".to_owned(),
            json!(of(&|pod| self.available(pod))),
        );
        self.actor.set_status(STATEFUL_SETS, &set, Value::Object(next));
        let seconds = owned::spec_count(&set, "minReadySeconds", 0);
        owned::until_available(pods.iter().map(AsRef::as_ref), seconds, self.actor.clock.now())
    }
}
