//! An OCI registry and a Helm repository in process: what clients push they can pull, and what goes wrong goes wrong
//! on request.
//!
//! One [`RegistryServer`] is both: `/v2/` is the registry, `/charts/` the Helm repository.

mod access;
mod artifact;
mod helm;
mod limits;
mod serve;
mod store;
mod trouble;
mod upload;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use edges::{Body, HttpError};
use http::{Request, Response};
use tower::util::BoxCloneSyncService;

pub use self::artifact::{Artifact, Layer, chart_tarball, layer_of_tree};
pub use access::Access;
pub use store::digest_of;
pub use trouble::Trouble;

use crate::{store::Repository, trouble::Troubles, upload::Uploads};

/// A registry and a Helm repository. Clones are the same server.
#[derive(Clone, Default)]
pub struct RegistryServer(Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    pub(crate) repositories: BTreeMap<String, Repository>,
    pub(crate) uploads: Uploads,
    pub(crate) access: Access,
    pub(crate) troubles: Troubles,
    /// Files of the Helm repository by their path.
    pub(crate) charts: BTreeMap<String, Bytes>,
    /// An index that stands instead of the one that is made of the charts.
    pub(crate) index: Option<Bytes>,
    requests: Vec<String>,
}

/// Why the server cannot hold what it is given.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A tree cannot be read.
    #[error("cannot read the tree: {0}")]
    Tree(#[from] std::io::Error),
    /// A chart without a name and a version.
    #[error("no chart: {0}")]
    Chart(&'static str),
    /// Nothing has the name.
    #[error("unknown artifact {0}")]
    Unknown(String),
    /// A key that cannot sign.
    #[error("the key cannot sign")]
    Key,
}

impl RegistryServer {
    /// An empty server that asks for no credentials.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server as a host of a network.
    pub fn service(&self) -> BoxCloneSyncService<Request<Bytes>, Response<Body>, HttpError> {
        let server = self.clone();
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let server = server.clone();
            async move { server.serve(&request).await }
        }))
    }

    /// Whom the server lets in.
    pub fn set_access(&self, access: Access) {
        self.state().access = access;
    }

    /// What was asked for so far, as `METHOD /path`, without queries.
    pub fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    pub(crate) fn note(&self, request: &Request<Bytes>) {
        let line = format!("{} {}", request.method(), request.uri().path());
        self.state().requests.push(line);
    }
}
