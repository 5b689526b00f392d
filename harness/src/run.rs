//! Runs scenarios: one alone ([`judge`]), many at once ([`run`]).

mod context;
mod pool;
mod trace;

use std::{
    collections::BTreeMap,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
};

use edges::{Clock, Seed};
use jiff::Timestamp;
use serde_saphyr::Spanned;

pub use pool::{Interrupt, run};

use crate::{
    event::{Event, Failure, Outcome},
    invariant::{self, Invariants},
    journal::Journal,
    scenario::{Place, Roots, Source, Step, snippet},
    session::Session,
    snapshot::{SnapshotMode, Snapshots},
    step,
    target::{self, Logs, Started},
    verdict::{Miss, Verdict},
};

/// How scenarios are run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the suite's data is.
    pub roots: Roots,
    /// What all chance comes from; every scenario draws its own from it by name.
    pub seed: u64,
    /// What to do about snapshots that differ.
    pub snapshots: SnapshotMode,
    /// Whether outcomes carry traces.
    pub trace: bool,
    /// How many scenarios run at once.
    pub jobs: usize,
    /// Whether the first scenario that does not pass ends the run.
    pub fail_fast: bool,
}

/// What a scenario came to, before it is made an [`Outcome`].
#[derive(Default)]
struct Course {
    miss: Option<(Miss, usize)>,
    held: usize,
    cluster_seconds: f64,
    context: Vec<String>,
    log: Vec<String>,
    snapshots: Vec<PathBuf>,
    trace: Vec<String>,
}

/// Runs one scenario on a cluster of its own and says what came of it.
pub fn judge(source: &Source, options: &Options, emit: &mut dyn FnMut(Event)) -> Outcome {
    let begin = Clock::system();
    let started = begin.now();
    emit(Event::ScenarioStarted {
        name: source.name.clone(),
        steps: source.scenario.steps.len(),
    });
    let course = panic::catch_unwind(AssertUnwindSafe(|| play(source, options, emit)));
    let course = course.unwrap_or_else(|panic| Course {
        miss: Some((Miss::broken("harness.panic", panic_text(&*panic)), 0)),
        ..Course::default()
    });
    let seconds = begin.since(started).as_secs_f64();
    outcome(source, options, course, seconds)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    format!(
        "the harness or the world panicked: {}",
        text.unwrap_or("without a message")
    )
}

fn play(source: &Source, options: &Options, emit: &mut dyn FnMut(Event)) -> Course {
    let logs = Logs::default();
    let _collecting = logs.collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        // No sockets in a simulated run. The interval of one: the judge is polled right after the task that woke it,
        // not after some number of others that depends on what ran before.
        .enable_time()
        .event_interval(1)
        .start_paused(true)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let miss = Miss::broken("target.start", format!("no runtime: {error}"));
            return Course {
                miss: Some((miss, 0)),
                ..Course::default()
            };
        }
    };
    runtime.block_on(async {
        let seed = Seed(options.seed).derive(&source.name);
        match target::sim::start(seed, logs.clone()).await {
            Ok(started) => follow(source, options, started, emit).await,
            Err(miss) => Course {
                miss: Some((miss, 0)),
                log: logs.lines(),
                ..Course::default()
            },
        }
    })
}

async fn follow(source: &Source, options: &Options, started: Started, emit: &mut dyn FnMut(Event)) -> Course {
    let begin = started.cluster.clock.now();
    let mut session = Session {
        journal: Journal::new(started.changes, started.cluster.clock),
        cluster: started.cluster,
        fixtures: options.roots.fixtures(),
        snapshots: Snapshots {
            folder: options.roots.snapshots(),
            scenario: source.name.clone(),
            source: source.file.clone(),
            mode: options.snapshots,
            written: Vec::new(),
        },
        commits: BTreeMap::new(),
        heads: BTreeMap::new(),
        since: 0,
    };
    let mut course = Course::default();
    let mut trace = trace::Trace::new(&source.name, options.trace);
    let mut invariants = Invariants::default();
    let ready = target::ready(&mut session.journal, session.cluster.clock).await;
    if let Err(miss) = ready.and_then(|()| given(source, &mut session)) {
        course.miss = Some((miss, 0));
        course.log = session.cluster.logs();
        return course;
    }
    session.journal.begins_here();
    let steps = &source.scenario.steps;
    for (index, step) in steps.iter().enumerate() {
        emit(Event::StepStarted {
            name: source.name.clone(),
            step: index + 1,
            verb: step.value.verb(),
        });
        trace.step(index + 1, step, &session);
        let result = one(step, &mut session, &mut invariants).await;
        trace.take_in(&session);
        if let Err(miss) = result {
            course.miss = Some((miss, index));
            break;
        }
        course.held = index + 1;
    }
    if course.miss.is_none() {
        let result = end(&mut session, &mut invariants).await;
        trace.take_in(&session);
        course.miss = result.err().map(|miss| (miss, steps.len().saturating_sub(1)));
    }
    if course.miss.is_some() {
        course.context = context::recent(&session);
        let log = session.cluster.logs();
        course.log = log[log.len().saturating_sub(crate::limits::LOG_LINES)..].to_vec();
    }
    course.cluster_seconds = seconds_since(begin, session.clock());
    course.snapshots = session.snapshots.written;
    course.trace = trace.lines;
    course
}

fn seconds_since(begin: Timestamp, clock: Clock) -> f64 {
    clock.since(begin).as_secs_f64()
}

/// Makes the repositories that exist before the first step.
fn given(source: &Source, session: &mut Session) -> Result<(), Miss> {
    for (repo, revision) in &source.scenario.given.repos {
        let tree = session.tree(repo, &revision.value);
        let message = step::default_message(&revision.value);
        let made = session.cluster.git.create(repo, &tree, &message);
        let commit = made.map_err(|error| Miss::broken("given.repos", error.to_string()))?;
        let sha = commit.to_string();
        session
            .commits
            .insert((repo.clone(), revision.value.clone()), sha.clone());
        session.heads.insert((repo.clone(), "main".to_owned()), sha);
    }
    Ok(())
}

async fn one(step: &Spanned<Step>, session: &mut Session, invariants: &mut Invariants) -> Result<(), Miss> {
    let result = step::run(&step.value, session).await;
    session.journal.catch_up()?;
    // A broken invariant explains a step that did not hold, so it is told first.
    invariants.check(session)?;
    result
}

async fn end(session: &mut Session, invariants: &mut Invariants) -> Result<(), Miss> {
    let result = invariant::settle(session).await;
    invariants.check(session)?;
    result
}

fn outcome(source: &Source, options: &Options, course: Course, seconds: f64) -> Outcome {
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
            rerun: format!("cargo xtask e2e {} --exact --seed {}", source.name, options.seed),
        }
    });
    Outcome {
        name: source.name.clone(),
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
        trace: course.trace,
    }
}

#[cfg(test)]
mod tests;
