//! The charts that a chart in a tree wants and does not hold.

use std::path::Path;

use flux_api::{HelmChart, HelmRepository};
use kube::{Api, ResourceExt, api::ListParams};
use serde_json::Value;
use version::{Constraint, Version};

use super::{
    HelmCharts,
    build::{BuildError, Part},
    local::within,
};
use crate::{
    chart::Chart,
    helm::{Reader, index::Index, normal},
    limits,
};

/// A chart that another wants.
struct Wanted {
    name: String,
    version: String,
    repository: String,
}

fn wanted(dependency: &Value) -> Wanted {
    let text = |key: &str| {
        dependency
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Wanted {
        name: text("name"),
        version: text("version"),
        repository: text("repository"),
    }
}

impl HelmCharts {
    /// Puts what a chart wants among its own charts.
    pub(super) async fn add_dependencies(
        &self,
        object: &HelmChart,
        tree: &Path,
        place: &Path,
        chart: &mut Chart,
    ) -> Result<(), BuildError> {
        let failed = |cause: String| Part::Dependencies.failed(cause);
        let all = chart.dependencies().map_err(failed)?;
        for dependency in all.iter().take(limits::CHART_DEPENDENCIES) {
            let wanted = wanted(dependency);
            if wanted.repository.is_empty() || chart.holds(&wanted.name) {
                continue;
            }
            let added = if wanted.repository.starts_with("file://") {
                self.add_local(object, tree, place, &wanted)
                    .await
                    .map_err(|cause| format!("failed to add local dependency '{}': {cause}", wanted.name))
            } else {
                self.add_remote(object, &wanted)
                    .await
                    .map_err(|cause| format!("failed to add remote dependency '{}': {cause}", wanted.name))
            };
            chart.add(added.map_err(failed)?);
        }
        Ok(())
    }

    /// A chart of the same tree, with what it wants itself.
    async fn add_local(
        &self,
        object: &HelmChart,
        tree: &Path,
        place: &Path,
        wanted: &Wanted,
    ) -> Result<Chart, String> {
        let path = wanted.repository.trim_start_matches("file://");
        let own = place
            .strip_prefix(tree)
            .unwrap_or(Path::new(""))
            .to_string_lossy()
            .into_owned();
        let below = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{own}/{path}")
        };
        let depth = own.split('/').count();
        let found = within(tree, &below);
        if !found.join(crate::chart::CHART_YAML).is_file() || depth > limits::CHART_DEPTH {
            let shown = found.strip_prefix(tree).unwrap_or(&found).display().to_string();
            return Err(format!(
                "no chart found at '/{shown}' (reference '{}')",
                wanted.repository
            ));
        }
        let mut chart = Chart::of_directory(&found)?;
        chart.validate()?;
        let range: Constraint = wanted
            .version
            .parse()
            .map_err(|error| format!("invalid version/constraint format '{}': {error}", wanted.version))?;
        let version: Version = chart
            .version()
            .parse()
            .map_err(|error: version::VersionError| error.to_string())?;
        if !range.matches(&version) {
            return Err(format!(
                "can't get a valid version for constraint '{}'",
                wanted.version
            ));
        }
        // A chart that wants itself would never end.
        if found != place && !chart.dependencies()?.is_empty() {
            let deeper = Box::pin(self.add_dependencies(object, tree, &found, &mut chart)).await;
            deeper.map_err(|error| error.cause().to_owned())?;
        }
        Ok(chart)
    }

    /// A chart of a repository, read with the credentials of the HelmRepository that has its address.
    async fn add_remote(&self, object: &HelmChart, wanted: &Wanted) -> Result<Chart, String> {
        let url = &wanted.repository;
        if url.starts_with('@') || url.starts_with("alias:") {
            return Err(format!("aliased repository dependency is not supported: {url}"));
        }
        if !["http://", "https://", "oci://"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
        {
            return Err(format!("dependency has unsupported repository URL: {url}"));
        }
        let known = self.repository_of(object, url).await?;
        let edges = &self.shelf.edges;
        let reader = match &known {
            Some(known) => Reader::of(edges, known)
                .await
                .map_err(|failure| failure.message())?,
            None => Reader::anonymous(edges, url),
        };
        let insecure = known.is_some_and(|it| it.spec.insecure == Some(true));
        let missing = |error: String| {
            format!(
                "failed to get chart '{}' version '{}' from '{url}': {error}",
                wanted.name, wanted.version
            )
        };
        let found = if url.starts_with("oci://") {
            let found = self
                .find(&reader, None, insecure, &wanted.name, &wanted.version)
                .await;
            found.map_err(|error| missing(error.cause().to_owned()))?
        } else {
            let address = format!("{}index.yaml", reader.url);
            let bytes = reader.get(&address, limits::INDEX).await.map_err(missing)?;
            let index = edges
                .blocking
                .run(move |_| Index::parse(&bytes))
                .await
                .map_err(missing)?;
            super::remote::Found::of_index(index.find(&wanted.name, &wanted.version).map_err(missing)?)
        };
        let bytes = self.download(&reader, &found).await;
        let version = &found.chart.version;
        let bytes =
            bytes.map_err(|error| format!("chart download of version '{version}' failed: {error}"))?;
        Chart::of_archive(&bytes[..])
            .map_err(|error| format!("failed to load downloaded archive of version '{version}': {error}"))
    }

    async fn repository_of(&self, object: &HelmChart, url: &str) -> Result<Option<HelmRepository>, String> {
        let namespace = object.namespace().unwrap_or_default();
        let api: Api<HelmRepository> = Api::namespaced(self.shelf.edges.kube.clone(), &namespace);
        let all = api
            .list(&ListParams::default())
            .await
            .map_err(|error| flux_runtime::explain(&error))?;
        let wanted = normal(url);
        Ok(all.items.into_iter().find(|it| normal(&it.spec.url) == wanted))
    }
}
