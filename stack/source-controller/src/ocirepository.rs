//! An OCIRepository becomes an artifact.

mod reference;
mod registry;
mod store;
mod verify;

use std::time::Duration;

use artifact::Storage;
use edges::Edges;
use flux_api::{
    OciRepository, OciRepositoryStatus,
    meta::{FETCH_FAILED, STORAGE_OPERATION_FAILED},
    reason,
};
use flux_runtime::{Done, Failure, Progress, Reconciler};
use oci::{Remote, Repository, Target};

pub(crate) use verify::forget_failure;

use crate::{
    DEFAULT_TIMEOUT,
    source::{Before, Shelf, begin, failed, outdated},
};

/// What makes a pass that changed nothing worth an event when they go.
const FAILURES: [&str; 2] = [FETCH_FAILED, STORAGE_OPERATION_FAILED];

const SOURCE: &str = "org.opencontainers.image.source";
const REVISION: &str = "org.opencontainers.image.revision";

/// The reconciler of OCIRepositories.
pub(crate) struct OciRepositories {
    shelf: Shelf,
}

/// What the object means at this moment.
pub(crate) struct Resolved {
    remote: Remote,
    repository: Repository,
    digest: String,
    revision: String,
}

impl OciRepositories {
    pub(crate) fn new(edges: Edges, storage: Storage) -> Self {
        Self {
            shelf: Shelf::new(edges, storage, "ocirepository"),
        }
    }

    /// Where the registry stands now.
    async fn resolve(&self, object: &OciRepository) -> Result<Resolved, Failure> {
        let keychain = self.keychain(object).await?;
        let client = self.client(object).await?;
        let repository = reference::repository(&object.spec.url)?;
        let credentials = keychain.find(repository.registry(), repository.path());
        let spec = object.spec.reference.clone().unwrap_or_default();
        let by_version = spec.semver.as_ref().is_some_and(|it| !it.is_empty()) && !has(spec.digest.as_ref());
        let refused = |error: String| {
            let (reason, what) = if by_version {
                let what = format!("failed to determine the artifact tag for '{}'", object.spec.url);
                (reason::READ_OPERATION_FAILED, what)
            } else {
                (
                    reason::OCI_PULL_FAILED,
                    "failed to determine artifact digest".to_owned(),
                )
            };
            Failure::retry(reason, format!("{what}: {error}"))
        };
        let remote = self
            .within(object, client.open(&repository, &credentials))
            .await
            .map_err(&refused)?;
        let target = match by_version {
            true => {
                let tags = self.within(object, remote.tags()).await.map_err(&refused)?;
                Target::Tag(reference::by_version(object, &spec, tags).map_err(&refused)?)
            }
            false => reference::target(&spec),
        };
        let digest = match &target {
            Target::Digest(digest) => reference::digest(digest).map(str::to_owned),
            Target::Tag(tag) => self.within(object, remote.digest(tag)).await,
        };
        let digest = digest.map_err(|error| {
            let text = format!("failed to determine artifact digest: {error}");
            Failure::retry(reason::OCI_PULL_FAILED, text)
        })?;
        Ok(Resolved {
            remote,
            revision: match target {
                Target::Digest(_) => digest.clone(),
                Target::Tag(tag) => format!("{tag}@{digest}"),
            },
            repository,
            digest,
        })
    }

    /// A request that ends with the object's patience.
    async fn within<T, E: std::fmt::Display>(
        &self,
        object: &OciRepository,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, String> {
        let patience = object.spec.timeout.map_or(DEFAULT_TIMEOUT, |it| it.0);
        match self.shelf.edges.clock.timeout(patience, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(error.to_string()),
            Err(elapsed) => Err(format!("context {elapsed}")),
        }
    }
}

fn has(text: Option<&String>) -> bool {
    text.is_some_and(|it| !it.is_empty())
}

/// Whether the artifact was made with other settings than the object has now.
fn settings_changed(object: &OciRepository, status: &OciRepositoryStatus) -> bool {
    object.spec.ignore != status.observed_ignore
        || object.spec.layer_selector != status.observed_layer_selector
}

impl Reconciler for OciRepositories {
    type Object = OciRepository;
    type Status = OciRepositoryStatus;

    const CONTROLLER: &'static str = "source-controller";

    fn interval(&self, object: &OciRepository) -> Duration {
        object.spec.interval.0
    }

    fn suspended(&self, object: &OciRepository) -> bool {
        object.spec.suspend == Some(true)
    }

    async fn reconcile(
        &self,
        object: &OciRepository,
        status: &mut OciRepositoryStatus,
        progress: &Progress,
    ) -> Result<Done, Failure> {
        let before = Before::of(status, progress, &FAILURES);
        begin(object, status, progress).await?;
        self.shelf.check(object, status, progress).await?;
        forget_failure(progress);

        let fetch_failed = |failure| failed(progress, FETCH_FAILED, failure);
        let resolved = self.resolve(object).await.map_err(fetch_failed)?;
        let news = status.artifact.as_ref().map(|it| &it.revision) != Some(&resolved.revision);
        if news {
            let target = match resolved.revision.split_once('@') {
                Some((tag, _)) => format!("{}:{tag}", resolved.repository),
                None => format!("{}@{}", resolved.repository, resolved.digest),
            };
            let message = format!("new revision '{}' for '{target}'", resolved.revision);
            outdated(status, progress, reason::NEW_REVISION, &message).await?;
        }
        self.verify(object, &resolved, news, progress).await?;
        let artifact = self.store(object, status, progress, &resolved).await?;

        let mut text = format!(
            "stored artifact with revision '{}' from '{}'",
            artifact.revision, object.spec.url
        );
        let facts = artifact.metadata.clone().unwrap_or_default();
        if let (Some(source), Some(revision)) = (facts.get(SOURCE), facts.get(REVISION)) {
            text += &format!(", origin source '{source}', origin revision '{revision}'");
        }
        before
            .announce_news(
                progress,
                &artifact,
                (reason::NEW_ARTIFACT, reason::SUCCEEDED),
                text,
            )
            .await;
        Ok(Done::new(
            reason::SUCCEEDED,
            format!("stored artifact for digest '{}'", artifact.revision),
        ))
    }

    async fn finalize(
        &self,
        object: &OciRepository,
        status: &mut OciRepositoryStatus,
        progress: &Progress,
    ) -> Result<(), Failure> {
        self.shelf.clear(object, status, progress).await
    }
}
