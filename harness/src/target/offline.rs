//! What the product would do, without a cluster.

use std::path::Path;

use gotemplate::World;
use helm::{Capabilities, Chart};
use serde_json::Value;

/// The objects that the extension would apply for a Kustomization.
pub(crate) fn kustomization(
    name: &str,
    manifests: &[Value],
    tree: &Path,
    directory: &str,
) -> Result<Vec<Value>, String> {
    extension::build_kustomization(name, manifests, tree, directory)
}

/// The text of what the extension would install for a HelmRelease.
pub(crate) fn helm_release(
    name: &str,
    manifests: &[Value],
    chart: &Chart,
    capabilities: &Capabilities,
    world: &mut (dyn World + Send),
) -> Result<String, String> {
    extension::build_helm_release(name, manifests, chart, capabilities, world)
}
