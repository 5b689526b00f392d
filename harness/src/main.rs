//! gitops-conformance: judges an installation of the GitOps extension.

use std::process::ExitCode;

fn main() -> ExitCode {
    harness::cli::main()
}
