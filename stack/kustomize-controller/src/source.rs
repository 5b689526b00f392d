//! Stage: the source's artifact, found and fetched.

use artifact::FetchError;
use flux_api::{
    Artifact, Kustomization,
    kustomization::SourceKind,
    reason::{ACCESS_DENIED, ARTIFACT_FAILED},
    source,
};
use flux_runtime::{Disposition::Retry, Failure, OrFail, not_in_cache};
use kube::ResourceExt;
use manifest::{Gvk, ObjectRef};
use stdx::duration::format as go;

use crate::{files::Tree, reconcile::Kustomizer};

/// The artifact that the source has now.
pub(crate) async fn resolve(cx: &Kustomizer, object: &Kustomization) -> Result<Artifact, Failure> {
    let kind = object.spec.source_ref.kind;
    let namespace = object.source_namespace();
    let name = object.spec.source_ref.name.clone();
    if kind == SourceKind::ExternalArtifact && !cx.config.external_artifact {
        let text =
            format!("can't access '{kind}/{namespace}/{name}', ExternalArtifact feature gate is disabled");
        return Err(Failure::stalled(ACCESS_DENIED, text).unobserved());
    }
    if cx.config.no_cross_namespace_refs && Some(&namespace) != object.namespace().as_ref() {
        let text =
            format!("can't access '{kind}/{namespace}/{name}', cross-namespace references have been blocked");
        return Err(Failure::stalled(ACCESS_DENIED, text).unobserved());
    }
    let reference = ObjectRef {
        gvk: Gvk::new(source::API_VERSION, kind.as_str()),
        namespace,
        name,
    };
    let found = cx.cluster.get(&reference).await.map_err(|error| {
        if error.is_not_found() {
            // No event: the source is most likely about to be created.
            return Failure::retry(ARTIFACT_FAILED, not_in_cache(&reference.gvk, &reference.name)).silent();
        }
        let ObjectRef { namespace, name, .. } = &reference;
        let text = format!("unable to get source '{namespace}/{name}': {error}");
        Failure::retry(ARTIFACT_FAILED, text).with_backoff()
    })?;
    let artifact = found.pointer("/status/artifact").cloned().unwrap_or_default();
    serde_json::from_value::<Option<Artifact>>(artifact)
        .or_fail(Retry, ARTIFACT_FAILED)?
        .ok_or_else(|| not_there_yet(cx, "Source artifact not found"))
}

fn not_there_yet(cx: &Kustomizer, what: &str) -> Failure {
    let delay = cx.config.requeue_dependency;
    let text = format!("{what}, retrying in {}", go(delay));
    Failure::waiting(delay, ARTIFACT_FAILED, text).silent()
}

/// The artifact's tree, unpacked, and in it the directory to build.
pub(crate) async fn fetch(
    cx: &Kustomizer,
    object: &Kustomization,
    artifact: &Artifact,
) -> Result<Tree, Failure> {
    let directory = tempfile::tempdir_in(cx.edges.disk.path()).or_fail(Retry, ARTIFACT_FAILED)?;
    let fetched = cx
        .fetcher
        .fetch(&artifact.url, &artifact.digest, directory.path())
        .await;
    fetched.map_err(|error| match error {
        FetchError::NotFound => not_there_yet(cx, "Source is not ready, artifact not found"),
        other => Failure::retry(ARTIFACT_FAILED, other),
    })?;
    let tree = Tree::new(directory, object.spec.path.as_deref().unwrap_or("./"));
    if !tree.has_start() {
        // The real directory has a name by chance; messages are to be reproducible.
        let shown = format!("/tmp/kustomization-{}", object.name_any());
        let text = format!(
            "kustomization path not found: stat {shown}/{}: no such file or directory",
            tree.start()
        );
        return Err(Failure::retry(ARTIFACT_FAILED, text));
    }
    Ok(tree)
}
