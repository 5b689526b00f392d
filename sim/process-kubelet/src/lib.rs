//! Pods of known images as processes of the host.
//!
//! A [`ProcessKubelet`] is the launcher of `sim/kubelet` for a world in real time. A pod whose image it knows runs as a
//! process with the pod's arguments, environment, volumes and ServiceAccount; probes decide about its readiness, its
//! output is its log, and it dies with its pod, its world and the process that the world is in. With a [`ClusterNet`]
//! every pod has a network and a file system of its own; without, all share the host's, and a pod is told by `POD_IP`
//! at which address of the host's loopback it may listen.
//!
//! DIFFERENCE: a pod's first container runs; its other containers and its init containers are simulated. No image is
//! unpacked: the program and its libraries are the host's, and it runs as the user that the world runs as.

mod cluster_net;
mod environment;
mod image;
mod limits;
mod log;
mod objects;
mod probe;
mod reading;
mod root;
mod run;
mod sandbox;
mod volumes;

use std::{
    collections::BTreeMap,
    fmt, io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use apiserver::{ApiServer, LogRequest, LogSource, LogStream};
use edges::Clock;
use futures::future::BoxFuture;
use kubelet::{Control, Health, Launcher, Process};
use tokio::{
    runtime::Handle,
    sync::{Mutex as AsyncMutex, mpsc, watch},
};

pub use cluster_net::ClusterNet;
use image::Images;
use log::Log;
use objects::Objects;

/// What pods are started with.
pub struct Config {
    /// The API server.
    pub api: ApiServer,
    /// The time.
    pub clock: Clock,
    /// Names of images, or beginnings of names, and the programs that stand for them.
    pub images: Vec<(String, PathBuf)>,
    /// The network of the pods; without it they share the host's.
    pub net: Option<ClusterNet>,
    /// Where pods find the API server.
    pub api_address: SocketAddr,
    /// The certificate of the authority that signed the API server's, PEM.
    pub ca: String,
    /// Where pods that share the host's network find an HTTP proxy that knows the cluster's names.
    pub proxy: Option<SocketAddr>,
    /// Address of the cluster's DNS, for pods with a network of their own.
    pub dns: String,
}

/// Something that a container needs and that is not there (yet), in the genuine kubelet's words where it has some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing(pub(crate) String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs pods as processes. Clones share them.
#[derive(Clone)]
pub struct ProcessKubelet(Arc<Inner>);

pub(crate) struct Inner {
    config: Config,
    images: Images,
    objects: Objects,
    /// Everything that pods write, gone with the world.
    directory: tempfile::TempDir,
    /// From where pods are probed.
    prober: Handle,
    pods: Mutex<BTreeMap<String, Entry>>,
    changed: mpsc::UnboundedSender<String>,
    changes: AsyncMutex<mpsc::UnboundedReceiver<String>>,
}

/// What is known of one pod.
struct Entry {
    namespace: String,
    name: String,
    container: String,
    /// `None` while no process is under way.
    health: Option<Health>,
    /// Carries the grace of a pod that is to end.
    stop: watch::Sender<Option<Duration>>,
    log: Log,
    previous: Option<Log>,
}

impl ProcessKubelet {
    /// A kubelet without pods. Needs a tokio runtime.
    ///
    /// # Errors
    /// When there is no temporary directory.
    pub fn new(config: Config) -> io::Result<Self> {
        let (changed, changes) = mpsc::unbounded_channel();
        let prober = match &config.net {
            Some(net) => net.runtime().clone(),
            None => Handle::current(),
        };
        Ok(Self(Arc::new(Inner {
            images: Images::new(config.images.clone()),
            objects: Objects {
                api: config.api.clone(),
            },
            directory: tempfile::Builder::new().prefix("world-").tempdir()?,
            prober,
            config,
            pods: Mutex::default(),
            changed,
            changes: AsyncMutex::new(changes),
        })))
    }

    /// Starts the pods whose image is known.
    pub fn launcher(&self) -> Launcher {
        let inner = Arc::clone(&self.0);
        Arc::new(move |pod| -> Option<Process> {
            let program = inner.images.find(&pod.image)?.to_owned();
            inner.forget_gone();
            Some(Box::pin(run::run(Arc::clone(&inner), pod.clone(), program)))
        })
    }

    /// The logs of what was started.
    pub fn logs(&self) -> Arc<dyn LogSource> {
        // The API server holds this, and what it leads to holds the API server: one of the two holds loosely.
        Arc::new(Logs(Arc::downgrade(&self.0)))
    }

    /// The hold on what was started.
    pub fn control(&self) -> Arc<dyn Control> {
        Arc::<Inner>::clone(&self.0)
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what is kept of pods that are no more.
    fn forget_gone(&self) {
        self.lock().retain(|uid, entry| {
            let pod = self.objects.find("pods", &entry.namespace, &entry.name);
            let there = pod.is_some_and(|pod| manifest::object::uid(&pod) == uid);
            if !there && entry.health.is_none() {
                sandbox::remove(&self.directory.path().join(uid));
            }
            there || entry.health.is_some()
        });
    }

    fn set_health(&self, uid: &str, health: Option<Health>) {
        if let Some(entry) = self.lock().get_mut(uid) {
            entry.health = health;
        }
        let _ = self.changed.send(uid.to_owned());
    }
}

impl Control for Inner {
    fn health(&self, uid: &str) -> Option<Health> {
        self.lock().get(uid)?.health
    }

    fn stop(&self, uid: &str, grace: Duration) -> bool {
        let pods = self.lock();
        let Some(entry) = pods.get(uid).filter(|entry| entry.health.is_some()) else {
            return false;
        };
        // A second deletion may shorten the grace.
        entry.stop.send_if_modified(|known| {
            let sooner = known.is_none_or(|known| grace < known);
            if sooner {
                *known = Some(grace);
            }
            sooner
        });
        true
    }

    fn next_change(&self) -> BoxFuture<'_, String> {
        Box::pin(async {
            match self.changes.lock().await.recv().await {
                Some(uid) => uid,
                None => std::future::pending().await,
            }
        })
    }
}

/// The logs of pods, as long as their kubelet is there.
struct Logs(Weak<Inner>);

impl LogSource for Logs {
    fn read(&self, wanted: &LogRequest) -> Option<LogStream> {
        let inner = self.0.upgrade()?;
        let pods = inner.lock();
        let entry = pods
            .get(&wanted.uid)
            .filter(|entry| entry.container == wanted.container)?;
        let log = if wanted.previous {
            entry.previous.clone()?
        } else {
            entry.log.clone()
        };
        Some(reading::stream(log, wanted))
    }
}
