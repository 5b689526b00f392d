//! A simulated cluster in which the extension runs, and what the tests look at.

use std::{
    collections::BTreeMap,
    fs,
    future::Future,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use apiserver::{Gvr, User};
use kubelet::{Launcher, Pod};
use serde_json::{Value, json};
use world::{Config, World};

/// A world in which the extension runs.
pub(crate) struct Cluster {
    world: World,
    fixtures: tempfile::TempDir,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

fn launcher(world: &World) -> Launcher {
    let gate = world.gate();
    Arc::new(move |pod: &Pod| {
        if pod.image != extension::IMAGE {
            return None;
        }
        let edges = gate.edges(pod).unwrap();
        let (args, env) = (pod.args.clone(), pod.env.clone());
        Some(Box::pin(async move {
            match extension::run(&args[0], &args[1..], &env, edges).await {
                Ok(()) => 0,
                Err(error) => panic!("{error}"),
            }
        }))
    })
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let config = Config::default();
        let mut world = World::start(&config).unwrap();
        let launcher = launcher(&world);
        world.start_nodes(&config, Some(launcher));
        let cluster = Self {
            world,
            fixtures: tempfile::tempdir().unwrap(),
            files: Arc::default(),
        };
        for object in extension::manifests() {
            cluster.apply(&object);
        }
        for name in ["source-controller", "kustomize-controller", "helm-controller"] {
            cluster
                .until(&deployments(), "flux-system", name, |found| {
                    found.pointer("/status/availableReplicas") == Some(&json!(1))
                })
                .await;
        }
        cluster
    }

    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        self.world
            .api
            .call(&User::admin(), method, path, content_type, body)
    }

    pub(crate) fn apply(&self, object: &Value) {
        let api_version = object["apiVersion"].as_str().unwrap();
        let kind = object["kind"].as_str().unwrap();
        let plural = match kind {
            "GitRepository" => "gitrepositories".to_owned(),
            "OCIRepository" => "ocirepositories".to_owned(),
            kind => format!("{}s", kind.to_lowercase()),
        };
        let root = if api_version.contains('/') { "apis" } else { "api" };
        let namespace = match object["metadata"]["namespace"].as_str() {
            Some(namespace) => format!("namespaces/{namespace}/"),
            None => String::new(),
        };
        let name = object["metadata"]["name"].as_str().unwrap();
        let path = format!("/{root}/{api_version}/{namespace}{plural}/{name}?fieldManager=test&force=true");
        let (code, answer) = self.request("PATCH", &path, "application/apply-patch+yaml", Some(object));
        assert!(code < 300, "{path}: {answer}");
    }

    /// Makes the tree of files the new content of a repository's main branch.
    pub(crate) fn push(&self, repo: &str, files: &[(&str, &str)]) {
        let tree = tempfile::tempdir_in(self.fixtures.path()).unwrap();
        for (path, content) in files {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
            fs::write(path, content).unwrap();
        }
        if self.world.git.head(repo, "main").is_some() {
            self.world.git.push(repo, "main", tree.path(), "change").unwrap();
        } else {
            self.world.git.create(repo, tree.path(), "first").unwrap();
        }
    }

    /// A server outside the cluster that has files.
    pub(crate) fn serve(&self, host: &str, path: &str, bytes: Vec<u8>) {
        let mut files = self.files.lock().unwrap();
        let known = !files.is_empty();
        files.insert(path.to_owned(), bytes);
        if known {
            return;
        }
        let files = Arc::clone(&self.files);
        let service = tower::service_fn(move |request: http::Request<bytes::Bytes>| {
            let found = files.lock().unwrap().get(request.uri().path()).cloned();
            let mut answer = http::Response::new(edges::empty_body());
            match found {
                Some(bytes) => *answer.body_mut() = edges::body_from(bytes::Bytes::from(bytes)),
                None => *answer.status_mut() = http::StatusCode::NOT_FOUND,
            }
            async { Ok(answer) }
        });
        self.world.net.add_host(host, 80, service);
    }

    /// A server outside the cluster that remembers the bodies of requests and answers 200.
    pub(crate) fn receiver(&self, host: &str) -> Arc<Mutex<Vec<Value>>> {
        let seen: Arc<Mutex<Vec<Value>>> = Arc::default();
        let into = Arc::clone(&seen);
        let service = tower::service_fn(move |request: http::Request<bytes::Bytes>| {
            let body = serde_json::from_slice(request.body()).unwrap();
            into.lock().unwrap().push(body);
            async { Ok(http::Response::new(edges::empty_body())) }
        });
        self.world.net.add_host(host, 80, service);
        seen
    }

    /// The answer of a port of a component's pod: its status and text, nothing if nobody answers.
    pub(crate) async fn fetch(&self, component: &str, port: u16, path: &str) -> Option<(u16, String)> {
        let pods = self
            .world
            .api
            .list(&Gvr::new("", "v1", "pods"), Some("flux-system"));
        let pod = pods
            .iter()
            .find(|pod| pod["metadata"]["labels"]["app"] == component)?;
        let ip = pod["status"]["podIP"].as_str()?;
        let request = http::Request::get(format!("http://{ip}:{port}{path}")).body(bytes::Bytes::new());
        let answer = self
            .world
            .net
            .client()
            .fetch(request.unwrap(), 1 << 20)
            .await
            .ok()?;
        let text = String::from_utf8(answer.body().to_vec()).unwrap();
        Some((answer.status().as_u16(), text))
    }

    pub(crate) fn get(&self, gvr: &Gvr, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.world.api.get(gvr, namespace, name)
    }

    /// Waits, at most fifteen virtual minutes, until an object is as wanted.
    pub(crate) async fn until(
        &self,
        gvr: &Gvr,
        namespace: &str,
        name: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Arc<Value> {
        let mut last = None;
        for _ in 0..900 {
            last = self.get(gvr, namespace, name);
            if let Some(found) = last.as_ref().filter(|found| wanted(found)) {
                return Arc::clone(found);
            }
            self.sleep(1).await;
        }
        let last = last.map(|found| serde_json::to_string_pretty(&found).unwrap());
        panic!(
            "{namespace}/{name} is not as wanted: {}",
            last.unwrap_or_default()
        );
    }

    pub(crate) async fn sleep(&self, seconds: u64) {
        self.world.clock.sleep(Duration::from_secs(seconds)).await;
    }

    /// The event about an object with this reason.
    pub(crate) fn event(&self, kind: &str, name: &str, reason: &str) -> Arc<Value> {
        let events = self.world.api.list(&Gvr::new("", "v1", "events"), None);
        let mut about = events.into_iter().filter(|event| {
            let object = &event["involvedObject"];
            object["kind"] == kind && object["name"] == name && event["reason"] == reason
        });
        about.next().unwrap()
    }

    pub(crate) fn events(&self, kind: &str, name: &str) -> Vec<String> {
        let events = self.world.api.list(&Gvr::new("", "v1", "events"), None);
        let about = events.iter().filter(|event| {
            let object = &event["involvedObject"];
            object["kind"] == kind && object["name"] == name
        });
        about
            .map(|event| {
                let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
                format!(
                    "{} {} {} x{}",
                    text("type"),
                    text("reason"),
                    text("message"),
                    event["count"]
                )
            })
            .collect()
    }
}

pub(crate) fn deployments() -> Gvr {
    Gvr::new("apps", "v1", "deployments")
}

pub(crate) fn config_maps() -> Gvr {
    Gvr::new("", "v1", "configmaps")
}

pub(crate) fn kustomizations() -> Gvr {
    Gvr::new("kustomize.toolkit.fluxcd.io", "v1", "kustomizations")
}

pub(crate) fn ready(found: &Value) -> bool {
    condition(found, "Ready").is_some_and(|ready| ready["status"] == "True")
        && found["status"]["observedGeneration"] == found["metadata"]["generation"]
}

pub(crate) fn condition<'a>(found: &'a Value, kind: &str) -> Option<&'a Value> {
    let list = found.pointer("/status/conditions")?.as_array()?;
    list.iter().find(|entry| entry["type"] == kind)
}

/// The reason of the Ready condition.
pub(crate) fn reason(found: &Value) -> &str {
    condition(found, "Ready")
        .and_then(|ready| ready["reason"].as_str())
        .unwrap_or_default()
}

pub(crate) fn repository(name: &str) -> Value {
    json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"interval": "1m", "url": format!("http://git.example.com/{name}.git"), "ref": {"branch": "main"}},
    })
}

pub(crate) fn kustomization(name: &str, repo: &str, spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "interval": "1h", "retryInterval": "5s", "prune": true, "path": "./", "targetNamespace": "default",
            "sourceRef": {"kind": "GitRepository", "name": repo},
        },
    });
    for (key, value) in spec.as_object().unwrap() {
        object["spec"][key] = value.clone();
    }
    object
}

/// A Deployment; one with a gate becomes ready only when somebody opens it.
pub(crate) fn deployment(name: &str, gate: Option<&str>) -> String {
    let gate = gate.map(|gate| format!("\n      readinessGates: [{{conditionType: {gate}}}]"));
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers: [{{name: main, image: \"{name}:1\"}}]{}
",
        gate.unwrap_or_default()
    )
}

pub(crate) fn config_map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: \"{value}\"\n")
}

/// Runs a test in virtual time.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(test);
}
