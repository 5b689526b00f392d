//! The genuine `git upload-pack`, run while the caller waits: a simulated clock stands still meanwhile.

use std::{
    io::{self, Seek, Write},
    path::Path,
    process::{Command, Output, Stdio},
};

/// What the client asks of the program.
pub(crate) enum Ask<'a> {
    /// The list of refs.
    Advertisement,
    /// A negotiation and its pack.
    Rpc(&'a [u8]),
}

/// Runs the program on a repository; `protocol` is the client's `Git-Protocol` header.
pub(crate) fn run(
    home: &Path,
    repository: &Path,
    ask: &Ask<'_>,
    protocol: Option<&str>,
) -> io::Result<Vec<u8>> {
    let mut command = command(home);
    command.args(["upload-pack", "--stateless-rpc"]);
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
        "git upload-pack: {status}: {}",
        String::from_utf8_lossy(&stderr).trim()
    )))
}

/// `git` in an environment that nothing of the user's reaches.
#[expect(clippy::disallowed_methods, reason = "the one program this crate is built on")]
fn command(home: &Path) -> Command {
    let mut command = Command::new("git");
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
