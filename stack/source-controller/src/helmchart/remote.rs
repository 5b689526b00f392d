//! Charts of Helm repositories.

use std::io::Read;

use flux_api::{HelmChart, HelmChartStatus, HelmRepository, oci::VerificationProvider, reason};
use flux_runtime::Failure;
use kube::ResourceExt;
use oci::{PublicKey, Remote, Repository, Target};
use version::{Constraint, Version};

use super::{
    HelmCharts,
    build::{Build, BuildError, Content, Part, Problem, clean, merge_values, values_files, with_metadata},
    is_current,
};
use crate::{
    DEFAULT_TIMEOUT,
    chart::Chart,
    helm::{
        Reader,
        index::{ChartVersion, Index},
        resolve, shown,
    },
    helmrepository::is_oci,
    limits, secrets, unsupported,
};

const LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// A chart's version, and how to get it.
pub(super) struct Found {
    pub(super) chart: ChartVersion,
    remote: Option<Remote>,
}

impl Found {
    /// A version that an index has.
    pub(super) fn of_index(chart: ChartVersion) -> Self {
        Self { chart, remote: None }
    }
}

/// What tells that somebody was not let in, as upstream looks for it.
const UNAUTHORIZED: [&str; 5] = [
    "401",
    "unauthorized",
    "authentication required",
    "tls",
    "unknown certificate authority",
];

impl HelmCharts {
    pub(super) async fn build_from_repository(
        &self,
        object: &HelmChart,
        status: &HelmChartStatus,
        repository: &HelmRepository,
    ) -> Result<Build, Problem> {
        let reader = Reader::of(&self.shelf.edges, repository)
            .await
            .map_err(Problem::Refused)?;
        let patience = repository.spec.timeout.map_or(DEFAULT_TIMEOUT, |it| it.0);
        let work = self.pull(object, status, repository, &reader);
        let done = self.shelf.edges.clock.timeout(patience, work).await;
        let built = done.unwrap_or_else(|elapsed| {
            Err(Part::Pull
                .failed(format!(
                    "failed to download chart for remote reference: context {elapsed}"
                ))
                .into())
        });
        built.map_err(|problem| match problem {
            Problem::Build(error) if UNAUTHORIZED.iter().any(|it| error.cause().contains(it)) => {
                let text = format!(
                    "failed to authenticate with the Helm repository: {}",
                    error.failure().message()
                );
                Problem::Refused(Failure::retry(reason::AUTHENTICATION_FAILED, text))
            }
            other => other,
        })
    }

    async fn pull(
        &self,
        object: &HelmChart,
        status: &HelmChartStatus,
        repository: &HelmRepository,
        reader: &Reader,
    ) -> Result<Build, Problem> {
        let name = &object.spec.chart;
        let plain = |it: char| matches!(it, 'a'..='z' | '0'..='9' | '-' | '/' | '.');
        if name.is_empty() || !name.chars().all(plain) {
            let text = format!(
                "invalid chart name '{name}': a valid name must be lower case letters and numbers and MAY be separated with dashes (-), slashes (/) or periods (.)"
            );
            return Err(Part::Reference.failed(text).into());
        }
        let wanted = object.spec.version.as_deref().unwrap_or("*");
        let artifact = repository.status.as_ref().and_then(|it| it.artifact.as_ref());
        let index = artifact.filter(|_| !is_oci(repository)).map(|it| it.path.clone());
        let found = self
            .find(
                reader,
                index,
                repository.spec.insecure == Some(true),
                name,
                wanted,
            )
            .await?;
        if object.spec.verify.is_some() {
            self.verify(object, &found).await?;
        }
        let metadata = if values_files(object).is_empty() {
            String::new()
        } else {
            object.metadata.generation.unwrap_or_default().to_string()
        };
        let mut build = Build {
            name: found.chart.name.clone(),
            version: with_metadata(&found.chart.version, &metadata)?,
            values_files: Vec::new(),
            packaged: !metadata.is_empty(),
            content: Content::Current,
        };
        // QUIRK: upstream counts a chart's own package as packaged only when it was changed.
        if is_current(object, status, &build.name, &build.version) {
            let known = status.observed_values_files.clone();
            build.values_files = known.unwrap_or_else(|| values_files(object).to_vec());
            return Ok(build);
        }
        let bytes = self.download(reader, &found).await.map_err(|error| {
            Part::Pull.failed(format!("failed to download chart for remote reference: {error}"))
        })?;
        self.finish(object, build, bytes).await
    }

    /// Checks a chart that was downloaded, and changes it as the object says.
    async fn finish(&self, object: &HelmChart, mut build: Build, bytes: Vec<u8>) -> Result<Build, Problem> {
        let object = object.clone();
        let work = move || -> Result<Build, BuildError> {
            let loaded = Chart::of_archive(&bytes[..]);
            if !build.packaged {
                let chart = loaded.map_err(|error| {
                    Part::Pull.failed(format!(
                        "failed to load chart metadata from written chart: {error}"
                    ))
                })?;
                chart.validate().map_err(|error| {
                    Part::Pull.failed(format!("failed to validate metadata of written chart: {error}"))
                })?;
                build.content = Content::New(bytes);
                return Ok(build);
            }
            let mut chart = loaded
                .map_err(|error| Part::Package.failed(format!("failed to load downloaded chart: {error}")))?;
            chart.set_version(&build.version);
            let read = |chart: &Chart, path: &str| Ok(chart.values(&clean(path)).map(<[u8]>::to_vec));
            let missing = |path: &str| format!("no values file found at path '{path}'");
            build.values_files = merge_values(
                &object,
                &mut chart,
                read,
                missing,
                "failed to merge chart values: ",
            )?;
            build.content = Content::New(chart.package().map_err(|error| Part::Package.failed(error))?);
            Ok(build)
        };
        Ok(self.shelf.edges.blocking.run(move |_| work()).await?)
    }

    /// A chart of an index in storage, or of a registry where there is none.
    pub(super) async fn find(
        &self,
        reader: &Reader,
        index: Option<String>,
        insecure: bool,
        name: &str,
        wanted: &str,
    ) -> Result<Found, BuildError> {
        let prefix = "failed to get chart version for remote reference";
        let Some(path) = index else {
            return self.find_tag(reader, insecure, name, wanted).await;
        };
        let text = self.shelf.on_disk(move |storage| {
            let mut bytes = Vec::new();
            storage
                .open(&path)?
                .take(limits::INDEX as u64 * 2)
                .read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(bytes)
        });
        let bytes = text
            .await
            .map_err(|error| Part::Pull.failed(format!("{prefix}: {error}")))?;
        let parsed = self.shelf.edges.blocking.run(move |_| Index::parse(&bytes)).await;
        let index =
            parsed.map_err(|error| Part::Pull.failed(format!("{prefix}: failed to load index: {error}")))?;
        let chart = index
            .find(name, wanted)
            .map_err(|error| Part::Reference.failed(format!("{prefix}: {error}")))?;
        Ok(Found::of_index(chart))
    }

    async fn find_tag(
        &self,
        reader: &Reader,
        insecure: bool,
        name: &str,
        wanted: &str,
    ) -> Result<Found, BuildError> {
        let prefix = "failed to get chart version for remote reference";
        let external = |error: String| Part::Pull.failed(format!("{prefix}: {error}"));
        let reference = |error: String| Part::Reference.failed(format!("{prefix}: {error}"));
        let path = format!("{}/{name}", reader.url.trim_start_matches("oci://"));
        let repository = Repository::parse(&path).map_err(|error| reference(error.to_string()))?;
        let client = oci::Client {
            http: reader.http.clone(),
            insecure,
        };
        let credentials = reader.keychain.find(repository.registry(), repository.path());
        let remote = client.open(&repository, &credentials).await;
        let remote = remote.map_err(|error| external(error.to_string()))?;
        let exact = Version::strict(wanted.trim_start_matches('v')).is_ok();
        let version = if exact {
            wanted.to_owned()
        } else {
            let tags = remote.tags().await;
            let tags =
                tags.map_err(|error| external(format!("could not get tags for \"{name}\": {error}")))?;
            let tags: Vec<String> = tags.into_iter().map(|it| it.replace('_', "+")).collect();
            highest(&tags, wanted).map_err(reference)?
        };
        let chart = ChartVersion {
            name: name.rsplit('/').next().unwrap_or(name).to_owned(),
            url: Some(format!("{}/{name}:{version}", reader.url)),
            version,
        };
        Ok(Found {
            chart,
            remote: Some(remote),
        })
    }

    /// A chart's bytes.
    pub(super) async fn download(&self, reader: &Reader, found: &Found) -> Result<Vec<u8>, String> {
        let url = found.chart.url.as_deref();
        let url = url.ok_or_else(|| format!("chart '{}' has no downloadable URLs", found.chart.name))?;
        let Some(remote) = &found.remote else {
            let address =
                resolve(&reader.url, url).ok_or_else(|| format!("invalid chart URL: {}", shown(url)))?;
            return reader
                .get(&address, limits::CHART)
                .await
                .map(|bytes| bytes.to_vec());
        };
        let failed = |error: String| format!("failed to get '{url}': {error}");
        let tag = Target::Tag(found.chart.version.replace('+', "_"));
        let manifest = remote
            .manifest(&tag)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let layer = manifest.layers.iter().find(|it| it.media_type == LAYER);
        let layer = layer.ok_or_else(|| {
            failed(format!(
                "manifest does not contain a layer with mediatype {LAYER}"
            ))
        })?;
        let root = self.shelf.storage.root();
        let file = remote.blob(layer, root, limits::CHART as u64).await;
        let mut bytes = Vec::new();
        let mut file = file.map_err(|error| failed(error.to_string()))?;
        file.read_to_end(&mut bytes)
            .map_err(|error| failed(error.to_string()))?;
        Ok(bytes)
    }

    /// Looks for a signature of the chart by a key of the object's Secret.
    async fn verify(&self, object: &HelmChart, found: &Found) -> Result<(), Problem> {
        let Some(wanted) = &object.spec.verify else {
            return Ok(());
        };
        let Some(remote) = &found.remote else {
            return Err(Part::Verification.failed("not implemented").into());
        };
        if wanted.provider == VerificationProvider::Notation {
            return Err(Problem::Refused(unsupported::failure(
                "verification by notation (spec.verify.provider)",
            )));
        }
        let Some(reference) = &wanted.secret_ref else {
            return Err(Problem::Refused(unsupported::failure(
                "keyless verification (spec.verify without secretRef)",
            )));
        };
        let url = found.chart.url.clone().unwrap_or_default();
        let failed = |error: String| Part::Verification.failed(format!("failed to verify {url}: {error}"));
        let namespace = object.namespace().unwrap_or_default();
        let data = secrets::data(&self.shelf.edges, &namespace, &reference.name)
            .await
            .map_err(failed)?;
        let pem = data.iter().filter(|(name, _)| name.ends_with(".pub"));
        let keys: Result<Vec<PublicKey>, _> = pem.map(|(_, pem)| PublicKey::from_pem(&pem.0)).collect();
        let keys = keys.map_err(|error| failed(error.to_string()))?;
        let digest = remote.digest(&found.chart.version.replace('+', "_")).await;
        let digest = digest.map_err(|error| failed(error.to_string()))?;
        let signed = oci::verify(remote, &digest, &keys, self.shelf.storage.root()).await;
        if signed.map_err(|error| failed(error.to_string()))? {
            return Ok(());
        }
        Err(failed("no matching signatures".to_owned()).into())
    }
}

/// The tag that is meant: this one, or the highest in the range.
fn highest(tags: &[String], wanted: &str) -> Result<String, String> {
    if let Some(exact) = tags.iter().find(|it| *it == wanted) {
        return Ok(exact.clone());
    }
    let range: Constraint = wanted
        .parse()
        .map_err(|error: version::ConstraintError| error.to_string())?;
    let versions = tags.iter().filter_map(|it| it.parse::<Version>().ok());
    let best = versions.filter(|it| range.matches(it)).max();
    let none = || format!("could not locate a version matching provided version string {wanted}");
    best.map(|it| it.original().to_owned()).ok_or_else(none)
}
