//! helm-controller: charts become releases.
//!
//! Reconciles `HelmRelease`: what Helm does when it is told, this does when something changed. It never talks to
//! another controller; charts are read from the API server and their artifacts over HTTP.
//!
//! - `reconcile`: the story;
//! - `dependencies`, `chart_template`, `chart`, `values`: its first stages;
//! - `atomic`: observe (`state`, `drift`), decide (`decide`), act (`perform`, `action`), again and again;
//! - `storage`, `snapshot`, `report`: what is kept and told of it;
//! - `render`, `post_render`, `objects`, `wait`: what the actions work with;
//! - [`offline`]: what would be installed, without a cluster;
//! - `watches`: what wakes the controller.

mod action;
mod atomic;
mod chart;
mod chart_template;
mod config;
mod decide;
mod dependencies;
mod drift;
mod objects;
mod offline;
mod perform;
mod post_render;
mod reconcile;
mod render;
mod report;
mod snapshot;
mod state;
mod storage;
mod values;
mod wait;
mod watches;

use std::sync::Arc;

use edges::Edges;

pub use config::Config;
pub use offline::{Offline, offline};

/// Runs the controller until it is dropped.
pub async fn run(edges: Edges, config: Config) {
    let watches = watches::watches(&config);
    let options = config.options.clone();
    let reconciler = Arc::new(reconcile::Helmsman::new(&edges, config));
    flux_runtime::run_controller(&edges, reconciler, &options, watches).await;
}
