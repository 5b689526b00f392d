//! The genuine kubectl in a world: one session, with every kubectl that is found.
//!
//! `KUBECTL` names programs, separated by colons, as continuous integration does; without it the folders of `PATH` are
//! searched for `kubectl` and `kubectl.1.NN`. A machine that has none says so and holds no session.
#![expect(clippy::unwrap_used, reason = "a test may fail")]
#![expect(
    clippy::disallowed_methods,
    reason = "the genuine program is told from outside which one it is"
)]

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use world::{Real, RealConfig};

/// One kubectl at one world.
struct Kubectl {
    program: PathBuf,
    home: tempfile::TempDir,
}

/// What a call gave.
struct Said {
    code: i32,
    out: String,
    errors: String,
}

impl Kubectl {
    fn new(program: &Path, real: &Real) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("kubeconfig"), real.kubeconfig()).unwrap();
        Self {
            program: program.to_owned(),
            home,
        }
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments.split_whitespace())
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .env("KUBECONFIG", self.home.path().join("kubeconfig"))
            .stdin(Stdio::null());
        command
    }

    fn call(&self, arguments: &str) -> Said {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(arguments).output().unwrap();
        Said {
            code: status.code().unwrap_or(-1),
            out: String::from_utf8(stdout).unwrap(),
            errors: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    /// A call that must succeed; the answer is what it printed.
    fn ok(&self, arguments: &str) -> String {
        let said = self.call(arguments);
        assert_eq!(
            said.code,
            0,
            "{} {arguments}\n{}{}",
            self.program.display(),
            said.out,
            said.errors
        );
        said.out
    }

    /// A call that must succeed and print this.
    fn says(&self, arguments: &str, wanted: &str) {
        let out = self.ok(arguments);
        assert!(
            out.contains(wanted),
            "{} {arguments}\nwanted {wanted:?} in\n{out}",
            self.program.display()
        );
    }

    /// A call that must fail with this complaint.
    fn fails(&self, arguments: &str, wanted: &str) {
        let said = self.call(arguments);
        assert_ne!(said.code, 0, "{arguments}\n{}", said.out);
        assert!(
            said.errors.contains(wanted),
            "{} {arguments}\nwanted {wanted:?} in\n{}",
            self.program.display(),
            said.errors
        );
    }

    fn file(&self, name: &str, text: &str) {
        let mut file = fs::File::create(self.home.path().join(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// A call that goes on.
    fn begin(&self, arguments: &str) -> Child {
        self.command(arguments).stdout(Stdio::piped()).spawn().unwrap()
    }
}

/// The programs, by what they say is their version.
fn programs() -> BTreeMap<String, PathBuf> {
    let named = env::var("KUBECTL").unwrap_or_default();
    let mut found: Vec<PathBuf> = named
        .split(':')
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .collect();
    if found.is_empty() {
        let path = env::var_os("PATH").unwrap_or_default();
        for folder in env::split_paths(&path) {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            found.extend(entries.map(|entry| entry.path()).filter(|path| {
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                name == "kubectl" || name.starts_with("kubectl.1.")
            }));
        }
    }
    let versions = found.into_iter().map(|program| {
        let output = Command::new(&program)
            .args(["version", "--client", "--output=json"])
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let version: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let version = version["clientVersion"]["gitVersion"]
            .as_str()
            .unwrap()
            .to_owned();
        (version, program)
    });
    versions.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_genuine_client_goes_as_on_a_genuine_cluster() {
    let programs = programs();
    if programs.is_empty() {
        println!("no kubectl on PATH, and KUBECTL names none: no session was held");
    }
    for (version, program) in &programs {
        println!("session with kubectl {version}: {}", program.display());
        let real = Real::start(RealConfig {
            ready_after: Duration::from_millis(300),
            completes_after: Duration::from_millis(600),
            ..RealConfig::default()
        })
        .unwrap();
        let kubectl = Kubectl::new(program, &real);
        tokio::task::spawn_blocking(move || session(&kubectl))
            .await
            .unwrap();
        real.shutdown().await;
    }
    println!("sessions held: {:?}", programs.keys().collect::<Vec<_>>());
}

fn session(kubectl: &Kubectl) {
    orientation(kubectl);
    creating(kubectl);
    applying(kubectl);
    applying_on_the_server(kubectl);
    getting(kubectl);
    watching(kubectl);
    changing(kubectl);
    rolling_out(kubectl);
    asking_what_is_allowed(kubectl);
    deleting(kubectl);
}

fn orientation(kubectl: &Kubectl) {
    kubectl.says("version", "Server Version: v1.36");
    kubectl.says("cluster-info", "Kubernetes control plane");
    kubectl.says("api-resources --api-group=apps", "deployments");
    kubectl.says("api-versions", "apps/v1");
    kubectl.says("get --raw /readyz", "ok");
    kubectl.says("explain deployment.spec.replicas", "FIELD");
    kubectl.says("explain pod.spec.containers", "image");
    kubectl.says("explain configmap --recursive", "binaryData");
}

fn creating(kubectl: &Kubectl) {
    kubectl.says("create namespace shop", "namespace/shop created");
    kubectl.fails("create namespace shop", "AlreadyExists");
    kubectl.says("-n shop create configmap settings --from-literal=a=1", "created");
    kubectl.says(
        "-n shop create secret generic key --from-literal=password=x",
        "created",
    );
    kubectl.says("-n shop create serviceaccount robot", "created");
    kubectl.says(
        "-n shop create deployment front --image=nginx --replicas=2",
        "created",
    );
    kubectl.says("-n shop create service clusterip front --tcp=80:8080", "created");
    kubectl.says(
        "-n shop create role reader --verb=get --resource=configmaps",
        "created",
    );
    kubectl.says(
        "-n shop create rolebinding reader --role=reader --serviceaccount=shop:robot",
        "created",
    );
    kubectl.says("-n shop create job once --image=busybox", "created");
    kubectl.says("-n shop run alone --image=busybox", "pod/alone created");
    assert!(!kubectl.ok("-n shop create token robot").trim().is_empty());
    kubectl.says(
        "-n shop create configmap dry --dry-run=server -o name",
        "configmap/dry",
    );
    kubectl.fails("-n shop get configmap dry", "NotFound");
    kubectl.says(
        "-n shop wait --for=condition=Complete job/once --timeout=30s",
        "condition met",
    );
}

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: back
  namespace: shop
spec:
  replicas: 1
  selector:
    matchLabels: {app: back}
  template:
    metadata:
      labels: {app: back}
    spec:
      containers:
      - name: back
        image: back:v1
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: back
  namespace: shop
data:
  key: one
";

fn applying(kubectl: &Kubectl) {
    kubectl.file("back.yaml", DEPLOYMENT);
    let out = kubectl.ok("apply -f back.yaml");
    assert_eq!(out, "deployment.apps/back created\nconfigmap/back created\n");
    let out = kubectl.ok("apply -f back.yaml");
    assert_eq!(out, "deployment.apps/back unchanged\nconfigmap/back unchanged\n");
    assert_eq!(kubectl.call("diff -f back.yaml").code, 0);
    kubectl.file("back.yaml", &DEPLOYMENT.replace("key: one", "key: two"));
    let said = kubectl.call("diff -f back.yaml");
    assert_eq!(said.code, 1, "{}", said.errors);
    assert!(
        said.out.contains("-  key: one") && said.out.contains("+  key: two"),
        "{}",
        said.out
    );
    let out = kubectl.ok("apply -f back.yaml");
    assert_eq!(out, "deployment.apps/back unchanged\nconfigmap/back configured\n");
    let typo = DEPLOYMENT.replace("replicas: 1", "replica: 1");
    kubectl.file("typo.yaml", &typo);
    kubectl.fails("apply -f typo.yaml", "unknown field \"spec.replica\"");
}

fn applying_on_the_server(kubectl: &Kubectl) {
    let map = |value: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: owned, namespace: shop}}\ndata: {{key: {value}}}\n"
        )
    };
    kubectl.file("one.yaml", &map("one"));
    kubectl.file("two.yaml", &map("two"));
    kubectl.says("apply --server-side -f one.yaml", "serverside-applied");
    kubectl.fails(
        "apply --server-side --field-manager=other -f two.yaml",
        "conflict with \"kubectl\": .data.key",
    );
    kubectl.says(
        "apply --server-side --field-manager=other --force-conflicts -f two.yaml",
        "serverside-applied",
    );
    kubectl.says(
        "-n shop get configmap owned --show-managed-fields -o jsonpath={.metadata.managedFields[*].manager}",
        "other",
    );
    // What was applied on the client can go on on the server.
    kubectl.says(
        "apply --server-side -f back.yaml",
        "configmap/back serverside-applied",
    );
}

fn getting(kubectl: &Kubectl) {
    kubectl.says(
        "-n shop rollout status deployment/front --timeout=30s",
        "successfully rolled out",
    );
    let table = kubectl.ok("-n shop get deployments");
    let head: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(
        head,
        ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"],
        "{table}"
    );
    kubectl.says("-n shop get deployment front", "2/2");
    kubectl.says("-n shop get deployments -o wide", "CONTAINERS");
    kubectl.says("-n shop get pods -l app=front --show-labels", "app=front");
    kubectl.says("-n shop get pods -o wide", "NODE");
    kubectl.says("get nodes", "Ready");
    kubectl.says("get namespaces", "Active");
    kubectl.says("get all -A", "deployment.apps/front");
    kubectl.says("-n shop get deployment front -o yaml", "apiVersion: apps/v1");
    let json = kubectl.ok("-n shop get deployments,configmaps -o json");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["kind"], "List");
    assert_eq!(
        kubectl.ok("-n shop get deployment front -o jsonpath={.spec.replicas}"),
        "2"
    );
    assert_eq!(
        kubectl.ok("-n shop get configmap settings -o name"),
        "configmap/settings\n"
    );
    kubectl.says(
        "-n shop get configmaps -o custom-columns=N:.metadata.name",
        "settings",
    );
    kubectl.says("-n shop get pods --field-selector=status.phase=Running", "front");
    kubectl.says(
        "-n shop describe deployment front",
        "2 desired | 2 updated | 2 total",
    );
    kubectl.says("-n shop describe service front", "Endpoints:");
    kubectl.says("-n shop describe pod alone", "Image:");
    kubectl.ok("describe node");
    kubectl.ok("-n shop get events");
    kubectl.ok("-n shop events");
    kubectl.ok("-n shop logs deployment/front --tail=5");
}

fn watching(kubectl: &Kubectl) {
    let mut watch = kubectl.begin("-n shop get configmaps -w --output-watch-events");
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut until = |wanted: &str| {
        lines
            .find(|line| {
                line.as_ref()
                    .is_ok_and(|line| line.starts_with(wanted) && line.contains("seen"))
            })
            .unwrap()
            .unwrap()
    };
    kubectl.ok("-n shop create configmap seen");
    until("ADDED");
    kubectl.ok("-n shop label configmap seen a=b");
    until("MODIFIED");
    kubectl.ok("-n shop delete configmap seen");
    until("DELETED");
    watch.kill().unwrap();
    watch.wait().unwrap();
}

fn changing(kubectl: &Kubectl) {
    kubectl.says("-n shop label deployment front tier=web", "labeled");
    kubectl.fails("-n shop label deployment front tier=other", "--overwrite");
    kubectl.says("-n shop label deployment front tier-", "unlabeled");
    kubectl.says("-n shop annotate deployment front note=hello", "annotated");
    kubectl.says(
        "-n shop patch configmap settings -p {\"data\":{\"b\":\"2\"}}",
        "patched",
    );
    kubectl.says(
        "-n shop patch configmap settings --type=json -p [{\"op\":\"remove\",\"path\":\"/data/a\"}]",
        "patched",
    );
    assert_eq!(
        kubectl.ok("-n shop get configmap settings -o jsonpath={.data}"),
        "{\"b\":\"2\"}"
    );
    kubectl.file(
        "replace.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata: {c: '3'}\n",
    );
    kubectl.says("replace -f replace.yaml", "replaced");
    kubectl.says("-n shop expose deployment back --port=80", "exposed");
}

fn rolling_out(kubectl: &Kubectl) {
    kubectl.says("-n shop scale deployment front --replicas=3", "scaled");
    kubectl.says(
        "-n shop rollout status deployment/front --timeout=30s",
        "successfully rolled out",
    );
    kubectl.says(
        "-n shop set image deployment/front nginx=nginx:2",
        "image updated",
    );
    kubectl.says(
        "-n shop rollout status deployment/front --timeout=60s",
        "successfully rolled out",
    );
    kubectl.says("-n shop rollout history deployment/front", "REVISION");
    kubectl.says("-n shop rollout undo deployment/front", "rolled back");
    kubectl.says("-n shop rollout restart deployment/front", "restarted");
    kubectl.says(
        "-n shop wait --for=condition=Available deployment/front --timeout=60s",
        "condition met",
    );
    kubectl.says(
        "-n shop wait --for=jsonpath={.spec.replicas}=3 deployment/front --timeout=10s",
        "condition met",
    );
}

fn asking_what_is_allowed(kubectl: &Kubectl) {
    kubectl.says("auth can-i create deployments", "yes");
    let robot = "--as=system:serviceaccount:shop:robot";
    kubectl.says(&format!("auth can-i get configmaps -n shop {robot}"), "yes");
    let said = kubectl.call(&format!("auth can-i delete configmaps -n shop {robot}"));
    assert_eq!((said.code, said.out.trim()), (1, "no"), "{}", said.errors);
    kubectl.says(&format!("auth can-i --list -n shop {robot}"), "configmaps");
    kubectl.says("auth whoami", "system:masters");
    kubectl.fails(&format!("-n shop get secrets {robot}"), "Forbidden");
}

fn deleting(kubectl: &Kubectl) {
    let left = |kind: &str| kubectl.ok(&format!("-n shop get {kind} -l app=back -o name"));
    assert!(left("pods").contains("pod/back-"));
    kubectl.says("-n shop delete deployment back --cascade=orphan", "deleted");
    assert!(left("replicasets").contains("back-"), "orphans stay");
    kubectl.says(
        "-n shop delete replicasets -l app=back --cascade=foreground",
        "deleted",
    );
    assert_eq!(left("pods"), "", "a foreground deletion waits for what is owned");
    kubectl.says("-n shop delete deployment front --cascade=background", "deleted");
    kubectl.ok("-n shop wait --for=delete pod -l app=front --timeout=60s");
    kubectl.says("-n shop delete pod alone --grace-period=0 --force", "deleted");
    kubectl.says("-n shop delete -f replace.yaml", "deleted");
    kubectl.fails("-n shop delete configmap settings", "NotFound");
    kubectl.says("-n shop delete configmap settings --ignore-not-found", "");
    kubectl.says("-n shop delete configmaps --all", "deleted");
    kubectl.says("delete namespace shop --timeout=60s", "deleted");
    kubectl.fails("get namespace shop", "NotFound");
}
