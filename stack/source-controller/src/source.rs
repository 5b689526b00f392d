//! What all kinds of sources have in common: how a pass begins, where artifacts lie, what is news at its end.

use std::path::Path;

use artifact::{CorruptArtifact, Ignore, Storage, StorageError, Stored};
use edges::Edges;
use flux_api::{
    Artifact, BucketStatus, ConditionStatus, GitRepositoryStatus, HelmChartStatus, HelmRepositoryStatus,
    OciRepositoryStatus, Reason, Time,
    meta::{ARTIFACT_IN_STORAGE, ARTIFACT_OUTDATED, READY, REQUESTED_AT, STORAGE_OPERATION_FAILED},
    reason,
};
use flux_runtime::{EventType, Failure, Progress};
use kube::{Resource, ResourceExt};
use serde::Serialize;

/// Upstream's word for a `.sourceignore` that cannot be read.
pub(crate) const SOURCE_IGNORE_ERROR: Reason = Reason("SourceIgnoreError");

/// The members that every status of a source has.
pub(crate) trait Facts: Serialize + Send + Sync {
    /// What is in storage.
    fn artifact(&mut self) -> &mut Option<Artifact>;
    /// The address that stays, where the kind has one.
    fn url(&mut self) -> Option<&mut Option<String>>;
    /// The generation of the last conclusive outcome.
    fn observed_generation(&self) -> i64;
    /// The last request that was handled.
    fn handled(&self) -> Option<&String>;
}

macro_rules! facts {
    ($name:ty, |$status:ident| $url:expr) => {
        impl Facts for $name {
            fn artifact(&mut self) -> &mut Option<Artifact> {
                &mut self.artifact
            }
            fn url(&mut self) -> Option<&mut Option<String>> {
                let $status = self;
                $url
            }
            fn observed_generation(&self) -> i64 {
                self.observed_generation.unwrap_or_default()
            }
            fn handled(&self) -> Option<&String> {
                self.last_handled_reconcile_at.as_ref()
            }
        }
    };
}

facts!(GitRepositoryStatus, |_status| None);
facts!(OciRepositoryStatus, |status| Some(&mut status.url));
facts!(HelmRepositoryStatus, |status| Some(&mut status.url));
facts!(HelmChartStatus, |status| Some(&mut status.url));
facts!(BucketStatus, |status| Some(&mut status.url));

/// Says that work is under way; at once where somebody waits for this pass.
pub(crate) async fn begin<K: Resource>(
    object: &K,
    status: &impl Facts,
    progress: &Progress,
) -> Result<(), Failure> {
    let generation = object.meta().generation.unwrap_or_default();
    let observed = status.observed_generation();
    let requested = object.annotations().get(REQUESTED_AT);
    if generation != observed {
        let message = format!("processing object: new generation {observed} -> {generation}");
        progressing(progress, &message);
        return progress.report(status, message).await;
    }
    let message = "reconciliation in progress";
    progressing(progress, message);
    if requested.is_some() && requested != status.handled() {
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
pub(crate) async fn drifting(status: &impl Facts, progress: &Progress, message: &str) -> Result<(), Failure> {
    progress.unready(message);
    progress.report(status, message).await
}

/// Says that another revision is about to be stored.
pub(crate) async fn outdated(
    status: &mut impl Facts,
    progress: &Progress,
    reason: Reason,
    message: &str,
) -> Result<(), Failure> {
    if status.artifact().is_some() {
        progress.set(ARTIFACT_OUTDATED, ConditionStatus::True, reason, message);
    }
    drifting(status, progress, &format!("building artifact: {message}")).await
}

/// Notes a failure under a condition of its own; Ready follows from the verdict.
pub(crate) fn failed(progress: &Progress, condition: &str, failure: Failure) -> Failure {
    progress.set(
        condition,
        ConditionStatus::True,
        failure.reason(),
        failure.message(),
    );
    failure
}

/// What is in storage is what should be there.
pub(crate) fn in_storage(progress: &Progress, reason: Reason, message: &str) {
    progress.clear(ARTIFACT_OUTDATED);
    progress.set(ARTIFACT_IN_STORAGE, ConditionStatus::True, reason, message);
}

/// An event that upstream does not send on to subscribers.
pub(crate) async fn trace(progress: &Progress, reason: Reason, message: String) {
    progress.event(EventType::Trace, Some(reason), message).await;
}

/// What the pass found, for telling what is news at its end.
pub(crate) struct Before {
    digest: Option<String>,
    failed: bool,
}

impl Before {
    pub(crate) fn of(status: &mut impl Facts, progress: &Progress, failures: &[&str]) -> Self {
        let failed = |kind: &&str| {
            progress
                .condition(kind)
                .is_some_and(|it| it.status == ConditionStatus::True)
        };
        Self {
            digest: status.artifact().as_ref().map(|it| it.digest.clone()),
            failed: failures.iter().any(failed),
        }
    }

    /// A new artifact is news, and so is that a failure is over.
    pub(crate) async fn announce_news(
        &self,
        progress: &Progress,
        artifact: &Artifact,
        reasons: (Reason, Reason),
        message: String,
    ) {
        let reason = if self.digest.as_ref() != Some(&artifact.digest) {
            reasons.0
        } else if self.failed {
            reasons.1
        } else {
            return;
        };
        progress.annotate("revision", &artifact.revision);
        progress.annotate("digest", &artifact.digest);
        progress.event(EventType::Normal, Some(reason), message).await;
    }
}

/// Where the artifacts of one kind lie.
#[derive(Clone)]
pub(crate) struct Shelf {
    pub(crate) edges: Edges,
    pub(crate) storage: Storage,
    /// The kind in lower case, as it stands in paths.
    kind: &'static str,
}

impl Shelf {
    pub(crate) fn new(edges: Edges, storage: Storage, kind: &'static str) -> Self {
        Self { edges, storage, kind }
    }

    /// The path of a file of an object.
    pub(crate) fn path<K: Resource>(&self, object: &K, file: &str) -> String {
        Storage::path(
            self.kind,
            &object.namespace().unwrap_or_default(),
            &object.name_any(),
            file,
        )
    }

    /// The storage blocks, so it works beside the runtime.
    pub(crate) async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Storage) -> T + Send + 'static,
    ) -> T {
        let storage = self.storage.clone();
        self.edges.blocking.run(move |_| work(&storage)).await
    }

    /// Forgets an artifact that is not in storage as it should be, and keeps its address up to date.
    pub(crate) async fn check<K: Resource>(
        &self,
        object: &K,
        status: &mut impl Facts,
        progress: &Progress,
    ) -> Result<(), Failure> {
        self.collect(status, progress).await?;
        let mut message = "building artifact";
        if let Some(artifact) = status.artifact().clone() {
            let verified = self.verify(object, artifact).await;
            if let Err(corrupt) = &verified
                && !matches!(corrupt, CorruptArtifact::Missing)
            {
                let text = format!("failed to verify integrity of artifact: {corrupt}");
                let reason = Some(reason::ARTIFACT_VERIFICATION_FAILED);
                progress.event(EventType::Warning, reason, text).await;
            }
            if verified.is_err() {
                *status.artifact() = None;
                message = "building artifact: disappeared from storage";
            }
        }
        let url = match status.artifact() {
            Some(artifact) => {
                artifact.url = self.storage.url(&artifact.path);
                return Ok(());
            }
            None => status.url(),
        };
        if let Some(url) = url {
            *url = None;
        }
        progress.clear(ARTIFACT_IN_STORAGE);
        drifting(status, progress, message).await
    }

    async fn verify<K: Resource>(&self, object: &K, artifact: Artifact) -> Result<(), CorruptArtifact> {
        // Users can write status: an artifact of somebody else is not this object's.
        if !artifact.path.starts_with(&self.path(object, "")) {
            return Err(CorruptArtifact::Missing);
        }
        self.on_disk(move |storage| storage.verify(&artifact.path, &artifact.digest))
            .await
    }

    /// Removes files that are no longer current.
    pub(crate) async fn collect(&self, status: &mut impl Facts, progress: &Progress) -> Result<(), Failure> {
        let Some(path) = status.artifact().as_ref().map(|it| it.path.clone()) else {
            return Ok(());
        };
        let removed = self.on_disk(move |storage| storage.collect(&path)).await;
        let removed = removed.map_err(|error| {
            let text = format!("garbage collection of artifacts failed: {error}");
            Failure::retry(reason::GARBAGE_COLLECTION_FAILED, text)
        })?;
        if !removed.is_empty() {
            let text = format!("garbage collected {} artifacts", removed.len());
            trace(progress, reason::GARBAGE_COLLECTION_SUCCEEDED, text).await;
        }
        Ok(())
    }

    /// Removes everything of an object.
    pub(crate) async fn clear<K: Resource>(
        &self,
        object: &K,
        status: &mut impl Facts,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let (kind, namespace, name) = (
            self.kind,
            object.namespace().unwrap_or_default(),
            object.name_any(),
        );
        let removed = self
            .on_disk(move |storage| storage.remove_all(kind, &namespace, &name))
            .await;
        let removed = removed.map_err(|error| {
            let text = format!("garbage collection for deleted resource failed: {error}");
            Failure::retry(reason::GARBAGE_COLLECTION_FAILED, text)
        })?;
        if removed.is_some() {
            let text = "garbage collected artifacts for deleted resource".to_owned();
            trace(progress, reason::GARBAGE_COLLECTION_SUCCEEDED, text).await;
        }
        *status.artifact() = None;
        Ok(())
    }

    /// Archives what is not ignored of a tree. Where nobody filters, the tree's own patterns do not count either.
    pub(crate) async fn archive(
        &self,
        path: String,
        tree: &Path,
        ignore: impl FnOnce(&Path) -> std::io::Result<Ignore> + Send + 'static,
    ) -> Result<Stored, Failure> {
        let tree = tree.to_owned();
        self.on_disk(move |storage| {
            let ignore = ignore(&tree).map_err(|error| {
                let text = format!("failed to load source ignore patterns from repository: {error}");
                Failure::retry(SOURCE_IGNORE_ERROR, text)
            })?;
            storage.archive(&path, &tree, &ignore).map_err(refused)
        })
        .await
    }

    /// Stores a reader's content as it is.
    pub(crate) async fn copy(
        &self,
        path: String,
        content: impl std::io::Read + Send + 'static,
        what: &'static str,
    ) -> Result<Stored, Failure> {
        let stored = self.on_disk(move |storage| storage.copy(&path, content)).await;
        stored.map_err(|error| match error {
            StorageError::Archive(cause) | StorageError::Collect(cause) => {
                Failure::retry(reason::ARCHIVE_OPERATION_FAILED, format!("{what}: {cause}"))
            }
            other @ StorageError::Directory(_) => refused(other),
        })
    }

    /// What the status says of a stored file.
    pub(crate) fn artifact(&self, stored: Stored, revision: &str) -> Artifact {
        Artifact {
            digest: stored.digest.to_string(),
            last_update_time: Time::new(stored.time),
            metadata: None,
            url: self.storage.url(&stored.path),
            path: stored.path,
            revision: revision.to_owned(),
            size: i64::try_from(stored.size).ok(),
        }
    }

    /// Makes an artifact the current one, under the name that stays.
    pub(crate) async fn publish(
        &self,
        status: &mut impl Facts,
        progress: &Progress,
        artifact: &Artifact,
        alias: &'static str,
    ) {
        *status.artifact() = Some(artifact.clone());
        progress.clear(STORAGE_OPERATION_FAILED);
        let path = artifact.path.clone();
        let linked = self.on_disk(move |storage| storage.link(&path, alias)).await;
        match (linked, status.url()) {
            (Ok(address), Some(url)) => *url = Some(address),
            (Err(error), _) => {
                let text = format!("failed to update status URL symlink: {error}");
                trace(progress, reason::SYMLINK_UPDATE_FAILED, text).await;
            }
            (Ok(_), None) => {}
        }
    }
}

fn refused(error: StorageError) -> Failure {
    let reason = match error {
        StorageError::Directory(_) => reason::DIRECTORY_CREATION_FAILED,
        StorageError::Archive(_) | StorageError::Collect(_) => reason::ARCHIVE_OPERATION_FAILED,
    };
    Failure::retry(reason, error)
}
