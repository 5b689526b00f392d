//! Counting a Job's pods, each once, and writing what became of them.
//!
//! A finished pod is first noted in the status as uncounted, then it loses its finalizer, then it is counted.

use manifest::object;
use serde_json::{Value, json};

use super::{Look, Verdict, is_tracked, release_orphan};
use crate::{
    actor::EventKind,
    owned,
    resources::{JOBS, PODS},
    status::count,
};

impl Look<'_> {
    /// Pods that have ended and are not in the counts yet.
    pub(super) fn untracked_count(&self, success: bool) -> usize {
        let ended = |pod: &Value| {
            if success {
                owned::phase(pod) == "Succeeded"
            } else {
                self.has_failed(pod)
            }
        };
        self.pods
            .iter()
            .filter(|pod| is_tracked(pod) && ended(pod))
            .count()
    }

    pub(super) fn set_condition(&mut self, kind: &str, status: &str, reason: &str, message: &str) {
        let now = self.actor.now();
        let entry = json!({
            "type": kind, "status": status, "lastProbeTime": now, "lastTransitionTime": now,
            "reason": reason, "message": message,
        });
        let list = self.status.entry("conditions").or_insert_with(|| json!([]));
        let Some(list) = list.as_array_mut() else { return };
        match list.iter_mut().find(|known| known["type"] == kind) {
            Some(known) if known["status"] == status => {}
            Some(known) => *known = entry,
            None => list.push(entry),
        }
    }

    fn note_counts(&mut self) {
        let active = self.active();
        let ready = active.iter().filter(|pod| owned::is_ready(pod)).count();
        self.status.remove("active");
        count(&mut self.status, "active", active.len());
        self.status.insert("ready".to_owned(), json!(ready));
        let terminating = self.terminating();
        self.status.insert("terminating".to_owned(), json!(terminating));
        self.status
            .entry("uncountedTerminatedPods")
            .or_insert_with(|| json!({}));
    }

    fn write(&mut self) -> bool {
        let status = Value::Object(self.status.clone());
        if self.job.get("status") == Some(&status) {
            return true;
        }
        let written = self.actor.set_status(JOBS, &self.job, status);
        if let Some(job) = self.actor.fresh(JOBS, &self.job) {
            self.job = job;
        }
        written
    }

    pub(super) fn write_status(&mut self, verdict: Option<Verdict>) {
        if let Some(verdict) = &verdict {
            let kind = if verdict.success {
                "SuccessCriteriaMet"
            } else {
                "FailureTarget"
            };
            self.set_condition(kind, "True", &verdict.reason, &verdict.message);
        }
        self.note_counts();
        if !self.count_finished() {
            return;
        }
        let Some(verdict) = verdict.filter(|_| self.active().is_empty() && self.terminating() == 0) else {
            self.write();
            return;
        };
        let before = std::sync::Arc::clone(&self.job);
        let now = self.actor.now();
        if verdict.success {
            self.set_condition("Complete", "True", &verdict.reason, &verdict.message);
            self.status.insert("completionTime".to_owned(), json!(now));
        } else {
            self.set_condition("Failed", "True", &verdict.reason, &verdict.message);
        }
        if self.write() {
            if verdict.success {
                self.actor
                    .event(JOBS, &before, EventKind::Normal, "Completed", "Job completed");
            } else {
                let (reason, message) = (&verdict.reason, &verdict.message);
                self.actor
                    .event(JOBS, &before, EventKind::Warning, reason, message);
            }
        }
    }

    /// Takes finished pods into the counts; false if a write was refused.
    fn count_finished(&mut self) -> bool {
        // What was deleted just now is counted when it is looked at again.
        let earlier = |pod: &&std::sync::Arc<Value>| {
            is_tracked(pod) && !self.stopped.iter().any(|uid| uid == object::uid(pod))
        };
        let tracked: Vec<_> = self.pods.iter().filter(earlier).cloned().collect();
        let (mut good, mut bad, mut ignored) = (Vec::new(), Vec::new(), Vec::new());
        for pod in tracked {
            if owned::phase(&pod) == "Succeeded" {
                good.push(pod);
            } else if self.has_failed(&pod) {
                bad.push(pod);
            } else if owned::phase(&pod) == "Failed" {
                ignored.push(pod);
            }
        }
        if good.is_empty() && bad.is_empty() && ignored.is_empty() {
            return true;
        }
        let uids = |pods: &[std::sync::Arc<Value>]| -> Vec<String> {
            pods.iter().map(|pod| object::uid(pod).to_owned()).collect()
        };
        let mut uncounted = json!({});
        for (key, pods) in [("succeeded", &good), ("failed", &bad)] {
            if !pods.is_empty() {
                uncounted[key] = json!(uids(pods));
            }
        }
        if self.is_indexed() {
            self.note_indexes(&good);
        }
        self.status
            .insert("uncountedTerminatedPods".to_owned(), uncounted);
        if !self.write() {
            return false;
        }
        for pod in good.iter().chain(&bad).chain(&ignored) {
            release_orphan(self.actor, pod);
        }
        self.add("succeeded", good.len());
        self.add("failed", bad.len());
        self.status
            .insert("uncountedTerminatedPods".to_owned(), json!({}));
        self.pods = owned::by(&self.actor.api, PODS, &self.job);
        self.note_counts();
        true
    }

    /// Notes which places of an indexed Job have succeeded, as ranges: `0-3,7`.
    fn note_indexes(&mut self, succeeded: &[std::sync::Arc<Value>]) {
        let mut done = self.completed();
        done.extend(succeeded.iter().filter_map(|pod| super::pods::index(pod)));
        let mut parts: Vec<String> = Vec::new();
        let mut run: Option<(usize, usize)> = None;
        let close = |(first, last): (usize, usize)| match last - first {
            0 => first.to_string(),
            1 => format!("{first},{last}"),
            _ => format!("{first}-{last}"),
        };
        for index in done {
            run = match run {
                Some((first, last)) if index == last + 1 => Some((first, index)),
                Some(before) => {
                    parts.push(close(before));
                    Some((index, index))
                }
                None => Some((index, index)),
            };
        }
        parts.extend(run.map(close));
        if !parts.is_empty() {
            self.status
                .insert("completedIndexes".to_owned(), json!(parts.join(",")));
        }
    }

    /// The places of an indexed Job that have succeeded.
    pub(super) fn completed(&self) -> std::collections::BTreeSet<usize> {
        let text = self.status.get("completedIndexes").and_then(Value::as_str);
        text.unwrap_or_default()
            .split(',')
            .filter_map(|part| match part.split_once('-') {
                Some((first, last)) => Some((first.parse().ok()?, last.parse().ok()?)),
                None => part.parse().ok().map(|index: usize| (index, index)),
            })
            .flat_map(|(first, last): (usize, usize)| first..=last)
            .collect()
    }

    /// Lets pods go that were counted or shall not be.
    pub(super) fn release(&self, which: impl Fn(&Value) -> bool) {
        for pod in self.pods.iter().filter(|pod| which(pod)) {
            release_orphan(self.actor, pod);
        }
    }
}
