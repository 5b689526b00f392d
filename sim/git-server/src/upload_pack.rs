//! The genuine `git`, run while the caller waits: a simulated clock stands still meanwhile.

use std::{
    io::{self, Seek, Write},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::LazyLock,
};

/// What the client asks of the program.
pub(crate) enum Ask<'a> {
    /// The list of refs.
    Advertisement,
    /// A negotiation and its pack.
    Rpc(&'a [u8]),
}

/// The two programs of the smart protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// Serves those who fetch.
    UploadPack,
    /// Takes what is pushed.
    ReceivePack,
}

impl Program {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "upload-pack",
            Self::ReceivePack => "receive-pack",
        }
    }
}

/// Runs the program on a repository; `protocol` is the client's `Git-Protocol` header.
pub(crate) fn run(
    program: Program,
    home: &Path,
    repository: &Path,
    ask: &Ask<'_>,
    protocol: Option<&str>,
) -> io::Result<Vec<u8>> {
    let mut command = command(home);
    // Whoever pushes may move and delete what they like.
    command.args([
        "-c",
        "receive.denyDeleteCurrent=ignore",
        "-c",
        "receive.autogc=false",
    ]);
    command.args([program.name(), "--stateless-rpc"]);
    // A file as standard input: nobody needs to feed a pipe while the output is read.
    let mut input = tempfile::tempfile_in(home)?;
    match ask {
        Ask::Advertisement => {
            command.arg("--advertise-refs");
        }
        Ask::Rpc(body) => {
            input.write_all(body)?;
            input.rewind()?;
        }
    }
    if let Some(protocol) = protocol {
        command.env("GIT_PROTOCOL", protocol);
    }
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .arg(repository)
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()?;
    // After a protocol error the program has told the client in an ERR line and exits with failure.
    if status.success() || !stdout.is_empty() {
        return Ok(stdout);
    }
    Err(io::Error::other(format!(
        "git {}: {status}: {}",
        program.name(),
        String::from_utf8_lossy(&stderr).trim()
    )))
}

/// What a plumbing command prints about a repository.
pub(crate) fn ask(home: &Path, repository: &Path, args: &[&str]) -> io::Result<String> {
    let output = command(home).arg("-C").arg(repository).args(args).output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(io::Error::other(format!("git {}: {text}", args.join(" "))));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Where `git` is: a program that is named by its path is started without a copy of this process.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join("git"))
        .find(|program| program.is_file())
        .unwrap_or_else(|| PathBuf::from("git"))
});

/// `git` in an environment that nothing of the user's reaches.
#[expect(clippy::disallowed_methods, reason = "the one program this crate is built on")]
fn command(home: &Path) -> Command {
    let mut command = Command::new(&*PROGRAM);
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("LC_ALL", "C")
        // Some machines own temporary directories by another user than the one who runs the tests.
        .args(["-c", "safe.directory=*"]);
    command
}
