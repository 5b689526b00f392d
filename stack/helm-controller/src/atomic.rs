//! Observe, decide, act, until nothing is left to do or it is better to come back later.

use std::{collections::BTreeSet, time::Duration};

use flux_api::{
    ConditionStatus, HelmReleaseStatus, Reason,
    helm_release::DriftDetectionMode,
    meta::{DRIFTED, FORCE_AT, READY, RELEASED, REMEDIATED, REQUESTED_AT},
    reason::{
        DRIFT_DETECTED, INSTALL_FAILED, INSTALL_SUCCEEDED, MISSING_ROLLBACK_TARGET, NO_DRIFT_DETECTED,
        RECONCILE_ERROR, RETRIES_EXCEEDED, STATE_ERROR, UPGRADE_FAILED, UPGRADE_SUCCEEDED,
    },
};
use flux_runtime::{Done, EventType, Failure, Progress};
use helm::Record;
use manifest::object;
use stdx::duration::format as go;

use crate::{
    action::{Actor, Error, Wanted},
    decide::{self, Action, Facts, Kind, Next, Target, decide},
    drift::{self, Difference},
    perform::{Task, perform},
    report::{reason_of, summarize},
    snapshot,
    state::{self, State},
};

/// What a pass works with.
pub(crate) struct Pass<'a> {
    pub(crate) actor: &'a Actor<'a>,
    pub(crate) wanted: &'a Wanted,
    pub(crate) config_digest: &'a str,
    pub(crate) progress: &'a Progress,
    pub(crate) default_to_retry: bool,
}

/// Brings the release to what is wanted, as far as one pass may.
pub(crate) async fn run(pass: &Pass<'_>, status: &mut HelmReleaseStatus) -> Result<Done, Failure> {
    let mut done: BTreeSet<Kind> = BTreeSet::new();
    loop {
        let (state, differences) = pass.observe(status).await.map_err(|error| {
            let text = format!("Could not determine release state: {error}");
            Failure::retry(STATE_ERROR, text).silent()
        })?;
        let target = pass.rollback_target(&state, status).await.map_err(|error| {
            let text = format!("cannot verify previous release to roll back to: {error}");
            Failure::retry(RECONCILE_ERROR, text).silent()
        })?;
        let forced = force_requested(pass.progress.object(), status);
        let next = decide(
            &state,
            &Facts {
                object: pass.actor.object,
                status,
                forced,
                default_to_retry: pass.default_to_retry,
                target,
            },
        );
        tracing::debug!(?state, ?next, "release decided upon");
        pass.settle(&state, next, status, &differences).await;
        let action = match next {
            Next::Rest => {
                summarize(pass.actor.object, status, pass.progress);
                return pass.at_rest();
            }
            Next::Exhausted => return Err(pass.exhausted(status)),
            Next::NoRollbackTarget => {
                let text = "Failed to perform remediation: missing target release for rollback: cannot remediate \
                            failed release";
                return Err(pass.stalled(status, MISSING_ROLLBACK_TARGET, text));
            }
            Next::Run(action) => action,
        };
        if done.contains(&action.kind()) {
            return Err(pass.stop(status, false));
        }
        pass.run(action, status, &differences).await?;
        if action.kind() == Kind::Remediation {
            return Err(pass.stop(status, true));
        }
        done.insert(action.kind());
        pass.progress.save(status).await?;
    }
}

impl Pass<'_> {
    async fn observe(&self, status: &HelmReleaseStatus) -> Result<(State, Vec<Difference>), String> {
        let last = self.actor.storage.last(&self.actor.name()).await;
        let last = last.map_err(|error| format!("failed to retrieve last release from storage: {error}"))?;
        let generation = object::generation(self.progress.object());
        let wanted = state::Wanted {
            object: self.actor.object,
            chart_name: &self.wanted.chart.metadata.name,
            chart_version: &self.wanted.chart.metadata.version,
            config_digest: self.config_digest,
            new_generation: status.observed_generation != Some(generation),
        };
        let state = state::observe(last.as_ref(), status, &wanted)?;
        let (State::InSync, Some(record), true) = (&state, &last, self.detects_drift()) else {
            return Ok((state, Vec::new()));
        };
        let differences = drift::detect(self.actor, record).await?;
        if differences.is_empty() {
            return Ok((state, differences));
        }
        Ok((State::Drifted, differences))
    }

    fn detects_drift(&self) -> bool {
        let mode = self
            .actor
            .object
            .spec
            .drift_detection
            .as_ref()
            .and_then(|drift| drift.mode);
        matches!(mode, Some(DriftDetectionMode::Enabled | DriftDetectionMode::Warn))
    }

    /// Whether the last good revision is still there as it was; looked up only for what failed.
    async fn rollback_target(&self, state: &State, status: &HelmReleaseStatus) -> Result<Target, Error> {
        if !matches!(state, State::Failed(_)) {
            return Ok(Target::Missing);
        }
        let ignore = state::remediation(self.actor.object, status).is_some_and(|active| active.ignore_tests);
        let Some(previous) = status.previous(ignore) else {
            return Ok(Target::Missing);
        };
        let found: Option<Record> = self.actor.storage.get(&previous.name, previous.version).await?;
        Ok(match found {
            Some(record) if snapshot::is_of(previous, &record) => Target::Good,
            _ => Target::Unusable,
        })
    }

    /// What follows from the state for what is told, before anything is done.
    async fn settle(
        &self,
        state: &State,
        next: Next,
        status: &mut HelmReleaseStatus,
        differences: &[Difference],
    ) {
        let retries = decide::retry(self.actor.object, status, self.default_to_retry).is_some();
        let test = self.actor.object.test().ignore_failures == Some(true);
        let ignore = state::remediation(self.actor.object, status).map_or(test, |active| active.ignore_tests);
        match state {
            State::InSync | State::Failed(_) if retries => status.truncate_history_plainly(),
            State::InSync => status.truncate_history(ignore),
            State::Failed(_) if matches!(next, Next::Run(Action::Rollback | Action::Uninstall)) => {
                status.truncate_history(ignore);
            }
            State::Unmanaged(_) => status.history = None,
            State::Untested => self.forget_remediation(status),
            State::Drifted => {
                let Some(current) = status.latest() else { return };
                let text = format!(
                    "Cluster state of release {} has drifted from the desired state:\n{}",
                    current.full_name(),
                    drift::lines(differences)
                );
                self.progress
                    .event(EventType::Warning, Some(DRIFT_DETECTED), &text)
                    .await;
                self.progress
                    .set(DRIFTED, ConditionStatus::True, DRIFT_DETECTED, text);
            }
            _ => {}
        }
        if *state == State::InSync && next == Next::Rest {
            self.in_sync(status);
        }
    }

    fn in_sync(&self, status: &HelmReleaseStatus) {
        self.forget_remediation(status);
        let is_true = |kind: &str| {
            self.progress
                .condition(kind)
                .is_some_and(|found| found.status == ConditionStatus::True)
        };
        if (!is_true(READY) || !is_true(RELEASED))
            && let (Some(released), Some(current)) = (self.progress.condition(RELEASED), status.latest())
        {
            let healed: Option<(Reason, &str)> = match reason_of(&released) {
                INSTALL_FAILED => Some((INSTALL_SUCCEEDED, "install")),
                UPGRADE_FAILED => Some((UPGRADE_SUCCEEDED, "upgrade")),
                _ => None,
            };
            if let Some((reason, word)) = healed {
                let (name, chart) = (current.full_name(), current.versioned_chart());
                let text = format!("Helm {word} succeeded for release {name} with chart {chart}");
                self.progress.set(RELEASED, ConditionStatus::True, reason, text);
            }
        }
        if self.detects_drift() {
            let text = "No drift detected against the cluster state";
            self.progress
                .set(DRIFTED, ConditionStatus::False, NO_DRIFT_DETECTED, text);
        }
    }

    /// What was rolled back to is what is wanted now.
    fn forget_remediation(&self, status: &HelmReleaseStatus) {
        let remediated = self.progress.condition(REMEDIATED);
        if let (Some(true), Some(current)) = (
            remediated.map(|found| found.status == ConditionStatus::True),
            status.latest(),
        ) {
            let (name, chart) = (current.full_name(), current.versioned_chart());
            let text = format!("Helm upgrade succeeded for release {name} with chart {chart}");
            self.progress.clear(REMEDIATED);
            self.progress
                .set(RELEASED, ConditionStatus::True, UPGRADE_SUCCEEDED, text);
        }
    }

    async fn run(
        &self,
        action: Action,
        status: &mut HelmReleaseStatus,
        differences: &[Difference],
    ) -> Result<(), Failure> {
        let timeout = go(self.timeout(action));
        let message = format!("Running '{}' action with timeout of {timeout}", action.name());
        if action.kind() == Kind::Release {
            self.progress.unready(&message);
        }
        self.progress.report(status, &message).await?;
        let task = Task {
            actor: self.actor,
            wanted: self.wanted,
            progress: self.progress,
            differences,
            default_to_retry: self.default_to_retry,
        };
        let outcome = perform(&task, action, status).await;
        summarize(self.actor.object, status, self.progress);
        let Err(error) = outcome else {
            return Ok(());
        };
        if let Some(interval) = decide::retry(self.actor.object, status, self.default_to_retry) {
            return Err(self.retry_after(interval));
        }
        let ready = self.progress.condition(READY);
        let told = ready.filter(|ready| ready.status == ConditionStatus::False);
        let (reason, text) = told.map_or_else(
            || (RECONCILE_ERROR, error.to_string()),
            |ready| (reason_of(&ready), ready.message),
        );
        Err(Failure::retry(reason, text).silent())
    }

    fn timeout(&self, action: Action) -> Duration {
        let object = self.actor.object;
        object.timeout(match action {
            Action::Install => object.install().timeout,
            Action::Upgrade => object.upgrade().timeout,
            Action::Test => object.test().timeout,
            Action::Rollback => object.rollback().timeout,
            Action::Uninstall => object.uninstall().timeout,
            Action::Unlock | Action::CorrectDrift => None,
        })
    }

    /// Nothing more is done in this pass.
    fn stop(&self, status: &mut HelmReleaseStatus, remediated: bool) -> Failure {
        if let Some(interval) = decide::retry(self.actor.object, status, self.default_to_retry) {
            return self.retry_after(interval);
        }
        let active = state::remediation(self.actor.object, status);
        let goes_on = active.is_none_or(|active| !active.exhausted() || (remediated && active.reinstalls()));
        let (reason, text) = self.ready();
        if goes_on {
            return Failure::retry(reason, text.clone())
                .silent()
                .with_backoff()
                .retrying(text);
        }
        if remediated {
            return self.exhausted(status);
        }
        let interval = self.actor.object.spec.interval.0;
        Failure::waiting(interval, reason, text)
            .silent()
            .observed()
            .at_rest()
    }

    fn retry_after(&self, interval: Duration) -> Failure {
        let (reason, text) = self.ready();
        let next = format!("retrying after {}", go(interval));
        Failure::waiting(interval, reason, text)
            .silent()
            .observed()
            .retrying(next)
    }

    fn exhausted(&self, status: &mut HelmReleaseStatus) -> Failure {
        let action = status
            .last_attempted_release_action
            .map_or("", |action| action.as_str());
        let active = state::remediation(self.actor.object, status);
        let attempts = active.map_or(0, |active| active.failures);
        let text = format!("Failed to {action} after {attempts} attempt(s)");
        self.stalled(status, RETRIES_EXCEEDED, &text)
    }

    fn stalled(&self, status: &mut HelmReleaseStatus, reason: Reason, text: &str) -> Failure {
        let failed = self.progress.condition(READY);
        if failed.is_none_or(|ready| ready.status != ConditionStatus::False) {
            summarize(self.actor.object, status, self.progress);
        }
        let (own, message) = self.ready();
        Failure::stalled(own, message).stalled_as(reason, text).silent()
    }

    /// What Ready says.
    fn ready(&self) -> (Reason, String) {
        let ready = self.progress.condition(READY);
        ready.map_or_else(
            || (RECONCILE_ERROR, String::new()),
            |ready| (reason_of(&ready), ready.message),
        )
    }

    /// All that could be done is done.
    fn at_rest(&self) -> Result<Done, Failure> {
        let (reason, text) = self.ready();
        let ready = self.progress.condition(READY);
        if ready.is_some_and(|ready| ready.status == ConditionStatus::True) {
            return Ok(Done::new(reason, text));
        }
        let interval = self.actor.object.spec.interval.0;
        Err(Failure::waiting(interval, reason, text)
            .silent()
            .observed()
            .at_rest())
    }
}

/// Whether the annotations ask for an action that was not done yet; after this it counts as done.
fn force_requested(object: &serde_json::Value, status: &mut HelmReleaseStatus) -> bool {
    requested(
        object,
        FORCE_AT,
        &mut status.last_handled_force_at,
        status.last_handled_reconcile_at.as_deref(),
    )
}

/// Whether an annotation has the value of the request for reconciliation, and both are new.
pub(crate) fn requested(
    object: &serde_json::Value,
    annotation: &str,
    handled: &mut Option<String>,
    reconciled: Option<&str>,
) -> bool {
    let Some(value) = object::annotation(object, annotation) else {
        return false;
    };
    let before = handled.replace(value.to_owned());
    object::annotation(object, REQUESTED_AT) == Some(value)
        && reconciled != Some(value)
        && before.as_deref() != Some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // Covers: HC-06.
    #[test]
    fn a_request_counts_once_and_only_with_its_twin() {
        let object = |force: &str, request: &str| json!({"metadata": {"annotations": {FORCE_AT: force, REQUESTED_AT: request}}});
        let mut handled = None;
        assert!(!requested(&object("1", "2"), FORCE_AT, &mut handled, None));
        assert_eq!(handled.as_deref(), Some("1"));
        assert!(requested(&object("2", "2"), FORCE_AT, &mut handled, None));
        assert!(!requested(&object("2", "2"), FORCE_AT, &mut handled, None));
        assert!(!requested(&object("3", "3"), FORCE_AT, &mut handled, Some("3")));
        assert!(!requested(&json!({}), FORCE_AT, &mut handled, None));
    }
}
