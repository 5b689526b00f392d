//! `cargo xtask`: the project's commands. Each is thin and executes the real program.

mod shell;
mod tidy;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::shell::{cargo, root, run_built};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    about = "The project's commands",
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the scenarios: builds gitops-conformance and calls `gitops-conformance run` with these words.
    #[command(disable_help_flag = true)]
    E2e {
        /// Builds with optimisation; must come first.
        #[arg(long)]
        release: bool,
        /// A filter and flags of `gitops-conformance run` (`--help` lists them).
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Opens a world in real time for kubectl, git and controllers: builds the programs and calls `gitops-conformance world`.
    #[command(disable_help_flag = true)]
    World {
        /// Builds with optimisation; must come first.
        #[arg(long)]
        release: bool,
        /// Flags of `gitops-conformance world` (`--help` lists them).
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Checks everything: format, clippy, tidy, all tests.
    Test,
    /// Checks the laws of the project that no compiler knows.
    Tidy {
        /// Rewrites the generated pages under docs/ instead of complaining about them.
        #[arg(long)]
        write: bool,
    },
    /// Runs the benches and prints the figures that the README quotes.
    Bench {
        /// Only the criterion benches of this package; without it the figures of the whole.
        package: Option<String>,
    },
    /// Replays recorded exchanges with a genuine kube-apiserver: matched and total per area, first differences.
    Corpus {
        /// DIR [FILTER] and flags of `gitops-conformance corpus`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// What continuous integration runs.
    Ci,
}

fn main() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "a command line program")]
            {
                eprintln!("Error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result<ExitCode> {
    match command {
        Command::E2e { release, words } => run_built("run", release, &words),
        Command::World { release, words } => run_built("world", release, &words),
        Command::Corpus { words } => run_built("corpus", true, &words),
        Command::Bench { package: None } => run_built("bench", true, &[]),
        Command::Bench {
            package: Some(package),
        } => {
            cargo(&["bench", "--package", &package])?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Test | Command::Ci => test(),
        Command::Tidy { write } => tidy(write),
    }
}

fn test() -> Result<ExitCode> {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ])?;
    if tidy(false)? != ExitCode::SUCCESS {
        return Ok(ExitCode::FAILURE);
    }
    // Last, so that a run ends on the test runner's summary.
    cargo(&["test", "--workspace"])?;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "a command line program")]
fn tidy(write: bool) -> Result<ExitCode> {
    let root = root()?;
    if write {
        for page in tidy::write(&root)? {
            println!("wrote {page}");
        }
    }
    let findings = tidy::check(&root)?;
    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} findings", findings.len());
    Ok(if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
