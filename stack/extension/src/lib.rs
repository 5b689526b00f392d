//! The extension as one program: [`run`] is any of its components, [`manifests`] installs them all.

mod cli;
mod gates;
mod log;
mod manifests;

use std::{collections::BTreeMap, path::Path};

use edges::Edges;
use flux_runtime::run_process;
use gotemplate::World;
use helm::{Capabilities, Chart};
use serde_json::Value;

pub use log::{Log, LogEncoding, LogLevel};
pub use manifests::{IMAGE, NAMESPACE, manifests};

/// Why a component does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such component.
    #[error("unknown component {0:?}: expected source-controller, kustomize-controller or helm-controller")]
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
    /// Its ports are taken, or another replica may work now.
    #[error(transparent)]
    Process(#[from] flux_runtime::ProcessError),
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

/// The text of what the extension would install for a HelmRelease: definitions, objects, and hooks last.
///
/// `manifests` has it, and the ConfigMaps and Secrets that it refers to; `chart` is what its source would hold.
///
/// # Errors
/// A text in the words of the condition that a cluster would show; also when something is referred to and not given.
pub fn build_helm_release(
    name: &str,
    manifests: &[Value],
    chart: &Chart,
    capabilities: &Capabilities,
    world: &mut (dyn World + Send),
) -> Result<String, String> {
    let asked = helm_controller::Offline {
        name,
        manifests,
        chart,
        capabilities,
    };
    helm_controller::offline(&asked, world)
}

/// Looks whether a component would understand its arguments, and how it would log.
///
/// # Errors
/// When it would not.
pub fn check(component: &str, args: &[String], env: &BTreeMap<String, String>) -> Result<Log, Error> {
    match component {
        "source-controller" => cli::source_controller(args, env).map(|flags| flags.log),
        "kustomize-controller" => cli::kustomize_controller(args, env).map(|flags| flags.log),
        "helm-controller" => cli::helm_controller(args, env).map(|flags| flags.log),
        other => Err(Error::UnknownComponent(other.to_owned())),
    }
}

/// Runs a component until it is dropped.
///
/// # Errors
/// When its arguments are wrong or it cannot go on.
pub async fn run(
    component: &str,
    args: &[String],
    env: &BTreeMap<String, String>,
    edges: Edges,
) -> Result<(), Error> {
    run_until(component, args, env, edges, std::future::pending()).await
}

/// Runs a component until it is told to end: then it does not break off, but gives up its lead.
///
/// # Errors
/// When its arguments are wrong or it cannot go on.
pub async fn run_until(
    component: &str,
    args: &[String],
    env: &BTreeMap<String, String>,
    edges: Edges,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    match component {
        "source-controller" => {
            let cli::Flags { options, process, .. } = cli::source_controller(args, env)?;
            let work = source_controller::run(edges.clone(), options);
            run_process(&edges, &process, stop, work).await?.transpose()?;
        }
        "kustomize-controller" => {
            let cli::Flags {
                options: config,
                process,
                ..
            } = cli::kustomize_controller(args, env)?;
            let work = kustomize_controller::run(edges.clone(), config);
            run_process(&edges, &process, stop, work).await?;
        }
        "helm-controller" => {
            let cli::Flags {
                options: config,
                process,
                ..
            } = cli::helm_controller(args, env)?;
            let work = helm_controller::run(edges.clone(), config);
            run_process(&edges, &process, stop, work).await?;
        }
        other => return Err(Error::UnknownComponent(other.to_owned())),
    }
    Ok(())
}
