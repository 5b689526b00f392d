//! Runs scenarios: one alone ([`judge`]), many at once ([`run`]).

mod context;
mod deeds;
mod faulted;
mod live;
mod outcome;
mod pool;
mod pulse;
mod storm;
mod trace;

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    time::Duration,
};

use edges::{Clock, Seed};
use jiff::Timestamp;
use serde_saphyr::Spanned;
use tokio::task::JoinSet;

pub(crate) use faulted::References;
pub(crate) use live::Cancelled;
pub use pool::{Interrupt, run};
use pulse::Pulse;

use crate::{
    event::{Event, Outcome},
    invariant::{self, Invariants},
    journal::Journal,
    limits,
    scenario::{Roots, Source, Step},
    session::Session,
    site::Site,
    snapshot::{SnapshotMode, Snapshots},
    step,
    target::{self, Logs, Started},
    verdict::Miss,
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
    /// Where scenarios run.
    pub site: Site,
    /// The longest hold where time is real.
    pub max_hold: Duration,
    /// The beginnings of the features that the cluster lacks.
    pub lacking: Vec<&'static str>,
    /// The seeds of runs under faults; without any, scenarios run undisturbed.
    pub faults: Vec<u64>,
}

impl Options {
    /// Why a scenario is not run, a word for machines.
    pub(crate) fn obstacle(&self, source: &Source) -> Option<&'static str> {
        let mut features = source.scenario.features.iter();
        let lacks = |feature: &str| self.lacking.iter().any(|begin| feature.starts_with(begin));
        if features.any(|feature| lacks(&feature.value)) {
            return Some("feature.missing");
        }
        self.site.obstacle(source)
    }

    /// One undisturbed run after the other.
    pub fn new(roots: Roots, seed: u64) -> Self {
        Self {
            roots,
            seed,
            snapshots: SnapshotMode::Compare,
            trace: false,
            jobs: 1,
            fail_fast: false,
            site: Site::Sim,
            max_hold: limits::MAX_HOLD,
            lacking: Vec::new(),
            faults: Vec::new(),
        }
    }
}

/// What a run without an audit log says.
const NO_AUDIT: &str = "there is no audit log: nobody looked who deleted what";

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
    notes: Vec<String>,
}

/// Runs one scenario on a cluster of its own and says what came of it.
pub fn judge(source: &Source, options: &Options, emit: &mut dyn FnMut(Event)) -> Outcome {
    judge_watched(source, options, &Pulse::default(), emit)
}

/// The same, with somebody watching over it.
fn judge_watched(source: &Source, options: &Options, pulse: &Pulse, emit: &mut dyn FnMut(Event)) -> Outcome {
    judged(source, options, None, emit, |emit| {
        play(source, Seed(options.seed), pulse, async |started| {
            follow(source, options, started, emit).await
        })
    })
}

/// Runs one scenario where time is real.
pub(crate) fn judge_live(
    source: &Source,
    options: &Options,
    cancelled: Cancelled,
    emit: &mut dyn FnMut(Event),
) -> Outcome {
    judged(source, options, None, emit, |emit| {
        live::play(source, options, cancelled, emit)
    })
}

/// Runs one scenario under the faults that `seed` draws.
fn judge_faulted(
    source: &Source,
    options: &Options,
    seed: u64,
    (references, pulse): (&References, &Pulse),
    emit: &mut dyn FnMut(Event),
) -> Outcome {
    judged(source, options, Some(seed), emit, |emit| {
        faulted::play_faulted(source, options, seed, (references, pulse), emit)
    })
}

fn judged(
    source: &Source,
    options: &Options,
    faults: Option<u64>,
    emit: &mut dyn FnMut(Event),
    course: impl FnOnce(&mut dyn FnMut(Event)) -> Course,
) -> Outcome {
    let begin = Clock::system();
    let started = begin.now();
    emit(Event::ScenarioStarted {
        name: outcome::shown(&source.name, faults),
        steps: source.scenario.steps.len(),
    });
    let course = panic::catch_unwind(AssertUnwindSafe(|| course(emit)));
    let course = course.unwrap_or_else(|panic| panicked(&*panic));
    let seconds = begin.since(started).as_secs_f64();
    outcome::of(source, options, faults, course, seconds)
}

/// A course that a panic ended.
fn panicked(panic: &(dyn std::any::Any + Send)) -> Course {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message");
    let message = format!("the harness or the world panicked: {text}");
    Course::missed(Miss::broken("harness.panic", message))
}

/// Runs `course` on a simulated cluster of its own, which is gone afterwards, even if the pulse ended it.
fn play(source: &Source, seed: Seed, pulse: &Pulse, course: impl AsyncFnOnce(Started) -> Course) -> Course {
    let logs = Logs::default();
    let _collecting = logs.collect();
    let runtime = match target::sim::runtime() {
        Ok(runtime) => runtime,
        Err(error) => return Course::missed(Miss::broken("target.start", format!("no runtime: {error}"))),
    };
    let whole = async {
        let seed = seed.derive(&source.name);
        match target::sim::start(seed, source.needs_openshift(), logs.clone()).await {
            Ok(started) => course(started).await,
            Err(miss) => Course {
                log: logs.lines(),
                ..Course::missed(miss)
            },
        }
    };
    runtime.block_on(async {
        let mut beating = JoinSet::new();
        beating.spawn(pulse.clone().follow_time());
        tokio::select! {
            biased;
            course = whole => course,
            () = pulse.ended() => Course {
                log: last_lines(&logs),
                ..Course::missed(silent(limits::SILENCE_MAX))
            },
        }
    })
}

/// The verdict on a run that does not move any more.
fn silent(silence: Duration) -> Miss {
    let message = format!(
        "no sign of life for {}: something runs in a circle",
        stdx::duration::format(silence)
    );
    Miss::broken("limit.silence", message)
}

fn last_lines(logs: &Logs) -> Vec<String> {
    let mut lines = logs.lines();
    lines.split_off(lines.len().saturating_sub(limits::LOG_LINES))
}

/// A session on a cluster that has become ready, with the repositories that are given.
async fn prepare(source: &Source, options: &Options, started: Started) -> Result<Session, Course> {
    let real_time = started.cluster.is_real_time();
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
        passed: 0,
        made: Vec::new(),
        changed: BTreeMap::new(),
        // A scenario about such requests makes its own.
        requests: real_time && !source.text.contains("requestedAt"),
        requested: false,
        notes: BTreeSet::new(),
    };
    let ready = target::ready(&mut session.journal, session.cluster.clock).await;
    if let Err(miss) = ready.and_then(|()| given(source, &mut session)) {
        return Err(Course {
            log: session.cluster.logs(),
            ..Course::missed(miss)
        });
    }
    session.journal.begins_here();
    Ok(session)
}

async fn follow(source: &Source, options: &Options, started: Started, emit: &mut dyn FnMut(Event)) -> Course {
    let clock = started.cluster.clock;
    in_session(prepare(source, options, started), clock, async |session| {
        undisturbed(source, options, session, emit).await
    })
    .await
}

/// Runs `course` in a session, and adds what only the whole session knows.
async fn in_session(
    prepared: impl Future<Output = Result<Session, Course>>,
    clock: Clock,
    course: impl AsyncFnOnce(&mut Session) -> Course,
) -> Course {
    let begin = clock.now();
    match prepared.await {
        Ok(mut session) => {
            let course = course(&mut session).await;
            course.closed(session, begin)
        }
        Err(course) => course,
    }
}

/// The steps one after the other, and the end.
async fn undisturbed(
    source: &Source,
    options: &Options,
    session: &mut Session,
    emit: &mut dyn FnMut(Event),
) -> Course {
    let mut course = Course::default();
    let mut trace = trace::Trace::new(&source.name, options.trace);
    let mut invariants = Invariants::default();
    let steps = &source.scenario.steps;
    for (index, step) in steps.iter().enumerate() {
        emit(Event::StepStarted {
            name: source.name.clone(),
            step: index + 1,
            verb: step.value.verb(),
        });
        trace.step(index + 1, step, session);
        let result = one(step, session, &mut invariants).await;
        trace.take_in(session);
        if let Err(miss) = result {
            course.miss = Some((miss, index));
            break;
        }
        course.held = index + 1;
    }
    if course.miss.is_none() {
        let result = end(session, &mut invariants).await;
        trace.take_in(session);
        course.miss = result.err().map(|miss| (miss, steps.len().saturating_sub(1)));
    }
    course.trace = trace.lines;
    course
}

impl Course {
    /// Nothing happened but this.
    fn missed(miss: Miss) -> Self {
        Self {
            miss: Some((miss, 0)),
            ..Self::default()
        }
    }

    /// Adds what only the whole session knows.
    fn closed(mut self, session: Session, begin: Timestamp) -> Self {
        if self.miss.is_some() {
            self.context.extend(context::recent(&session));
            self.log = last_lines(&session.cluster.log);
        }
        self.cluster_seconds = session.clock().since(begin).as_secs_f64();
        self.notes = session.notes.into_iter().collect();
        if session.cluster.audit.is_none() {
            self.notes.push(NO_AUDIT.to_owned());
        }
        if let Some(why) = session.cluster.log.missed() {
            self.notes.push(format!("not every log could be searched: {why}"));
        }
        self.snapshots = session.snapshots.written;
        self
    }
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
        session.cluster.publish(repo)?;
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

#[cfg(test)]
mod tests;
