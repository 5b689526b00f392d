//! source-controller: sources become artifacts.
//!
//! GitRepositories are cloned, archived and served over HTTP for the controllers that apply them.

mod auth;
mod gitrepository;
mod unsupported;

use std::{io, sync::Arc, time::Duration};

use artifact::{Algorithm, Retention, Storage};
use edges::Edges;

use gitrepository::GitRepositories;

/// How the controller is run; the defaults are those of its flags.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the reconcile shell needs to know.
    pub controller: flux_runtime::Options,
    /// The port at which artifacts are served.
    pub storage_port: u16,
    /// The host (and port) at which consumers find that port.
    pub storage_adv_addr: String,
    /// How long and how many artifacts that are no longer current are kept.
    pub retention: Retention,
    /// How artifacts' digests are computed.
    pub digest: Algorithm,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            controller: flux_runtime::Options {
                concurrent: 2,
                ..flux_runtime::Options::default()
            },
            storage_port: 9090,
            storage_adv_addr: "localhost:9090".into(),
            retention: Retention::default(),
            digest: Algorithm::default(),
        }
    }
}

/// Why the controller does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The storage cannot be used.
    #[error("unable to initialise storage: {0}")]
    Storage(#[source] io::Error),
    /// Artifacts cannot be served.
    #[error("unable to serve artifacts on port {port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// What happened.
        source: io::Error,
    },
}

/// How long a Git operation may take where the object does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// Reconciles sources and serves their artifacts, until it is dropped.
///
/// # Errors
/// When the artifacts cannot be stored or served.
pub async fn run(edges: Edges, options: Options) -> Result<(), Error> {
    let storage = Storage::new(
        edges.disk.clone(),
        &options.storage_adv_addr,
        edges.clock,
        options.digest,
        options.retention,
    );
    storage.sweep().map_err(Error::Storage)?;
    let port = options.storage_port;
    let files = artifact::service(storage.root().to_owned());
    let serving = edges.listener.serve(port, files);
    let _serving = serving.map_err(|source| Error::Listen { port, source })?;
    let reconciler = Arc::new(GitRepositories::new(edges.clone(), storage));
    flux_runtime::run_controller(&edges, reconciler, &options.controller, Vec::new()).await;
    Ok(())
}
