//! A world in real time with its doors open, for people and programs outside of this one.

use std::{io, net::SocketAddr};

use world::{Real, RealConfig};

/// The newest Kubernetes minor that a world can play.
pub(crate) const NEWEST: &str = match apiserver::MINORS {
    [.., newest] => newest,
    [] => "",
};

/// Where the cluster sees the Git server.
pub(crate) const GIT_INSIDE: &str = "http://git.example.com";

/// What somebody wants of a world.
pub(crate) struct Wishes {
    /// One of [`minors`].
    pub(crate) minor: String,
    pub(crate) openshift: bool,
    pub(crate) listen: SocketAddr,
    pub(crate) git_listen: SocketAddr,
}

/// The Kubernetes minors that a world can play.
pub(crate) fn minors() -> impl IntoIterator<Item = &'static str> {
    apiserver::MINORS.iter().copied()
}

/// Opens a world. Needs a runtime of real time.
///
/// # Errors
/// When an address is taken or a directory cannot be made.
pub(crate) fn start(wishes: &Wishes) -> io::Result<Real> {
    Real::start(RealConfig {
        minor: wishes.minor.clone(),
        openshift: wishes.openshift,
        listen: wishes.listen,
        git_listen: wishes.git_listen,
        ..RealConfig::default()
    })
}
