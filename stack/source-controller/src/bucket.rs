//! A Bucket's objects become an artifact.

mod access;
mod index;

use std::{path::Path, time::Duration};

use ::bucket::Store;
use artifact::{Ignore, Storage};
use edges::Edges;
use flux_api::{
    Artifact, Bucket, BucketStatus,
    meta::{FETCH_FAILED, STORAGE_OPERATION_FAILED},
    reason,
};
use flux_runtime::{Done, Failure, Progress, Reconciler};

use crate::{
    DEFAULT_TIMEOUT,
    source::{Before, Shelf, begin, failed, in_storage, outdated, trace},
};
use index::EtagIndex;

/// What makes a pass that changed nothing worth an event when they go.
const FAILURES: [&str; 2] = [FETCH_FAILED, STORAGE_OPERATION_FAILED];

/// Patterns of what stays out, at the top of the bucket.
const IGNORE_FILE: &str = ".sourceignore";
const MAX_IGNORE_FILE: u64 = 1 << 20;

/// The reconciler of Buckets.
pub(crate) struct Buckets {
    shelf: Shelf,
}

impl Buckets {
    pub(crate) fn new(edges: Edges, storage: Storage) -> Self {
        Self {
            shelf: Shelf::new(edges, storage, "bucket"),
        }
    }

    /// A request that ends with the object's patience.
    async fn within<T>(
        &self,
        object: &Bucket,
        work: impl Future<Output = Result<T, String>>,
    ) -> Result<T, Failure> {
        let patience = object.spec.timeout.map_or(DEFAULT_TIMEOUT, |it| it.0);
        let done = self.shelf.edges.clock.timeout(patience, work).await;
        let done = done.unwrap_or_else(|elapsed| Err(format!("context {elapsed}")));
        done.map_err(|error| Failure::retry(reason::BUCKET_OPERATION_FAILED, error))
    }

    /// The keys of what is wanted, and their etags.
    async fn index(&self, object: &Bucket, store: &Store) -> Result<EtagIndex, String> {
        let name = &object.spec.bucket_name;
        let exists = store.exists(name).await;
        if !exists.map_err(|error| format!("failed to confirm existence of '{name}' bucket: {error}"))? {
            return Err(format!("bucket '{name}' not found"));
        }
        let scratch = self.shelf.storage.root();
        let patterns = store.get(name, IGNORE_FILE, scratch).await;
        let patterns =
            patterns.map_err(|error| format!("failed to get Etag for '{IGNORE_FILE}' object: {error}"))?;
        let mut text = Vec::new();
        if let Some(file) = patterns {
            std::io::Read::read_to_end(&mut std::io::Read::take(file, MAX_IGNORE_FILE), &mut text)
                .map_err(|error| error.to_string())?;
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        // Unlike trees, buckets keep what version control leaves.
        let ignore = Ignore::of_texts([text.as_str(), object.spec.ignore.as_deref().unwrap_or_default()]);
        let prefix = object.spec.prefix.as_deref().unwrap_or_default();
        let objects = store.list(name, prefix).await;
        let objects =
            objects.map_err(|error| format!("indexation of objects from bucket '{name}' failed: {error}"))?;
        let mut index = EtagIndex::default();
        for object in objects {
            let plain = !object.key.ends_with('/') && object.key != IGNORE_FILE;
            if plain && !ignore.excludes(Path::new(object.key.trim_start_matches('/')), false) {
                index.insert(object.key, object.etag);
            }
        }
        Ok(index)
    }

    /// Downloads what the index names and stores it. Returns the artifact.
    async fn store(
        &self,
        object: &Bucket,
        status: &mut BucketStatus,
        progress: &Progress,
        store: &Store,
        index: &EtagIndex,
    ) -> Result<Artifact, Failure> {
        let fetch_failed = |failure| failed(progress, FETCH_FAILED, failure);
        let revision = index.revision();
        let root = self.shelf.storage.root();
        let scratch = tempfile::Builder::new()
            .prefix(".")
            .tempdir_in(root)
            .map_err(|error| {
                let text = format!("failed to create temporary working directory: {error}");
                failed(
                    progress,
                    STORAGE_OPERATION_FAILED,
                    Failure::retry(reason::DIRECTORY_CREATION_FAILED, text),
                )
            })?;
        let name = &object.spec.bucket_name;
        let fetched = self.within(object, async {
            let all = index.download(store, name, root, scratch.path()).await;
            all.map_err(|error| format!("fetch from bucket '{name}' failed: {error}"))
        });
        fetched.await.map_err(fetch_failed)?;
        progress.clear(FETCH_FAILED);
        let text = format!("new upstream revision '{revision}'");
        outdated(status, progress, reason::NEW_REVISION, &text).await?;
        let hex = revision.trim_start_matches("sha256:");
        let path = self.shelf.path(object, &format!("{hex}.tar.gz"));
        let stored = self
            .shelf
            .archive(path, scratch.path(), |_| Ok(Ignore::nothing()))
            .await;
        let stored = stored.map_err(|failure| failed(progress, STORAGE_OPERATION_FAILED, failure))?;
        let artifact = self.shelf.artifact(stored, &revision);
        self.shelf
            .publish(status, progress, &artifact, "latest.tar.gz")
            .await;
        status.observed_ignore.clone_from(&object.spec.ignore);
        Ok(artifact)
    }
}

impl Reconciler for Buckets {
    type Object = Bucket;
    type Status = BucketStatus;

    const CONTROLLER: &'static str = "source-controller";

    fn interval(&self, object: &Bucket) -> Duration {
        object.spec.interval.0
    }

    fn suspended(&self, object: &Bucket) -> bool {
        object.spec.suspend == Some(true)
    }

    async fn reconcile(
        &self,
        object: &Bucket,
        status: &mut BucketStatus,
        progress: &Progress,
    ) -> Result<Done, Failure> {
        let before = Before::of(status, progress, &FAILURES);
        begin(object, status, progress).await?;
        self.shelf.check(object, status, progress).await?;

        let fetch_failed = |failure| failed(progress, FETCH_FAILED, failure);
        let store = self.open(object).await.map_err(fetch_failed)?;
        let index = self
            .within(object, self.index(object, &store))
            .await
            .map_err(fetch_failed)?;
        let revision = index.revision();
        let artifact = match status.artifact.clone().filter(|it| it.revision == revision) {
            Some(current) => {
                progress.clear(FETCH_FAILED);
                let text = format!("artifact up-to-date with remote revision: '{revision}'");
                trace(progress, reason::ARTIFACT_UP_TO_DATE, text).await;
                current
            }
            None => self.store(object, status, progress, &store, &index).await?,
        };
        let message = format!("stored artifact: revision '{revision}'");
        in_storage(progress, reason::SUCCEEDED, &message);
        self.shelf.collect(status, progress).await?;
        let text = format!(
            "stored artifact with {} fetched files from '{}' bucket",
            index.len(),
            object.spec.bucket_name
        );
        before
            .announce_news(
                progress,
                &artifact,
                (reason::NEW_ARTIFACT, reason::SUCCEEDED),
                text,
            )
            .await;
        Ok(Done::new(reason::SUCCEEDED, message))
    }

    async fn finalize(
        &self,
        object: &Bucket,
        status: &mut BucketStatus,
        progress: &Progress,
    ) -> Result<(), Failure> {
        self.shelf.clear(object, status, progress).await
    }
}
