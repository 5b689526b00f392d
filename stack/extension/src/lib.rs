//! The extension as one program: [`run`] is any of its components, [`manifests`] installs them all.

mod cli;
mod gates;
mod manifests;

use std::{collections::BTreeMap, path::Path};

use edges::Edges;
use serde_json::Value;

pub use manifests::{IMAGE, NAMESPACE, manifests};

/// Why a component does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such component.
    #[error("unknown component {0:?}: expected source-controller or kustomize-controller")]
    UnknownComponent(String),
    /// Its arguments are wrong; the text says how.
    #[error("{0}")]
    Arguments(#[from] clap::Error),
    /// A feature gate is unknown or has no value.
    #[error("{0}")]
    FeatureGates(String),
    /// A digest algorithm is unknown.
    #[error("unsupported digest algorithm {0:?}")]
    Digest(String),
    /// It cannot do its work.
    #[error(transparent)]
    Source(#[from] source_controller::Error),
}

/// The objects that kustomize-controller would apply for the Kustomization `name`, without a cluster: the manifest of
/// the Kustomization and what it refers to are in `manifests`, the source's tree is the folder `tree`.
///
/// # Errors
/// A text in the words of the condition that a cluster would show.
pub fn build_kustomization(
    name: &str,
    manifests: &[Value],
    tree: &Path,
    directory: &str,
) -> Result<Vec<Value>, String> {
    kustomize_controller::offline(&kustomize_controller::Offline {
        name,
        manifests,
        tree,
        directory,
    })
}

/// Looks whether a component would understand its arguments.
///
/// # Errors
/// When it would not.
pub fn check(component: &str, args: &[String], env: &BTreeMap<String, String>) -> Result<(), Error> {
    match component {
        "source-controller" => cli::source_controller(args, env).map(drop),
        "kustomize-controller" => cli::kustomize_controller(args, env).map(drop),
        other => Err(Error::UnknownComponent(other.to_owned())),
    }
}

/// Runs a component until it is dropped.
///
/// # Errors
/// When its arguments are wrong or it cannot begin.
pub async fn run(
    component: &str,
    args: &[String],
    env: &BTreeMap<String, String>,
    edges: Edges,
) -> Result<(), Error> {
    match component {
        "source-controller" => {
            let options = cli::source_controller(args, env)?;
            source_controller::run(edges, options).await?;
        }
        "kustomize-controller" => {
            let config = cli::kustomize_controller(args, env)?;
            kustomize_controller::run(edges, config).await;
        }
        other => return Err(Error::UnknownComponent(other.to_owned())),
    }
    Ok(())
}
