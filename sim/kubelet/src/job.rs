//! Jobs run pods until enough have succeeded.

mod finish;
mod pods;
mod status;

use std::sync::Arc;

use manifest::object;
use serde_json::{Map, Value, json};

use crate::{
    actor::{Actor, EventKind},
    driver::Again,
    owned,
    resources::{JOBS, PODS},
};

/// Pods of a Job stay until they are counted.
pub(crate) const TRACKING: &str = "batch.kubernetes.io/job-tracking";

/// How a Job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Verdict {
    success: bool,
    reason: String,
    message: String,
}

/// A Job in the course of one look at it.
struct Look<'a> {
    actor: &'a Actor,
    job: Arc<Value>,
    pods: Vec<Arc<Value>>,
    /// The status that is being worked out.
    status: Map<String, Value>,
    /// Uids of the pods that this look deleted.
    stopped: Vec<String>,
}

/// Whether a Job has ended, and when.
pub(crate) fn finished(job: &Value) -> Option<&Map<String, Value>> {
    ["Complete", "Failed"].iter().find_map(|kind| {
        object::condition(job, kind)
            .filter(|entry| entry.get("status").is_some_and(|status| status == "True"))
    })
}

/// Takes a Job one step further; `expiry` deletes finished ones.
pub(crate) fn reconcile(actor: &Actor, expiry: &Actor, job: &Arc<Value>) -> Again {
    let mut look = Look {
        actor,
        job: Arc::clone(job),
        pods: owned::claimed(actor, PODS, JOBS, job),
        status: job
            .get("status")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
        stopped: Vec::new(),
    };
    if finished(job).is_some() {
        look.release(|_| true);
        return look.expire(expiry);
    }
    if owned::is_deleting(job) {
        look.release(|pod| owned::is_gone(pod));
        return Again::Never;
    }
    look.sync()
}

impl Look<'_> {
    fn is_suspended(&self) -> bool {
        self.job.pointer("/spec/suspend") == Some(&Value::Bool(true))
    }

    fn is_indexed(&self) -> bool {
        owned::text(&self.job, "/spec/completionMode") == "Indexed"
    }

    fn parallelism(&self) -> usize {
        owned::spec_count(&self.job, "parallelism", 1)
    }

    fn completions(&self) -> Option<usize> {
        owned::number(&self.job, "/spec/completions")
    }

    /// Whether a pod on its way out is not replaced before it has ended.
    fn waits_for_end(&self) -> bool {
        owned::text(&self.job, "/spec/podReplacementPolicy") == "Failed"
            || self.job.pointer("/spec/podFailurePolicy").is_some()
    }

    fn active(&self) -> Vec<Arc<Value>> {
        let living = |pod: &&Arc<Value>| !owned::is_gone(pod);
        self.pods.iter().filter(living).cloned().collect()
    }

    /// Pods on their way out, those among them that were deleted just now.
    fn terminating(&self) -> usize {
        let going = |pod: &&Arc<Value>| {
            owned::is_deleting(pod)
                && !owned::is_over(pod)
                && !self.stopped.iter().any(|uid| uid == object::uid(pod))
        };
        self.pods.iter().filter(going).count() + self.stopped.len()
    }

    /// Whether a pod counts as failed.
    fn has_failed(&self, pod: &Value) -> bool {
        match owned::phase(pod) {
            "Failed" => !self.is_ignored(pod),
            "Succeeded" => false,
            _ => owned::is_deleting(pod) && !self.waits_for_end(),
        }
    }

    fn count(&self, key: &str) -> usize {
        self.status
            .get(key)
            .and_then(Value::as_u64)
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or_default()
    }

    fn add(&mut self, key: &str, more: usize) {
        let sum = self.count(key) + more;
        if sum > 0 {
            self.status.insert(key.to_owned(), json!(sum));
        }
    }

    fn sync(&mut self) -> Again {
        let now = self.actor.now();
        if !self.is_suspended() && !self.status.contains_key("startTime") {
            self.status.insert("startTime".to_owned(), json!(now));
        }
        let succeeded = self.count("succeeded") + self.untracked_count(true);
        let failed = self.count("failed") + self.untracked_count(false);
        let mut verdict = self.verdict(failed);
        let mut again = Again::Never;
        let mut refused = false;
        if verdict.is_some() {
            self.stop(self.active(), true);
        } else {
            match self.manage(succeeded) {
                Ok(wait) => again = wait,
                Err(()) => refused = true,
            }
            if self.is_done(succeeded) {
                verdict = Some(Verdict {
                    success: true,
                    reason: "CompletionsReached".to_owned(),
                    message: "Reached expected number of succeeded pods".to_owned(),
                });
            } else {
                self.note_suspension(&now);
            }
        }
        self.pods = owned::by(&self.actor.api, PODS, &self.job);
        self.write_status(verdict);
        if refused {
            return Again::Backoff;
        }
        match self.until_deadline() {
            Some(left) => again.sooner(left),
            None => again,
        }
    }

    /// Whether enough pods have succeeded.
    fn is_done(&self, succeeded: usize) -> bool {
        match self.completions() {
            Some(completions) => succeeded >= completions,
            None => succeeded > 0 && self.active().is_empty(),
        }
    }

    fn note_suspension(&mut self, now: &str) {
        let suspended = self.is_suspended();
        let known = owned::list(&self.job, "/status/conditions")
            .iter()
            .find(|entry| entry["type"] == "Suspended")
            .map(|entry| entry["status"] == "True");
        if known.unwrap_or(false) == suspended {
            return;
        }
        let (status, reason, message, word) = if suspended {
            self.status.remove("startTime");
            ("True", "JobSuspended", "Job suspended", "Suspended")
        } else {
            self.status.insert("startTime".to_owned(), json!(now));
            ("False", "JobResumed", "Job resumed", "Resumed")
        };
        self.set_condition("Suspended", status, reason, message);
        self.actor
            .event(JOBS, &self.job, EventKind::Normal, word, message);
    }
}

/// Whether a pod still waits to be counted.
fn is_tracked(pod: &Value) -> bool {
    owned::list(pod, "/metadata/finalizers")
        .iter()
        .any(|entry| entry == TRACKING)
}

/// Lets a pod go whose Job is no more.
pub(crate) fn release_orphan(actor: &Actor, pod: &Value) {
    if is_tracked(pod) {
        let patch = json!({"metadata": {
            "uid": object::uid(pod), "$deleteFromPrimitiveList/finalizers": [TRACKING],
        }});
        let _ = actor.patch(PODS, pod, &patch);
    }
}
