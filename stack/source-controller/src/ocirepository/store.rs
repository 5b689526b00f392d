//! A layer becomes the artifact.

use std::fs::File;

use artifact::{Ignore, Limits, Stored, untar};
use flux_api::{
    Artifact, OciRepository, OciRepositoryStatus,
    meta::{FETCH_FAILED, STORAGE_OPERATION_FAILED},
    oci::LayerOperation,
    reason,
};
use flux_runtime::{Failure, Progress};
use oci::{Descriptor, Manifest, Target, limits};

use super::{OciRepositories, Resolved, settings_changed};
use crate::source::{failed, in_storage, trace};

impl OciRepositories {
    /// Pulls and stores what is not in storage yet. Returns what is there now.
    pub(super) async fn store(
        &self,
        object: &OciRepository,
        status: &mut OciRepositoryStatus,
        progress: &Progress,
        resolved: &Resolved,
    ) -> Result<Artifact, Failure> {
        let current = status
            .artifact
            .clone()
            .filter(|it| it.revision == resolved.revision);
        let artifact = match current.filter(|_| !settings_changed(object, status)) {
            Some(current) => {
                progress.clear(FETCH_FAILED);
                let text = format!(
                    "artifact up-to-date with remote revision: '{}'",
                    resolved.revision
                );
                trace(progress, reason::ARTIFACT_UP_TO_DATE, text).await;
                current
            }
            None => {
                let fetch_failed = |failure| failed(progress, FETCH_FAILED, failure);
                let (manifest, layer) = self.pull(object, resolved).await.map_err(fetch_failed)?;
                let stored = self.keep(object, progress, resolved, layer).await?;
                let mut artifact = self.shelf.artifact(stored, &resolved.revision);
                artifact.metadata = Some(manifest.annotations).filter(|it| !it.is_empty());
                self.shelf
                    .publish(status, progress, &artifact, "latest.tar.gz")
                    .await;
                status.observed_ignore.clone_from(&object.spec.ignore);
                status
                    .observed_layer_selector
                    .clone_from(&object.spec.layer_selector);
                artifact
            }
        };
        let message = format!("stored artifact for digest '{}'", artifact.revision);
        in_storage(progress, reason::SUCCEEDED, &message);
        self.shelf.collect(status, progress).await?;
        Ok(artifact)
    }

    async fn pull(&self, object: &OciRepository, resolved: &Resolved) -> Result<(Manifest, File), Failure> {
        let broken = |error: String| {
            let text = format!("failed to pull artifact from '{}': {error}", object.spec.url);
            Failure::retry(reason::OCI_PULL_FAILED, text)
        };
        let layer_failed = |error: String| Failure::retry(reason::OCI_LAYER_OPERATION_FAILED, error);
        let target = Target::Digest(resolved.digest.clone());
        let manifest = self
            .within(object, resolved.remote.manifest(&target))
            .await
            .map_err(broken)?;
        let layer = select(object, &manifest).map_err(layer_failed)?;
        let scratch = self.shelf.storage.root();
        let blob = self
            .within(object, resolved.remote.blob(layer, scratch, limits::BLOB))
            .await;
        let blob = blob.map_err(|error| {
            layer_failed(format!("failed to extract layer contents from artifact: {error}"))
        })?;
        Ok((manifest, blob))
    }

    async fn keep(
        &self,
        object: &OciRepository,
        progress: &Progress,
        resolved: &Resolved,
        layer: File,
    ) -> Result<Stored, Failure> {
        let path = self.shelf.path(object, &format!("{}.tar.gz", resolved.digest));
        let storage_failed = |failure| failed(progress, STORAGE_OPERATION_FAILED, failure);
        let operation = object.spec.layer_selector.as_ref().and_then(|it| it.operation);
        if operation == Some(LayerOperation::Copy) {
            progress.clear(FETCH_FAILED);
            let stored = self
                .shelf
                .copy(path, layer, "unable to copy artifact to storage")
                .await;
            return stored.map_err(storage_failed);
        }
        let unpacked = self
            .shelf
            .on_disk(move |storage| {
                let scratch = tempfile::Builder::new().prefix(".").tempdir_in(storage.root());
                let scratch = scratch.map_err(|error| error.to_string())?;
                untar(layer, scratch.path(), Limits::default()).map_err(|error| error.to_string())?;
                Ok::<_, String>(scratch)
            })
            .await;
        let tree = unpacked.map_err(|error| {
            let text = format!("failed to extract layer contents from artifact: {error}");
            failed(
                progress,
                FETCH_FAILED,
                Failure::retry(reason::OCI_LAYER_OPERATION_FAILED, text),
            )
        })?;
        progress.clear(FETCH_FAILED);
        let patterns = object.spec.ignore.clone();
        let stored = self
            .shelf
            .archive(path, tree.path(), move |tree| {
                Ignore::of_tree(tree, patterns.as_deref())
            })
            .await;
        stored.map_err(storage_failed)
    }
}

/// The layer that the object wants: the first, or the first of a media type.
fn select<'a>(object: &OciRepository, manifest: &'a Manifest) -> Result<&'a Descriptor, String> {
    let wanted = object
        .spec
        .layer_selector
        .as_ref()
        .and_then(|it| it.media_type.as_deref());
    let first = manifest.layers.first().ok_or("no layers found in artifact")?;
    match wanted.filter(|it| !it.is_empty()) {
        None => Ok(first),
        Some(wanted) => {
            let found = manifest.layers.iter().find(|it| it.media_type == wanted);
            found.ok_or_else(|| format!("failed to find layer with media type '{wanted}' in artifact"))
        }
    }
}
