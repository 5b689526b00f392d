//! A world for one scenario in real time: the extension's pods are processes, and the judge comes in through TLS as
//! everybody does, but sees the audit log.

use std::{io, time::Duration};

use edges::{Clock, Seed};
use kube::config::Kubeconfig;
use world::{GIT_URL, Isolation, RealConfig};

use super::{Cluster, Logs, Started, live, open, sim};
use crate::verdict::Miss;

/// Opens a world and installs the extension in it.
///
/// # Errors
/// When the world cannot be made, or the extension's program is not there.
pub(crate) async fn start(
    seed: Seed,
    isolation: Isolation,
    openshift: bool,
    max_hold: Duration,
) -> Result<Started, Miss> {
    let broken = |error: io::Error| Miss::broken("target.start", format!("no world: {error}"));
    let real = open::start_installed(RealConfig {
        seed,
        isolation,
        openshift,
        ..RealConfig::default()
    });
    let real = real.map_err(broken)?;
    let no_way = |error: String| Miss::broken("target.start", format!("no way in: {error}"));
    let file = Kubeconfig::from_yaml(&real.kubeconfig()).map_err(|error| no_way(error.to_string()))?;
    let kube = live::client(file, None).await.map_err(no_way)?;
    let clock = Clock::system();
    let changes = live::changes(kube.clone(), clock).await?;
    let log = Logs::default();
    let following = live::follow_logs(kube.clone(), clock, log.clone());
    let api = real.world.api.clone();
    let cluster = Cluster {
        kube,
        clock,
        git: real.world.git.clone(),
        git_url: GIT_URL.to_owned(),
        log,
        faults: Some(sim::switches(&real.world)),
        publisher: None,
        audit: Some(Box::new(move |from| sim::writes(&api, from))),
        max_hold: Some(max_hold),
        _alive: Box::new((following, real)),
    };
    Ok(Started { cluster, changes })
}
