//! `gitops-conformance world`: a cluster to enter with kubectl, git and controllers of any make.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    net::SocketAddr,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use clap::{Args, builder::PossibleValuesParser};
use tokio::{runtime::Runtime, sync::mpsc};

use super::{Exit, Isolation, print};
use crate::target::open;

/// The first line of every kubeconfig that this command writes, and the sign that it may be replaced.
const MARK: &str = "# Written by gitops-conformance world, which removes it when it ends.\n";

/// Flags of `world`.
#[derive(Debug, Args)]
pub(super) struct WorldArgs {
    /// Where the kubeconfig is written; a file that this command did not write is left alone.
    #[arg(long, value_name = "FILE", default_value = "world.kubeconfig")]
    kubeconfig: PathBuf,
    /// Where the API server listens; port 0 takes any free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where the Git server listens.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    git_listen: SocketAddr,
    /// The Kubernetes minor that the API server plays.
    #[arg(long, value_name = "MINOR", default_value = open::NEWEST, value_parser = PossibleValuesParser::new(open::minors()))]
    kubernetes: String,
    /// Makes it an OpenShift cluster, with security context constraints.
    #[arg(long)]
    openshift: bool,
    /// Installs the extension; its pods run as processes.
    #[arg(long)]
    install: bool,
    /// The program that runs in pods of an image, or of all images whose names begin so; may be repeated.
    #[arg(long, value_name = "NAME=PATH", value_parser = image)]
    image: Vec<(String, PathBuf)>,
    /// How pods that run as processes are kept apart.
    #[arg(long, value_enum, default_value_t = Isolation::Auto)]
    isolation: Isolation,
}

fn image(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text
        .rsplit_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("expected NAME=PATH")?;
    let path = std::path::absolute(path).map_err(|error| error.to_string())?;
    let known = fs::metadata(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if !known.is_file() || known.permissions().mode() & 0o111 == 0 {
        return Err(format!("{}: not a program", path.display()));
    }
    Ok((name.to_owned(), path))
}

/// Opens a world and keeps it until Ctrl-C or SIGTERM.
pub(super) fn run(args: &WorldArgs) -> io::Result<Exit> {
    // The file first: whoever may not write it is told before anything else happens.
    let mut file = Kubeconfig::reserve(&args.kubeconfig)?;
    let (stop, mut stopped) = mpsc::channel(1);
    ctrlc::set_handler(move || {
        let _ = stop.try_send(());
    })
    .map_err(io::Error::other)?;
    let runtime = Runtime::new()?;
    runtime.block_on(async {
        let config = config(args);
        let world = if args.install {
            open::start_installed(config)
        } else {
            open::start(config)
        }?;
        file.fill(&world.kubeconfig())?;
        print(&welcome(args, &file.path, &world));
        stopped.recv().await;
        world.shutdown().await;
        Ok(Exit::Passed)
    })
}

fn config(args: &WorldArgs) -> open::RealConfig {
    open::RealConfig {
        minor: args.kubernetes.clone(),
        openshift: args.openshift,
        listen: args.listen,
        git_listen: args.git_listen,
        images: args.image.clone(),
        isolation: args.isolation.into(),
        ..open::RealConfig::default()
    }
}

fn welcome(args: &WorldArgs, kubeconfig: &Path, world: &open::Real) -> String {
    let mut text = format!(
        "The world is open: Kubernetes {minor} at {api}\n",
        minor = args.kubernetes,
        api = world.api_url()
    );
    if let Some(isolation) = world.isolation() {
        text += &format!("Pods of known images are processes, {isolation}.\n");
    }
    let git = world.git_url();
    text += &format!(
        "\nTry, in another terminal:\n\n  export KUBECONFIG={}\n  kubectl get nodes\n  \
         kubectl create deployment web --image=nginx --replicas=2\n  \
         kubectl rollout status deployment/web\n",
        kubeconfig.display(),
    );
    if args.install {
        text +=
            "  kubectl -n flux-system get pods\n  kubectl -n flux-system logs deployment/source-controller\n";
    }
    text += &format!(
        "\nGit from here: git push {git}/app.git HEAD:main (the first push makes the repository)\n\
         Git from inside the cluster: {inside}/app.git\n\n\
         Ctrl-C ends the world and removes the kubeconfig.\n",
        inside = open::GIT_URL,
    );
    text
}

/// The file that lets clients in; it goes with the world.
struct Kubeconfig {
    path: PathBuf,
    text: String,
}

impl Kubeconfig {
    fn reserve(path: &Path) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let path = std::path::absolute(path).map_err(named)?;
        match fs::read(&path) {
            Ok(known) if !known.starts_with(MARK.as_bytes()) => {
                let text =
                    "the file exists and was not written by this command; choose another with --kubeconfig";
                return Err(named(io::Error::new(io::ErrorKind::AlreadyExists, text)));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(error)),
            _ => {}
        }
        let mut file = Self {
            path,
            text: String::new(),
        };
        file.fill("").map_err(named)?;
        Ok(file)
    }

    fn fill(&mut self, kubeconfig: &str) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.path)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        self.text = format!("{MARK}{kubeconfig}");
        file.write_all(self.text.as_bytes())
    }
}

impl Drop for Kubeconfig {
    fn drop(&mut self) {
        // Another world may have taken the file over.
        if fs::read_to_string(&self.path).is_ok_and(|text| text == self.text) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_private_and_goes_with_the_world() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("k");
        let mut file = Kubeconfig::reserve(&path).unwrap();
        file.fill("kind: Config\n").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut next = Kubeconfig::reserve(&path).unwrap();
        next.fill("kind: Config # another\n").unwrap();
        drop(file);
        assert!(path.exists(), "it belongs to the next world by now");
        drop(next);
        assert!(!path.exists());
    }

    #[test]
    fn an_image_needs_a_program() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        let text = format!("ghcr.io/a/b={}", path.display());
        assert!(image(&text).unwrap_err().contains("program"));
        fs::write(&path, "").unwrap();
        assert!(image(&text).unwrap_err().contains("not a program"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(image(&text).unwrap(), ("ghcr.io/a/b".to_owned(), path));
        assert!(image("nothing").is_err());
    }

    #[test]
    fn a_foreign_file_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("k");
        fs::write(&path, "kind: Config\n").unwrap();
        let error = Kubeconfig::reserve(&path).err().unwrap().to_string();
        assert!(error.contains("--kubeconfig"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "kind: Config\n");
        let nowhere = directory.path().join("none/k");
        assert!(Kubeconfig::reserve(&nowhere).is_err());
    }
}
