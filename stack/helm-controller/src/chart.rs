//! Stage: the chart, found, fetched and marked with the digest it came with.

use artifact::FetchError;
use flux_api::{
    Artifact, HelmRelease,
    helm_release::ChartReferenceKind,
    meta::{Condition, READY, STALLED, condition, is_true},
    reason::{ACCESS_DENIED, ARTIFACT_FAILED, CHART_MUTATE_ERROR, SOURCE_NOT_READY},
    source,
};
use flux_runtime::Failure;
use helm::Chart;
use kube::ResourceExt;
use manifest::{Gvk, ObjectRef, object};
use serde_json::Value;
use stdx::duration::format as go;
use version::Version;

use crate::reconcile::Helmsman;

/// Digits of a digest in a version.
const DIGEST: usize = 12;

/// A chart, and the digest of the artifact that it came as, if its source has one.
pub(crate) struct Found {
    pub(crate) chart: Chart,
    pub(crate) oci_digest: Option<String>,
}

/// The object that has the chart, if it may be used and is ready.
pub(crate) async fn resolve(
    cx: &Helmsman,
    object: &HelmRelease,
) -> Result<(ChartReferenceKind, Artifact), Failure> {
    let Some((kind, namespace, name)) = object.chart_source() else {
        return Err(Failure::stalled(ARTIFACT_FAILED, "invalid Chart reference"));
    };
    let denied = |text: String| Failure::stalled(ACCESS_DENIED, text);
    if cx.config.no_cross_namespace_refs && Some(&namespace) != object.namespace().as_ref() {
        return Err(denied(format!(
            "cross-namespace references are not allowed: cannot access {kind} {namespace}/{name}"
        )));
    }
    if kind == ChartReferenceKind::ExternalArtifact && !cx.config.external_artifact {
        return Err(denied(format!(
            "can't access '{kind}/{namespace}/{name}', ExternalArtifact feature gate is disabled"
        )));
    }
    let reference = ObjectRef {
        gvk: Gvk::new(source::API_VERSION, kind.as_str()),
        namespace,
        name,
    };
    let found = cx.cluster.get(&reference).await.map_err(|error| {
        Failure::retry(ARTIFACT_FAILED, format!("could not get Source object: {error}")).silent()
    })?;
    let artifact = ready(kind, &found).map_err(|why| {
        let ObjectRef { namespace, name, .. } = &reference;
        let text = format!("{kind} '{namespace}/{name}' is not ready: {why}");
        Failure::waiting(cx.config.requeue_dependency, SOURCE_NOT_READY, text).silent()
    })?;
    Ok((kind, artifact))
}

/// The artifact of a source, or why there is none to be used.
fn ready(kind: ChartReferenceKind, found: &Value) -> Result<Artifact, String> {
    let artifact = found.pointer("/status/artifact").cloned().unwrap_or_default();
    let artifact: Option<Artifact> = serde_json::from_value(artifact).map_err(|error| error.to_string())?;
    let missing = || "does not have an artifact".to_owned();
    if kind == ChartReferenceKind::ExternalArtifact {
        return artifact.ok_or_else(missing);
    }
    let list = found.pointer("/status/conditions").cloned().unwrap_or_default();
    let conditions: Vec<Condition> = serde_json::from_value(list).unwrap_or_default();
    let observed = found
        .pointer("/status/observedGeneration")
        .and_then(Value::as_i64);
    if observed != Some(object::generation(found)) {
        let ready = condition(&conditions, READY);
        let failed = ready.filter(|ready| ready.status == flux_api::ConditionStatus::False);
        let text = failed.map(|ready| ready.message.clone());
        return Err(text.unwrap_or_else(|| "latest generation of object has not been reconciled".to_owned()));
    }
    if is_true(&conditions, STALLED) {
        let stalled = condition(&conditions, STALLED);
        return Err(stalled.map(|stalled| stalled.message.clone()).unwrap_or_default());
    }
    artifact.ok_or_else(missing)
}

/// Fetches and loads the chart.
pub(crate) async fn load(
    cx: &Helmsman,
    kind: ChartReferenceKind,
    artifact: &Artifact,
) -> Result<Found, Failure> {
    let broken = |error: &dyn std::fmt::Display| {
        Failure::retry(ARTIFACT_FAILED, format!("Could not load chart: {error}"))
            .announce(flux_runtime::Announce::Warning(error.to_string()))
    };
    let bytes = cx.fetcher.fetch_file(&artifact.url, &artifact.digest).await;
    let bytes = bytes.map_err(|error| match error {
        FetchError::NotFound => {
            let delay = cx.config.requeue_dependency;
            let text = format!("Source not ready: artifact not found. Retrying in {}", go(delay));
            Failure::waiting(delay, ARTIFACT_FAILED, text).silent()
        }
        other => broken(&other),
    })?;
    let mut chart = Chart::load_archive(&bytes).map_err(|error| broken(&error))?;
    let mutated = |text: String| Failure::retry(CHART_MUTATE_ERROR, text).silent();
    let tracked = tracked(kind, &artifact.revision, &chart.metadata.version).map_err(mutated)?;
    let oci_digest = tracked.map(|(digest, version)| {
        if cx.config.digest_tracking {
            chart.metadata.version = version;
        }
        digest
    });
    Ok(Found { chart, oci_digest })
}

/// The digest in a revision, and the version that tells it.
fn tracked(
    kind: ChartReferenceKind,
    revision: &str,
    version: &str,
) -> Result<Option<(String, String)>, String> {
    if kind == ChartReferenceKind::HelmChart {
        return Ok(None);
    }
    let (tag, digest) = match revision.split_once('@') {
        Some((tag, digest)) => (Some(tag), digest),
        None => (None, revision),
    };
    let Some((_, hex)) = digest.split_once(':') else {
        // An artifact of another controller need not have a digest in its revision.
        return match kind {
            ChartReferenceKind::ExternalArtifact => Ok(None),
            _ => Err(format!("invalid digest {digest}")),
        };
    };
    let own = version
        .parse::<Version>()
        .map_err(|_| format!("invalid chart version {version}"))?;
    if let Some(tag) = tag
        && let Ok(tagged) = tag.parse::<Version>()
        && tagged.cmp(&own) != std::cmp::Ordering::Equal
    {
        return Err(format!(
            "artifact revision {tag} does not match chart version {version}"
        ));
    }
    let hex = hex.get(..DIGEST).unwrap_or(hex);
    let (plain, _) = version.split_once('+').unwrap_or((version, ""));
    let tagged = tag.is_some_and(|tag| tag.parse::<Version>().is_ok());
    let digest = if tagged { digest } else { revision };
    Ok(Some((digest.to_owned(), format!("{plain}+{hex}"))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OCI: ChartReferenceKind = ChartReferenceKind::OciRepository;

    // Covers: HC-14, HC-15.
    #[test]
    fn versions_tell_the_digest_they_came_with() {
        let of = |revision: &str, version: &str| tracked(OCI, revision, version);
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        assert_eq!(
            of(&format!("6.5.0@{digest}"), "6.5.0+old"),
            Ok(Some((digest.clone(), "6.5.0+0123456789ab".to_owned())))
        );
        assert_eq!(
            of(&format!("latest@{digest}"), "6.5.0"),
            Ok(Some((
                format!("latest@{digest}"),
                "6.5.0+0123456789ab".to_owned()
            )))
        );
        assert_eq!(
            of(&format!("6.5.1@{digest}"), "6.5.0").unwrap_err(),
            "artifact revision 6.5.1 does not match chart version 6.5.0"
        );
        assert_eq!(tracked(ChartReferenceKind::HelmChart, "6.5.0", "6.5.0"), Ok(None));
    }

    // Covers: HC-12.
    #[test]
    fn a_source_says_why_it_is_not_ready() {
        let of = |generation: i64, conditions: Value| {
            let found = json!({"metadata": {"generation": generation},
                "status": {"observedGeneration": 1, "conditions": conditions}});
            ready(ChartReferenceKind::HelmChart, &found).unwrap_err()
        };
        let entry = |kind: &str, status: &str| {
            json!([{"type": kind, "status": status, "reason": "R", "message": "invalid chart reference: no",
                "lastTransitionTime": "2024-01-01T00:00:00Z"}])
        };
        assert_eq!(of(1, json!([])), "does not have an artifact");
        assert_eq!(of(1, entry("Stalled", "True")), "invalid chart reference: no");
        assert_eq!(of(2, entry("Ready", "False")), "invalid chart reference: no");
        assert_eq!(
            of(2, json!([])),
            "latest generation of object has not been reconciled"
        );
    }
}
