//! What names and addresses of the cluster lead to.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use apiserver::Gvr;
use edges::HttpError;
use manifest::{labels::Selector, object};
use serde_json::Value;

use crate::{GIT_HOST, Network};

/// Address of the API server inside the cluster.
pub(crate) const API: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);
/// Address of the cluster's DNS.
pub(crate) const DNS: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
/// Address of the Git server, a host outside the cluster.
pub(crate) const GIT: Ipv4Addr = Ipv4Addr::new(10, 245, 0, 1);

const SUFFIX: &str = ".svc.cluster.local";

/// The port of a Service at its cluster address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Front {
    pub(crate) address: Ipv4Addr,
    pub(crate) port: u16,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Network {
    fn services(&self) -> Vec<Arc<Value>> {
        self.api().list(&Gvr::new("", "v1", "services"), None)
    }

    /// Every TCP port of every Service behind which a pod is ready: nobody listens at the others.
    pub(crate) fn fronts(&self) -> Vec<Front> {
        let mut fronts = Vec::new();
        if self.is_parted() {
            return fronts;
        }
        for service in self.services() {
            let Some(address) = cluster_ip(&service) else {
                continue;
            };
            let (namespace, name) = (object::namespace(&service), object::name(&service));
            let ports = service.pointer("/spec/ports").and_then(Value::as_array);
            for entry in ports.into_iter().flatten() {
                let tcp = entry.get("protocol").and_then(Value::as_str).unwrap_or("TCP") == "TCP";
                let port = entry.get("port").and_then(Value::as_u64);
                let Some(port) = port.and_then(|port| u16::try_from(port).ok()).filter(|_| tcp) else {
                    continue;
                };
                if self.endpoint(name, namespace, name, port).is_ok() {
                    fronts.push(Front {
                        address,
                        port,
                        namespace: namespace.to_owned(),
                        name: name.to_owned(),
                    });
                }
            }
        }
        fronts
    }

    /// The addresses of a name, as the cluster's DNS answers: none if it is unknown.
    pub(crate) fn lookup(&self, name: &str) -> Vec<Ipv4Addr> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if name == GIT_HOST {
            return vec![GIT];
        }
        let Some((service, namespace)) = name.strip_suffix(SUFFIX).and_then(|name| name.split_once('.'))
        else {
            return Vec::new();
        };
        let Some(service) = self
            .api()
            .get(&Gvr::new("", "v1", "services"), namespace, service)
        else {
            return Vec::new();
        };
        match cluster_ip(&service) {
            Some(address) => vec![address],
            None => self.ready_addresses(&service),
        }
    }

    /// The pods of a headless Service.
    fn ready_addresses(&self, service: &Value) -> Vec<Ipv4Addr> {
        let selector = service
            .pointer("/spec/selector")
            .filter(|selector| selector.is_object());
        let Some(Ok(selector)) =
            selector.map(|selector| Selector::from_object(&serde_json::json!({"matchLabels": selector})))
        else {
            return Vec::new();
        };
        let pods = self
            .api()
            .list(&Gvr::new("", "v1", "pods"), Some(object::namespace(service)));
        pods.iter()
            .filter(|pod| selector.matches(object::labels(pod)) && is_ready(pod))
            .filter_map(|pod| pod.pointer("/status/podIP")?.as_str()?.parse().ok())
            .collect()
    }

    /// Where a connection to a host and port of the cluster goes.
    pub(crate) fn route(&self, host: &str, port: u16) -> Result<(IpAddr, u16), HttpError> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let unknown = || HttpError::NoSuchHost(host.clone());
        if self.is_parted() {
            return Err(HttpError::Refused);
        }
        if let Ok(address) = host.parse() {
            return Ok((address, port));
        }
        let (name, namespace) = host
            .strip_suffix(SUFFIX)
            .and_then(|name| name.split_once('.'))
            .ok_or_else(unknown)?;
        let (address, port) = self.endpoint(&host, namespace, name, port)?;
        Ok((address.parse().map_err(|_| unknown())?, port))
    }
}

fn cluster_ip(service: &Value) -> Option<Ipv4Addr> {
    service.pointer("/spec/clusterIP")?.as_str()?.parse().ok()
}

fn is_ready(pod: &Value) -> bool {
    object::condition(pod, "Ready").and_then(|entry| entry.get("status")?.as_str()) == Some("True")
}
