//! Charts of trees that other sources fetched.

use std::path::{Path, PathBuf};

use artifact::{Limits, untar};
use flux_api::{
    Artifact, HelmChart, HelmChartStatus,
    helm::{ChartSourceKind, ReconcileStrategy},
    reason,
};
use flux_runtime::Failure;
use tempfile::TempDir;

use super::{
    HelmCharts,
    build::{Build, BuildError, Content, Part, Problem, merge_values, values_files, with_metadata},
    is_current,
};
use crate::chart::Chart;

/// A chart in a tree, before anything was changed.
struct Loaded {
    tree: TempDir,
    /// The chart's place in the tree.
    place: PathBuf,
    chart: Chart,
    is_directory: bool,
}

impl HelmCharts {
    pub(super) async fn build_from_tree(
        &self,
        object: &HelmChart,
        status: &HelmChartStatus,
        kind: ChartSourceKind,
        source: Artifact,
    ) -> Result<Build, Problem> {
        let metadata = version_metadata(object, kind, &source.revision);
        let path = object.spec.chart.clone();
        let loaded = self.shelf.on_disk(move |storage| {
            let file = storage.open(&source.path).map_err(|error| {
                let text = format!("failed to open source artifact: {error}");
                Problem::Refused(Failure::retry(reason::READ_OPERATION_FAILED, text))
            })?;
            let tree = tempfile::Builder::new()
                .prefix(".")
                .tempdir_in(storage.root())
                .map_err(|error| {
                    let text = format!("failed to create temporary working directory: {error}");
                    Problem::Refused(Failure::retry(reason::DIRECTORY_CREATION_FAILED, text))
                })?;
            untar(file, tree.path(), Limits::default()).map_err(|error| {
                Problem::Refused(Failure::retry(
                    reason::FAILED,
                    format!("artifact untar error: {error}"),
                ))
            })?;
            Ok::<_, Problem>(load(tree, &path)?)
        });
        let mut loaded = loaded.await?;
        let changed = !metadata.is_empty() || !values_files(object).is_empty();
        let mut build = Build {
            name: loaded.chart.name(),
            version: with_metadata(&loaded.chart.version(), &metadata)?,
            values_files: Vec::new(),
            packaged: loaded.is_directory || changed,
            content: Content::Current,
        };
        if is_current(object, status, &build.name, &build.version) {
            let known = status.observed_values_files.clone();
            build.values_files = known.unwrap_or_else(|| values_files(object).to_vec());
            return Ok(build);
        }
        if loaded.is_directory {
            let tree = loaded.tree.path().to_owned();
            let place = loaded.place.clone();
            self.add_dependencies(object, &tree, &place, &mut loaded.chart)
                .await?;
        }
        let object = object.clone();
        let work = move || finish(&object, build, loaded);
        Ok(self.shelf.edges.blocking.run(move |_| work()).await?)
    }
}

fn load(tree: TempDir, path: &str) -> Result<Loaded, BuildError> {
    let refused = |cause: String| Part::Reference.failed(cause);
    if path.is_empty() {
        return Err(refused("no path set for local chart reference".to_owned()));
    }
    if path.starts_with('/') {
        return Err(refused(
            "local chart reference path is expected to be relative".to_owned(),
        ));
    }
    let place = within(tree.path(), path);
    let shown = path.trim_start_matches("./");
    let is_directory = place.is_dir();
    let chart = if is_directory {
        Chart::of_directory(&place)
    } else {
        std::fs::File::open(&place)
            .map_err(|_| format!("stat {shown}: no such file or directory"))
            .and_then(Chart::of_archive)
    };
    let chart = chart.map_err(refused)?;
    chart.validate().map_err(refused)?;
    Ok(Loaded {
        tree,
        place,
        chart,
        is_directory,
    })
}

/// A path below the tree, whatever it says: `..` at the top stays at the top. Unpacked trees have no links.
pub(super) fn within(tree: &Path, path: &str) -> PathBuf {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.iter().fold(tree.to_owned(), |place, part| place.join(part))
}

fn finish(object: &HelmChart, mut build: Build, mut loaded: Loaded) -> Result<Build, BuildError> {
    if !build.packaged {
        let bytes = std::fs::read(&loaded.place);
        let bytes =
            bytes.map_err(|error| Part::Pull.failed(format!("failed to open file to copy from: {error}")))?;
        build.content = Content::New(bytes);
        return Ok(build);
    }
    loaded.chart.set_version(&build.version);
    let tree = loaded.tree.path();
    let read = |_: &Chart, path: &str| {
        let place = within(tree, path);
        if !place.is_file() {
            return Ok(None);
        }
        std::fs::read(place)
            .map(Some)
            .map_err(|error| format!("could not read values from file '{path}': {error}"))
    };
    let missing = |path: &str| {
        let place = within(Path::new("/"), path);
        format!(
            "no values file found at path '{}' (reference '{path}')",
            place.display()
        )
    };
    build.values_files = merge_values(object, &mut loaded.chart, read, missing, "")?;
    build.content = Content::New(
        loaded
            .chart
            .package()
            .map_err(|error| Part::Package.failed(error))?,
    );
    Ok(build)
}

/// What the version says beyond the chart's own: of which revision, of which generation.
fn version_metadata(object: &HelmChart, kind: ChartSourceKind, revision: &str) -> String {
    let mut parts = Vec::new();
    if object.spec.reconcile_strategy == Some(ReconcileStrategy::Revision) {
        // The checksum alone, of `main@sha1:<checksum>` and of `sha256:<checksum>`.
        let last = revision.rsplit(['@', '/']).next().unwrap_or_default();
        let hash = last.rsplit(':').next().unwrap_or_default();
        let length = if kind == ChartSourceKind::HelmRepository {
            hash.len()
        } else {
            12
        };
        parts.push(hash.chars().take(length).collect::<String>());
    }
    if !values_files(object).is_empty() {
        parts.push(object.metadata.generation.unwrap_or_default().to_string());
    }
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_tree() {
        for (path, expected) in [
            ("a/b", "/t/a/b"),
            ("../../a", "/t/a"),
            ("./a/../b", "/t/b"),
            ("/a", "/t/a"),
        ] {
            assert_eq!(within(Path::new("/t"), path), Path::new(expected), "{path}");
        }
    }
}
