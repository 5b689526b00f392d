//! Starting a process where it can neither outlive its pod nor disturb the host.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use nix::{
    sched::{CloneFlags, unshare},
    sys::{
        prctl,
        signal::{Signal, kill, killpg},
    },
    unistd::{self, Pid},
};
use tokio::sync::oneshot;

use crate::{cluster_net::Link, log::Log, root, volumes::Mount};

/// A process to start.
pub(crate) struct Spec {
    /// The program that stands for the image; `command`, if there is one, is run instead.
    pub(crate) image: PathBuf,
    pub(crate) command: Vec<String>,
    pub(crate) args: Vec<String>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) working_directory: Option<PathBuf>,
    /// The pod's own directory on the host.
    pub(crate) directory: PathBuf,
    pub(crate) mounts: Vec<Mount>,
    /// Set where pods have a network and a file system of their own.
    pub(crate) isolation: Option<Isolation>,
}

/// What a pod of its own network needs.
pub(crate) struct Isolation {
    pub(crate) link: Link,
    /// What the pod calls itself: holders of leases are named after it.
    pub(crate) hostname: String,
    /// Files that replace the host's, such as `/etc/resolv.conf`.
    pub(crate) files: Vec<Mount>,
}

/// A process that runs; dropping it kills it and all of its group.
pub(crate) struct Running {
    group: Pid,
    ended: oneshot::Receiver<ExitStatus>,
    over: bool,
}

/// Starts a process whose output goes to `log`.
///
/// A thread of its own prepares it and waits for its end: namespaces belong to threads, and the kernel kills the
/// process when that thread dies, which it does with the world however that ends.
pub(crate) async fn start(spec: Spec, log: Log) -> io::Result<Running> {
    let (started, starting) = oneshot::channel();
    let (ended, ending) = oneshot::channel();
    thread::Builder::new().name("pod".to_owned()).spawn(move || {
        match prepare(&spec).and_then(|command| spawn(command, &log)) {
            Ok(mut child) => {
                let group = i32::try_from(child.id()).map(Pid::from_raw);
                let _ = started.send(group.map_err(io::Error::other));
                if let Ok(status) = child.wait() {
                    let _ = ended.send(status);
                }
            }
            Err(error) => {
                log.end();
                let _ = started.send(Err(error));
            }
        }
    })?;
    let group = starting.await.map_err(io::Error::other)??;
    Ok(Running {
        group,
        ended: ending,
        over: false,
    })
}

/// Brings this thread to where the process shall be, and makes the command.
fn prepare(spec: &Spec) -> io::Result<Command> {
    let mut image = spec.image.clone();
    match &spec.isolation {
        Some(isolation) => {
            isolation.link.enter()?;
            unshare(CloneFlags::CLONE_NEWUTS)?;
            unistd::sethostname(&isolation.hostname)?;
            image = root::enter(spec, isolation)?;
        }
        None => root::imitate(&spec.directory, &spec.mounts)?,
    }
    let (program, first) = match spec.command.split_first() {
        Some((program, rest)) => (PathBuf::from(program), rest),
        None => (image, &[][..]),
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "running programs is what this crate is for"
    )]
    let mut command = Command::new(program);
    let directory = match (&spec.working_directory, &spec.isolation) {
        (Some(directory), Some(_)) => directory.clone(),
        (None, Some(_)) => PathBuf::from("/"),
        (_, None) => spec.directory.clone(),
    };
    command
        .args(first)
        .args(&spec.args)
        .env_clear()
        .envs(&spec.variables)
        .current_dir(directory)
        .stdin(Stdio::null());
    Ok(command)
}

fn spawn(mut command: Command, log: &Log) -> io::Result<Child> {
    let (output, input) = io::pipe()?;
    command.stdout(input.try_clone()?).stderr(input).process_group(0);
    #[expect(
        unsafe_code,
        reason = "between fork and exec nothing but one system call is made"
    )]
    // SAFETY: prctl is safe to call there; it neither allocates nor locks.
    unsafe {
        command.pre_exec(|| prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from));
    }
    let child = command.spawn()?;
    // The command holds the writing end of the pipe.
    drop(command);
    let log = log.clone();
    thread::Builder::new()
        .name("pod-log".to_owned())
        .spawn(move || log.drink(output))?;
    Ok(child)
}

impl Running {
    /// Waits for the end; the exit code is that of a shell: 128 and the signal's number for one that was killed.
    pub(crate) async fn ended(&mut self) -> i32 {
        let status = (&mut self.ended).await;
        self.over = true;
        match status {
            Ok(status) => status
                .code()
                .or_else(|| status.signal().map(|signal| 128 + signal))
                .unwrap_or(1),
            Err(_) => 137,
        }
    }

    /// Asks the process, and only it, to end: what it started is its own affair.
    pub(crate) fn terminate(&self) {
        if !self.over {
            // A process that is gone needs no signal.
            let _ = kill(self.group, Signal::SIGTERM);
        }
    }

    pub(crate) fn kill(&self) {
        if !self.over {
            let _ = killpg(self.group, Signal::SIGKILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The directory of a pod; it goes with the pod.
pub(crate) fn remove(directory: &Path) {
    // A process that is dying may still write; what stays then goes with the world's directory.
    let _ = fs::remove_dir_all(directory);
}
