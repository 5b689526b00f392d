//! The extension as one program: [`run`] is any of its components, [`manifests`] installs them all.

mod cli;
mod gates;
mod manifests;

use std::collections::BTreeMap;

use edges::Edges;

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
