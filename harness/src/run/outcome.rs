//! What came of a scenario, as reports tell it.

use serde_saphyr::Spanned;

use super::{Course, Options};
use crate::{
    event::{Failure, Outcome},
    scenario::{Place, Source, snippet},
    verdict::Verdict,
};

/// A run's name: the scenario's, and the seed of its faults.
pub(super) fn shown(name: &str, faults: Option<u64>) -> String {
    faults.map_or_else(|| name.to_owned(), |seed| format!("{name}@{seed}"))
}

/// The command that does it again.
pub(super) fn rerun(name: &str, options: &Options, faults: Option<u64>) -> String {
    let faults = faults.map_or_else(String::new, |seed| format!(" --faults {seed}"));
    format!(
        "cargo xtask e2e {name} --exact --seed {}{faults}{}",
        options.seed,
        options.site.words()
    )
}

/// A scenario that is not run, for a reason.
pub(super) fn skipped(source: &Source, options: &Options, reason: &'static str) -> Outcome {
    Outcome {
        verdict: Verdict::Skipped,
        skipped: Some(reason),
        ..of(source, options, None, Course::default(), 0.0)
    }
}

/// What came of a course.
pub(super) fn of(
    source: &Source,
    options: &Options,
    faults: Option<u64>,
    course: Course,
    seconds: f64,
) -> Outcome {
    let names = |all: &[Spanned<String>]| all.iter().map(|name| name.value.clone()).collect();
    let verdict = course
        .miss
        .as_ref()
        .map_or(Verdict::Passed, |(miss, _)| miss.verdict);
    let failure = course.miss.map(|(miss, index)| {
        let step = source.scenario.steps.get(index);
        let place = step.map_or_else(
            || Place::new(&source.file, source.scenario.title.referenced),
            |step| Place::new(&source.file, step.referenced),
        );
        let next = source
            .scenario
            .steps
            .get(index + 1)
            .map(|next| next.referenced.line());
        Failure {
            code: miss.code,
            message: miss.message,
            snippet: snippet(&source.text, place.line, next),
            place,
            details: miss.details,
            context: course.context,
            log: course.log,
            rerun: rerun(&source.name, options, faults),
        }
    });
    Outcome {
        name: shown(&source.name, faults),
        title: source.scenario.title.value.clone(),
        file: source.file.clone(),
        requirements: names(&source.scenario.requirements),
        features: names(&source.scenario.features),
        verdict,
        skipped: None,
        failure,
        steps: course.held,
        cluster_seconds: course.cluster_seconds,
        seconds,
        snapshots: course
            .snapshots
            .iter()
            .map(|path| path.display().to_string())
            .collect(),
        notes: course.notes,
        trace: course.trace,
    }
}
