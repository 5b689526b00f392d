//! Simulated nodes and workload controllers.
//!
//! Watches the API server's change feed and makes workloads live: Deployments get ReplicaSets, those get Pods, Pods
//! are scheduled and become ready after a while of virtual time, Jobs finish, claims find storage, Services get
//! endpoints. The controllers ([`controllers`]) and the scheduler with the nodes ([`nodes`]) run together or apart.
//! What pods and nodes do instead of working is asked for with [`Behaviours`].
//!
//! Each part acts through the API server under the identity its genuine counterpart has, so that RBAC and admission
//! judge it as they would there. Statuses are the ones that kstatus, `kubectl rollout` and Helm read.
//!
//! A pod whose image a [`Launcher`] knows is not simulated: its process runs as a task and dies with the pod.

mod actor;
mod autoscaler;
mod behaviours;
mod budget;
pub mod corpus;
mod cron;
mod cronjob;
mod daemonset;
mod deployment;
mod driver;
mod endpoints;
mod hash;
mod history;
mod job;
mod launch;
mod life;
mod limits;
mod machines;
mod manager;
mod node;
mod owned;
mod podgc;
mod process;
mod recorder;
mod replicaset;
mod report;
mod resources;
mod scheduling;
mod service;
mod statefulset;
mod status;
mod volumes;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use apiserver::ApiServer;
use edges::{Clock, Seed};
use futures::future::BoxFuture;
use serde_json::Value;

pub use behaviours::{Behaviour, Behaviours, Selector};
pub use launch::expand;

/// How the simulated nodes behave.
#[derive(Clone)]
pub struct Config {
    /// The time.
    pub clock: Clock,
    /// Where names of pods come from.
    pub seed: Seed,
    /// From a pod's start to its readiness.
    pub ready_after: Duration,
    /// From the start of a pod that ends by itself (`restartPolicy` other than `Always`) to its success.
    pub completes_after: Duration,
    /// Starts the pods that are real components; all others are simulated.
    pub launcher: Option<Launcher>,
    /// What is known of the processes that `launcher` started. Without it they are ready like simulated pods and are
    /// killed when their pod is deleted.
    pub control: Option<Arc<dyn Control>>,
    /// Where the addresses of pods come from: [`POD_NETWORK`], unless the pods must be told apart on a host.
    pub pod_network: Network,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// What pods and nodes do instead of working. Keep a clone to change it while they run.
    pub behaviours: Behaviours,
    /// Whether there is a cloud around the cluster: Services of type LoadBalancer and Ingresses get addresses.
    pub cloud: bool,
    /// Whether the cluster has a StorageClass `standard`, the default, whose volumes are made at once.
    pub default_storage: bool,
}

/// A simulated node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Labels beside those that every node has.
    pub labels: BTreeMap<String, String>,
}

impl Node {
    /// A node without labels of its own.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            labels: BTreeMap::new(),
        }
    }
}

impl Config {
    /// One node, whose pods are ready after two seconds and end after three, none of them real.
    pub fn new(clock: Clock, seed: Seed) -> Self {
        Self {
            clock,
            seed,
            ready_after: Duration::from_secs(2),
            completes_after: Duration::from_secs(3),
            launcher: None,
            control: None,
            pod_network: POD_NETWORK,
            nodes: vec![Node::new("node-1")],
            behaviours: Behaviours::default(),
            cloud: true,
            default_storage: true,
        }
    }
}

/// Starts a pod's process if its image is one of the real components.
pub type Launcher = Arc<dyn Fn(&Pod) -> Option<Process> + Send + Sync>;

/// The running component; dropping it kills it. Its value is the exit code.
pub type Process = BoxFuture<'static, i32>;

/// What a pod's first container is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub name: String,
    /// `metadata.uid`, another for each incarnation.
    pub uid: String,
    /// The container's image.
    pub image: String,
    /// The container's `command`.
    pub command: Vec<String>,
    /// The container's `args`, with `$(NAME)` references expanded.
    pub args: Vec<String>,
    /// The container's environment, field references resolved.
    pub env: BTreeMap<String, String>,
    /// Name of the ServiceAccount.
    pub service_account: String,
    /// The pod's address.
    pub ip: String,
    /// The whole pod.
    pub object: Arc<Value>,
}

/// The first half of every pod's address.
pub type Network = [u8; 2];

/// The network of pods, as most clusters have it.
pub const POD_NETWORK: Network = [10, 244];

/// A launcher's hold on the processes it started.
pub trait Control: Send + Sync {
    /// Whether a pod's process is up and whether it is ready; `None` if the pod has none.
    fn health(&self, uid: &str) -> Option<Health>;

    /// Asks a pod's process to end, and kills it after `grace`. Whether it runs, so that its end is to be waited for.
    fn stop(&self, uid: &str, grace: Duration) -> bool;

    /// The next pod whose health changed.
    fn next_change(&self) -> BoxFuture<'_, String>;
}

/// How a pod's process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// The process runs.
    pub running: bool,
    /// Its startup probe succeeded, if it has one.
    pub started: bool,
    /// Its readiness probe succeeds, if it has one.
    pub ready: bool,
}

/// Runs nodes and workload controllers until dropped.
pub async fn run(api: ApiServer, config: Config) {
    driver::Driver::new(api, config, Parts::ALL).run().await;
}

/// Runs the workload controllers alone, as kube-controller-manager does, until dropped.
pub async fn controllers(api: ApiServer, config: Config) {
    let parts = Parts {
        controllers: true,
        nodes: false,
    };
    driver::Driver::new(api, config, parts).run().await;
}

/// Runs the scheduler and the nodes alone until dropped.
pub async fn nodes(api: ApiServer, config: Config) {
    let parts = Parts {
        controllers: false,
        nodes: true,
    };
    driver::Driver::new(api, config, parts).run().await;
}

/// What of a cluster runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) controllers: bool,
    pub(crate) nodes: bool,
}

impl Parts {
    const ALL: Self = Self {
        controllers: true,
        nodes: true,
    };
}
