//! What the product would do, without a cluster.

use std::path::Path;

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
