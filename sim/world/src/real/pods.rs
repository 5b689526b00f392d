//! How pods of known images run: as processes, in a network of their own where this machine allows it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, mpsc},
};

use edges::Body;
use git_server::GitServer;
use hyper::body::Incoming;
use kubelet::{Network as PodNetwork, POD_NETWORK};
use process_kubelet::{ClusterNet, Config, ProcessKubelet};
use rustls::ServerConfig;
use tokio::{net::UdpSocket, sync::watch, task::JoinSet};

use super::{dns, names, proxy, serve, services};
use crate::{Network, World};

/// How pods that run as processes are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// By namespaces if the machine allows it.
    #[default]
    Auto,
    /// Each in a network and file system of its own; an error where that cannot be.
    Namespaces,
    /// By addresses of the loopback: they share the host's network and files.
    Loopback,
}

/// What the doors of the cluster's network lead to.
pub(super) struct Inside<'a> {
    pub(super) world: &'a World,
    pub(super) tls: Arc<ServerConfig>,
    pub(super) api: SocketAddr,
    pub(super) ca: &'a str,
    pub(super) end: watch::Receiver<bool>,
}

/// Pods as processes.
pub(super) struct Pods {
    pub(super) kubelet: ProcessKubelet,
    pub(super) network: PodNetwork,
    /// What is active, in words for people.
    pub(super) told: String,
    /// Keeps other worlds away from the addresses of this one's pods.
    pub(super) reserved: Option<TcpListener>,
}

/// The second number of the first network of the loopback that a world takes.
const FIRST_LOOPBACK: u8 = 64;
/// The port at which a world listens to keep others away.
const RESERVED: u16 = 6443;

/// Prepares the network and the kubelet.
pub(super) fn start(
    images: Vec<(String, PathBuf)>,
    isolation: Isolation,
    inside: &Inside<'_>,
    doors: &mut JoinSet<()>,
) -> io::Result<Pods> {
    let net = match isolation {
        Isolation::Loopback => Err(io::Error::other("as asked for")),
        Isolation::Auto | Isolation::Namespaces => ClusterNet::new(),
    };
    let (net, told) = match net {
        Ok(net) => (
            Some(net),
            "each with a network and a file system of its own".to_owned(),
        ),
        Err(error) if isolation == Isolation::Namespaces => {
            let text = format!("pods cannot have namespaces of their own: {error}");
            return Err(io::Error::new(error.kind(), text));
        }
        Err(error) => {
            let text = format!("sharing this machine's network and files ({error})");
            (None, text)
        }
    };
    let mut config = Config {
        api: inside.world.api.clone(),
        clock: inside.world.clock,
        images,
        api_address: inside.api,
        ca: inside.ca.to_owned(),
        proxy: None,
        dns: names::DNS.to_string(),
        net: None,
    };
    let mut reserved = None;
    let network = match net {
        Some(net) => {
            open(&net, inside)?;
            config.api_address = SocketAddr::from((names::API, 443));
            config.net = Some(net);
            POD_NETWORK
        }
        None => {
            let listener = serve::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            config.proxy = Some(listener.local_addr()?);
            let service = proxy_service(inside.world.net.clone(), inside.world.git.clone());
            doors.spawn(serve::door(listener, None, service, inside.end.clone()));
            let (network, listener) = loopback()?;
            reserved = Some(listener);
            network
        }
    };
    Ok(Pods {
        kubelet: ProcessKubelet::new(config)?,
        network,
        told,
        reserved,
    })
}

/// A network of the loopback that no other world on this machine uses: each world listens at the last address of its
/// own, which keeps the others away.
fn loopback() -> io::Result<(PodNetwork, TcpListener)> {
    let mut taken = io::Error::other("no network of the loopback is left");
    for second in FIRST_LOOPBACK..=u8::MAX {
        match TcpListener::bind((Ipv4Addr::new(127, second, 255, 254), RESERVED)) {
            Ok(listener) => return Ok(([127, second], listener)),
            Err(error) => taken = error,
        }
    }
    Err(taken)
}

fn proxy_service(network: Network, git: GitServer) -> impl serve::Serve<Body> {
    serve::respond(move |request: hyper::Request<Incoming>| {
        proxy::lead(network.clone(), git.clone(), request)
    })
}

/// Opens the doors inside the cluster's network: API server, DNS, Git server, Services.
fn open(net: &ClusterNet, inside: &Inside<'_>) -> io::Result<()> {
    let (told, opened) = mpsc::channel();
    let (world, tls, end) = (inside.world, Arc::clone(&inside.tls), inside.end.clone());
    let (api, git, network, clock) = (
        world.api.clone(),
        world.git.clone(),
        world.net.clone(),
        world.clock,
    );
    net.runtime().spawn(async move {
        let doors = async {
            let api = serve::bind(SocketAddr::from((names::API, 443)))?;
            let git = serve::bind(SocketAddr::from((names::GIT, 80)))?;
            let dns = UdpSocket::bind((IpAddr::V4(names::DNS), 53)).await?;
            Ok((api, git, dns))
        };
        let (api_door, git_door, dns_door) = match doors.await {
            Ok(doors) => {
                let _ = told.send(Ok(()));
                doors
            }
            Err(error) => {
                let _ = told.send(Err(error));
                return;
            }
        };
        let changes = api.changes();
        let git = super::git_service(&git, super::git::Side::Cluster);
        tokio::join!(
            serve::door(api_door, Some(tls), api.service(), end.clone()),
            serve::door(git_door, None, git, end),
            dns::answer(dns_door, network.clone()),
            services::serve(network, changes, clock),
        );
    });
    opened.recv().map_err(io::Error::other)?
}
