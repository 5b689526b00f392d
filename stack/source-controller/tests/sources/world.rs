//! One controller, its API server, and the servers outside the cluster that sources are fetched from.

use std::{
    fs,
    io::Read,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use apiserver::{ApiServer, Config, Gvr, User};
use bucket_server::BucketServer;
use bytes::Bytes;
use edges::{
    Blocking, Clock, DataDir, Edges, HttpClient, HttpError, HttpService, Listener, Net, Seed, Serving, Stream,
};
use git_server::GitServer;
use http::{Request, Response};
use http_body_util::BodyExt;
use registry::{Artifact, RegistryServer};
use serde_json::{Value, json};
use source_controller::Options;
use tokio::task::JoinSet;
use tower::ServiceExt;

const GROUP: &str = "source.toolkit.fluxcd.io";
const MERGE: &str = "application/merge-patch+json";

/// The port that the controller serves; `source-controller` stands for its host.
type Ports = Arc<Mutex<Option<HttpService>>>;

pub(crate) struct World {
    pub(crate) api: ApiServer,
    pub(crate) registry: RegistryServer,
    pub(crate) buckets: BucketServer,
    pub(crate) git: GitServer,
    pub(crate) edges: Edges,
    _controller: JoinSet<()>,
}

/// Files as a tree on the disk.
pub(crate) fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = tree.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    tree
}

pub(crate) fn artifact(files: &[(&str, &str)]) -> Artifact {
    Artifact::of_tree(tree(files).path()).unwrap()
}

fn network(registry: &RegistryServer, buckets: &BucketServer, git: &GitServer, ports: Ports) -> HttpClient {
    let (registry, git) = (registry.service(), git.clone());
    let (s3, azure) = (buckets.s3(), buckets.azure());
    HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
        let (registry, git, files) = (registry.clone(), git.clone(), ports.lock().unwrap().clone());
        let (s3, azure) = (s3.clone(), azure.clone());
        async move {
            if request.uri().scheme_str() == Some("https") {
                return Err(HttpError::Other(
                    "http: server gave HTTP response to HTTPS client".into(),
                ));
            }
            match request.uri().host() {
                Some("registry.example.com") => registry.oneshot(request).await,
                Some("s3.example.com") => s3.oneshot(request).await,
                Some("account.blob.example.com") => azure.oneshot(request).await,
                Some("git.example.com") => git.handle(&request),
                Some("source-controller") => {
                    let files = files.ok_or(HttpError::Refused)?;
                    let answer: Result<Response<_>, std::convert::Infallible> = files.oneshot(request).await;
                    answer.map_err(|never| match never {})
                }
                other => Err(HttpError::NoSuchHost(other.unwrap_or_default().to_owned())),
            }
        }
    }))
}

/// Connections that end in the same servers; nobody speaks TLS.
fn net(http: HttpClient) -> Net {
    let dial =
        move |host: String, port: u16| -> futures::future::BoxFuture<'static, Result<Stream, HttpError>> {
            let http = http.clone();
            if port == 443 {
                return Box::pin(std::future::ready(Err(HttpError::Refused)));
            }
            let (here, there) = tokio::io::duplex(64 << 10);
            let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
                let (http, host) = (http.clone(), host.clone());
                async move {
                    let (mut head, body) = request.into_parts();
                    head.uri = format!("http://{host}:{port}{}", head.uri).parse().unwrap();
                    let body = body.collect().await.unwrap().to_bytes();
                    http.send(Request::from_parts(head, body)).await
                }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(hyper_util::rt::TokioIo::new(there), service);
            #[expect(clippy::disallowed_methods, reason = "ends with its connection")]
            tokio::spawn(async move { connection.await.ok() });
            Box::pin(std::future::ready(Ok(Stream::new(here))))
        };
    Net::new(dial, Vec::new())
}

fn listener(ports: Ports) -> Listener {
    struct Close(Ports);
    impl Drop for Close {
        fn drop(&mut self) {
            self.0.lock().unwrap().take();
        }
    }
    Listener::new(move |_, service| {
        ports.lock().unwrap().replace(service);
        Ok(Serving::until_dropped(Close(Arc::clone(&ports))))
    })
}

impl World {
    pub(crate) fn start() -> Self {
        let clock = Clock::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
        let api = ApiServer::new(Config {
            minor: "1.36".into(),
            clock,
            seed: Seed(1),
            controllers: apiserver::Controllers::All,
            openshift: false,
        });
        let buckets = BucketServer::new();
        let (registry, git, ports) = (RegistryServer::new(), GitServer::new().unwrap(), Ports::default());
        let edges = Edges {
            kube: api.client(User::admin()),
            http: network(&registry, &buckets, &git, Arc::clone(&ports)),
            net: net(network(&registry, &buckets, &git, Arc::clone(&ports))),
            listener: listener(ports),
            disk: DataDir::temporary().unwrap(),
            clock,
            seed: Seed(1),
            blocking: Blocking::Lockstep,
        };
        let mut controller = JoinSet::new();
        let options = Options {
            storage_adv_addr: "source-controller".into(),
            ..Options::default()
        };
        let run = source_controller::run(edges.clone(), options);
        let world = Self {
            api,
            registry,
            buckets,
            git,
            edges,
            _controller: JoinSet::new(),
        };
        world.create(
            "/api/v1/namespaces",
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "apps"}}),
        );
        for crd in flux_api::crds() {
            world.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &crd);
        }
        controller.spawn(async move { run.await.unwrap() });
        Self {
            _controller: controller,
            ..world
        }
    }

    fn call(&self, method: &str, path: &str, content_type: &str, body: Option<&Value>) {
        let (code, answer) = self.api.call(&User::admin(), method, path, content_type, body);
        assert!((200..300).contains(&code), "{method} {path}: {code} {answer}");
    }

    pub(crate) fn create(&self, path: &str, object: &Value) {
        self.call("POST", path, "application/json", Some(object));
    }

    pub(crate) fn secret(&self, name: &str, data: &Value) {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "apps"}, "stringData": data,
        });
        self.create("/api/v1/namespaces/apps/secrets", &secret);
    }

    /// Creates a source called `app`.
    pub(crate) fn apply(&self, kind: &str, spec: &Value) {
        self.apply_as(kind, "app", spec);
    }

    pub(crate) fn apply_as(&self, kind: &str, name: &str, spec: &Value) {
        let object = json!({
            "apiVersion": format!("{GROUP}/v1"), "kind": kind,
            "metadata": {"name": name, "namespace": "apps"}, "spec": spec,
        });
        self.create(&collection(kind), &object);
    }

    pub(crate) fn patch(&self, kind: &str, patch: &Value) {
        self.call("PATCH", &format!("{}/app", collection(kind)), MERGE, Some(patch));
    }

    pub(crate) fn delete(&self, kind: &str) {
        self.call(
            "DELETE",
            &format!("{}/app", collection(kind)),
            "application/json",
            None,
        );
    }

    pub(crate) fn object(&self, kind: &str) -> Value {
        let gvr = Gvr::new(GROUP, "v1", &plural(kind));
        self.api
            .get(&gvr, "apps", "app")
            .map_or(Value::Null, |it| (*it).clone())
    }

    pub(crate) async fn wait(&self, seconds: u64) {
        self.edges.clock.sleep(Duration::from_secs(seconds)).await;
    }

    /// Waits until `Ready` says these words, for two hundred seconds at most. Gives what it says in the end.
    pub(crate) async fn ready_says(&self, kind: &str, words: &str) -> String {
        for _ in 0..200 {
            self.wait(1).await;
            if self.condition(kind, "Ready").contains(words) {
                break;
            }
        }
        self.condition(kind, "Ready")
    }

    /// `status reason: message` of a condition, empty if there is none.
    pub(crate) fn condition(&self, kind: &str, condition: &str) -> String {
        let object = self.object(kind);
        let Some(condition) = manifest::object::condition(&object, condition) else {
            return String::new();
        };
        let text = |key: &str| condition[key].as_str().unwrap().to_owned();
        format!("{} {}: {}", text("status"), text("reason"), text("message"))
    }

    /// Events as `type reason: message`, in order of their first appearance.
    pub(crate) fn events(&self) -> Vec<String> {
        let events = self.api.list(&Gvr::new("", "v1", "events"), Some("apps"));
        let mut events: Vec<_> = events
            .iter()
            .map(|it| {
                let text = |key: &str| it[key].as_str().unwrap().to_owned();
                let line = format!("{} {}: {}", text("type"), text("reason"), text("message"));
                (manifest::object::name(it).to_owned(), line)
            })
            .collect();
        events.sort();
        events.into_iter().map(|(_, line)| line).collect()
    }

    /// Whether a text shows anywhere that users can look.
    pub(crate) fn shows(&self, kind: &str, text: &str) -> bool {
        self.object(kind).to_string().contains(text) || self.events().join("\n").contains(text)
    }

    /// The bytes behind an address of the controller's.
    pub(crate) async fn get(&self, url: &str) -> (u16, Bytes) {
        let request = Request::get(url).body(Bytes::new()).unwrap();
        let response = self.edges.http.send(request).await.unwrap();
        let status = response.status().as_u16();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    }

    /// The current artifact's bytes, which its fixed address gives too.
    pub(crate) async fn bytes(&self, kind: &str) -> Bytes {
        let status = self.object(kind)["status"].clone();
        let (code, bytes) = self.get(status["artifact"]["url"].as_str().unwrap()).await;
        assert_eq!(
            (code, status["artifact"]["size"].as_u64()),
            (200, Some(bytes.len() as u64))
        );
        assert_eq!(self.get(status["url"].as_str().unwrap()).await.1, bytes);
        bytes
    }

    /// The names of the artifact's files, and their content.
    pub(crate) async fn files(&self, kind: &str) -> Vec<(String, String)> {
        files(&self.bytes(kind).await)
    }
}

/// The regular files of a tarball.
pub(crate) fn files(bytes: &[u8]) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_file() {
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push((name, text));
        }
    }
    found
}

pub(crate) fn named(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
}

pub(crate) fn chart(root: &Path, name: &str) -> Bytes {
    registry::chart_tarball(root, name).unwrap()
}

fn plural(kind: &str) -> String {
    let kind = kind.to_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{kind}s"),
    }
}

fn collection(kind: &str) -> String {
    format!("/apis/{GROUP}/v1/namespaces/apps/{}", plural(kind))
}
