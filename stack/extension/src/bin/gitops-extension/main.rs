//! The program: one component of the extension on a cluster.
//!
//! The component is named by the first argument, or by the name under which the program was started, so that a link
//! called `source-controller` is source-controller.

mod http;
mod limits;
mod listen;
mod log;
mod net;

use std::{
    collections::BTreeMap,
    env, io,
    net::{IpAddr, Ipv6Addr},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use edges::{Blocking, Clock, DataDir, Edges, Seed};
use tempfile::TempDir;
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};

const USAGE: &str = "\
Runs one component of the GitOps extension.

Usage: gitops-extension COMPONENT [FLAGS]

Components: source-controller, kustomize-controller, helm-controller; COMPONENT --help tells the flags of one.

Environment:
  KUBECONFIG         the cluster, where the program does not run in a pod
  RUNTIME_NAMESPACE  the namespace of the program
  POD_IP             the address at which ports are offered; all addresses if unset
  POD_ROOT           the folder below which the pod's volumes lie, where they are not mounted
  HTTP_PROXY, HTTPS_PROXY, NO_PROXY
  RUST_LOG           what is logged instead of --log-level, such as source_controller=debug
";

const COMPONENTS: [&str; 3] = ["source-controller", "kustomize-controller", "helm-controller"];

/// Time that blocking work has after the end was asked for.
const FAREWELL: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let mut words = env::args();
    let program = words.next().unwrap_or_default();
    let program = Path::new(&program).file_name().unwrap_or_default();
    let linked = COMPONENTS.iter().find(|name| program == **name);
    let component = linked.map(|name| (*name).to_owned()).or_else(|| words.next());
    match component.as_deref() {
        None => {
            complain(USAGE);
            ExitCode::from(2)
        }
        Some("--help" | "-h" | "help") => {
            tell(USAGE);
            ExitCode::SUCCESS
        }
        Some("--version" | "-V") => {
            tell(concat!("gitops-extension ", env!("CARGO_PKG_VERSION"), "\n"));
            ExitCode::SUCCESS
        }
        Some(component) => start(component, &words.collect::<Vec<_>>()),
    }
}

fn start(component: &str, args: &[String]) -> ExitCode {
    let env: BTreeMap<String, String> = env::vars().collect();
    // Wrong flags are told before a cluster is looked for.
    let log = match extension::check(component, args, &env) {
        Ok(log) => log,
        Err(extension::Error::Arguments(help)) if !help.use_stderr() => {
            tell(&help.to_string());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            complain(&format!("{error}\n"));
            return ExitCode::from(2);
        }
    };
    log::begin(log, env.get("RUST_LOG"));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("error: {error}\n"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(until_told(component, args, &env));
    runtime.shutdown_timeout(FAREWELL);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed(text)) => {
            tracing::error!(component, error = text, "the component ended");
            ExitCode::FAILURE
        }
    }
}

/// Why the program ends without being told to.
struct Failed(String);

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Runs the component until SIGTERM or Ctrl-C.
async fn until_told(component: &str, args: &[String], env: &BTreeMap<String, String>) -> Result<(), Failed> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let data = data(env)?;
    let edges = edges(env, data.path()).await?;
    tracing::info!(component, version = env!("CARGO_PKG_VERSION"), "starting");
    let mut told = false;
    let stop = async {
        tokio::select! {
            biased;
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        told = true;
    };
    let ended = extension::run_until(component, args, env, edges, stop).await;
    match ended {
        Ok(()) if told => {
            tracing::info!(component, "told to end");
            Ok(())
        }
        Ok(()) => Err(Failed("it ended without an error".to_owned())),
        Err(error) => Err(Failed(error.to_string())),
    }
}

async fn edges(env: &BTreeMap<String, String>, data: &Path) -> Result<Edges, Failed> {
    let failed = |error: &dyn std::error::Error| Failed(format!("no cluster: {error}"));
    // In a pod its ServiceAccount counts, whatever a shared home directory holds.
    let in_pod = env.contains_key("KUBERNETES_SERVICE_HOST") && !env.contains_key("KUBECONFIG");
    let config = if in_pod {
        kube::Config::incluster().map_err(|error| failed(&error))?
    } else {
        kube::Config::infer().await.map_err(|error| failed(&error))?
    };
    let address = env.get("POD_IP").and_then(|text| text.parse::<IpAddr>().ok());
    Ok(Edges {
        kube: kube::Client::try_from(config).map_err(|error| failed(&error))?,
        http: http::client().map_err(|error| failed(&error))?,
        net: net::net(),
        listener: listen::listener(address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED))),
        disk: DataDir::at(data),
        clock: Clock::system(),
        seed: Seed::random(),
        blocking: Blocking::Threads,
    })
}

/// Where the component keeps its files.
enum Data {
    Volume(PathBuf),
    Temporary(TempDir),
}

impl Data {
    fn path(&self) -> &Path {
        match self {
            Self::Volume(path) => path,
            Self::Temporary(directory) => directory.path(),
        }
    }
}

/// The volume at `/data` where a pod has one, a temporary directory otherwise.
fn data(env: &BTreeMap<String, String>) -> io::Result<Data> {
    let root = env.get("POD_ROOT").map_or("/", String::as_str);
    let volume = Path::new(root).join("data");
    if tempfile::tempfile_in(&volume).is_ok() {
        return Ok(Data::Volume(volume));
    }
    let temporary = Path::new(root).join("tmp");
    tempfile::tempdir_in(temporary)
        .or_else(|_| tempfile::tempdir())
        .map(Data::Temporary)
}

#[expect(clippy::print_stdout, reason = "the answer to a question on the command line")]
fn tell(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "before there is a log")]
fn complain(text: &str) {
    eprint!("{text}");
}
