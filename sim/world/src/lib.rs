//! Everything the product meets, from one seed.
//!
//! A [`World`] is an API server with its controllers and nodes, a Git server and the network between the pods, all in
//! process and all on one clock. It opens no socket, so it runs on a tokio runtime with paused time. A [`Real`] is the
//! same in real time, behind sockets.

mod bootstrap;
mod limits;
mod network;
mod outside;
mod real;
mod webhooks;
mod wire;

use std::{io, sync::Arc, time::Duration};

use apiserver::{ApiServer, User};
use edges::{Blocking, Clock, DataDir, Edges, Seed};
use git_server::GitServer;
use jiff::Timestamp;
use kubelet::{Behaviours, Control, Launcher, Node, POD_NETWORK};
use tokio::task::JoinSet;

use self::webhooks::Hooked;

pub use network::Network;
pub use real::{Isolation, Real, RealConfig};

/// The host name under which every world serves its Git repositories.
pub const GIT_HOST: &str = "git.example.com";
/// Where the cluster sees those repositories: `<this>/<repository>.git`.
pub const GIT_URL: &str = "http://git.example.com";

/// The host of an admission webhook outside the cluster that consents to everything, at any path of
/// `https://admission.example.com`.
pub const ADMISSION_HOST: &str = "admission.example.com";

/// What a world starts from.
#[derive(Clone)]
pub struct Config {
    /// The Kubernetes minor that its API server plays, such as `1.36`.
    pub minor: String,
    /// What all chance comes from.
    pub seed: Seed,
    /// What the clock reads at the start.
    pub epoch: Timestamp,
    /// From a simulated pod's start to its readiness.
    pub ready_after: Duration,
    /// From the start of a simulated pod that ends by itself to its success.
    pub completes_after: Duration,
    /// Whether the cluster is OpenShift: security context constraints decide about pods.
    pub openshift: bool,
    /// The nodes.
    pub nodes: Vec<Node>,
}

impl Default for Config {
    /// Kubernetes 1.36, seed 0, 2024-01-01T00:00:00Z, pods that need two seconds to become ready and three to complete.
    fn default() -> Self {
        Self {
            minor: "1.36".to_owned(),
            seed: Seed(0),
            epoch: Timestamp::from_second(1_704_067_200).unwrap_or(Timestamp::UNIX_EPOCH),
            ready_after: Duration::from_secs(2),
            completes_after: Duration::from_secs(3),
            openshift: false,
            nodes: vec![Node::new("node-1")],
        }
    }
}

/// A running world; it ends when dropped. Needs a tokio runtime, best a current-thread one with paused time.
pub struct World {
    /// The API server.
    pub api: ApiServer,
    /// The Git server, `http://git.example.com/<repository>.git`.
    pub git: GitServer,
    /// The clock.
    pub clock: Clock,
    /// Who reaches whom by HTTP.
    pub net: Network,
    /// What pods and nodes do instead of working.
    pub behaviours: Behaviours,
    nodes: Vec<String>,
    seed: Seed,
    blocking: Blocking,
    tasks: JoinSet<()>,
    _webhooks: Hooked,
}

/// What a component needs from the world, to make its [`Edges`] when its pod starts.
#[derive(Clone)]
pub struct Gate {
    api: ApiServer,
    net: Network,
    clock: Clock,
    seed: Seed,
    blocking: Blocking,
}

impl World {
    /// Starts a world: a cluster with Kubernetes' own namespaces and roles, one node, no workloads.
    ///
    /// # Errors
    /// When the Git server cannot make its directory.
    pub fn start(config: &Config) -> io::Result<Self> {
        Self::start_at(config, Clock::starting_at(config.epoch), None)
    }

    /// With `ca` the world is a real one, whose API server proves itself by that authority.
    fn start_at(config: &Config, clock: Clock, ca: Option<&str>) -> io::Result<Self> {
        let api = bootstrap::server(config, clock, ca);
        let git = GitServer::new()?;
        let net = Network::new(api.clone());
        let webhooks = Hooked::new(&api, net.clone());
        net.add_host(ADMISSION_HOST, 443, tower::service_fn(webhooks::consent));
        let blocking = if ca.is_some() {
            Blocking::Threads
        } else {
            Blocking::Lockstep
        };
        outside::open(&net, &git, blocking)?;
        Ok(Self {
            api,
            git,
            clock,
            net,
            behaviours: Behaviours::default(),
            nodes: config.nodes.iter().map(|node| node.name.clone()).collect(),
            seed: config.seed,
            blocking,
            tasks: JoinSet::new(),
            _webhooks: webhooks,
        })
    }

    /// Starts the nodes and the workload controllers. `launcher` starts the pods that are real components.
    pub fn start_nodes(&mut self, config: &Config, launcher: Option<Launcher>) {
        self.start_nodes_with(config, launcher, None, POD_NETWORK);
    }

    fn start_nodes_with(
        &mut self,
        config: &Config,
        launcher: Option<Launcher>,
        control: Option<Arc<dyn Control>>,
        pod_network: kubelet::Network,
    ) {
        let config = kubelet::Config {
            ready_after: config.ready_after,
            completes_after: config.completes_after,
            launcher,
            control,
            pod_network,
            behaviours: self.behaviours.clone(),
            nodes: config.nodes.clone(),
            ..kubelet::Config::new(self.clock, self.seed.derive("kubelet"))
        };
        self.tasks.spawn(kubelet::run(self.api.clone(), config));
    }

    /// The names of its nodes.
    pub fn nodes(&self) -> &[String] {
        &self.nodes
    }

    /// A client with all rights, for the judge.
    pub fn admin(&self) -> kube::Client {
        self.api.client(User::admin())
    }

    /// The way in for components.
    pub fn gate(&self) -> Gate {
        Gate {
            api: self.api.clone(),
            net: self.net.clone(),
            clock: self.clock,
            seed: self.seed,
            blocking: self.blocking,
        }
    }
}

impl Gate {
    /// The edges of a component that runs as `pod`: its ServiceAccount's identity, its ports at the pod's address.
    ///
    /// # Errors
    /// When the pod's temporary directory cannot be made.
    pub fn edges(&self, pod: &kubelet::Pod) -> io::Result<Edges> {
        Ok(Edges {
            kube: self
                .api
                .client(User::service_account(&pod.namespace, &pod.service_account)),
            http: self.net.client(),
            net: self.net.net(),
            listener: self.net.listener(&pod.ip),
            disk: DataDir::temporary()?,
            clock: self.clock,
            seed: self.seed.derive(&pod.uid),
            blocking: self.blocking,
        })
    }
}
