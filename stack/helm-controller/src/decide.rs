//! Decide: from how a release stands to what is done about it. Pure.

use flux_api::{
    HelmRelease, HelmReleaseStatus,
    helm_release::{DriftDetectionMode, ReleaseAction, RemediationStrategy},
};

use crate::state::{self, State};

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Install,
    Upgrade,
    Test,
    Unlock,
    CorrectDrift,
    Rollback,
    Uninstall,
}

/// What kind of thing it is: of each kind one is done in a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Release,
    Test,
    Unlock,
    Drift,
    Remediation,
}

impl Action {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::Test => "test",
            Self::Unlock => "unlock",
            Self::CorrectDrift => "correct cluster drift",
            Self::Rollback => "rollback",
            Self::Uninstall => "uninstall",
        }
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Install | Self::Upgrade => Kind::Release,
            Self::Test => Kind::Test,
            Self::Unlock => Kind::Unlock,
            Self::CorrectDrift => Kind::Drift,
            Self::Rollback | Self::Uninstall => Kind::Remediation,
        }
    }
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// This.
    Run(Action),
    /// Nothing: all is as wanted, or cannot be better.
    Rest,
    /// Nothing: it failed too often.
    Exhausted,
    /// Nothing: there is nowhere to go back to.
    NoRollbackTarget,
}

/// Whether there is a good revision to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// There is none.
    Missing,
    /// It disappeared or was changed.
    Unusable,
    /// There is.
    Good,
}

/// What is known besides the state.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'a> {
    pub(crate) object: &'a HelmRelease,
    pub(crate) status: &'a HelmReleaseStatus,
    /// Whether an action is asked for by annotation.
    pub(crate) forced: bool,
    /// Whether failures are retried by default.
    pub(crate) default_to_retry: bool,
    /// Looked up only for a release that failed.
    pub(crate) target: Target,
}

/// The time until the next try, if the action that was last tried is retried rather than remediated.
pub(crate) fn retry(
    object: &HelmRelease,
    status: &HelmReleaseStatus,
    by_default: bool,
) -> Option<std::time::Duration> {
    object.retry_interval(status.last_attempted_release_action?, by_default)
}

/// What is done about a release that stands so.
pub(crate) fn decide(state: &State, facts: &Facts<'_>) -> Next {
    let Facts {
        object,
        status,
        forced,
        ..
    } = facts;
    let exhausted = |action: ReleaseAction, failures: Option<i64>| {
        object
            .remediation(action, failures.unwrap_or_default())
            .exhausted()
    };
    match state {
        State::InSync if *forced => Next::Run(Action::Upgrade),
        State::InSync => Next::Rest,
        State::Locked(_) => Next::Run(Action::Unlock),
        State::Absent(_) if exhausted(ReleaseAction::Install, status.install_failures) && !forced => {
            Next::Exhausted
        }
        State::Absent(_) => Next::Run(Action::Install),
        State::Unmanaged(_) => Next::Run(Action::Upgrade),
        State::OutOfSync(_) if exhausted(ReleaseAction::Upgrade, status.upgrade_failures) && !forced => {
            Next::Exhausted
        }
        State::OutOfSync(_) => Next::Run(Action::Upgrade),
        State::Drifted => {
            let mode = object.spec.drift_detection.as_ref().and_then(|drift| drift.mode);
            if mode == Some(DriftDetectionMode::Enabled) {
                Next::Run(Action::CorrectDrift)
            } else {
                Next::Rest
            }
        }
        State::Untested => Next::Run(Action::Test),
        State::Failed(_) => failed(facts),
    }
}

fn failed(facts: &Facts<'_>) -> Next {
    let upgrade = Next::Run(Action::Upgrade);
    if retry(facts.object, facts.status, facts.default_to_retry).is_some() {
        return upgrade;
    }
    let Some(active) = state::remediation(facts.object, facts.status) else {
        return upgrade;
    };
    // No failure is counted where something changed since.
    if active.failures <= 0 || facts.forced {
        return upgrade;
    }
    if active.exhausted() && !active.last_failure {
        return Next::Exhausted;
    }
    match (active.strategy, facts.target) {
        (RemediationStrategy::Uninstall, _) => Next::Run(Action::Uninstall),
        (RemediationStrategy::Rollback, Target::Good) => Next::Run(Action::Rollback),
        (RemediationStrategy::Rollback, Target::Unusable) => upgrade,
        (RemediationStrategy::Rollback, Target::Missing) => Next::NoRollbackTarget,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn next(state: &State, spec: Value, status: Value, forced: bool, target: Target) -> Next {
        let mut all = json!({"interval": "1h"});
        for (key, value) in spec.as_object().unwrap() {
            all[key] = value.clone();
        }
        let object = serde_json::from_value(json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
            "metadata": {"name": "web", "namespace": "apps"}, "spec": all,
        }))
        .unwrap();
        let status = serde_json::from_value(status).unwrap();
        let facts = Facts {
            object: &object,
            status: &status,
            forced,
            default_to_retry: false,
            target,
        };
        decide(state, &facts)
    }

    #[test]
    fn states_without_failures() {
        let plain = |state: State, forced: bool| next(&state, json!({}), json!({}), forced, Target::Missing);
        assert_eq!(plain(State::InSync, false), Next::Rest);
        assert_eq!(plain(State::InSync, true), Next::Run(Action::Upgrade));
        assert_eq!(plain(State::Absent(""), false), Next::Run(Action::Install));
        assert_eq!(plain(State::Unmanaged(""), false), Next::Run(Action::Upgrade));
        assert_eq!(
            plain(State::Locked(String::new()), false),
            Next::Run(Action::Unlock)
        );
        assert_eq!(plain(State::Untested, false), Next::Run(Action::Test));
        assert_eq!(plain(State::Drifted, false), Next::Rest);
        let corrected = json!({"driftDetection": {"mode": "enabled"}});
        assert_eq!(
            next(&State::Drifted, corrected, json!({}), false, Target::Missing),
            Next::Run(Action::CorrectDrift)
        );
    }

    #[test]
    fn a_failed_installation_is_remediated_as_often_as_it_may() {
        let status =
            |failures: i64| json!({"lastAttemptedReleaseAction": "install", "installFailures": failures});
        let spec =
            |last: bool| json!({"install": {"remediation": {"retries": 1, "remediateLastFailure": last}}});
        let of = |last: bool, failures: i64| {
            next(
                &State::Failed(""),
                spec(last),
                status(failures),
                false,
                Target::Missing,
            )
        };
        assert_eq!(of(false, 0), Next::Run(Action::Upgrade));
        assert_eq!(of(false, 1), Next::Run(Action::Uninstall));
        assert_eq!(of(false, 2), Next::Exhausted);
        assert_eq!(of(true, 2), Next::Run(Action::Uninstall));
        let absent = next(&State::Absent(""), spec(false), status(2), false, Target::Missing);
        assert_eq!(absent, Next::Exhausted);
        let forced = next(&State::Absent(""), spec(false), status(2), true, Target::Missing);
        assert_eq!(forced, Next::Run(Action::Install));
    }

    // Covers: HC-54.
    #[test]
    fn a_failed_upgrade_goes_back_if_it_can() {
        let status = json!({"lastAttemptedReleaseAction": "upgrade", "upgradeFailures": 1});
        let spec = |strategy: &str| json!({"upgrade": {"remediation": {"retries": 1, "strategy": strategy}}});
        let of =
            |strategy: &str, target| next(&State::Failed(""), spec(strategy), status.clone(), false, target);
        assert_eq!(of("rollback", Target::Good), Next::Run(Action::Rollback));
        assert_eq!(of("rollback", Target::Unusable), Next::Run(Action::Upgrade));
        assert_eq!(of("rollback", Target::Missing), Next::NoRollbackTarget);
        assert_eq!(of("uninstall", Target::Missing), Next::Run(Action::Uninstall));
        let plain = next(&State::Failed(""), json!({}), status.clone(), false, Target::Good);
        assert_eq!(plain, Next::Exhausted);
        let out = next(&State::OutOfSync(""), json!({}), status, false, Target::Good);
        assert_eq!(out, Next::Exhausted);
    }

    #[test]
    fn retrying_is_upgrading() {
        let spec = json!({"upgrade": {"strategy": {"name": "RetryOnFailure"}}});
        let status = json!({"lastAttemptedReleaseAction": "upgrade", "upgradeFailures": 9});
        assert_eq!(
            next(&State::Failed(""), spec, status, false, Target::Missing),
            Next::Run(Action::Upgrade)
        );
    }
}
