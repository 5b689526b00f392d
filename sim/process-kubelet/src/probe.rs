//! Probes: whether a process is up, ready, alive.

use std::{io, time::Duration};

use bytes::Bytes;
use edges::Clock;
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use kubelet::Health;
use serde_json::Value;
use tokio::{net::TcpStream, runtime::Handle, task::JoinSet};

use crate::limits;

/// One probe of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probe {
    action: Action,
    delay: Duration,
    period: Duration,
    timeout: Duration,
    successes: u64,
    failures: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    Http {
        port: u16,
        path: String,
        headers: Vec<(String, String)>,
    },
    Tcp {
        port: u16,
    },
    /// Of a kind that cannot be asked here; it fails with this text.
    Unknown(&'static str),
}

/// The probes of a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Probes {
    pub(crate) startup: Option<Probe>,
    pub(crate) readiness: Option<Probe>,
    pub(crate) liveness: Option<Probe>,
}

impl Probes {
    pub(crate) fn of(container: &Value) -> Self {
        let read = |key: &str| Probe::read(container, container.get(key)?);
        Self {
            startup: read("startupProbe"),
            readiness: read("readinessProbe"),
            liveness: read("livenessProbe"),
        }
    }

    /// How a process is when it has just been started.
    pub(crate) fn at_start(&self) -> Health {
        let started = self.startup.is_none();
        Health {
            running: true,
            started,
            ready: started && self.readiness.is_none(),
        }
    }
}

impl Probe {
    fn read(container: &Value, probe: &Value) -> Option<Self> {
        let number = |key: &str, default: u64| probe.get(key).and_then(Value::as_u64).unwrap_or(default);
        let port = |action: &Value| resolve(container, action.get("port")?);
        let action = if let Some(http) = probe.get("httpGet") {
            let headers = http.get("httpHeaders").and_then(Value::as_array);
            let text = |value: &Value, key: &str| {
                let text = value.get(key).and_then(Value::as_str);
                text.unwrap_or_default().to_owned()
            };
            match (port(http), http.get("scheme").and_then(Value::as_str)) {
                (_, Some("HTTPS")) => Action::Unknown("probes over HTTPS are not made here"),
                (None, _) => Action::Unknown("the port is unknown"),
                (Some(port), _) => Action::Http {
                    port,
                    path: text(http, "path"),
                    headers: headers
                        .into_iter()
                        .flatten()
                        .map(|header| (text(header, "name"), text(header, "value")))
                        .collect(),
                },
            }
        } else if let Some(tcp) = probe.get("tcpSocket") {
            port(tcp).map_or(Action::Unknown("the port is unknown"), |port| Action::Tcp {
                port,
            })
        } else {
            Action::Unknown("probes of this kind are not made here")
        };
        Some(Self {
            action,
            delay: Duration::from_secs(number("initialDelaySeconds", 0)),
            period: Duration::from_secs(number("periodSeconds", 10).max(1)),
            timeout: Duration::from_secs(number("timeoutSeconds", 1).max(1)),
            successes: number("successThreshold", 1).max(1),
            failures: number("failureThreshold", 3).max(1),
        })
    }
}

/// A port's number, given as such or as the name of one of the container's.
fn resolve(container: &Value, port: &Value) -> Option<u16> {
    let number = match port {
        Value::String(name) => {
            let ports = container.get("ports")?.as_array()?;
            let named = ports
                .iter()
                .find(|entry| entry.get("name").and_then(Value::as_str) == Some(name));
            named
                .and_then(|entry| entry.get("containerPort")?.as_u64())
                .or_else(|| name.parse().ok())
        }
        other => other.as_u64(),
    };
    number.and_then(|number| u16::try_from(number).ok())
}

/// From where pods are probed, and how they are reached.
#[derive(Clone)]
pub(crate) struct Prober {
    pub(crate) runtime: Handle,
    pub(crate) clock: Clock,
    pub(crate) address: String,
}

/// What a probe found that changes something.
pub(crate) enum Finding {
    /// It fails, with this text: once, or often enough to count.
    Failed {
        text: String,
        counts: bool,
    },
    Passed,
}

impl Prober {
    /// As [`Prober::watch`], but more often than the period says until it passes first, as the genuine kubelet does for
    /// readiness.
    pub(crate) async fn watch_eagerly(&self, probe: &Probe, mut tell: impl FnMut(Finding) -> bool) {
        let eager = Probe {
            period: limits::EAGER_PERIOD.min(probe.period),
            ..probe.clone()
        };
        let mut goes_on = true;
        self.watch(&eager, |finding| {
            let passed = matches!(finding, Finding::Passed);
            goes_on = tell(finding);
            goes_on && !passed
        })
        .await;
        if goes_on {
            let settled = Probe {
                delay: probe.period,
                ..probe.clone()
            };
            self.watch(&settled, tell).await;
        }
    }

    /// Asks again and again, and tells each time, until the answer is no.
    pub(crate) async fn watch(&self, probe: &Probe, mut tell: impl FnMut(Finding) -> bool) {
        self.clock.sleep(probe.delay).await;
        let (mut passed, mut failed) = (0, 0);
        loop {
            let finding = match self.ask(probe).await {
                Ok(()) => {
                    (passed, failed) = (passed + 1, 0);
                    (passed >= probe.successes).then_some(Finding::Passed)
                }
                Err(text) => {
                    (passed, failed) = (0, failed + 1);
                    let counts = failed >= probe.failures;
                    // Told once, and when it counts: what repeats is no news.
                    (failed == 1 || failed == probe.failures).then_some(Finding::Failed { text, counts })
                }
            };
            if let Some(finding) = finding
                && !tell(finding)
            {
                return;
            }
            self.clock.sleep(probe.period).await;
        }
    }

    /// One attempt, made inside the cluster's network.
    async fn ask(&self, probe: &Probe) -> Result<(), String> {
        let (action, address, timeout, clock) = (
            probe.action.clone(),
            self.address.clone(),
            probe.timeout,
            self.clock,
        );
        let attempt = self.runtime.spawn(async move {
            match clock.timeout(timeout, attempt(&action, &address)).await {
                Ok(answer) => answer,
                Err(_) => Err("context deadline exceeded".to_owned()),
            }
        });
        attempt.await.unwrap_or_else(|error| Err(error.to_string()))
    }
}

async fn attempt(action: &Action, address: &str) -> Result<(), String> {
    let connect = |port: u16| async move {
        let told = |error: io::Error| match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                format!("dial tcp {address}:{port}: connect: connection refused")
            }
            _ => format!("dial tcp {address}:{port}: {error}"),
        };
        TcpStream::connect((address, port)).await.map_err(told)
    };
    match action {
        Action::Unknown(text) => Err((*text).to_owned()),
        Action::Tcp { port } => connect(*port).await.map(drop),
        Action::Http { port, path, headers } => {
            let path = format!("/{}", path.trim_start_matches('/'));
            let told = |error: String| format!("Get \"http://{address}:{port}{path}\": {error}");
            let stream = connect(*port).await.map_err(told)?;
            let code = get(stream, address, *port, &path, headers).await.map_err(told)?;
            if (200..400).contains(&code) {
                return Ok(());
            }
            Err(format!("HTTP probe failed with statuscode: {code}"))
        }
    }
}

async fn get(
    stream: TcpStream,
    address: &str,
    port: u16,
    path: &str,
    headers: &[(String, String)],
) -> Result<u16, String> {
    let told = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(told)?;
    let uri: Uri = path
        .parse()
        .map_err(|error: http::uri::InvalidUri| error.to_string())?;
    let mut request = Request::get(uri)
        .header("host", format!("{address}:{port}"))
        .header("user-agent", "kube-probe/1.36")
        .header("connection", "close");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = sender.send_request(request).await.map_err(told)?;
    let code = response.status().as_u16();
    // The answer is read as far as it is short: a server that is cut off would log an error.
    let _ = Limited::new(response.into_body(), limits::PROBE_BODY)
        .collect()
        .await;
    Ok(code)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ports_have_names_and_times_have_defaults() {
        let container = json!({
            "ports": [{"name": "http", "containerPort": 9090}],
            "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
            "livenessProbe": {"tcpSocket": {"port": 9440}, "periodSeconds": 3, "failureThreshold": 1},
        });
        let probes = Probes::of(&container);
        let readiness = probes.readiness.clone().unwrap();
        assert!(matches!(readiness.action, Action::Http { port: 9090, .. }));
        assert_eq!((readiness.period.as_secs(), readiness.failures), (10, 3));
        let liveness = probes.liveness.clone().unwrap();
        assert_eq!(liveness.action, Action::Tcp { port: 9440 });
        assert_eq!((liveness.period.as_secs(), liveness.failures), (3, 1));
        assert!(!probes.at_start().ready && probes.at_start().started);
    }
}
