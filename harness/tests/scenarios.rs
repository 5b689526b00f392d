//! Every scenario as one test, under `cargo test` and cargo-nextest alike.
//!
//! A test's name is its scenario's name. With `--exact` only that one file is read; an unknown name is an error, where
//! libtest would run nothing and be content.

#![expect(clippy::print_stderr, reason = "a test runner; nextest reads its last line")]

use std::{path::Path, process::ExitCode};

use harness::{
    Verdict,
    report::explain,
    run::{Options, judge},
    scenario::{Catalogue, Roots, Source},
};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."));
    let roots = Roots::at(root);
    let sources = match sources(&roots, &arguments) {
        Ok(sources) => sources,
        Err(complaint) => {
            eprintln!("Error: {complaint}");
            return ExitCode::from(2);
        }
    };
    let trials = sources.into_iter().map(|source| trial(source, &roots)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn sources(roots: &Roots, arguments: &Arguments) -> Result<Vec<Source>, String> {
    if let (true, Some(name)) = (arguments.exact, &arguments.filter) {
        let source =
            Catalogue::read_one(roots, name).map_err(|error| format!("no scenario {name}: {error}"))?;
        return source
            .map(|source| vec![source])
            .map_err(|finding| finding.to_string());
    }
    let catalogue = Catalogue::read(roots.clone()).map_err(|error| error.to_string())?;
    let findings: Vec<String> = catalogue.findings.iter().map(ToString::to_string).collect();
    if findings.is_empty() {
        Ok(catalogue.scenarios)
    } else {
        Err(findings.join("\n"))
    }
}

fn trial(source: Source, roots: &Roots) -> Trial {
    let options = Options::new(roots.clone(), 1);
    Trial::test(source.name.clone(), move || {
        let outcome = judge(&source, &options, &mut |_| {});
        match (outcome.verdict, &outcome.failure) {
            (Verdict::Passed, _) => Ok(()),
            (_, failure) => {
                let text = explain(&outcome);
                eprintln!("{text}");
                // The last line of this form becomes the message in nextest's reports.
                let message = failure.as_ref().map_or("", |failure| failure.message.as_str());
                eprintln!("Error: {}: {message}", source.name);
                Err(Failed::from(text))
            }
        }
    })
}
