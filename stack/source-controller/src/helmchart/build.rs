//! What a chart's build came to.

use flux_api::{HelmChart, Reason, reason};
use flux_runtime::Failure;
use serde_json::Map;
use version::Version;

use crate::chart::{Chart, VALUES_YAML, merge, read_values};

/// A chart that was built.
pub(super) struct Build {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) values_files: Vec<String>,
    /// Whether the chart is another than somebody made before.
    pub(super) packaged: bool,
    pub(super) content: Content,
}

/// A chart's bytes.
pub(super) enum Content {
    /// Those in storage.
    Current,
    /// These.
    New(Vec<u8>),
}

impl Build {
    pub(super) fn summary(&self) -> String {
        let action = if self.packaged { "packaged" } else { "pulled" };
        let mut text = format!("{action} '{}' chart with version '{}'", self.name, self.version);
        if !self.values_files.is_empty() {
            text += &format!(" and merged values files [{}]", self.values_files.join(" "));
        }
        text
    }

    pub(super) fn reason(&self) -> Reason {
        if self.packaged {
            reason::CHART_PACKAGE_SUCCEEDED
        } else {
            reason::CHART_PULL_SUCCEEDED
        }
    }
}

/// Why there is no chart.
pub(super) enum Problem {
    /// A failure with words of its own.
    Refused(Failure),
    /// One of building.
    Build(BuildError),
}

impl From<BuildError> for Problem {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

/// What of building failed, and why.
pub(super) struct BuildError {
    part: Part,
    cause: String,
}

/// A part of building a chart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Reference,
    Pull,
    Metadata,
    Values,
    Dependencies,
    Package,
    Verification,
}

impl Part {
    pub(super) fn failed(self, cause: impl Into<String>) -> BuildError {
        BuildError {
            part: self,
            cause: cause.into(),
        }
    }

    fn words(self) -> (Reason, &'static str) {
        match self {
            Self::Reference => (reason::INVALID_CHART_REFERENCE, "invalid chart reference"),
            Self::Pull => (reason::CHART_PULL_ERROR, "chart pull error"),
            Self::Metadata => (reason::METADATA_PATCH_ERROR, "chart metadata patch error"),
            Self::Values => (reason::VALUES_FILES_ERROR, "values files merge error"),
            Self::Dependencies => (reason::DEPENDENCY_BUILD_ERROR, "dependency build error"),
            Self::Package => (reason::CHART_PACKAGE_ERROR, "chart package error"),
            Self::Verification => (reason::CHART_VERIFICATION_ERROR, "chart verification error"),
        }
    }
}

impl BuildError {
    /// What cannot get better by itself stalls.
    pub(super) fn failure(&self) -> Failure {
        let (reason, summary) = self.part.words();
        let text = format!("{summary}: {}", self.cause);
        match self.part {
            Part::Reference | Part::Metadata | Part::Values => Failure::stalled(reason, text),
            Part::Pull | Part::Dependencies | Part::Package | Part::Verification => {
                Failure::retry(reason, text)
            }
        }
    }

    pub(super) fn is_fetch(&self) -> bool {
        matches!(self.part, Part::Reference | Part::Pull)
    }

    pub(super) fn is_verification(&self) -> bool {
        self.part == Part::Verification
    }

    pub(super) fn cause(&self) -> &str {
        &self.cause
    }
}

/// The version with build metadata in the place of what it has.
pub(super) fn with_metadata(version: &str, metadata: &str) -> Result<String, BuildError> {
    if metadata.is_empty() {
        return Ok(version.to_owned());
    }
    let parsed: Version = version.parse().map_err(|error: version::VersionError| {
        Part::Metadata.failed(format!(
            "failed to parse version from chart metadata as SemVer: {error}"
        ))
    })?;
    let text = parsed.to_string();
    let plain = text.split('+').next().unwrap_or_default();
    Ok(format!("{plain}+{metadata}"))
}

/// The values files that the object names.
pub(super) fn values_files(object: &HelmChart) -> &[String] {
    object.spec.values_files.as_deref().unwrap_or_default()
}

/// Merges values files into a chart; `read` gives the content of one, nothing if there is none. Returns those that
/// were merged, if that changed anything.
pub(super) fn merge_values(
    object: &HelmChart,
    chart: &mut Chart,
    read: impl Fn(&Chart, &str) -> Result<Option<Vec<u8>>, String>,
    missing: impl Fn(&str) -> String,
    prefix: &str,
) -> Result<Vec<String>, BuildError> {
    let failed = |cause: String| Part::Values.failed(format!("{prefix}{cause}"));
    let mut values = Map::new();
    let mut merged = Vec::new();
    for path in values_files(object) {
        match read(chart, path).map_err(failed)? {
            Some(content) => {
                merge(&mut values, read_values(&content, path).map_err(failed)?);
                merged.push(path.clone());
            }
            None if object.spec.ignore_missing_values_files == Some(true) => {}
            None => return Err(failed(missing(path))),
        }
    }
    let changed = chart
        .set_values(&values)
        .map_err(|cause| Part::Values.failed(cause))?;
    Ok(if changed { merged } else { Vec::new() })
}

/// A path of a values file within a chart.
pub(super) fn clean(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|it| !matches!(*it, "" | ".")).collect();
    let clean = parts.join("/");
    if clean == VALUES_YAML {
        VALUES_YAML.to_owned()
    } else {
        clean
    }
}
