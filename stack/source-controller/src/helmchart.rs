//! A HelmChart becomes an artifact: pulled from a repository, or packaged from a source.

mod build;
mod dependencies;
mod local;
mod remote;

use std::{sync::Arc, time::Duration};

use artifact::Storage;
use edges::Edges;
use flux_api::{
    Artifact, Bucket, ConditionStatus, GitRepository, HelmChart, HelmChartStatus, HelmRepository, Reason,
    helm::ChartSourceKind,
    meta::{CHART_BUILD_FAILED, FETCH_FAILED, SOURCE_VERIFIED, STORAGE_OPERATION_FAILED},
    reason, source,
};
use flux_runtime::{Announce, Change, Done, Failure, Objects, Progress, Reconciler, Watch, explain_cached};
use kube::{Api, ResourceExt, discovery::ApiResource};
use manifest::{Gvk, Key, object};
use serde_json::Value;

use crate::{
    helmrepository::is_oci,
    source::{Before, Shelf, begin, failed, in_storage, outdated, trace},
};
use build::{Build, Content, Problem};

/// What makes a pass that changed nothing worth an event when they go.
const FAILURES: [&str; 3] = [CHART_BUILD_FAILED, FETCH_FAILED, STORAGE_OPERATION_FAILED];

/// The reconciler of HelmCharts.
pub(crate) struct HelmCharts {
    shelf: Shelf,
}

/// Where a chart comes from.
enum Source {
    Repository(Box<HelmRepository>),
    /// The archive of a tree.
    Tree(ChartSourceKind, Artifact),
}

impl HelmCharts {
    pub(crate) fn new(edges: Edges, storage: Storage) -> Self {
        Self {
            shelf: Shelf::new(edges, storage, "helmchart"),
        }
    }

    async fn source(&self, object: &HelmChart) -> Result<(Source, Option<Artifact>), Failure> {
        let namespace = object.namespace().unwrap_or_default();
        let (kube, name) = (self.shelf.edges.kube.clone(), &object.spec.source_ref.name);
        let kind = object.spec.source_ref.kind;
        let missing = |error: kube::Error| {
            let kind = Gvk::new(source::API_VERSION, &kind.to_string());
            let text = format!("failed to get source: {}", explain_cached(&error, &kind, name));
            Failure::retry(reason::SOURCE_UNAVAILABLE, text)
        };
        let none = || {
            let text = format!("no artifact available for {kind} source '{name}'");
            Failure::retry(reason::NO_SOURCE_ARTIFACT, text.clone()).announce(Announce::Normal(text))
        };
        let artifact = match kind {
            ChartSourceKind::HelmRepository => {
                let api: Api<HelmRepository> = Api::namespaced(kube, &namespace);
                let found = api.get(name).await.map_err(missing)?;
                let artifact = found.status.clone().and_then(|it| it.artifact);
                if artifact.is_none() && !is_oci(&found) {
                    return Err(none());
                }
                return Ok((Source::Repository(Box::new(found)), artifact));
            }
            ChartSourceKind::GitRepository => {
                let api: Api<GitRepository> = Api::namespaced(kube, &namespace);
                api.get(name)
                    .await
                    .map_err(missing)?
                    .status
                    .and_then(|it| it.artifact)
            }
            ChartSourceKind::Bucket => {
                let api: Api<Bucket> = Api::namespaced(kube, &namespace);
                api.get(name)
                    .await
                    .map_err(missing)?
                    .status
                    .and_then(|it| it.artifact)
            }
        };
        let artifact = artifact
            .filter(|it| self.shelf.storage.exists(&it.path))
            .ok_or_else(none)?;
        Ok((Source::Tree(kind, artifact.clone()), Some(artifact)))
    }

    async fn build(
        &self,
        object: &HelmChart,
        status: &HelmChartStatus,
        progress: &Progress,
        source: Source,
    ) -> Result<Build, Failure> {
        let built = match source {
            Source::Repository(repository) => self.build_from_repository(object, status, &repository).await,
            Source::Tree(kind, artifact) => self.build_from_tree(object, status, kind, artifact).await,
        };
        built.map_err(|problem| match problem {
            Problem::Refused(failure) => failed(progress, FETCH_FAILED, failure),
            Problem::Build(error) => {
                let failure = error.failure();
                if error.is_verification() {
                    progress.set(
                        SOURCE_VERIFIED,
                        ConditionStatus::False,
                        reason::VERIFICATION_ERROR,
                        failure.message(),
                    );
                }
                let condition = if error.is_fetch() {
                    FETCH_FAILED
                } else {
                    CHART_BUILD_FAILED
                };
                failed(progress, condition, failure)
            }
        })
    }

    async fn store(
        &self,
        object: &HelmChart,
        status: &mut HelmChartStatus,
        progress: &Progress,
        build: &Build,
        content: Vec<u8>,
    ) -> Result<Artifact, Failure> {
        let path = self
            .shelf
            .path(object, &format!("{}-{}.tgz", build.name, build.version));
        let content = std::io::Cursor::new(content);
        let stored = self
            .shelf
            .copy(path, content, "unable to copy Helm chart to storage")
            .await;
        let stored = stored.map_err(|failure| failed(progress, STORAGE_OPERATION_FAILED, failure))?;
        let artifact = self.shelf.artifact(stored, &build.version);
        self.shelf
            .publish(status, progress, &artifact, "latest.tar.gz")
            .await;
        status.observed_chart_name = Some(build.name.clone());
        let lenient = object.spec.ignore_missing_values_files == Some(true);
        status.observed_values_files = Some(build.values_files.clone()).filter(|_| lenient);
        Ok(artifact)
    }
}

/// Whether the chart of this name and version is what is in storage, made of the spec as it is.
fn is_current(object: &HelmChart, status: &HelmChartStatus, name: &str, version: &str) -> bool {
    let generation = object.metadata.generation;
    generation == status.observed_generation
        && status.observed_chart_name.as_deref() == Some(name)
        && status.artifact.as_ref().is_some_and(|it| it.revision == version)
}

impl Reconciler for HelmCharts {
    type Object = HelmChart;
    type Status = HelmChartStatus;

    const CONTROLLER: &'static str = "source-controller";

    fn interval(&self, object: &HelmChart) -> Duration {
        object.spec.interval.0
    }

    fn suspended(&self, object: &HelmChart) -> bool {
        object.spec.suspend == Some(true)
    }

    async fn reconcile(
        &self,
        object: &HelmChart,
        status: &mut HelmChartStatus,
        progress: &Progress,
    ) -> Result<Done, Failure> {
        let before = Before::of(status, progress, &FAILURES);
        begin(object, status, progress).await?;
        self.shelf.check(object, status, progress).await?;
        crate::ocirepository::forget_failure(progress);

        let fetch_failed = |failure| failed(progress, FETCH_FAILED, failure);
        let (source, artifact) = self.source(object).await.map_err(fetch_failed)?;
        if let Some(artifact) = artifact {
            status.observed_source_artifact_revision = Some(artifact.revision);
        }
        let mut build = self.build(object, status, progress, source).await?;
        progress.clear(FETCH_FAILED);
        progress.clear(CHART_BUILD_FAILED);
        if object.spec.verify.is_some() {
            let text = format!("verified signature of version {}", build.version);
            progress.set(SOURCE_VERIFIED, ConditionStatus::True, reason::SUCCEEDED, text);
        } else {
            progress.clear(SOURCE_VERIFIED);
        }
        let summary = build.summary();
        let artifact = match (
            std::mem::replace(&mut build.content, Content::Current),
            status.artifact.clone(),
        ) {
            (Content::Current, Some(current)) => {
                let text = format!("artifact up-to-date with remote revision: '{}'", build.version);
                trace(progress, reason::ARTIFACT_UP_TO_DATE, text).await;
                current
            }
            (Content::New(content), current) => {
                let known = status.observed_chart_name.as_deref() == Some(build.name.as_str());
                if !known || current.is_none_or(|it| it.revision != build.version) {
                    outdated(status, progress, reason::NEW_CHART, &summary).await?;
                }
                self.store(object, status, progress, &build, content).await?
            }
            // Only what is in storage is current.
            (Content::Current, None) => {
                return Err(Failure::retry(reason::NO_ARTIFACT, "the chart is not in storage"));
            }
        };
        let word: Reason = build.reason();
        in_storage(progress, word, &summary);
        self.shelf.collect(status, progress).await?;
        before
            .announce_news(progress, &artifact, (word, word), summary.clone())
            .await;
        Ok(Done::new(word, summary))
    }

    async fn finalize(
        &self,
        object: &HelmChart,
        status: &mut HelmChartStatus,
        progress: &Progress,
    ) -> Result<(), Failure> {
        self.shelf.clear(object, status, progress).await
    }
}

/// Wakes the charts of a source that has another artifact.
pub(crate) fn watches() -> Vec<Watch> {
    let watch = |resource: ApiResource| {
        let kind = resource.kind.clone();
        Watch {
            resource,
            labels: None,
            map: Arc::new(move |change: &Change<'_>, charts: &Objects| concerned(&kind, change, charts)),
        }
    };
    vec![
        watch(ApiResource::erase::<HelmRepository>(&())),
        watch(ApiResource::erase::<GitRepository>(&())),
        watch(ApiResource::erase::<Bucket>(&())),
    ]
}

fn concerned(kind: &str, change: &Change<'_>, charts: &Objects) -> Vec<Key> {
    let revision = |source: &Value| source.pointer("/status/artifact/revision").cloned();
    let Some(new) = revision(change.new) else {
        return Vec::new();
    };
    if change.old.and_then(revision).as_ref() == Some(&new) {
        return Vec::new();
    }
    let (namespace, name) = (object::namespace(change.new), object::name(change.new));
    let uses = |chart: &Value| {
        let of = |path: &str| chart.pointer(path).and_then(Value::as_str);
        of("/spec/sourceRef/kind") == Some(kind)
            && of("/spec/sourceRef/name") == Some(name)
            && chart.pointer("/status/observedSourceArtifactRevision") != Some(&new)
    };
    let found = charts
        .iter()
        .filter(|(key, chart)| key.namespace == namespace && uses(chart));
    found.map(|(key, _)| key.clone()).collect()
}
