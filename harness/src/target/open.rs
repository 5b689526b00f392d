//! A world in real time with its doors open, for people and programs outside of this one.

use std::{
    env, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use world::RealConfig;
pub(crate) use world::{Isolation, Real};

use super::sim;

/// The newest Kubernetes minor that a world can play.
pub(crate) const NEWEST: &str = match apiserver::MINORS {
    [.., newest] => newest,
    [] => "",
};

/// Where the cluster sees the Git server.
pub(crate) const GIT_INSIDE: &str = "http://git.example.com";

/// The program that runs the extension's components.
const PROGRAM: &str = "gitops-extension";

/// What somebody wants of a world.
pub(crate) struct Wishes {
    /// One of [`minors`].
    pub(crate) minor: String,
    pub(crate) openshift: bool,
    pub(crate) listen: SocketAddr,
    pub(crate) git_listen: SocketAddr,
    /// Whether the extension is installed.
    pub(crate) install: bool,
    pub(crate) images: Vec<(String, PathBuf)>,
    pub(crate) isolation: Isolation,
}

/// The Kubernetes minors that a world can play.
pub(crate) fn minors() -> impl IntoIterator<Item = &'static str> {
    apiserver::MINORS.iter().copied()
}

/// Opens a world. Needs a runtime of real time.
///
/// # Errors
/// When an address is taken, a directory cannot be made, or the extension's program is missing.
pub(crate) fn start(wishes: Wishes) -> io::Result<Real> {
    let mut images = wishes.images;
    if wishes.install && !images.iter().any(|(name, _)| name == extension::IMAGE) {
        images.push((extension::IMAGE.to_owned(), program()?));
    }
    let real = Real::start(RealConfig {
        minor: wishes.minor,
        openshift: wishes.openshift,
        listen: wishes.listen,
        git_listen: wishes.git_listen,
        images,
        isolation: wishes.isolation,
        ..RealConfig::default()
    })?;
    if wishes.install {
        sim::install(&real.world.api).map_err(|miss| io::Error::other(miss.message))?;
    }
    Ok(real)
}

/// The extension's program, which is built and shipped beside this one.
///
/// # Errors
/// When it is not there.
pub(crate) fn program() -> io::Result<PathBuf> {
    let own = env::current_exe()?;
    let folder = own.parent().unwrap_or(Path::new("."));
    // A test runs from a folder below that of the programs.
    let places = [folder.join(PROGRAM), folder.join("..").join(PROGRAM)];
    places.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        let text = format!(
            "{PROGRAM} is not beside {}; build it with `cargo build -p extension`, or name it: --image {}=PATH",
            own.display(),
            extension::IMAGE
        );
        io::Error::new(io::ErrorKind::NotFound, text)
    })
}
