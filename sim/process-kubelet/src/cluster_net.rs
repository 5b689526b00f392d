//! The cluster's own network: one namespace with a bridge, and one for each pod behind it.
//!
//! The bridge is not in the host's namespace, whose firewall would judge what pods say to each other. A thread of this
//! process lives in the cluster's namespace: sockets that it opens are the cluster's Services, its DNS and its API
//! server's address.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsRawFd,
    process::{self, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
};

use nix::sched::{CloneFlags, setns, unshare};
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// The bridge's address: every pod's way out.
const GATEWAY: &str = "10.244.0.1";
/// Addresses that the cluster's namespace itself answers: Services, and hosts outside the cluster.
const LOCAL: [&str; 2] = ["10.96.0.0/12", "10.245.0.0/24"];

/// The namespace of one cluster; it vanishes when this and all pods are gone.
#[derive(Clone)]
pub struct ClusterNet(Arc<Inner>);

struct Inner {
    runtime: Handle,
    namespace: File,
    links: AtomicU32,
    /// Ends the thread when dropped.
    _end: oneshot::Sender<()>,
}

/// One pod's way into the cluster's network.
pub(crate) struct Link {
    net: ClusterNet,
    address: String,
}

impl ClusterNet {
    /// Makes a network.
    ///
    /// # Errors
    /// When this process may not make namespaces, or the program `ip` is missing.
    pub fn new() -> io::Result<Self> {
        let (made, making) = mpsc::channel();
        let (end, ends) = oneshot::channel::<()>();
        thread::Builder::new()
            .name("cluster-net".to_owned())
            .spawn(move || {
                let runtime = match prepare() {
                    Ok((namespace, runtime)) => {
                        let _ = made.send(Ok((namespace, runtime.handle().clone())));
                        runtime
                    }
                    Err(error) => {
                        let _ = made.send(Err(error));
                        return;
                    }
                };
                // Everything spawned on the handle runs here, in this namespace, until the sender is dropped.
                let _ = runtime.block_on(ends);
            })?;
        let (namespace, runtime) = making.recv().map_err(io::Error::other)??;
        Ok(Self(Arc::new(Inner {
            runtime,
            namespace,
            links: AtomicU32::new(0),
            _end: end,
        })))
    }

    /// What is spawned here runs inside the cluster's network.
    pub fn runtime(&self) -> &Handle {
        &self.0.runtime
    }

    pub(crate) fn link(&self, address: &str) -> Link {
        Link {
            net: self.clone(),
            address: address.to_owned(),
        }
    }
}

fn prepare() -> io::Result<(File, tokio::runtime::Runtime)> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    let namespace = File::open("/proc/thread-self/ns/net")?;
    let mut batch = format!(
        "link set lo up\nlink add cluster0 type bridge\naddr add {GATEWAY}/16 dev cluster0\nlink set cluster0 up\n"
    );
    for range in LOCAL {
        batch += &format!("route add local {range} dev lo\n");
    }
    ip(&batch)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok((namespace, runtime))
}

impl Link {
    /// Moves this thread into a network namespace of its own, with the pod's address.
    pub(crate) fn enter(&self) -> io::Result<()> {
        let cluster = &self.net.0.namespace;
        let number = self.net.0.links.fetch_add(1, Ordering::Relaxed);
        let address = &self.address;
        unshare(CloneFlags::CLONE_NEWNET)?;
        let own = File::open("/proc/thread-self/ns/net")?;
        let outside = format!("/proc/{}/fd/{}", process::id(), cluster.as_raw_fd());
        ip(&format!(
            "link set lo up\n\
             link add eth0 type veth peer name pod{number} netns {outside}\n\
             addr add {address}/16 dev eth0\n\
             link set eth0 up\n\
             route add default via {GATEWAY}\n"
        ))?;
        setns(cluster, CloneFlags::CLONE_NEWNET)?;
        ip(&format!("link set pod{number} master cluster0 up\n"))?;
        setns(&own, CloneFlags::CLONE_NEWNET)?;
        Ok(())
    }
}

/// Runs `ip` in this thread's namespace.
fn ip(batch: &str) -> io::Result<()> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the system's own tool for links and addresses"
    )]
    let mut child = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("ip: {error}")))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(batch.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!(
        "ip: {}",
        text.trim().replace('\n', "; ")
    )))
}
