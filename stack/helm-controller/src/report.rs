//! What is told of actions: conditions, events, history.

use std::collections::BTreeMap;

use flux_api::{
    Condition, ConditionStatus, HelmRelease, HelmReleaseStatus, Reason,
    helm_release::HelmSnapshot,
    meta::{READY, RELEASED, REMEDIATED, STALLED, TEST_SUCCESS},
    reason,
};
use flux_runtime::{EventType, Progress};
use helm::Record;

use crate::snapshot;

/// Reasons that a condition of ours can have; a condition that was read has only their words.
const KNOWN: [Reason; 20] = [
    reason::INSTALL_SUCCEEDED,
    reason::INSTALL_FAILED,
    reason::UPGRADE_SUCCEEDED,
    reason::UPGRADE_FAILED,
    reason::TEST_SUCCEEDED,
    reason::TEST_FAILED,
    reason::AWAITING_TESTS,
    reason::ROLLBACK_SUCCEEDED,
    reason::ROLLBACK_FAILED,
    reason::UNINSTALL_SUCCEEDED,
    reason::UNINSTALL_FAILED,
    reason::PENDING_RELEASE,
    reason::STATE_ERROR,
    reason::RECONCILE_ERROR,
    reason::ARTIFACT_FAILED,
    reason::SOURCE_NOT_READY,
    reason::VALUES_ERROR,
    reason::DEPENDENCY_NOT_READY,
    reason::REST_CLIENT_ERROR,
    reason::PROGRESSING,
];

/// The reason of a condition.
pub(crate) fn reason_of(condition: &Condition) -> Reason {
    let known = KNOWN.into_iter().find(|known| known.as_str() == condition.reason);
    known.unwrap_or(reason::RECONCILE_ERROR)
}

/// Sets a condition and tells the same as an event of that reason.
pub(crate) async fn tell(
    progress: &Progress,
    kind: &str,
    verdict: (ConditionStatus, Reason),
    event: EventType,
    message: &str,
    long: &str,
) {
    progress.set(kind, verdict.0, verdict.1, message);
    progress.event(event, Some(verdict.1), long).await;
}

/// Events tell of the chart and the values of this snapshot.
pub(crate) fn annotate(progress: &Progress, current: &HelmSnapshot) {
    progress.annotate("revision", &current.chart_version);
    progress.annotate("token", &current.config_digest);
    if let Some(version) = &current.app_version {
        progress.annotate("app-version", version);
    }
    if let Some(digest) = &current.oci_digest {
        progress.annotate("oci-digest", digest);
    }
}

/// Composes Ready of what is known of the release: the newest generation counts, then a remediation before tests
/// before the release itself. Notes what the release was made with.
pub(crate) fn summarize(object: &HelmRelease, status: &mut HelmReleaseStatus, progress: &Progress) {
    if !object.tests() {
        progress.clear(TEST_SUCCESS);
    }
    let kinds: &[&str] = if object.minds_tests() {
        &[REMEDIATED, TEST_SUCCESS, RELEASED]
    } else {
        &[REMEDIATED, RELEASED]
    };
    let mut chosen: Option<Condition> = None;
    for found in kinds.iter().filter_map(|kind| progress.condition(kind)) {
        let newer = chosen
            .as_ref()
            .is_none_or(|chosen| found.observed_generation > chosen.observed_generation);
        if newer {
            chosen = Some(found);
        }
    }
    let Some(chosen) = chosen else { return };
    // A remediated release is not the wanted one.
    let state = if chosen.kind == REMEDIATED {
        ConditionStatus::False
    } else {
        chosen.status
    };
    if state == ConditionStatus::True {
        progress.clear(STALLED);
    }
    progress.set(READY, state, reason_of(&chosen), &chosen.message);
    status.observed_post_renderers_digest = snapshot::spec_digest(object.spec.post_renderers.as_ref());
    status.observed_common_metadata_digest = snapshot::spec_digest(object.spec.common_metadata.as_ref());
}

/// Puts what an installation or upgrade wrote into the history: the newest revision is that of `action`, older ones
/// are brought up to date where they are known.
pub(crate) fn record_new(status: &mut HelmReleaseStatus, written: &BTreeMap<i64, Record>, action: &str) {
    let oci_digest = status.last_attempted_revision_digest.clone();
    let newest = written.keys().next_back().copied();
    for (version, record) in written {
        if Some(*version) == newest {
            status.record(snapshot::of(record, Some(action), oci_digest.as_deref()));
        } else {
            record_known(status, record, None);
        }
    }
}

/// Brings the snapshot of a record up to date, if there is one; tells whether there is.
pub(crate) fn record_known(status: &mut HelmReleaseStatus, record: &Record, action: Option<&str>) -> bool {
    let history = status.history.get_or_insert_default();
    let known = history
        .iter_mut()
        .find(|known| known.targets(&record.name, &record.namespace, record.version));
    let Some(known) = known else { return false };
    let action = action.map(str::to_owned).or_else(|| known.action.clone());
    let test_hooks = known.test_hooks.take();
    *known = snapshot::of(record, action.as_deref(), known.oci_digest.clone().as_deref());
    known.test_hooks = test_hooks;
    true
}

/// Puts what a rollback wrote into the history.
pub(crate) fn record_rollback(status: &mut HelmReleaseStatus, written: &BTreeMap<i64, Record>) {
    for record in written.values() {
        if !record_known(status, record, Some("rollback")) {
            status.record(snapshot::of(record, Some("rollback"), None));
        }
    }
}

/// One more failure.
pub(crate) fn count(failures: &mut Option<i64>) {
    *failures = Some(failures.unwrap_or_default().saturating_add(1));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(version: i64, state: &str) -> Record {
        let mut record = Record {
            name: "web".to_owned(),
            namespace: "apps".to_owned(),
            version,
            chart: json!({"metadata": {"name": "chart", "version": "1.0.0"}}),
            ..Record::default()
        };
        record.info.status = state.to_owned();
        record
    }

    // Covers: HC-04.
    #[test]
    fn an_upgrade_supersedes_what_is_known() {
        let mut status = HelmReleaseStatus::default();
        record_new(
            &mut status,
            &BTreeMap::from([(1, record(1, "deployed"))]),
            "install",
        );
        let written = BTreeMap::from([(1, record(1, "superseded")), (2, record(2, "deployed"))]);
        record_new(&mut status, &written, "upgrade");
        let history = status.history.unwrap();
        let shown: Vec<_> = history
            .iter()
            .map(|s| (s.version, s.status.as_str(), s.action.as_deref()))
            .collect();
        assert_eq!(
            shown,
            [
                (2, "deployed", Some("upgrade")),
                (1, "superseded", Some("install"))
            ]
        );
    }

    #[test]
    fn a_rollback_is_a_new_revision() {
        let mut status = HelmReleaseStatus::default();
        record_new(
            &mut status,
            &BTreeMap::from([(2, record(2, "failed"))]),
            "upgrade",
        );
        record_rollback(&mut status, &BTreeMap::from([(3, record(3, "deployed"))]));
        let latest = status.latest().unwrap();
        assert_eq!((latest.version, latest.action.as_deref()), (3, Some("rollback")));
    }
}
