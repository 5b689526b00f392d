//! One run of a pod's container, from its start to its exit code.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use kubelet::{Health, Pod};
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    Entry, Inner, Missing,
    environment::{self, text, words},
    limits,
    log::Log,
    probe::{Finding, Probe, Prober, Probes},
    sandbox::{self, Isolation, Running, Spec},
    volumes::{self, Mount},
};

/// Exit code of a container that could not be started.
const CANNOT_START: i32 = 128;
/// Exit code of a container that was told to end before it ran.
const ENDED_BEFORE: i32 = 137;

/// Runs the container. The future may be dropped at any time: the process is killed then.
pub(crate) async fn run(inner: Arc<Inner>, pod: Pod, program: PathBuf) -> i32 {
    let none = Value::Null;
    let container = pod.object.pointer("/spec/containers/0").unwrap_or(&none);
    let Begun { log, mut stop, _end } = begin(&inner, &pod, container);
    let spec = loop {
        let missing = match prepare(&inner, &pod, container, &program) {
            Ok(spec) => break spec,
            Err(missing) => missing,
        };
        inner.event(&pod, "Warning", "Failed", &format!("Error: {missing}"));
        tokio::select! {
            biased;
            _ = stop.wait_for(Option::is_some) => {
                log.end();
                return ENDED_BEFORE;
            }
            () = inner.config.clock.sleep(limits::CONFIG_RETRY) => {}
        }
    };
    let mut running = match sandbox::start(spec, log.clone()).await {
        Ok(running) => running,
        Err(error) => {
            log.push(format!("{}: {error}\n", program.display()).as_bytes());
            inner.event(&pod, "Warning", "Failed", &format!("Error: {error}"));
            return CANNOT_START;
        }
    };
    let name = text(container, "name");
    inner.event(&pod, "Normal", "Started", &format!("Started container {name}"));
    let probes = Probes::of(container);
    inner.set_health(&pod.uid, Some(probes.at_start()));
    let grace = {
        let stopped = stop.wait_for(Option::is_some);
        tokio::select! {
            biased;
            code = running.ended() => return code,
            grace = stopped => grace.ok().and_then(|grace| *grace).unwrap_or_default(),
            () = observe(&inner, &pod, &probes) => {
                let text = format!("Container {name} failed liveness probe, will be restarted");
                inner.event(&pod, "Normal", "Killing", &text);
                own_grace(&pod)
            }
        }
    };
    end(&inner, running, stop, grace).await
}

/// Asks a process to end, and makes it after the grace, which may still be shortened.
async fn end(
    inner: &Inner,
    mut running: Running,
    mut stop: watch::Receiver<Option<Duration>>,
    mut grace: Duration,
) -> i32 {
    running.terminate();
    let since = inner.config.clock.now();
    loop {
        let left = grace.saturating_sub(inner.config.clock.since(since));
        tokio::select! {
            biased;
            code = running.ended() => return code,
            () = inner.config.clock.sleep(left) => {
                running.kill();
                return running.ended().await;
            }
            Ok(()) = stop.changed() => {
                grace = stop.borrow().unwrap_or(grace);
            }
        }
    }
}

fn own_grace(pod: &Pod) -> Duration {
    let seconds = pod.object.pointer("/spec/terminationGracePeriodSeconds");
    Duration::from_secs(seconds.and_then(Value::as_u64).unwrap_or(30))
}

/// What a run holds until it is over.
struct Begun {
    log: Log,
    stop: watch::Receiver<Option<Duration>>,
    _end: End,
}

/// Marks the run as over, however it ends.
struct End {
    inner: Arc<Inner>,
    uid: String,
}

impl Drop for End {
    fn drop(&mut self) {
        self.inner.set_health(&self.uid, None);
    }
}

fn begin(inner: &Arc<Inner>, pod: &Pod, container: &Value) -> Begun {
    let log = Log::new(inner.config.clock);
    let (stop, stopped) = watch::channel(None);
    let mut pods = inner.lock();
    let previous = pods.remove(&pod.uid).map(|entry| entry.log);
    pods.insert(
        pod.uid.clone(),
        Entry {
            namespace: pod.namespace.clone(),
            name: pod.name.clone(),
            container: text(container, "name").to_owned(),
            health: Some(Health {
                running: false,
                started: false,
                ready: false,
            }),
            stop,
            log: log.clone(),
            previous,
        },
    );
    let end = End {
        inner: Arc::clone(inner),
        uid: pod.uid.clone(),
    };
    Begun {
        log,
        stop: stopped,
        _end: end,
    }
}

fn prepare(inner: &Inner, pod: &Pod, container: &Value, program: &Path) -> Result<Spec, Missing> {
    let directory = inner.directory.path().join(&pod.uid);
    let failed = |error: std::io::Error| Missing(error.to_string());
    fs::create_dir_all(&directory).map_err(failed)?;
    let mounts = volumes::prepare(&inner.objects, pod, container, &directory.join("volumes"))?;
    let base = inner.base_variables(pod, &directory).map_err(failed)?;
    let variables = environment::variables(&inner.objects, pod, container, base)?;
    let isolation = match &inner.config.net {
        None => None,
        Some(net) => Some(Isolation {
            link: net.link(&pod.ip),
            hostname: pod.name.clone(),
            files: inner.files(pod, &directory).map_err(failed)?,
        }),
    };
    let working_directory = text(container, "workingDir");
    Ok(Spec {
        image: program.to_owned(),
        command: words(container, "command", &variables),
        args: words(container, "args", &variables),
        variables,
        working_directory: (!working_directory.is_empty()).then(|| PathBuf::from(working_directory)),
        directory,
        mounts,
        isolation,
    })
}

impl Inner {
    /// What every container finds in its environment.
    fn base_variables(&self, pod: &Pod, directory: &Path) -> std::io::Result<BTreeMap<String, String>> {
        let api = self.config.api_address;
        let mut all = BTreeMap::from([
            (
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            ),
            ("HOME", "/tmp".to_owned()),
            ("HOSTNAME", pod.name.clone()),
            ("KUBERNETES_SERVICE_HOST", api.ip().to_string()),
            ("KUBERNETES_SERVICE_PORT", api.port().to_string()),
            ("KUBERNETES_SERVICE_PORT_HTTPS", api.port().to_string()),
        ]);
        if self.config.net.is_none() {
            let root = directory.join("root");
            all.insert("HOME", root.join("tmp").display().to_string());
            all.insert("TMPDIR", root.join("tmp").display().to_string());
            all.insert("POD_ROOT", root.display().to_string());
            all.insert("POD_IP", pod.ip.clone());
            all.insert(
                "KUBECONFIG",
                self.kubeconfig(pod, directory)?.display().to_string(),
            );
            if let Some(proxy) = self.config.proxy {
                for name in ["HTTP_PROXY", "http_proxy"] {
                    all.insert(name, format!("http://{proxy}"));
                }
            }
        }
        Ok(all
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect())
    }

    /// The way in for pods that see no ServiceAccount's files at their usual place.
    fn kubeconfig(&self, pod: &Pod, directory: &Path) -> std::io::Result<PathBuf> {
        let (ca, token) = (directory.join("ca.crt"), directory.join("token"));
        fs::write(&ca, &self.config.ca)?;
        fs::write(&token, self.objects.token(pod))?;
        let file = directory.join("kubeconfig");
        let text = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "pod",
            "clusters": [{"name": "pod", "cluster": {
                "server": format!("https://{}", self.config.api_address), "certificate-authority": ca,
            }}],
            "users": [{"name": "pod", "user": {"tokenFile": token}}],
            "contexts": [{"name": "pod", "context": {
                "cluster": "pod", "user": "pod", "namespace": pod.namespace,
            }}],
        });
        fs::write(&file, text.to_string())?;
        Ok(file)
    }

    /// Files through which a pod finds names.
    fn files(&self, pod: &Pod, directory: &Path) -> std::io::Result<Vec<Mount>> {
        let resolver = format!(
            "nameserver {}\nsearch {}.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n",
            self.config.dns, pod.namespace
        );
        let hosts = format!("127.0.0.1\tlocalhost\n::1\tlocalhost\n{}\t{}\n", pod.ip, pod.name);
        let mut files = Vec::new();
        for (name, target, text) in [
            ("resolv.conf", "/etc/resolv.conf", resolver),
            ("hosts", "/etc/hosts", hosts),
        ] {
            let source = directory.join(name);
            fs::write(&source, text)?;
            files.push(Mount {
                source,
                target: PathBuf::from(target),
            });
        }
        Ok(files)
    }

    fn event(&self, pod: &Pod, kind: &str, reason: &str, message: &str) {
        let seconds = self.config.clock.now().as_second();
        let now = jiff::Timestamp::from_second(seconds).unwrap_or_default();
        self.objects.event(pod, &now.to_string(), kind, reason, message);
    }
}

/// Keeps a pod's health up to date; returns when its startup or liveness probe has failed.
async fn observe(inner: &Inner, pod: &Pod, probes: &Probes) {
    let watch = Watch {
        inner,
        pod,
        prober: Prober {
            runtime: inner.prober.clone(),
            clock: inner.config.clock,
            address: pod.ip.clone(),
        },
    };
    if let Some(startup) = &probes.startup
        && !watch.started(startup).await
    {
        return;
    }
    tokio::select! {
        biased;
        () = watch.alive(probes.liveness.as_ref()) => {}
        () = watch.ready(probes.readiness.as_ref()) => {}
    }
}

/// One running container under its probes.
struct Watch<'a> {
    inner: &'a Inner,
    pod: &'a Pod,
    prober: Prober,
}

impl Watch<'_> {
    fn tell(&self, kind: &str, text: &str) {
        let message = format!("{kind} probe failed: {text}");
        self.inner.event(self.pod, "Warning", "Unhealthy", &message);
    }

    fn set_ready(&self, ready: bool) {
        let known = self
            .inner
            .lock()
            .get(&self.pod.uid)
            .and_then(|entry| entry.health);
        let next = Health {
            running: true,
            started: true,
            ready,
        };
        if known != Some(next) {
            self.inner.set_health(&self.pod.uid, Some(next));
        }
    }

    /// Whether the startup probe succeeds in time.
    async fn started(&self, probe: &Probe) -> bool {
        let mut started = false;
        self.prober
            .watch(probe, |finding| match finding {
                Finding::Passed => {
                    started = true;
                    false
                }
                Finding::Failed { text, counts } => {
                    self.tell("Startup", &text);
                    !counts
                }
            })
            .await;
        started
    }

    /// Follows the readiness probe, without end.
    async fn ready(&self, probe: Option<&Probe>) {
        let Some(probe) = probe else {
            self.set_ready(true);
            return std::future::pending().await;
        };
        self.set_ready(false);
        self.prober
            .watch_eagerly(probe, |finding| {
                match finding {
                    Finding::Passed => self.set_ready(true),
                    Finding::Failed { text, counts } => {
                        self.tell("Readiness", &text);
                        if counts {
                            self.set_ready(false);
                        }
                    }
                }
                true
            })
            .await;
    }

    /// Returns when the liveness probe has failed.
    async fn alive(&self, probe: Option<&Probe>) {
        let Some(probe) = probe else {
            return std::future::pending().await;
        };
        self.prober
            .watch(probe, |finding| match finding {
                Finding::Passed => true,
                Finding::Failed { text, counts } => {
                    self.tell("Liveness", &text);
                    !counts
                }
            })
            .await;
    }
}
