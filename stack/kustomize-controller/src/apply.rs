//! Stage: brings objects to the cluster and takes away what is no longer wanted.

use std::{collections::BTreeMap, time::Duration};

use flux_api::{
    Kustomization,
    kustomization::DeletionPolicy,
    meta,
    reason::{PRUNE_FAILED, RECONCILIATION_FAILED},
};
use flux_runtime::{EventType, Failure, OrFail, Progress};
use kube::ResourceExt;
use manifest::ObjectRef;
use serde_json::Value;
use ssa::{Action, ApplyOptions, ChangeSet, DeleteOptions, IgnoreRule, Manager, Mark, ResourceManager};

use crate::{
    build::{Built, owner_labels},
    config::NAME,
    decryption::{is_left_encrypted, left_encrypted},
    reconcile::{Kustomizer, Pass},
};

const RECONCILE_DISABLED: Mark = (meta::RECONCILE, "disabled");
const SSA_IGNORE: Mark = (meta::SSA, "Ignore");
const SSA_IF_NOT_PRESENT: Mark = (meta::SSA, "IfNotPresent");
const SSA_MERGE: Mark = (meta::SSA, "Merge");
const FORCE_ENABLED: Mark = (meta::FORCE, "enabled");
const PRUNE_DISABLED: Mark = (meta::PRUNE, "disabled");

/// How long a stage may take to become ready.
const STAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often the end of deleted objects is looked for.
const TERMINATION_POLL: Duration = Duration::from_secs(2);

/// Applies what was built and tells what changed.
pub(crate) async fn apply(cx: &Kustomizer, pass: &Pass<'_>, built: &Built) -> Result<ChangeSet, Failure> {
    if let Some(encrypted) = built.objects.iter().find(|object| is_left_encrypted(object)) {
        let text = left_encrypted(encrypted);
        return Err(Failure::retry(RECONCILIATION_FAILED, text));
    }
    let options = options(cx, pass.object, &built.objects)
        .or_fail(flux_runtime::Disposition::Retry, RECONCILIATION_FAILED)?;
    let changes = pass.manager.apply_staged(built.objects.clone(), &options).await;
    let changes = changes.map_err(|failure| {
        let text = format!("{}\n{}", failure.message, failure.done.log());
        Failure::retry(RECONCILIATION_FAILED, text)
    })?;
    if changes.has_changes() {
        pass.progress.announce(changes.log()).await;
    }
    Ok(changes)
}

fn options(cx: &Kustomizer, object: &Kustomization, objects: &[Value]) -> Result<ApplyOptions, String> {
    let mut take_over = vec![
        Manager::new("kubectl", "Apply"),
        Manager::new("kubectl", "Update"),
        Manager::new("before-first-apply", "Update"),
        Manager::new(NAME, "Update"),
    ];
    for name in &cx.config.override_managers {
        take_over.push(Manager::new(name, "Apply"));
        take_over.push(Manager::new(name, "Update"));
    }
    let mut ignore = Vec::new();
    for rule in object.spec.ignore.iter().flatten() {
        let selector = rule.target.clone().unwrap_or_default();
        let matching = flux_runtime::matching(&selector, objects)?;
        ignore.push(IgnoreRule {
            paths: rule.paths.clone(),
            objects: matching.into_iter().map(ObjectRef::of).collect(),
        });
    }
    Ok(ApplyOptions {
        force: object.spec.force == Some(true),
        force_marks: vec![FORCE_ENABLED],
        skip_marks: vec![RECONCILE_DISABLED, SSA_IGNORE],
        if_not_present_marks: vec![SSA_IF_NOT_PRESENT],
        merge_marks: vec![SSA_MERGE],
        take_over,
        custom_stage: cx.config.custom_stage_kinds.clone(),
        concurrency: cx.config.concurrent_ssa,
        stage_timeout: STAGE_TIMEOUT,
        ignore,
    })
}

/// What became of objects that were to go.
pub(crate) struct Pruned {
    /// Those that are still there although they were to go.
    pub(crate) survivors: Vec<ObjectRef>,
    pub(crate) verdict: Result<(), Failure>,
}

/// Deletes objects that the source no longer has.
pub(crate) async fn prune(pass: &Pass<'_>, stale: &[ObjectRef]) -> Pruned {
    if stale.is_empty() {
        return Pruned {
            survivors: Vec::new(),
            verdict: Ok(()),
        };
    }
    let (changes, verdict) = pass.manager.delete_all(stale, &delete_options(pass.object)).await;
    if changes.has_changes() {
        pass.progress.announce(changes.log()).await;
    }
    let survivors = changes
        .0
        .into_iter()
        .filter(|change| change.action == Action::Unknown);
    Pruned {
        survivors: survivors.map(|change| change.object).collect(),
        verdict: verdict.or_fail(flux_runtime::Disposition::Retry, PRUNE_FAILED),
    }
}

/// Deletes everything that a Kustomization applied, because it goes itself.
pub(crate) async fn delete_all(
    manager: &ResourceManager,
    object: &Kustomization,
    objects: &[ObjectRef],
    progress: &Progress,
) -> Result<(), String> {
    let (changes, verdict) = manager.delete_all(objects, &delete_options(object)).await;
    verdict.map_err(|error| error.to_string())?;
    if !changes.has_changes() {
        return Ok(());
    }
    progress.announce(changes.log()).await;
    if object.spec.deletion_policy == Some(DeletionPolicy::WaitForTermination) {
        let deleted = changes
            .0
            .into_iter()
            .filter(|change| change.action == Action::Deleted);
        let deleted: Vec<_> = deleted.map(|change| change.object).collect();
        let gone = manager
            .wait_for_termination(&deleted, TERMINATION_POLL, object.timeout())
            .await;
        if gone.is_err() {
            let text = "failed to wait for resources termination";
            progress.event(EventType::Warning, None, text).await;
        }
    }
    Ok(())
}

fn delete_options(object: &Kustomization) -> DeleteOptions {
    let labels = owner_labels(&object.name_any(), &object.namespace().unwrap_or_default());
    DeleteOptions {
        labels: BTreeMap::from(labels),
        keep_marks: vec![PRUNE_DISABLED, RECONCILE_DISABLED, SSA_IGNORE],
    }
}
