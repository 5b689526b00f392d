//! Who reaches whom: named hosts outside the cluster, Services and pods inside, by HTTP and by bare connections.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use apiserver::{ApiServer, Gvr};
use bytes::Bytes;
use edges::{
    Body, HttpClient, HttpError, HttpOptions, HttpService, Listener, Net, Serving, Stream, TlsError,
};
use futures::future::BoxFuture;
use http::{Request, Response, Uri};
use manifest::{labels::Selector, object};
use serde_json::Value;
use tokio::sync::watch;
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

use crate::wire;

type Host = BoxCloneSyncService<Request<Bytes>, Response<Body>, HttpError>;

/// Serves one connection until it ends; nothing when nobody takes connections at present.
pub(crate) type Door = Arc<dyn Fn(Stream) -> Option<BoxFuture<'static, ()>> + Send + Sync>;

/// The network of one world.
#[derive(Clone)]
pub struct Network {
    api: ApiServer,
    state: Arc<Mutex<State>>,
    /// Whether nobody reaches a Service or a pod.
    parted: watch::Sender<bool>,
    /// Whether the API server reaches no admission webhook.
    webhooks_parted: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    hosts: BTreeMap<(String, u16), Host>,
    doors: BTreeMap<(String, u16), Door>,
    /// Listeners of pods, by address and port.
    ports: BTreeMap<(String, u16), (u64, HttpService)>,
    opened: u64,
}

impl Network {
    pub(crate) fn new(api: ApiServer) -> Self {
        Self {
            api,
            state: Arc::default(),
            parted: watch::Sender::new(false),
            webhooks_parted: watch::Sender::new(false),
        }
    }

    pub(crate) fn api(&self) -> &ApiServer {
        &self.api
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a server outside the cluster under a name.
    pub fn add_host<S>(&self, name: &str, port: u16, service: S)
    where
        S: Service<Request<Bytes>, Response = Response<Body>, Error = HttpError>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.lock()
            .hosts
            .insert((name.to_owned(), port), BoxCloneSyncService::new(service));
    }

    /// Puts a server outside the cluster under a name that speaks something else than plain HTTP.
    pub(crate) fn add_door(&self, name: &str, port: u16, door: Door) {
        self.lock().doors.insert((name.to_owned(), port), door);
    }

    /// Bare connections inside the cluster; no authority is trusted here unless a user says so.
    pub fn net(&self) -> Net {
        let network = self.clone();
        Net::new(
            move |host, port| {
                let network = network.clone();
                Box::pin(async move { network.dial(&host, port) })
            },
            Vec::new(),
        )
    }

    pub(crate) fn dial(&self, host: &str, port: u16) -> Result<Stream, HttpError> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let door = self.lock().doors.get(&(host.clone(), port)).cloned();
        if let Some(door) = door {
            return wire::connect(|there| door(there).ok_or(HttpError::Refused));
        }
        let known = {
            let state = self.lock();
            let mut names = state.hosts.keys().chain(state.doors.keys());
            let known = names.any(|(name, _)| *name == host);
            known && !state.hosts.contains_key(&(host.clone(), port))
        };
        if known {
            return Err(HttpError::Refused);
        }
        let inside = host.ends_with(".svc.cluster.local") || host.parse::<std::net::IpAddr>().is_ok();
        if !inside && !self.lock().hosts.contains_key(&(host.clone(), port)) {
            return Err(HttpError::NoSuchHost(host));
        }
        let network = self.clone();
        wire::connect(|there| Ok(wire::serve_http(there, format!("http://{host}:{port}"), network)))
    }

    /// A client inside the cluster.
    pub fn client(&self) -> HttpClient {
        let network = self.clone();
        HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
            let network = network.clone();
            async move { network.send(request).await }
        }))
    }

    /// Parts the pods from each other, or joins them again; names outside the cluster stay reachable.
    pub fn part(&self, parted: bool) {
        self.parted.send_replace(parted);
    }

    /// Parts the API server from admission webhooks, or joins them again.
    pub fn part_webhooks(&self, parted: bool) {
        self.webhooks_parted.send_replace(parted);
    }

    pub(crate) fn reaches_webhooks(&self) -> bool {
        !*self.webhooks_parted.borrow()
    }

    pub(crate) fn is_parted(&self) -> bool {
        *self.parted.borrow()
    }

    /// Tells when the pods are parted or joined.
    pub(crate) fn partings(&self) -> watch::Receiver<bool> {
        self.parted.subscribe()
    }

    /// The ports of the pod with this address.
    pub(crate) fn listener(&self, ip: &str) -> Listener {
        let (network, ip) = (self.clone(), ip.to_owned());
        Listener::new(move |port, service| network.open(&ip, port, service))
    }

    fn open(&self, ip: &str, port: u16, service: HttpService) -> io::Result<Serving> {
        let key = (ip.to_owned(), port);
        let mut state = self.lock();
        if state.ports.contains_key(&key) {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("listen tcp :{port}: address already in use"),
            ));
        }
        state.opened += 1;
        let id = state.opened;
        state.ports.insert(key.clone(), (id, service));
        Ok(Serving::until_dropped(Closing {
            state: Arc::downgrade(&self.state),
            key,
            id,
        }))
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, HttpError> {
        if request.uri().scheme_str() == Some("https") {
            let client = self.net().http(HttpOptions::default());
            let client = client.map_err(|error: TlsError| HttpError::Other(error.into()))?;
            return client.send(request).await;
        }
        let (host, port) = authority(request.uri())?;
        let outside = self.lock().hosts.get(&(host.clone(), port)).cloned();
        if let Some(service) = outside {
            return service.oneshot(request).await;
        }
        if self.is_parted() {
            return Err(HttpError::Refused);
        }
        let (ip, port) = match host
            .strip_suffix(".svc.cluster.local")
            .and_then(|name| name.split_once('.'))
        {
            Some((service, namespace)) => self.endpoint(&host, namespace, service, port)?,
            None if host.parse::<std::net::IpAddr>().is_ok() => (host, port),
            None => return Err(HttpError::NoSuchHost(host)),
        };
        let pod = self
            .lock()
            .ports
            .get(&(ip, port))
            .map(|(_, service)| service.clone());
        let Some(service) = pod else {
            return Err(HttpError::Refused);
        };
        service
            .oneshot(request)
            .await
            .map_err(|never: Infallible| match never {})
    }

    /// The first ready pod behind a Service, and the port it serves.
    pub(crate) fn endpoint(
        &self,
        host: &str,
        namespace: &str,
        name: &str,
        port: u16,
    ) -> Result<(String, u16), HttpError> {
        let core = |resource: &str| Gvr {
            group: String::new(),
            version: "v1".to_owned(),
            resource: resource.to_owned(),
        };
        let service = self.api.get(&core("services"), namespace, name);
        let service = service.ok_or_else(|| HttpError::NoSuchHost(host.to_owned()))?;
        let selector = service
            .pointer("/spec/selector")
            .filter(|selector| selector.is_object());
        let selector = selector.ok_or(HttpError::Refused)?;
        let selector = Selector::from_object(&serde_json::json!({"matchLabels": selector}));
        let selector = selector.map_err(|error| HttpError::Other(error.into()))?;
        let pods = self.api.list(&core("pods"), Some(namespace));
        let ready = |pod: &&Arc<Value>| {
            object::condition(pod, "Ready").and_then(|entry| entry.get("status")?.as_str()) == Some("True")
        };
        let pod = pods
            .iter()
            .filter(|pod| selector.matches(object::labels(pod)))
            .find(ready);
        let pod = pod.ok_or(HttpError::Refused)?;
        let ip = pod
            .pointer("/status/podIP")
            .and_then(Value::as_str)
            .ok_or(HttpError::Refused)?;
        let target = target_port(&service, pod, port).ok_or(HttpError::Refused)?;
        Ok((ip.to_owned(), target))
    }
}

fn authority(uri: &Uri) -> Result<(String, u16), HttpError> {
    let host = uri
        .host()
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_ascii_lowercase();
    if host.is_empty() {
        return Err(HttpError::Other(
            format!("no host in request URL {:?}", uri.path()).into(),
        ));
    }
    let default = if uri.scheme_str() == Some("https") {
        443
    } else {
        80
    };
    Ok((host, uri.port_u16().unwrap_or(default)))
}

/// A Service port's `targetPort`: a number, or the name of a container's port.
fn target_port(service: &Value, pod: &Value, port: u16) -> Option<u16> {
    let ports = service.pointer("/spec/ports")?.as_array()?;
    let entry = ports
        .iter()
        .find(|entry| entry.get("port").and_then(Value::as_u64) == Some(u64::from(port)))?;
    match entry.get("targetPort") {
        None => Some(port),
        Some(Value::String(name)) => {
            let containers = pod.pointer("/spec/containers")?.as_array()?;
            let ports = containers
                .iter()
                .filter_map(|container| container.get("ports")?.as_array())
                .flatten();
            let named = ports
                .into_iter()
                .find(|entry| entry.get("name").and_then(Value::as_str) == Some(name));
            named?
                .get("containerPort")?
                .as_u64()
                .and_then(|number| u16::try_from(number).ok())
        }
        Some(number) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
    }
}

/// Closes a port when dropped.
struct Closing {
    state: std::sync::Weak<Mutex<State>>,
    key: (String, u16),
    id: u64,
}

impl Drop for Closing {
    fn drop(&mut self) {
        let Some(state) = self.state.upgrade() else { return };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        // A restarted pod may have taken the port over already.
        if state.ports.get(&self.key).is_some_and(|(id, _)| *id == self.id) {
            state.ports.remove(&self.key);
        }
    }
}
