//! What a Deployment says of itself: counts and conditions.

use std::time::Duration;

use jiff::SignedDuration;
use manifest::object;
use serde_json::{Map, Value, json};

use super::Rollout;
use crate::{driver::Again, owned, status::count};

/// A condition as apps/v1 has it.
pub(super) fn condition(kind: &str, status: &str, reason: &str, message: &str, now: &str) -> Value {
    json!({
        "type": kind, "status": status, "lastUpdateTime": now, "lastTransitionTime": now,
        "reason": reason, "message": message,
    })
}

/// Puts a condition at the end of the list, unless its status and reason are known already.
pub(super) fn set(list: &mut Vec<Value>, mut condition: Value) {
    let kind = condition["type"].clone();
    if let Some(known) = list.iter().find(|entry| entry["type"] == kind) {
        if known["status"] == condition["status"] {
            if known["reason"] == condition["reason"] {
                return;
            }
            condition["lastTransitionTime"] = known["lastTransitionTime"].clone();
        }
    }
    list.retain(|entry| entry["type"] != kind);
    list.push(condition);
}

fn remove(list: &mut Vec<Value>, kind: &str) {
    list.retain(|entry| entry["type"] != kind);
}

fn find<'a>(list: &'a [Value], kind: &str) -> Option<&'a Value> {
    list.iter().find(|entry| entry["type"] == kind)
}

impl Rollout<'_> {
    /// DIFFERENCE: upstream takes the largest 32-bit number for no deadline; here it is none like an absent one.
    fn deadline(&self) -> Option<Duration> {
        let seconds = owned::number(&self.deployment, "/spec/progressDeadlineSeconds")?;
        (seconds < 2_147_483_647).then(|| Duration::from_secs(seconds as u64))
    }

    pub(super) fn has_deadline(&self) -> bool {
        self.deadline().is_some()
    }

    pub(super) fn is_complete(&self) -> bool {
        let status = self.counts();
        self.counts_complete(&status)
    }

    fn counts_complete(&self, status: &Map<String, Value>) -> bool {
        let desired = self.desired() as u64;
        let is = |key: &str| status.get(key).and_then(Value::as_u64).unwrap_or_default() == desired;
        is("updatedReplicas") && is("replicas") && is("availableReplicas")
    }

    fn counts(&self) -> Map<String, Value> {
        let total = |field: &str| -> usize { self.all().map(|set| owned::status_count(set, field)).sum() };
        let wanted: usize = self.all().map(|set| owned::spec_count(set, "replicas", 1)).sum();
        let updated = self
            .new
            .as_ref()
            .map(|set| owned::status_count(set, "replicas"))
            .unwrap_or_default();
        let available = total("availableReplicas");
        let mut next = Map::new();
        next.insert(
            "observedGeneration".to_owned(),
            json!(object::generation(&self.deployment)),
        );
        count(&mut next, "replicas", total("replicas"));
        count(&mut next, "updatedReplicas", updated);
        count(&mut next, "readyReplicas", total("readyReplicas"));
        count(&mut next, "availableReplicas", available);
        count(&mut next, "unavailableReplicas", wanted.saturating_sub(available));
        // Nobody knows how many are on their way out before every set has said so.
        let known = |set: &std::sync::Arc<Value>| set.pointer("/status/terminatingReplicas").is_some();
        if self.all().all(known) {
            next.insert(
                "terminatingReplicas".to_owned(),
                json!(total("terminatingReplicas")),
            );
        }
        if let Some(collisions) = self.deployment.pointer("/status/collisionCount") {
            next.insert("collisionCount".to_owned(), collisions.clone());
        }
        next
    }

    fn available_condition(&self, next: &Map<String, Value>) -> Value {
        let available = next
            .get("availableReplicas")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        let least = self.desired().saturating_sub(self.unavailable()) as u64;
        let (status, reason, message) = if available >= least {
            (
                "True",
                "MinimumReplicasAvailable",
                "Deployment has minimum availability.",
            )
        } else {
            (
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
            )
        };
        condition("Available", status, reason, message, &self.actor.now())
    }

    /// Writes the status; with `progress` also how the rollout fares. Says when its deadline runs out.
    pub(super) fn write_status(&mut self, progress: bool) -> Again {
        let mut next = self.counts();
        let mut conditions = owned::list(&self.deployment, "/status/conditions").to_vec();
        set(&mut conditions, self.available_condition(&next));
        if progress {
            self.judge_progress(&next, &mut conditions);
            self.inherit_failure(&mut conditions);
        }
        next.insert("conditions".to_owned(), Value::Array(conditions));
        let next = Value::Object(next);
        if self.deployment.get("status") != Some(&next) {
            let mut body = (*self.deployment).clone();
            body["status"] = next;
            self.write(&body);
        }
        if progress {
            self.until_deadline()
        } else {
            Again::Never
        }
    }

    fn judge_progress(&self, next: &Map<String, Value>, conditions: &mut Vec<Value>) {
        if !self.has_deadline() {
            return remove(conditions, "Progressing");
        }
        let now = self.actor.now();
        let known = find(conditions, "Progressing").cloned();
        let number = |key: &str| next.get(key).and_then(Value::as_u64).unwrap_or_default();
        let done = known
            .as_ref()
            .is_some_and(|entry| entry["reason"] == "NewReplicaSetAvailable");
        if number("replicas") == number("updatedReplicas") && done {
            return;
        }
        let subject = match &self.new {
            Some(set) => format!("ReplicaSet {:?}", object::name(set)),
            None => format!("Deployment {:?}", object::name(&self.deployment)),
        };
        if self.counts_complete(next) {
            let text = format!("{subject} has successfully progressed.");
            set(
                conditions,
                condition("Progressing", "True", "NewReplicaSetAvailable", &text, &now),
            );
        } else if self.moved(next) {
            let text = format!("{subject} is progressing.");
            let mut entry = condition("Progressing", "True", "ReplicaSetUpdated", &text, &now);
            if let Some(known) = known.filter(|known| known["status"] == "True") {
                entry["lastTransitionTime"] = known["lastTransitionTime"].clone();
            }
            // Even an equal condition is written anew: its time starts the deadline again.
            remove(conditions, "Progressing");
            set(conditions, entry);
        } else if self.timed_out(known.as_ref()) {
            let text = format!("{subject} has timed out progressing.");
            set(
                conditions,
                condition("Progressing", "False", "ProgressDeadlineExceeded", &text, &now),
            );
        }
    }

    /// Whether the counts are better than those written last.
    fn moved(&self, next: &Map<String, Value>) -> bool {
        let new = |key: &str| next.get(key).and_then(Value::as_i64).unwrap_or_default();
        let old = |key: &str| {
            self.deployment
                .pointer(&format!("/status/{key}"))
                .and_then(Value::as_i64)
                .unwrap_or_default()
        };
        new("updatedReplicas") > old("updatedReplicas")
            || new("replicas") - new("updatedReplicas") < old("replicas") - old("updatedReplicas")
            || new("readyReplicas") > old("readyReplicas")
            || new("availableReplicas") > old("availableReplicas")
    }

    fn timed_out(&self, known: Option<&Value>) -> bool {
        let (Some(known), Some(deadline)) = (known, self.deadline()) else {
            return false;
        };
        match known["reason"].as_str() {
            Some("NewReplicaSetAvailable") => false,
            Some("ProgressDeadlineExceeded") => true,
            _ => owned::time(known, "/lastUpdateTime")
                .is_some_and(|since| self.actor.clock.since(since) > deadline),
        }
    }

    fn until_deadline(&self) -> Again {
        let Some(deadline) = self.deadline() else {
            return Again::Never;
        };
        let Some(known) = find(owned::list(&self.deployment, "/status/conditions"), "Progressing") else {
            return Again::Never;
        };
        let ended = matches!(
            known["reason"].as_str(),
            Some("NewReplicaSetAvailable" | "ProgressDeadlineExceeded")
        );
        let Some(since) = owned::time(known, "/lastUpdateTime").filter(|_| !ended) else {
            return Again::Never;
        };
        let due = since
            .checked_add(SignedDuration::try_from(deadline).unwrap_or(SignedDuration::MAX))
            .unwrap_or(jiff::Timestamp::MAX);
        let left = Duration::try_from(due.duration_since(self.actor.clock.now())).unwrap_or_default();
        Again::After(left + Duration::from_secs(1))
    }

    /// Carries a set's failure to make pods over to the Deployment.
    fn inherit_failure(&self, conditions: &mut Vec<Value>) {
        let failing = self
            .new
            .iter()
            .chain(&self.old)
            .find_map(|set| object::condition(set, "ReplicaFailure"));
        match failing {
            Some(failure) => {
                let mut entry = Value::Object(failure.clone());
                entry["lastUpdateTime"] = entry["lastTransitionTime"].clone();
                set(conditions, entry);
            }
            None => remove(conditions, "ReplicaFailure"),
        }
    }

    /// Notes in the Progressing condition that a rollout stands still on purpose, or moves again.
    pub(super) fn note_pause(&mut self) {
        if !self.has_deadline() {
            return;
        }
        let mut conditions = owned::list(&self.deployment, "/status/conditions").to_vec();
        let reason = find(&conditions, "Progressing").and_then(|entry| entry["reason"].as_str());
        // A rollout that has failed stays so until it moves.
        if reason == Some("ProgressDeadlineExceeded") {
            return;
        }
        let was_paused = reason == Some("DeploymentPaused");
        let (reason, message) = match (self.is_paused(), was_paused) {
            (true, false) => ("DeploymentPaused", "Deployment is paused"),
            (false, true) => ("DeploymentResumed", "Deployment is resumed"),
            _ => return,
        };
        let now = self.actor.now();
        set(
            &mut conditions,
            condition("Progressing", "Unknown", reason, message, &now),
        );
        let mut body = (*self.deployment).clone();
        object::map_at(&mut body, &["status"]).insert("conditions".to_owned(), Value::Array(conditions));
        self.write(&body);
    }
}
