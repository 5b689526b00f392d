//! Running programs in the workspace.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};

/// The workspace's folder.
pub(crate) fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .map(Path::to_owned)
        .context("xtask has no parent folder")
}

#[expect(clippy::disallowed_methods, reason = "running programs is what xtask is for")]
fn command(program: &str) -> Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(root()?);
    Ok(command)
}

/// Runs cargo and fails when it fails.
pub(crate) fn cargo(words: &[&str]) -> Result<()> {
    let status = command(env!("CARGO"))?
        .args(words)
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("cargo {} failed", words.join(" "));
    }
    Ok(())
}

/// Builds `gitops-conformance`, and for a world the program that runs in its pods, and runs one of its commands; its exit
/// code is the answer.
pub(crate) fn run_built(subcommand: &str, release: bool, words: &[String]) -> Result<ExitCode> {
    let mut build = vec![
        "build",
        "--package",
        "harness",
        "--package",
        "extension",
        "--bins",
    ];
    if release {
        build.push("--release");
    }
    cargo(&build)?;
    let metadata = cargo_metadata::MetadataCommand::new()
        .no_deps()
        .current_dir(root()?)
        .exec()?;
    let folder = if release { "release" } else { "debug" };
    let program = metadata.target_directory.join(folder).join("gitops-conformance");
    // The caller's folder stays: relative paths among the words are theirs.
    #[expect(clippy::disallowed_methods, reason = "running programs is what xtask is for")]
    let status = Command::new(&program)
        .arg("--root")
        .arg(root()?)
        .arg(subcommand)
        .args(words)
        .status()
        .with_context(|| format!("cannot start {program}"))?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}
