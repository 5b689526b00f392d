//! A world in real time with its doors open, for people and programs outside of this one.

use std::{
    env, io,
    path::{Path, PathBuf},
};

pub(crate) use world::{GIT_URL, Isolation, Real, RealConfig};

use super::sim;

/// The newest Kubernetes minor that a world can play.
pub(crate) const NEWEST: &str = match apiserver::MINORS {
    [.., newest] => newest,
    [] => "",
};

/// The program that runs the extension's components.
const PROGRAM: &str = "gitops-extension";

/// The Kubernetes minors that a world can play.
pub(crate) fn minors() -> impl IntoIterator<Item = &'static str> {
    apiserver::MINORS.iter().copied()
}

/// Opens a world. Needs a runtime of real time.
///
/// # Errors
/// When an address is taken, or a directory cannot be made.
pub(crate) fn start(config: RealConfig) -> io::Result<Real> {
    Real::start(config)
}

/// Opens a world with the extension installed, whose pods run as processes if the configuration does not start them
/// otherwise.
///
/// # Errors
/// As [`start`], when the extension's program is missing, or when an object of the extension is refused.
pub(crate) fn start_installed(mut config: RealConfig) -> io::Result<Real> {
    let known = config.launcher.is_some() || config.images.iter().any(|(name, _)| name == extension::IMAGE);
    if !known {
        config.images.push((extension::IMAGE.to_owned(), program()?));
    }
    let openshift = config.openshift;
    let real = Real::start(config)?;
    sim::install(&real.world.api, openshift).map_err(|miss| io::Error::other(miss.message))?;
    Ok(real)
}

/// The extension's program, which is built and shipped beside this one.
///
/// # Errors
/// When it is not there.
fn program() -> io::Result<PathBuf> {
    let own = env::current_exe()?;
    let path = own.parent().unwrap_or(Path::new(".")).join(PROGRAM);
    if path.is_file() {
        return Ok(path);
    }
    let text = format!(
        "{PROGRAM} is not beside {}; build it with `cargo build -p extension`",
        own.display()
    );
    Err(io::Error::new(io::ErrorKind::NotFound, text))
}
