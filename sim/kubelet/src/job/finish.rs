//! When a Job has failed, or succeeded early, and how long a finished one stays.

use std::time::Duration;

use jiff::SignedDuration;
use manifest::object;
use serde_json::Value;

use super::{Look, Verdict, finished};
use crate::{actor::Actor, driver::Again, owned, resources::JOBS};

fn failure(reason: &str, message: &str) -> Verdict {
    Verdict {
        success: false,
        reason: reason.to_owned(),
        message: message.to_owned(),
    }
}

impl Look<'_> {
    /// How the Job ends, if its end is decided.
    pub(super) fn verdict(&self, failed: usize) -> Option<Verdict> {
        for (kind, success) in [("FailureTarget", false), ("SuccessCriteriaMet", true)] {
            if let Some(known) = object::condition(&self.job, kind) {
                let text = |key: &str| known.get(key).and_then(Value::as_str).unwrap_or_default();
                return Some(Verdict {
                    success,
                    reason: text("reason").to_owned(),
                    message: text("message").to_owned(),
                });
            }
        }
        if let Some(message) = self.pods.iter().find_map(|pod| self.forbidden(pod)) {
            return Some(failure("PodFailurePolicy", &message));
        }
        let limit = owned::spec_count(&self.job, "backoffLimit", 6);
        if failed > limit || self.restarts_exceed(limit) {
            let text = "Job has reached the specified backoff limit";
            return Some(failure("BackoffLimitExceeded", text));
        }
        if self.until_deadline().is_some_and(|left| left.is_zero()) {
            let text = "Job was active longer than specified deadline";
            return Some(failure("DeadlineExceeded", text));
        }
        self.early_success()
    }

    /// Containers that restart in place have used the limit up.
    fn restarts_exceed(&self, limit: usize) -> bool {
        if owned::text(&self.job, "/spec/template/spec/restartPolicy") != "OnFailure" {
            return false;
        }
        let running = self
            .pods
            .iter()
            .filter(|pod| matches!(owned::phase(pod), "Running" | "Pending"));
        let restarts: usize = running
            .flat_map(|pod| {
                owned::list(pod, "/status/initContainerStatuses")
                    .iter()
                    .chain(owned::list(pod, "/status/containerStatuses"))
            })
            .filter_map(|entry| owned::number(entry, "/restartCount"))
            .sum();
        if limit == 0 {
            restarts > 0
        } else {
            restarts >= limit
        }
    }

    /// How long until `activeDeadlineSeconds` are over.
    pub(super) fn until_deadline(&self) -> Option<Duration> {
        let seconds = owned::number(&self.job, "/spec/activeDeadlineSeconds")?;
        if self.is_suspended() {
            return None;
        }
        let start = self.status.get("startTime")?.as_str()?.parse().ok()?;
        let waited = self.actor.clock.since(start);
        Some(Duration::from_secs(seconds as u64).saturating_sub(waited))
    }

    /// Whether `successPolicy` is met.
    fn early_success(&self) -> Option<Verdict> {
        if !self.is_indexed() {
            return None;
        }
        let mut done = self.completed();
        let over = self.pods.iter().filter(|pod| owned::phase(pod) == "Succeeded");
        done.extend(over.filter_map(|pod| super::pods::index(pod)));
        let rules = owned::list(&self.job, "/spec/successPolicy/rules");
        let met = rules.iter().position(|rule| {
            let among = |index: &&usize| match rule.pointer("/succeededIndexes").and_then(Value::as_str) {
                Some(text) => in_ranges(text, **index),
                None => true,
            };
            let count = done.iter().filter(among).count();
            match owned::number(rule, "/succeededCount") {
                Some(least) => count >= least,
                None => count >= range_length(owned::text(rule, "/succeededIndexes")),
            }
        });
        met.map(|at| Verdict {
            success: true,
            reason: "SuccessPolicy".to_owned(),
            message: format!("Matched rules at index {at}"),
        })
    }

    /// Why the failure policy ends the Job because of this pod.
    fn forbidden(&self, pod: &Value) -> Option<String> {
        if owned::phase(pod) != "Failed" {
            return None;
        }
        let (action, message) = self.matched_rule(pod)?;
        (action == "FailJob").then_some(message)
    }

    /// Whether the failure policy says not to count this pod.
    pub(super) fn is_ignored(&self, pod: &Value) -> bool {
        self.matched_rule(pod)
            .is_some_and(|(action, _)| action == "Ignore")
    }

    /// The first rule of the failure policy that a failed pod meets: its action and what it says of the pod.
    fn matched_rule(&self, pod: &Value) -> Option<(&str, String)> {
        let rules = owned::list(&self.job, "/spec/podFailurePolicy/rules");
        let name = format!("{}/{}", object::namespace(pod), object::name(pod));
        rules.iter().enumerate().find_map(|(at, rule)| {
            let action = owned::text(rule, "/action");
            if let Some(codes) = rule.get("onExitCodes") {
                let (container, code) = exit_code(pod, codes)?;
                let text = format!(
                    "Container {container} for pod {name} failed with exit code {code} matching {action} rule at \
                     index {at}"
                );
                return Some((action, text));
            }
            let pattern = owned::list(rule, "/onPodConditions").iter().find(|pattern| {
                let wanted = pattern.get("status").and_then(Value::as_str).unwrap_or("True");
                object::condition(pod, owned::text(pattern, "/type"))
                    .is_some_and(|entry| entry.get("status").is_some_and(|status| status == wanted))
            })?;
            let kind = owned::text(pattern, "/type");
            let text = format!("Pod {name} has condition {kind} matching {action} rule at index {at}");
            Some((action, text))
        })
    }

    /// Deletes a finished Job after `ttlSecondsAfterFinished`.
    pub(super) fn expire(&self, actor: &Actor) -> Again {
        let Some(seconds) = owned::number(&self.job, "/spec/ttlSecondsAfterFinished") else {
            return Again::Never;
        };
        if owned::is_deleting(&self.job) {
            return Again::Never;
        }
        let ended = finished(&self.job).and_then(|entry| {
            entry
                .get("lastTransitionTime")?
                .as_str()?
                .parse::<jiff::Timestamp>()
                .ok()
        });
        let Some(ended) = ended else { return Again::Never };
        let due = ended
            .checked_add(SignedDuration::from_secs(
                i64::try_from(seconds).unwrap_or(i64::MAX),
            ))
            .unwrap_or(jiff::Timestamp::MAX);
        let left = Duration::try_from(due.duration_since(self.actor.clock.now())).unwrap_or_default();
        if left.is_zero() {
            actor.delete(JOBS, &self.job, None);
            return Again::Never;
        }
        Again::After(left)
    }
}

/// The first container that ended with a code that the rule means.
fn exit_code<'a>(pod: &'a Value, rule: &Value) -> Option<(&'a str, i64)> {
    let only = rule.get("containerName").and_then(Value::as_str);
    let values = owned::list(rule, "/values");
    let negated = owned::text(rule, "/operator") == "NotIn";
    owned::list(pod, "/status/initContainerStatuses")
        .iter()
        .chain(owned::list(pod, "/status/containerStatuses"))
        .filter(|entry| only.is_none_or(|only| owned::text(entry, "/name") == only))
        .find_map(|entry| {
            let code = entry.pointer("/state/terminated/exitCode")?.as_i64()?;
            let among = values.iter().any(|value| value.as_i64() == Some(code));
            (code != 0 && among != negated).then(|| (owned::text(entry, "/name"), code))
        })
}

fn ranges(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    text.split(',').filter_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
    })
}

fn in_ranges(text: &str, index: usize) -> bool {
    ranges(text).any(|(first, last)| (first..=last).contains(&index))
}

fn range_length(text: &str) -> usize {
    ranges(text)
        .map(|(first, last)| (last + 1).saturating_sub(first))
        .sum()
}
