//! Stage: waits until what was applied is as wanted.

use std::{pin::pin, time::Duration};

use flux_api::{
    ConditionStatus, Kustomization, KustomizationStatus,
    kustomization::GROUP,
    meta::HEALTHY,
    reason::{HEALTH_CHECK_CANCELED, HEALTH_CHECK_FAILED, PROGRESSING, SUCCEEDED},
};
use flux_runtime::{Announce, Failure};
use futures::future::{self, Either, select};
use kube::ResourceExt;
use manifest::{Gvk, ObjectRef};
use ssa::{ChangeSet, StatusReader, WaitOptions};
use stdx::duration::format as go;

use crate::reconcile::{Kustomizer, Pass};

/// How often the objects are looked at.
const POLL: Duration = Duration::from_secs(5);

/// Waits for the health of all applied objects, or of those that are listed.
pub(crate) async fn check(
    cx: &Kustomizer,
    pass: &Pass<'_>,
    status: &mut KustomizationStatus,
    changes: &ChangeSet,
) -> Result<(), Failure> {
    let Pass {
        object,
        progress,
        revision,
        ..
    } = pass;
    let objects = objects_to_check(object, changes);
    let Some(objects) = objects else {
        progress.clear(HEALTHY);
        return Ok(());
    };
    if objects.is_empty() {
        return Ok(());
    }
    let timeout = object.timeout();
    let message = format!(
        "Running health checks for revision {revision} with a timeout of {}",
        go(timeout)
    );
    let was_healthy = progress
        .condition(HEALTHY)
        .is_some_and(|healthy| healthy.status == ConditionStatus::True);
    progress.set(HEALTHY, ConditionStatus::Unknown, PROGRESSING, &message);
    progress.report(status, &message).await?;

    let started = cx.edges.clock.now();
    let options = WaitOptions {
        interval: POLL,
        timeout,
        fail_fast: cx.config.fail_fast,
    };
    let readers: [&dyn StatusReader; 1] = [&pass.expressions];
    let wait = pass.manager.wait(&objects, &options, &readers);
    let superseded = async {
        if cx.config.cancel_health_checks {
            progress.superseded().await
        } else {
            future::pending().await
        }
    };
    let verdict = match select(pin!(wait), pin!(superseded)).await {
        Either::Left((verdict, _)) => verdict,
        Either::Right((by, _)) => return Err(canceled(&by)),
    };
    let took = go(cx.edges.clock.since(started));
    if let Err(error) = verdict {
        let text = error.to_string();
        progress.set(HEALTHY, ConditionStatus::False, HEALTH_CHECK_FAILED, &text);
        return Err(Failure::retry(
            HEALTH_CHECK_FAILED,
            format!("health check failed after {took}: {text}"),
        ));
    }
    let message = format!("Health check passed in {took}");
    let is_new_revision = status.last_applied_revision.as_deref() != Some(*revision);
    if !was_healthy || (is_new_revision && changes.has_changes()) {
        progress.announce(&message).await;
    }
    progress.set(HEALTHY, ConditionStatus::True, SUCCEEDED, message);
    Ok(())
}

/// The wait is over because something calls for the next pass.
fn canceled(by: &str) -> Failure {
    let event = format!("Health checks canceled due to new reconciliation triggered by {by}");
    Failure::retry(
        HEALTH_CHECK_CANCELED,
        format!("New reconciliation triggered by {by}"),
    )
    .announce(Announce::Normal(event))
}

/// The objects to wait for; nothing when no wait is asked for.
fn objects_to_check(object: &Kustomization, changes: &ChangeSet) -> Option<Vec<ObjectRef>> {
    let listed = object.spec.health_checks.as_deref().unwrap_or_default();
    let all = if object.spec.wait == Some(true) {
        changes.not_skipped()
    } else if listed.is_empty() {
        return None;
    } else {
        let listed = listed.iter().map(|check| ObjectRef {
            // QUIRK: no API version means that of Deployments; no namespace means none.
            gvk: Gvk::new(
                check
                    .api_version
                    .as_deref()
                    .filter(|version| !version.is_empty())
                    .unwrap_or("apps/v1"),
                &check.kind,
            ),
            namespace: check.namespace.clone().unwrap_or_default(),
            name: check.name.clone(),
        });
        listed.collect()
    };
    // An object that waits for itself would wait for ever.
    let itself = |reference: &ObjectRef| {
        reference.gvk.group == GROUP
            && reference.gvk.kind == "Kustomization"
            && reference.name == object.name_any()
            && Some(&reference.namespace) == object.namespace().as_ref()
    };
    Some(all.into_iter().filter(|reference| !itself(reference)).collect())
}
