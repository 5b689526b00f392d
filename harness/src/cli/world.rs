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

use super::{Exit, print};
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
        let world = open::start(&open::Wishes {
            minor: args.kubernetes.clone(),
            openshift: args.openshift,
            listen: args.listen,
            git_listen: args.git_listen,
        })?;
        file.fill(&world.kubeconfig())?;
        print(&welcome(
            &args.kubernetes,
            &file.path,
            &world.api_url(),
            &world.git_url(),
        ));
        stopped.recv().await;
        world.shutdown().await;
        Ok(Exit::Passed)
    })
}

fn welcome(minor: &str, kubeconfig: &Path, api: &str, git: &str) -> String {
    format!(
        "The world is open: Kubernetes {minor} at {api}\n\n\
         Try, in another terminal:\n\n  \
         export KUBECONFIG={kubeconfig}\n  \
         kubectl get nodes\n  \
         kubectl create deployment web --image=nginx --replicas=2\n  \
         kubectl rollout status deployment/web\n\n\
         Git from here: git push {git}/app.git HEAD:main (the first push makes the repository)\n\
         Git from inside the cluster: {inside}/app.git\n\n\
         Ctrl-C ends the world and removes the kubeconfig.\n",
        kubeconfig = kubeconfig.display(),
        inside = open::GIT_INSIDE,
    )
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
