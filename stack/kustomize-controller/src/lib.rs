//! kustomize-controller: artifacts become applied objects.
//!
//! Reconciles `Kustomization`: resolve the source, wait for dependencies, fetch, build, apply, prune, check health.
//! It never talks to another controller; sources are read from the API server and their artifacts over HTTP.
//!
//! - [`reconcile`]: the story;
//! - `source`, `dependencies`, `decryption`, `build`, `apply`, `health`: its stages;
//! - [`offline`]: the build without a cluster;
//! - `history`, `variables`: what the stages compute with;
//! - `watches`: what wakes the controller.

mod apply;
mod build;
mod config;
mod decryption;
mod dependencies;
mod files;
mod health;
mod history;
mod offline;
mod reconcile;
mod source;
mod variables;
mod watches;

use std::sync::Arc;

use edges::Edges;

pub use config::Config;
pub use offline::{Offline, offline};

/// Runs the controller until it is dropped.
pub async fn run(edges: Edges, config: Config) {
    let watches = watches::watches(&config);
    let options = config.options.clone();
    let reconciler = Arc::new(reconcile::Kustomizer::new(&edges, config));
    flux_runtime::run_controller(&edges, reconciler, &options, watches).await;
}
