//! One controller, its API server, its Git server and its consumers.

use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use apiserver::{ApiServer, Config, Gvr, User};
use artifact::Fetcher;
use bytes::Bytes;
use edges::{Blocking, Clock, DataDir, Edges, HttpClient, HttpError, HttpService, Listener, Seed, Serving};
use git_server::{GitServer, Oid};
use http::{Request, Response};
use serde_json::{Value, json};
use source_controller::Options;
use tokio::task::JoinHandle;
use tower::ServiceExt;

pub(crate) const MERGE: &str = "application/merge-patch+json";
const OBJECTS: &str = "/apis/source.toolkit.fluxcd.io/v1/namespaces/apps/gitrepositories";
pub(crate) const OBJECT: &str = "/apis/source.toolkit.fluxcd.io/v1/namespaces/apps/gitrepositories/app";

/// The ports that the controller serves; `source-controller` stands for its host.
type Ports = Arc<Mutex<Option<HttpService>>>;

pub(crate) struct World {
    api: ApiServer,
    pub(crate) git: GitServer,
    pub(crate) edges: Edges,
    controller: Option<JoinHandle<()>>,
}

fn tree(text: &str) -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("a.yaml"), text).unwrap();
    fs::write(tree.path().join("logo.png"), "").unwrap();
    tree
}

/// Requests to the artifacts' host go to the controller, all others to the Git server.
fn network(git: &GitServer, ports: Ports) -> HttpClient {
    let git = git.clone();
    HttpClient::new(tower::service_fn(move |request: Request<Bytes>| {
        let (git, files) = (git.clone(), ports.lock().unwrap().clone());
        async move {
            if request.uri().host() == Some("git.example.com") {
                return git.handle(&request);
            }
            let files = files.ok_or(HttpError::Refused)?;
            let answer: Result<Response<_>, std::convert::Infallible> = files.oneshot(request).await;
            answer.map_err(|never| match never {})
        }
    }))
}

fn listener(ports: Ports) -> Listener {
    struct Close(Ports);
    impl Drop for Close {
        fn drop(&mut self) {
            self.0.lock().unwrap().take();
        }
    }
    Listener::new(move |port, service| {
        assert_eq!(port, 9090);
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
        let git = GitServer::new().unwrap();
        let ports = Ports::default();
        let edges = Edges {
            kube: api.client(User::admin()),
            net: edges::Net::none(),
            http: network(&git, Arc::clone(&ports)),
            listener: listener(ports),
            disk: DataDir::temporary().unwrap(),
            clock,
            seed: Seed(1),
            blocking: Blocking::Lockstep,
        };
        let mut world = Self {
            api,
            git,
            edges,
            controller: None,
        };
        for name in ["apps", "default"] {
            world.create(
                "/api/v1/namespaces",
                &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
            );
        }
        for crd in flux_api::crds() {
            world.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &crd);
        }
        world.restart();
        world
    }

    pub(crate) fn restart(&mut self) {
        self.stop();
        let options = Options {
            storage_adv_addr: "source-controller".into(),
            ..Options::default()
        };
        let run = source_controller::run(self.edges.clone(), options);
        #[expect(clippy::disallowed_methods, reason = "a pod's process, ended by stop")]
        let controller = tokio::spawn(async move { run.await.unwrap() });
        self.controller = Some(controller);
    }

    pub(crate) fn stop(&mut self) {
        if let Some(controller) = self.controller.take() {
            controller.abort();
        }
    }

    pub(crate) fn call(&self, method: &str, path: &str, content_type: &str, body: Option<&Value>) -> Value {
        let (code, answer) = self.api.call(&User::admin(), method, path, content_type, body);
        assert!((200..300).contains(&code), "{method} {path}: {code} {answer}");
        answer
    }

    pub(crate) fn create(&self, path: &str, object: &Value) {
        self.call("POST", path, "application/json", Some(object));
    }

    pub(crate) fn apply(&self, spec: &Value) {
        let mut object = json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": {"name": "app", "namespace": "apps"},
            "spec": {"url": "http://git.example.com/app.git", "interval": "1m", "ref": {"branch": "main"}},
        });
        for (key, value) in spec.as_object().unwrap() {
            object["spec"][key] = value.clone();
        }
        self.create(OBJECTS, &object);
    }

    pub(crate) fn patch(&self, patch: &Value) {
        self.call("PATCH", OBJECT, MERGE, Some(patch));
    }

    pub(crate) fn object(&self) -> Value {
        let gvr = Gvr::new("source.toolkit.fluxcd.io", "v1", "gitrepositories");
        self.api
            .get(&gvr, "apps", "app")
            .map_or(Value::Null, |it| (*it).clone())
    }

    pub(crate) async fn wait(&self, seconds: u64) {
        self.edges.clock.sleep(Duration::from_secs(seconds)).await;
    }

    /// `status reason: message` of a condition, empty if there is none.
    pub(crate) fn condition(&self, kind: &str) -> String {
        let object = self.object();
        let Some(condition) = manifest::object::condition(&object, kind) else {
            return String::new();
        };
        let text = |key: &str| condition[key].as_str().unwrap().to_owned();
        format!("{} {}: {}", text("status"), text("reason"), text("message"))
    }

    /// The conditions' types in the order of the status.
    pub(crate) fn conditions(&self) -> Vec<String> {
        let object = self.object();
        let list = object["status"]["conditions"].as_array().unwrap().clone();
        list.iter()
            .map(|it| it["type"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Events as `type reason: message xN`, in order of their first appearance.
    pub(crate) fn events(&self) -> Vec<String> {
        let events = self.api.list(&Gvr::new("", "v1", "events"), Some("apps"));
        let mut events: Vec<_> = events
            .iter()
            .map(|it| {
                assert_eq!(it["source"]["component"], "source-controller");
                let text = |key: &str| it[key].as_str().unwrap().to_owned();
                let line = format!(
                    "{} {}: {} x{}",
                    text("type"),
                    text("reason"),
                    text("message"),
                    it["count"]
                );
                (manifest::object::name(it).to_owned(), line)
            })
            .collect();
        events.sort();
        events.into_iter().map(|(_, line)| line).collect()
    }

    pub(crate) fn push(&self, text: &str, message: &str) -> Oid {
        let tree = tree(text);
        match self.git.head("app", "main") {
            None => self.git.create("app", tree.path(), message).unwrap(),
            Some(_) => self.git.push("app", "main", tree.path(), message).unwrap(),
        }
    }

    pub(crate) fn ready(commit: Oid) -> String {
        format!("True Succeeded: stored artifact for revision 'main@sha1:{commit}'")
    }

    /// The artifact's files, as a consumer gets them.
    pub(crate) async fn consume(&self) -> Vec<(String, String)> {
        let artifact = self.object()["status"]["artifact"].clone();
        let text = |key: &str| artifact[key].as_str().unwrap().to_owned();
        let directory = tempfile::tempdir().unwrap();
        let fetcher = Fetcher::new(&self.edges, 9);
        fetcher
            .fetch(&text("url"), &text("digest"), directory.path())
            .await
            .unwrap();
        let mut files: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                (name, fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    pub(crate) fn stored(&self) -> usize {
        let directory = self.edges.disk.path().join("gitrepository/apps/app");
        fs::read_dir(directory).map_or(0, Iterator::count)
    }
}

pub(crate) fn one_file(text: &str) -> Vec<(String, String)> {
    vec![("a.yaml".to_owned(), text.to_owned())]
}
