//! A world for one scenario in real time: the judge comes in through TLS as everybody does, and sees the audit log.

use std::{
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};

use edges::{Clock, Seed};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use kubelet::{Launcher, Pod};
use world::{GIT_HOST, Real, RealConfig};

use super::{Cluster, Logs, Started, live, sim};
use crate::verdict::Miss;

/// Opens a world and installs the extension in it.
///
/// # Errors
/// When the world cannot be made.
pub(crate) async fn start(seed: Seed, max_hold: Duration) -> Result<Started, Miss> {
    let real = open(seed)?;
    let kube = client(&real.kubeconfig()).await?;
    let clock = Clock::system();
    let changes = live::changes(kube.clone(), clock).await?;
    let api = real.world.api.clone();
    let cluster = Cluster {
        kube,
        clock,
        git: real.world.git.clone(),
        git_url: format!("http://{GIT_HOST}"),
        log: Logs::default(),
        faults: Some(sim::switches(&real.world)),
        publisher: None,
        audit: Some(Box::new(move |from| sim::writes(&api, from))),
        max_hold: Some(max_hold),
        _alive: Box::new(real),
    };
    Ok(Started { cluster, changes })
}

/// A world with the extension installed. Needs a tokio runtime of real time.
///
/// # Errors
/// When the world cannot be made.
pub(crate) fn open(seed: Seed) -> Result<Real, Miss> {
    let broken = |error: io::Error| Miss::broken("target.start", format!("no world: {error}"));
    let (launcher, later) = launcher();
    let config = RealConfig {
        seed,
        launcher: Some(launcher),
        ..RealConfig::default()
    };
    let real = Real::start(config).map_err(broken)?;
    let _ = later.set(sim::launcher(real.world.gate()));
    sim::install(&real.world.api)?;
    Ok(real)
}

/// Starts pods as soon as the world that they live in is known.
fn launcher() -> (Launcher, Arc<OnceLock<Launcher>>) {
    let later: Arc<OnceLock<Launcher>> = Arc::default();
    let known = later.clone();
    (
        Arc::new(move |pod: &Pod| known.get().and_then(|launcher| launcher(pod))),
        later,
    )
}

async fn client(kubeconfig: &str) -> Result<Client, Miss> {
    let broken = |error: &dyn std::fmt::Display| Miss::broken("target.start", format!("no way in: {error}"));
    let file = Kubeconfig::from_yaml(kubeconfig).map_err(|error| broken(&error))?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
    Client::try_from(config.map_err(|error| broken(&error))?).map_err(|error| broken(&error))
}
