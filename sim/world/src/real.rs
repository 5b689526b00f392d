//! The world in real time, behind sockets.
//!
//! The same API server, controllers, nodes and Git server as in a simulated world, on the machine's clock: kubectl,
//! `git` and controllers of any make connect to it over TLS and HTTP.

mod dns;
mod git;
pub(crate) mod names;
mod pods;
mod proxy;
mod serve;
mod services;
mod tls;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use apiserver::{LogRequest, LogSource, LogStream, User};
use edges::{Clock, Seed};
use git_server::GitServer;
use kubelet::{Launcher, POD_NETWORK};
use tokio::{sync::watch, task::JoinSet};

use crate::{Config, World, bootstrap, limits};
use git::Side;
pub use pods::Isolation;
use pods::Pods;

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
    /// Starts the pods that are real components in this process, if no image below is theirs.
    pub launcher: Option<Launcher>,
    /// Names of images, or beginnings of names, and the programs that run in their pods.
    pub images: Vec<(String, PathBuf)>,
    /// How those pods are kept apart.
    pub isolation: Isolation,
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
            images: Vec::new(),
            isolation: Isolation::Auto,
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
    told: Option<String>,
    _reserved: Option<TcpListener>,
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
        let addresses = [Ipv4Addr::LOCALHOST.into(), api_at.ip(), names::API.into()];
        let identity = tls::identity(&addresses)?;
        let token = tls::token()?;

        let sim = Config {
            minor: config.minor,
            openshift: config.openshift,
            seed: config.seed,
            ready_after: config.ready_after,
            completes_after: config.completes_after,
            ..Config::default()
        };
        let mut world = World::start_at(&sim, Clock::system(), Some(&identity.ca))?;
        world.api.register_token(&token, User::admin());
        world.api.faults().hurry(limits::HASTE);
        let (end, ends) = watch::channel(false);
        let mut doors = JoinSet::new();
        let mut pods = if config.images.is_empty() {
            None
        } else {
            let inside = pods::Inside {
                world: &world,
                tls: Arc::clone(&identity.server),
                api: reachable(api_at),
                ca: &identity.ca,
                end: ends.clone(),
            };
            Some(pods::start(config.images, config.isolation, &inside, &mut doors)?)
        };
        let has_dns = pods.as_ref().is_some_and(|pods| pods.network == POD_NETWORK);
        bootstrap::services(&world.api, has_dns);
        doors.spawn(serve::door(
            api,
            Some(identity.server),
            world.api.service(),
            ends.clone(),
        ));
        doors.spawn(serve::door(git, None, git_service(&world.git, Side::Host), ends));
        let told = pods.as_ref().map(|pods| pods.told.clone());
        let reserved = pods.as_mut().and_then(|pods| pods.reserved.take());
        start_nodes(&mut world, &sim, config.launcher, pods);
        Ok(Self {
            world,
            api: api_at,
            git: git_at,
            ca: identity.ca,
            token,
            end,
            doors,
            told,
            _reserved: reserved,
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

    /// How pods that run as processes are kept apart, in words for people; `None` if no image is known.
    pub fn isolation(&self) -> Option<&str> {
        self.told.as_deref()
    }

    /// Takes no more requests, lets those under way finish for a moment, and ends.
    pub async fn shutdown(mut self) {
        let _ = self.end.send(true);
        while self.doors.join_next().await.is_some() {}
    }
}

fn git_service(git: &GitServer, side: Side) -> impl serve::Serve<edges::Body> {
    let git = git.clone();
    serve::respond(move |request| git::answer(git.clone(), side, request))
}

/// The log of simulated containers, which say nothing.
struct Silence;

impl LogSource for Silence {
    fn read(&self, _: &LogRequest) -> Option<LogStream> {
        None
    }
}

fn start_nodes(world: &mut World, config: &Config, launcher: Option<Launcher>, pods: Option<Pods>) {
    let Some(pods) = pods else {
        world.api.read_logs_from(Arc::new(Silence));
        world.start_nodes(config, launcher);
        return;
    };
    world.api.read_logs_from(pods.kubelet.logs());
    let processes = pods.kubelet.launcher();
    let both: Launcher =
        Arc::new(move |pod| processes(pod).or_else(|| launcher.as_ref().and_then(|launcher| launcher(pod))));
    world.start_nodes_with(config, Some(both), Some(pods.kubelet.control()), pods.network);
}

/// The address to connect to: a server that listens everywhere is found at home.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    address
}
