//! Every way the stack reaches the world.
//!
//! A component gets one [`Edges`], built for a cluster by the binary's `main` and for a simulated world by
//! `sim/world`. What is not in here, the stack cannot do: no component opens a socket, reads the wall clock or
//! draws a random number by itself.

mod blocking;
mod client;
mod clock;
mod disk;
mod http;
mod kube;
mod limits;
mod listen;
mod net;
mod proxy;
mod seed;
mod tls;

pub use blocking::{Blocking, Caller, Cancelled};
pub use client::HttpOptions;
pub use clock::{Clock, Elapsed};
pub use disk::DataDir;
pub use http::{Body, BoxError, HttpClient, HttpError, body_from, cut_short, empty_body};
pub use kube::{Impersonate, RemoteCluster, impersonate, remote_cluster};
pub use listen::{HttpService, Listener, Serving};
pub use net::{Net, Stream};
pub use proxy::{InvalidProxy, Proxy};
pub use seed::{Rng, Seed};
pub use tls::{Tls, TlsError};

/// Every way a component reaches the world. Cheap to clone.
#[derive(Clone)]
pub struct Edges {
    /// The Kubernetes API, authenticated as the component's own ServiceAccount.
    pub kube: ::kube::Client,
    /// Outgoing HTTP: artifacts, Git over HTTP, registries, webhooks.
    pub http: HttpClient,
    /// Outgoing connections: SSH, and HTTP with certificates or a proxy of the user's.
    pub net: Net,
    /// Incoming HTTP: the component's own listeners.
    pub listener: Listener,
    /// The one writable directory.
    pub disk: DataDir,
    /// The time, virtual in a simulated world.
    pub clock: Clock,
    /// The source of jitter and of generated names.
    pub seed: Seed,
    /// How synchronous library code (libgit2) is run beside the async tasks.
    pub blocking: Blocking,
}
