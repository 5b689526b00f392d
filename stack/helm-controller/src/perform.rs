//! Does one action and tells how it went.

use flux_api::{
    ConditionStatus::{False, True, Unknown},
    HelmReleaseStatus, Reason,
    helm_release::{HelmSnapshot, ReleaseAction},
    kustomization::ResourceInventory,
    meta::{RELEASED, REMEDIATED, TEST_SUCCESS},
    reason::{
        AWAITING_TESTS, DRIFT_CORRECTED, DRIFT_CORRECTION_FAILED, INSTALL_FAILED, INSTALL_SUCCEEDED,
        PENDING_RELEASE, ROLLBACK_FAILED, ROLLBACK_SUCCEEDED, TEST_FAILED, TEST_SUCCEEDED, UNINSTALL_FAILED,
        UNINSTALL_SUCCEEDED, UPGRADE_FAILED, UPGRADE_SUCCEEDED,
    },
};
use flux_runtime::{
    EventType::{Normal, Warning},
    Progress,
};
use helm::Record;
use manifest::ObjectRef;
use ssa::inventory;
use stdx::duration::GoDuration;

use crate::{
    action::{Actor, Error, Wanted, crds, install, rollback, test, uninstall, upgrade},
    decide::Action,
    drift::{self, Difference},
    objects,
    report::{annotate, count, record_known, record_new, record_rollback, tell},
    snapshot, state,
};

/// What an action needs besides the release.
pub(crate) struct Task<'a> {
    pub(crate) actor: &'a Actor<'a>,
    pub(crate) wanted: &'a Wanted,
    pub(crate) progress: &'a Progress,
    pub(crate) differences: &'a [Difference],
    /// Whether failures are retried by default.
    pub(crate) default_to_retry: bool,
}

/// Does it. An error is one that left no trace in the records, so that nothing needs to be remediated.
pub(crate) async fn perform(
    task: &Task<'_>,
    action: Action,
    status: &mut HelmReleaseStatus,
) -> Result<(), Error> {
    // What was written before belongs to another action.
    drop(task.actor.storage.take_written());
    match action {
        Action::Install => release(task, ReleaseAction::Install, status).await,
        Action::Upgrade => release(task, ReleaseAction::Upgrade, status).await,
        Action::Test => run_tests(task, status).await,
        Action::Unlock => unlock(task, status).await,
        Action::CorrectDrift => {
            correct(task, status).await;
            Ok(())
        }
        Action::Rollback => roll_back(task, status).await,
        Action::Uninstall => remediate_by_uninstalling(task, status).await,
    }
}

async fn release(
    task: &Task<'_>,
    action: ReleaseAction,
    status: &mut HelmReleaseStatus,
) -> Result<(), Error> {
    let Task {
        actor,
        wanted,
        progress,
        ..
    } = task;
    let started = actor.edges.clock.now();
    status.last_attempted_release_action = Some(action);
    if action == ReleaseAction::Install {
        status.history = None;
    }
    progress.clear(TEST_SUCCESS);
    progress.clear(REMEDIATED);
    let outcome = match action {
        ReleaseAction::Install => install::run(actor, wanted).await,
        ReleaseAction::Upgrade => upgrade::run(actor, wanted).await,
    };
    status.last_attempted_release_action_duration = Some(GoDuration(actor.edges.clock.since(started)));
    let written = actor.storage.take_written();
    record_new(status, &written, action.as_str());
    if let Some(record) = written.values().next_back() {
        status.inventory = inventory_of(task, record).await;
    }
    let (succeeded, failed) = match action {
        ReleaseAction::Install => (INSTALL_SUCCEEDED, INSTALL_FAILED),
        ReleaseAction::Upgrade => (UPGRADE_SUCCEEDED, UPGRADE_FAILED),
    };
    if let Err(error) = outcome {
        let message = format!(
            "Helm {action} failed for release {}/{} with chart {}@{}: {}",
            actor.object.release_namespace(),
            actor.object.release_name(),
            wanted.chart.metadata.name,
            wanted.chart.metadata.version,
            error.to_string().trim()
        );
        count(&mut status.failures);
        let long = actor.with_log(&message);
        tell(progress, RELEASED, (False, failed), Warning, &message, &long).await;
        if written.is_empty() {
            return Err(error);
        }
        match action {
            ReleaseAction::Install => count(&mut status.install_failures),
            ReleaseAction::Upgrade => count(&mut status.upgrade_failures),
        }
        return Ok(());
    }
    let Some(current) = status.latest().cloned() else {
        return Err(Error::new("no release was recorded"));
    };
    annotate(progress, &current);
    let (name, chart) = (current.full_name(), current.versioned_chart());
    let message = format!("Helm {action} succeeded for release {name} with chart {chart}");
    tell(progress, RELEASED, (True, succeeded), Normal, &message, &message).await;
    if actor.object.tests() && !current.has_been_tested() {
        let message = format!("Helm release {name} with chart {chart} is awaiting tests");
        progress.set(TEST_SUCCESS, Unknown, AWAITING_TESTS, message);
    }
    if actor
        .object
        .retry_interval(action, task.default_to_retry)
        .is_some()
    {
        status.clear_failures();
    }
    Ok(())
}

/// The objects of a record, and the definitions that came with the chart.
async fn inventory_of(task: &Task<'_>, record: &Record) -> Option<ResourceInventory> {
    let objects = objects::read(&task.actor.cluster, &record.manifest, &record.namespace).await;
    let mut all = objects.ok()?;
    all.extend(crds::of(task.wanted).unwrap_or_default());
    Some(ResourceInventory {
        entries: all
            .iter()
            .map(|object| inventory::entry(&ObjectRef::of(object)))
            .collect(),
    })
}

async fn run_tests(task: &Task<'_>, status: &mut HelmReleaseStatus) -> Result<(), Error> {
    let Task { actor, progress, .. } = task;
    let Some(current) = status.latest().cloned() else {
        return Err(Error::new("no latest release snapshot: required for test"));
    };
    annotate(progress, &current);
    let (name, chart) = (current.full_name(), current.versioned_chart());
    let verdict = observe_tests(actor, &current, status).await;
    let tested = status.latest().cloned();
    if let Err(error) = verdict {
        let message = format!(
            "Helm test failed for release {name} with chart {chart}: {}",
            error.to_string().trim()
        );
        count(&mut status.failures);
        tell(
            progress,
            TEST_SUCCESS,
            (False, TEST_FAILED),
            Warning,
            &message,
            &message,
        )
        .await;
        if !tested.is_some_and(|tested| tested.has_been_tested()) {
            return Err(error);
        }
        if state::remediation(actor.object, status).is_some_and(|active| !active.ignore_tests) {
            match status.last_attempted_release_action {
                Some(ReleaseAction::Install) => count(&mut status.install_failures),
                Some(ReleaseAction::Upgrade) => count(&mut status.upgrade_failures),
                None => {}
            }
        }
        return Ok(());
    }
    let hooks = tested
        .and_then(|tested| tested.test_hooks)
        .map_or(0, |hooks| hooks.len());
    let what = match hooks {
        0 => "no test hooks".to_owned(),
        1 => "1 test hook completed successfully".to_owned(),
        more => format!("{more} test hooks completed successfully"),
    };
    let message = format!("Helm test succeeded for release {name} with chart {chart}: {what}");
    tell(
        progress,
        TEST_SUCCESS,
        (True, TEST_SUCCEEDED),
        Normal,
        &message,
        &message,
    )
    .await;
    Ok(())
}

/// Runs the tests and notes in the history how they ended.
async fn observe_tests(
    actor: &Actor<'_>,
    current: &HelmSnapshot,
    status: &mut HelmReleaseStatus,
) -> Result<(), Error> {
    let (record, verdict) = test::run(actor).await?;
    if !current.targets(&record.name, &record.namespace, record.version) {
        let found = format!("{}/{}.v{}", record.namespace, record.name, record.version);
        let name = current.full_name();
        return Err(Error::new(format!(
            "release mismatch: tested release {found} != current release {name}"
        )));
    }
    let mut tested = snapshot::of(&record, current.action.as_deref(), current.oci_digest.as_deref());
    let filters = actor.object.test().filters.unwrap_or_default();
    tested.test_hooks = Some(snapshot::test_hooks(&record, &filters));
    status.record(tested);
    verdict
}

async fn unlock(task: &Task<'_>, status: &mut HelmReleaseStatus) -> Result<(), Error> {
    let Task { actor, progress, .. } = task;
    let last = actor.storage.last(&actor.name()).await?;
    let Some(mut record) = last.filter(Record::is_pending) else {
        return Ok(());
    };
    let pending = std::mem::replace(&mut record.info.status, "failed".to_owned());
    record.info.description = format!("Release unlocked from stale '{pending}' state");
    let current = snapshot::of(&record, None, None);
    annotate(progress, &current);
    let (name, chart) = (current.full_name(), current.versioned_chart());
    if let Err(error) = actor.storage.update(&record).await {
        let message =
            format!("Unlock of Helm release {name} with chart {chart} in {pending} state failed: {error}");
        count(&mut status.failures);
        tell(
            progress,
            RELEASED,
            (False, PENDING_RELEASE),
            Warning,
            &message,
            &message,
        )
        .await;
        return Err(error);
    }
    record_known(status, &record, None);
    let message = format!("Unlocked Helm release {name} with chart {chart} in {pending} state");
    tell(
        progress,
        RELEASED,
        (False, PENDING_RELEASE),
        Normal,
        &message,
        &message,
    )
    .await;
    Ok(())
}

async fn correct(task: &Task<'_>, status: &HelmReleaseStatus) {
    let Some(current) = status.latest() else { return };
    annotate(task.progress, current);
    let name = current.full_name();
    let (changes, errors) = drift::correct(task.actor, task.differences).await;
    let (kind, reason, text) = if errors.is_empty() {
        let text = format!(
            "Cluster state of release {name} has been corrected:\n{}",
            changes.log()
        );
        (Normal, DRIFT_CORRECTED, text)
    } else {
        let partially = if changes.has_changes() { "partially " } else { "" };
        let mut text = format!(
            "Failed to {partially}correct cluster state of release {name}:\n{}",
            errors.join("\n")
        );
        if changes.has_changes() {
            text.push_str(&format!("\n\nSuccessful corrections:\n{}", changes.log()));
        }
        (Warning, DRIFT_CORRECTION_FAILED, text)
    };
    task.progress.event(kind, Some(reason), text).await;
}

async fn roll_back(task: &Task<'_>, status: &mut HelmReleaseStatus) -> Result<(), Error> {
    let Task { actor, progress, .. } = task;
    let ignore = state::remediation(actor.object, status).is_some_and(|active| active.ignore_tests);
    let Some(previous) = status.previous(ignore).cloned() else {
        return Err(Error::new(
            "missing target release for rollback: required to rollback",
        ));
    };
    let outcome = rollback::run(actor, previous.version).await;
    let written = actor.storage.take_written();
    record_rollback(status, &written);
    annotate(progress, &previous);
    let (name, chart) = (previous.full_name(), previous.versioned_chart());
    if let Some(record) = written.values().next_back() {
        status.inventory = inventory_of(task, record).await;
    }
    let deed = format!("Helm rollback to previous release {name} with chart {chart}");
    let reasons = (ROLLBACK_SUCCEEDED, ROLLBACK_FAILED);
    let left_traces = !written.is_empty();
    tell_remediation(task, status, &deed, reasons, outcome, left_traces).await
}

async fn remediate_by_uninstalling(task: &Task<'_>, status: &mut HelmReleaseStatus) -> Result<(), Error> {
    let Task { actor, progress, .. } = task;
    let Some(current) = status.latest().cloned() else {
        return Err(Error::new("no latest release snapshot: required to uninstall"));
    };
    let outcome = uninstall::run(actor, &current.name).await;
    let written = actor.storage.take_written();
    for record in written.values() {
        record_known(status, record, Some("uninstall-remediation"));
    }
    annotate(progress, &current);
    let (name, chart) = (current.full_name(), current.versioned_chart());
    let outcome = match outcome {
        Ok(uninstall::Uninstalled::Done) => Ok(()),
        Ok(_) => Err(Error::new(format!("release: not found: {}", current.name))),
        Err(error) => Err(error),
    };
    let deed = format!("Helm uninstall remediation for release {name} with chart {chart}");
    let reasons = (UNINSTALL_SUCCEEDED, UNINSTALL_FAILED);
    let left_traces = !written.is_empty();
    tell_remediation(task, status, &deed, reasons, outcome, left_traces).await
}

/// Tells how a remediation ended; of its failure only one that left no traces is an error.
async fn tell_remediation(
    task: &Task<'_>,
    status: &mut HelmReleaseStatus,
    deed: &str,
    (succeeded, failed): (Reason, Reason),
    outcome: Result<(), Error>,
    left_traces: bool,
) -> Result<(), Error> {
    let Task { actor, progress, .. } = task;
    let Err(error) = outcome else {
        let message = format!("{deed} succeeded");
        tell(
            progress,
            REMEDIATED,
            (True, succeeded),
            Normal,
            &message,
            &message,
        )
        .await;
        return Ok(());
    };
    let message = format!("{deed} failed: {}", error.to_string().trim());
    count(&mut status.failures);
    let long = actor.with_log(&message);
    tell(progress, REMEDIATED, (False, failed), Warning, &message, &long).await;
    if left_traces { Ok(()) } else { Err(error) }
}

/// Uninstalls the release for good: because it goes, or because another takes its place.
pub(crate) async fn uninstall(
    actor: &Actor<'_>,
    status: &mut HelmReleaseStatus,
    progress: &Progress,
) -> Result<(), Error> {
    let Some(current) = status.latest().cloned() else {
        return Ok(());
    };
    let outcome = uninstall::run(actor, &current.name).await;
    for record in actor.storage.take_written().values() {
        record_known(status, record, Some("uninstall"));
    }
    annotate(progress, &current);
    let (name, chart) = (current.full_name(), current.versioned_chart());
    let done = match outcome {
        Ok(done) => done,
        Err(error) => {
            let text = error.to_string();
            let message = format!(
                "Helm uninstall failed for release {name} with chart {chart}: {}",
                text.trim()
            );
            count(&mut status.failures);
            let long = actor.with_log(&message);
            tell(
                progress,
                RELEASED,
                (False, UNINSTALL_FAILED),
                Warning,
                &message,
                &long,
            )
            .await;
            return Err(error);
        }
    };
    match done {
        uninstall::Uninstalled::Done => {
            status.inventory = None;
            let message = format!("Helm uninstall succeeded for release {name} with chart {chart}");
            tell(
                progress,
                RELEASED,
                (False, UNINSTALL_SUCCEEDED),
                Normal,
                &message,
                &message,
            )
            .await;
        }
        uninstall::Uninstalled::NotFound => {
            let message = format!("Release {name} was not found, assuming it is uninstalled");
            progress.set(RELEASED, False, UNINSTALL_SUCCEEDED, message);
        }
        uninstall::Uninstalled::Already => {
            let message = format!("Release {name} was already uninstalled");
            progress.set(RELEASED, False, UNINSTALL_SUCCEEDED, message);
        }
    }
    Ok(())
}
