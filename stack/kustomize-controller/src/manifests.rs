//! From the tree to manifests: the seam to `lib/kustomize`.

use flux_api::Kustomization;
use serde_json::Value;

use crate::{files::Tree, variables::Variables};

/// The manifests of the directory.
pub(crate) fn build(
    _object: &Kustomization,
    tree: &Tree,
    _variables: &Variables,
    _strict: bool,
) -> Result<Vec<Value>, String> {
    let mut all = Vec::new();
    walk(tree, tree.start(), &mut all)?;
    Ok(all)
}

fn walk(tree: &Tree, path: &str, all: &mut Vec<Value>) -> Result<(), String> {
    for name in tree.list(path) {
        let here = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}/{name}")
        };
        if tree.is_dir(&here) {
            walk(tree, &here, all)?;
        } else if name.ends_with(".yaml") {
            let text = String::from_utf8(tree.read(&here)?).map_err(|e| e.to_string())?;
            let documents = yaml::read_documents(&text, yaml::Dialect::Kubernetes)
                .map_err(|error| format!("failed to decode Kubernetes YAML from {here}: {error}"))?;
            for document in documents {
                if manifest::object::kind(&document).is_empty() {
                    return Err(format!("failed to decode Kubernetes YAML from {here}: no kind"));
                }
                all.push(document);
            }
        }
    }
    Ok(())
}
