//! A GitRepository becomes an artifact.

mod fetch;
mod include;
mod store;
mod verify;

use std::time::Duration;

use artifact::Storage;
use edges::Edges;
use flux_api::{
    Artifact, Condition, ConditionStatus, GitRepository, GitRepositoryStatus,
    meta::{
        ARTIFACT_IN_STORAGE, ARTIFACT_OUTDATED, FETCH_FAILED, INCLUDE_UNAVAILABLE, READY, REQUESTED_AT,
        SOURCE_VERIFIED, STORAGE_OPERATION_FAILED,
    },
    reason,
};
use flux_runtime::{Done, EventType, Failure, Progress, Reconciler};
use kube::{Resource, ResourceExt};

use crate::{Options, auth, source::trace, unsupported};
use fetch::{Fetched, announce_revision};

/// What makes a pass that changed nothing worth an event when they go.
const FAILURES: [&str; 3] = [FETCH_FAILED, INCLUDE_UNAVAILABLE, STORAGE_OPERATION_FAILED];

/// The reconciler of GitRepositories.
pub(crate) struct GitRepositories {
    edges: Edges,
    storage: Storage,
    /// What is offered over SSH.
    ssh: git::SshAlgorithms,
    requeue_dependency: Duration,
}

/// What the pass found, for telling what is news at its end.
struct Before {
    digest: Option<String>,
    failed: bool,
}

impl GitRepositories {
    pub(crate) fn new(edges: Edges, storage: Storage, options: &Options) -> Self {
        Self {
            edges,
            storage,
            ssh: git::SshAlgorithms {
                host_keys: options.ssh.host_keys.clone(),
                key_exchanges: options.ssh.key_exchanges.clone(),
            },
            requeue_dependency: options.requeue_dependency,
        }
    }
}

impl Reconciler for GitRepositories {
    type Object = GitRepository;
    type Status = GitRepositoryStatus;

    const CONTROLLER: &'static str = "source-controller";

    fn interval(&self, object: &GitRepository) -> Duration {
        object.spec.interval.0
    }

    fn suspended(&self, object: &GitRepository) -> bool {
        object.spec.suspend == Some(true)
    }

    async fn reconcile(
        &self,
        object: &GitRepository,
        status: &mut GitRepositoryStatus,
        progress: &Progress,
    ) -> Result<Done, Failure> {
        let before = Before::of(status, progress);
        begin(object, status, progress).await?;
        // A refusal is looked at again; that something was accepted stays true of what is stored.
        let refused = |it: &Condition| it.status == ConditionStatus::False;
        if progress.condition(SOURCE_VERIFIED).as_ref().is_some_and(refused) {
            progress.clear(SOURCE_VERIFIED);
        }
        self.check_storage(object, status, progress).await?;

        let access = match unsupported::check(&object.spec) {
            Ok(()) => auth::access(&self.edges, object, &self.ssh).await,
            Err(failure) => Err(failure),
        };
        let access = access.map_err(|failure| fetch_failed(progress, failure))?;
        let includes = self.find_includes(object, status, progress).await?;
        progress.clear(ARTIFACT_OUTDATED);
        let fetched = self.fetch(object, status, progress, access, &includes).await?;
        self.verify_signature(object, status, progress, &fetched).await?;
        announce_revision(status, progress, &fetched).await?;
        self.include(object, progress, &includes, &fetched).await?;
        let artifact = self.store(object, status, progress, &fetched, includes).await?;

        before.announce_news(progress, &fetched, &artifact).await;
        Ok(Done::new(
            reason::SUCCEEDED,
            format!("stored artifact for revision '{}'", artifact.revision),
        ))
    }

    async fn finalize(
        &self,
        object: &GitRepository,
        status: &mut GitRepositoryStatus,
        progress: &Progress,
    ) -> Result<(), Failure> {
        if self.remove_all(object).await? {
            let text = "garbage collected artifacts for deleted resource";
            let reason = Some(reason::GARBAGE_COLLECTION_SUCCEEDED);
            progress.event(EventType::Trace, reason, text).await;
        }
        status.artifact = None;
        Ok(())
    }
}

/// Says that work is under way; at once where somebody waits for this pass.
async fn begin(
    object: &GitRepository,
    status: &GitRepositoryStatus,
    progress: &Progress,
) -> Result<(), Failure> {
    let generation = object.metadata.generation.unwrap_or_default();
    let observed = status.observed_generation.unwrap_or_default();
    let requested = object.annotations().get(REQUESTED_AT);
    if generation != observed {
        let message = format!("processing object: new generation {observed} -> {generation}");
        progressing(progress, &message);
        return progress.report(status, message).await;
    }
    let message = "reconciliation in progress";
    progressing(progress, message);
    if requested.is_some() && requested != status.last_handled_reconcile_at.as_ref() {
        return progress.report(status, message).await;
    }
    Ok(())
}

/// Work goes on; Ready is left alone unless it never was known.
fn progressing(progress: &Progress, message: &str) {
    progress.reconciling(message);
    let known = progress
        .condition(READY)
        .is_some_and(|it| it.status != ConditionStatus::Unknown);
    if !known {
        progress.unready(message);
    }
}

/// Work goes on, and what is in storage is not what should be there.
async fn drifting(status: &GitRepositoryStatus, progress: &Progress, message: &str) -> Result<(), Failure> {
    progress.unready(message);
    progress.report(status, message).await
}

/// Notes a failure under a condition of its own; Ready follows from the verdict.
fn failed(progress: &Progress, condition: &str, failure: Failure) -> Failure {
    progress.set(
        condition,
        ConditionStatus::True,
        failure.reason(),
        failure.message(),
    );
    failure
}

fn fetch_failed(progress: &Progress, failure: Failure) -> Failure {
    failed(progress, FETCH_FAILED, failure)
}

fn in_storage(progress: &Progress, artifact: &Artifact) {
    let message = format!("stored artifact for revision '{}'", artifact.revision);
    progress.set(
        ARTIFACT_IN_STORAGE,
        ConditionStatus::True,
        reason::SUCCEEDED,
        message,
    );
}

/// Whether the artifact was made with other settings than the object has now.
fn settings_changed(object: &GitRepository, status: &GitRepositoryStatus, includes: &[Artifact]) -> bool {
    include::differ(includes, status)
        || verify::is_due(object, status)
        || object.spec.ignore != status.observed_ignore
        || object.spec.recurse_submodules.unwrap_or_default()
            != status.observed_recurse_submodules.unwrap_or_default()
        || object.spec.include.as_deref().unwrap_or_default()
            != status.observed_include.as_deref().unwrap_or_default()
        || object.spec.sparse_checkout.as_deref().unwrap_or_default()
            != status.observed_sparse_checkout.as_deref().unwrap_or_default()
}

/// `GitRepository` in the paths of the storage.
fn storage_kind() -> String {
    GitRepository::kind(&()).to_lowercase()
}

impl Before {
    fn of(status: &GitRepositoryStatus, progress: &Progress) -> Self {
        let failed = |kind: &&str| {
            progress
                .condition(kind)
                .is_some_and(|it| it.status == ConditionStatus::True)
        };
        Self {
            digest: status.artifact.as_ref().map(|it| it.digest.clone()),
            failed: FAILURES.iter().any(failed),
        }
    }

    /// A new artifact is news, and so is that a failure is over.
    async fn announce_news(&self, progress: &Progress, fetched: &Fetched, artifact: &Artifact) {
        let reason = if self.digest.as_ref() != Some(&artifact.digest) {
            reason::NEW_ARTIFACT
        } else if self.failed {
            reason::SUCCEEDED
        } else {
            return;
        };
        progress.annotate("revision", &artifact.revision);
        progress.annotate("digest", &artifact.digest);
        let message = format!("stored artifact for commit '{}'", fetched.title());
        progress.event(EventType::Normal, Some(reason), message).await;
    }
}
