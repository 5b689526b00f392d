//! The world in real time, behind sockets.
//!
//! The same API server, controllers, nodes and Git server as in a simulated world, on the machine's clock: kubectl,
//! `git` and controllers of any make connect to it over TLS and HTTP.

mod git;
mod serve;
mod tls;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use apiserver::User;
use edges::{Clock, Seed};
use git_server::GitServer;
use kubelet::Launcher;
use tokio::{sync::watch, task::JoinSet};

use crate::{Config, World};

/// What a real world starts from.
#[derive(Clone)]
pub struct RealConfig {
    /// The Kubernetes minor that its API server plays.
    pub minor: String,
    /// Whether it is an OpenShift cluster.
    pub openshift: bool,
    /// Where the API server listens; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where the Git server listens.
    pub git_listen: SocketAddr,
    /// What chance in the world comes from.
    pub seed: Seed,
    /// From a simulated pod's start to its readiness.
    pub ready_after: Duration,
    /// From the start of a simulated pod that ends by itself to its success.
    pub completes_after: Duration,
    /// Starts the pods that are real components in this process.
    pub launcher: Option<Launcher>,
}

impl Default for RealConfig {
    /// Kubernetes 1.36 on free ports of 127.0.0.1, with the delays of [`Config`].
    fn default() -> Self {
        let sim = Config::default();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            minor: sim.minor,
            openshift: sim.openshift,
            listen: any,
            git_listen: any,
            seed: Seed::random(),
            ready_after: sim.ready_after,
            completes_after: sim.completes_after,
            launcher: None,
        }
    }
}

/// A running world behind sockets; dropping it closes them at once.
pub struct Real {
    /// The world itself, for the judge.
    pub world: World,
    api: SocketAddr,
    git: SocketAddr,
    ca: String,
    token: String,
    end: watch::Sender<bool>,
    doors: JoinSet<()>,
}

impl Real {
    /// Starts a world. Needs a tokio runtime whose time is not paused.
    ///
    /// # Errors
    /// When the minor is unknown, an address is taken, or a directory cannot be made.
    pub fn start(config: RealConfig) -> io::Result<Self> {
        if !apiserver::MINORS.contains(&config.minor.as_str()) {
            let known = apiserver::MINORS.join(", ");
            let text = format!("Kubernetes {:?} is unknown here; there is {known}", config.minor);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let api = serve::bind(config.listen)?;
        let git = serve::bind(config.git_listen)?;
        let (api_at, git_at) = (api.local_addr()?, git.local_addr()?);
        let identity = tls::identity(&[IpAddr::V4(Ipv4Addr::LOCALHOST), api_at.ip()])?;
        let token = tls::token()?;

        let sim = Config {
            minor: config.minor,
            openshift: config.openshift,
            seed: config.seed,
            ready_after: config.ready_after,
            completes_after: config.completes_after,
            ..Config::default()
        };
        let mut world = World::start_at(&sim, Clock::system())?;
        world.api.register_token(&token, User::admin());
        let (end, ends) = watch::channel(false);
        let mut doors = JoinSet::new();
        doors.spawn(serve::door(
            api,
            Some(identity.server),
            world.api.service(),
            ends.clone(),
        ));
        doors.spawn(serve::door(git, None, git_service(&world.git), ends));
        world.start_nodes(&sim, config.launcher);
        Ok(Self {
            world,
            api: api_at,
            git: git_at,
            ca: identity.ca,
            token,
            end,
            doors,
        })
    }

    /// A kubeconfig with all rights.
    pub fn kubeconfig(&self) -> String {
        tls::kubeconfig(&self.api_url(), &self.ca, &self.token)
    }

    /// Where the API server is, as the host sees it.
    pub fn api_url(&self) -> String {
        format!("https://{}", reachable(self.api))
    }

    /// Where the Git server is, as the host sees it: `git clone` and `git push` to `<this>/<repository>.git`; the
    /// first push makes the repository. Inside the cluster the same repositories are at `http://git.example.com`.
    pub fn git_url(&self) -> String {
        format!("http://{}", reachable(self.git))
    }

    /// Takes no more requests, lets those under way finish for a moment, and ends.
    pub async fn shutdown(mut self) {
        let _ = self.end.send(true);
        while self.doors.join_next().await.is_some() {}
    }
}

fn git_service(git: &GitServer) -> impl serve::Serve<edges::Body> {
    let git = git.clone();
    serve::respond(move |request| git::answer(git.clone(), request))
}

/// The address to connect to: a server that listens everywhere is found at home.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    address
}
