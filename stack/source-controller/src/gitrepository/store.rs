//! The storage side of a pass: what is there is checked, what is new is archived, what is old goes.

use std::path::Path;

use artifact::{CorruptArtifact, Ignore, Storage, StorageError, Stored};
use flux_api::{
    Artifact, GitRepository, GitRepositoryStatus, Reason, Time,
    meta::{ARTIFACT_IN_STORAGE, ARTIFACT_OUTDATED, STORAGE_OPERATION_FAILED},
    reason,
};
use flux_runtime::{EventType, Failure, Progress};
use kube::ResourceExt;

use super::{
    GitRepositories, drifting, failed, fetch::Fetched, in_storage, settings_changed, storage_kind, trace,
};

// Upstream's word for a `.sourceignore` that cannot be read.
const SOURCE_IGNORE_ERROR: Reason = Reason("SourceIgnoreError");

impl GitRepositories {
    /// Forgets an artifact that is not in storage as it should be, and keeps its address up to date.
    pub(crate) async fn check_storage(
        &self,
        object: &GitRepository,
        status: &mut GitRepositoryStatus,
        progress: &Progress,
    ) -> Result<(), Failure> {
        self.collect(status, progress).await?;
        let mut message = "building artifact";
        if let Some(artifact) = status.artifact.clone() {
            match self.verify(object, artifact).await {
                Ok(()) => {}
                Err(CorruptArtifact::Missing) => {
                    status.artifact = None;
                    message = "building artifact: disappeared from storage";
                }
                Err(corrupt) => {
                    let text = format!("failed to verify integrity of artifact: {corrupt}");
                    let reason = Some(reason::ARTIFACT_VERIFICATION_FAILED);
                    progress.event(EventType::Warning, reason, text).await;
                    status.artifact = None;
                    message = "building artifact: disappeared from storage";
                }
            }
        }
        match &mut status.artifact {
            Some(artifact) => {
                artifact.url = self.storage.url(&artifact.path);
                Ok(())
            }
            None => {
                progress.clear(ARTIFACT_IN_STORAGE);
                drifting(status, progress, message).await
            }
        }
    }

    /// Archives the tree unless it is in storage already. Returns what is in storage now.
    pub(crate) async fn store(
        &self,
        object: &GitRepository,
        status: &mut GitRepositoryStatus,
        progress: &Progress,
        fetched: &Fetched,
        includes: Vec<Artifact>,
    ) -> Result<Artifact, Failure> {
        let artifact = match (fetched, status.artifact.clone()) {
            (Fetched::Unchanged { revision }, Some(current)) => {
                let text = format!("no changes since last reconciliation: observed revision '{revision}'");
                trace(progress, reason::GIT_OPERATION_SUCCEEDED, text).await;
                current
            }
            (Fetched::Tree { revision, .. }, Some(current))
                if current.revision == *revision && !settings_changed(object, status, &includes) =>
            {
                let text = format!("artifact up-to-date with remote revision: '{revision}'");
                trace(progress, reason::ARTIFACT_UP_TO_DATE, text).await;
                current
            }
            (
                Fetched::Tree {
                    commit,
                    revision,
                    directory,
                },
                _,
            ) => {
                let file = format!("{}.tar.gz", commit.hash);
                let stored = self.archive(object, &file, directory.path()).await;
                let stored = stored.map_err(|failure| failed(progress, STORAGE_OPERATION_FAILED, failure))?;
                progress.clear(STORAGE_OPERATION_FAILED);
                let artifact = self.artifact(stored, revision);
                remember(object, status, &artifact, includes);
                artifact
            }
            // Nothing is unchanged without an artifact: the fetch only compares with one.
            (Fetched::Unchanged { revision }, None) => {
                let text = format!("no artifact for revision '{revision}'");
                return Err(Failure::retry(reason::GIT_OPERATION_FAILED, text));
            }
        };
        progress.clear(ARTIFACT_OUTDATED);
        in_storage(progress, &artifact);
        self.collect(status, progress).await?;
        Ok(artifact)
    }

    /// Removes everything of a deleted object; whether there was something.
    pub(crate) async fn remove_all(&self, object: &GitRepository) -> Result<bool, Failure> {
        let (namespace, name) = key(object);
        let removed = self
            .on_disk(move |storage| storage.remove_all(&storage_kind(), &namespace, &name))
            .await;
        let removed = removed.map_err(|error| {
            let text = format!("garbage collection for deleted resource failed: {error}");
            Failure::retry(reason::GARBAGE_COLLECTION_FAILED, text)
        })?;
        Ok(removed.is_some())
    }

    async fn verify(&self, object: &GitRepository, artifact: Artifact) -> Result<(), CorruptArtifact> {
        let (namespace, name) = key(object);
        let own = Storage::path(&storage_kind(), &namespace, &name, "");
        // Users can write status: an artifact of somebody else is not this object's.
        if !artifact.path.starts_with(&own) {
            return Err(CorruptArtifact::Missing);
        }
        self.on_disk(move |storage| storage.verify(&artifact.path, &artifact.digest))
            .await
    }

    async fn archive(&self, object: &GitRepository, file: &str, tree: &Path) -> Result<Stored, Failure> {
        let (namespace, name) = key(object);
        let path = Storage::path(&storage_kind(), &namespace, &name, file);
        let (tree, patterns) = (tree.to_owned(), object.spec.ignore.clone());
        self.on_disk(move |storage| {
            let ignore = Ignore::of_tree(&tree, patterns.as_deref()).map_err(|error| {
                let text = format!("failed to load source ignore patterns from repository: {error}");
                Failure::retry(SOURCE_IGNORE_ERROR, text)
            })?;
            storage.archive(&path, &tree, &ignore).map_err(|error| {
                let reason = match error {
                    StorageError::Directory(_) => reason::DIRECTORY_CREATION_FAILED,
                    StorageError::Archive(_) | StorageError::Collect(_) => reason::ARCHIVE_OPERATION_FAILED,
                };
                Failure::retry(reason, error)
            })
        })
        .await
    }

    async fn collect(&self, status: &GitRepositoryStatus, progress: &Progress) -> Result<(), Failure> {
        let Some(artifact) = &status.artifact else {
            return Ok(());
        };
        let path = artifact.path.clone();
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

    /// The storage blocks, so it works beside the runtime.
    pub(crate) async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Storage) -> T + Send + 'static,
    ) -> T {
        let storage = self.storage.clone();
        self.edges.blocking.run(move |_| work(&storage)).await
    }

    fn artifact(&self, stored: Stored, revision: &str) -> Artifact {
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
}

fn key(object: &GitRepository) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// Notes the artifact and the settings it was made with.
fn remember(
    object: &GitRepository,
    status: &mut GitRepositoryStatus,
    artifact: &Artifact,
    includes: Vec<Artifact>,
) {
    status.artifact = Some(artifact.clone());
    status.included_artifacts = (!includes.is_empty()).then_some(includes);
    status.observed_ignore.clone_from(&object.spec.ignore);
    status.observed_recurse_submodules = object.spec.recurse_submodules.filter(|it| *it);
    status.observed_include.clone_from(&object.spec.include);
    status
        .observed_sparse_checkout
        .clone_from(&object.spec.sparse_checkout);
}
