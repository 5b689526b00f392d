//! A HelmRepository's index becomes an artifact; one of type `oci` is only a note where charts are.

use std::time::Duration;

use artifact::Storage;
use edges::Edges;
use flux_api::{
    HelmRepository, HelmRepositoryStatus,
    helm::HelmRepositoryType,
    meta::{FETCH_FAILED, STORAGE_OPERATION_FAILED},
    reason,
};
use flux_runtime::{Done, Failure, Progress, Reconciler};

use crate::{
    DEFAULT_TIMEOUT,
    helm::{Reader, human_size, index::Index},
    limits,
    source::{Before, Shelf, begin, failed, in_storage, outdated, trace},
};

/// What makes a pass that changed nothing worth an event when they go.
const FAILURES: [&str; 2] = [FETCH_FAILED, STORAGE_OPERATION_FAILED];

/// How often an index is looked at where the object does not say.
const INTERVAL: Duration = Duration::from_secs(60);

/// The reconciler of HelmRepositories.
pub(crate) struct HelmRepositories {
    shelf: Shelf,
}

/// Whether the object only notes where an OCI registry is.
pub(crate) fn is_oci(object: &HelmRepository) -> bool {
    object.spec.repository_type == Some(HelmRepositoryType::Oci)
}

impl HelmRepositories {
    pub(crate) fn new(edges: Edges, storage: Storage) -> Self {
        Self {
            shelf: Shelf::new(edges, storage, "helmrepository"),
        }
    }

    async fn fetch(&self, object: &HelmRepository) -> Result<Vec<u8>, Failure> {
        let invalid = |error: &str| {
            Failure::stalled(
                reason::URL_INVALID,
                format!("invalid Helm repository URL: {error}"),
            )
        };
        if object.spec.url.starts_with("oci://") {
            return Err(invalid(
                "'oci' URL scheme cannot be used with 'default' HelmRepository type",
            ));
        }
        let url = &object.spec.url;
        url.parse::<http::Uri>()
            .map_err(|error| invalid(&format!("parse \"{url}\": {error}")))?;
        let reader = Reader::of(&self.shelf.edges, object).await?;
        let address = format!("{}index.yaml", reader.url);
        let patience = object.spec.timeout.map_or(DEFAULT_TIMEOUT, |it| it.0);
        let got = self
            .shelf
            .edges
            .clock
            .timeout(patience, reader.get(&address, limits::INDEX))
            .await;
        let got = got.unwrap_or_else(|elapsed| Err(format!("Get \"{address}\": context {elapsed}")));
        got.map(|bytes| bytes.to_vec()).map_err(|error| {
            let error = if error.starts_with("response exceeds") {
                format!(
                    "index exceeds the maximum index file size of {} bytes",
                    limits::INDEX
                )
            } else {
                error
            };
            let text = format!(
                "failed to fetch Helm repository index: failed to cache index to temporary file: {error}"
            );
            Failure::retry(reason::FAILED, text)
        })
    }
}

impl Reconciler for HelmRepositories {
    type Object = HelmRepository;
    type Status = HelmRepositoryStatus;

    const CONTROLLER: &'static str = "source-controller";

    fn interval(&self, object: &HelmRepository) -> Duration {
        object.spec.interval.map_or(INTERVAL, |it| it.0)
    }

    fn suspended(&self, object: &HelmRepository) -> bool {
        object.spec.suspend == Some(true)
    }

    fn inert(&self, object: &HelmRepository) -> bool {
        is_oci(object)
    }

    async fn reconcile(
        &self,
        object: &HelmRepository,
        status: &mut HelmRepositoryStatus,
        progress: &Progress,
    ) -> Result<Done, Failure> {
        let before = Before::of(status, progress, &FAILURES);
        begin(object, status, progress).await?;
        self.shelf.check(object, status, progress).await?;

        let fetch_failed = |failure| failed(progress, FETCH_FAILED, failure);
        let bytes = self.fetch(object).await.map_err(fetch_failed)?;
        let revision = oci::digest_of(&bytes);
        let message = format!("stored artifact: revision '{revision}'");
        let current = status.artifact.clone().filter(|it| it.revision == revision);
        let artifact = if let Some(current) = current {
            progress.clear(FETCH_FAILED);
            let text = format!("artifact up-to-date with remote revision: '{revision}'");
            trace(progress, reason::ARTIFACT_UP_TO_DATE, text).await;
            current
        } else {
            let parsed = self.shelf.edges.blocking.run(move |_| Index::parse(&bytes)).await;
            let index = parsed.map_err(|error| {
                let text =
                    format!("failed to load Helm repository from index YAML: failed to load index: {error}");
                fetch_failed(Failure::retry(reason::INDEXATION_FAILED, text))
            })?;
            progress.clear(FETCH_FAILED);
            let text = format!("new index revision '{revision}'");
            outdated(status, progress, reason::NEW_REVISION, &text).await?;
            let hex = revision.trim_start_matches("sha256:");
            let path = self.shelf.path(object, &format!("index-{hex}.yaml"));
            let content = std::io::Cursor::new(index.to_json());
            let stored = self
                .shelf
                .copy(path, content, "unable to save artifact to storage")
                .await;
            let stored = stored.map_err(|failure| failed(progress, STORAGE_OPERATION_FAILED, failure))?;
            let artifact = self.shelf.artifact(stored, &revision);
            self.shelf
                .publish(status, progress, &artifact, "index.yaml")
                .await;
            artifact
        };
        in_storage(progress, reason::SUCCEEDED, &message);
        self.shelf.collect(status, progress).await?;

        let size = human_size(artifact.size.unwrap_or_default());
        let text = format!("stored fetched index of size {size} from '{}'", object.spec.url);
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
        object: &HelmRepository,
        status: &mut HelmRepositoryStatus,
        progress: &Progress,
    ) -> Result<(), Failure> {
        self.shelf.clear(object, status, progress).await
    }
}
