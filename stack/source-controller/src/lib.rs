//! source-controller: sources become artifacts.
//!
//! GitRepositories are cloned, OCI artifacts pulled; what they hold is archived and served over HTTP for the controllers
//! that apply it.

mod auth;
mod bucket;
mod chart;
mod github;
mod gitrepository;
mod helm;
mod helmchart;
mod helmrepository;
mod limits;
mod ocirepository;
mod secrets;
mod source;
mod transport;
mod unsupported;

use std::{io, sync::Arc, time::Duration};

use artifact::{Algorithm, Retention, Storage};
use edges::Edges;

use bucket::Buckets;
use gitrepository::GitRepositories;
use helmchart::HelmCharts;
use helmrepository::HelmRepositories;
use ocirepository::OciRepositories;

/// Names of algorithms that SSH connections are limited to; an empty list stands for no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshAlgorithms {
    /// Of host keys.
    pub host_keys: Vec<String>,
    /// Of key exchanges.
    pub key_exchanges: Vec<String>,
}

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
    /// What is offered to Git servers over SSH.
    pub ssh: SshAlgorithms,
    /// How soon an included source that is not ready is looked for again.
    pub requeue_dependency: Duration,
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
            ssh: SshAlgorithms::default(),
            requeue_dependency: Duration::from_secs(30),
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
    let git = Arc::new(GitRepositories::new(edges.clone(), storage.clone(), &options));
    let oci = Arc::new(OciRepositories::new(edges.clone(), storage.clone()));
    let helm = Arc::new(HelmRepositories::new(edges.clone(), storage.clone()));
    let charts = Arc::new(HelmCharts::new(edges.clone(), storage.clone()));
    let buckets = Arc::new(Buckets::new(edges.clone(), storage));
    futures::join!(
        flux_runtime::run_controller(&edges, git, &options.controller, Vec::new()),
        flux_runtime::run_controller(&edges, oci, &options.controller, Vec::new()),
        flux_runtime::run_controller(&edges, helm, &options.controller, Vec::new()),
        flux_runtime::run_controller(&edges, buckets, &options.controller, Vec::new()),
        flux_runtime::run_controller(&edges, charts, &options.controller, helmchart::watches()),
    );
    Ok(())
}
