//! Many scenarios at once, each on a thread of its own, and one place that hears of everything.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use edges::Clock;
use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    Cancelled, Course, Options, Pulse, References, judge_faulted, judge_live, judge_watched, outcome, silent,
};
use crate::{
    event::{Event, Outcome, Summary},
    limits,
    report::Reporter,
    scenario::Source,
    verdict::Verdict,
};

/// Deep recursion over manifests needs more than a thread's usual two megabytes in a debug build.
const STACK_BYTES: usize = 16 * 1024 * 1024;

enum Message {
    Event(Event),
    /// A worker found nothing more to do.
    Done,
    Interrupted,
}

/// Ends a run early: no further scenario starts, the summary is printed.
#[derive(Clone)]
pub struct Interrupt(mpsc::Sender<Message>);

impl Interrupt {
    /// Ends the run.
    pub fn now(&self) {
        // A run that is over needs no end.
        let _ = self.0.send(Message::Interrupted);
    }
}

/// Runs the scenarios and tells the reporters; `ready` is given the way to interrupt the run.
///
/// # Errors
/// When a reporter cannot write.
pub fn run(
    selected: Vec<Source>,
    options: &Options,
    reporters: &mut [Box<dyn Reporter>],
    ready: impl FnOnce(Interrupt),
) -> io::Result<Summary> {
    let clock = Clock::system();
    let began = clock.now();
    let (sender, receiver) = mpsc::channel();
    ready(Interrupt(sender.clone()));
    let trials = trials(selected, &options.faults);
    let mut desk = Desk {
        reporters,
        summary: Summary::default(),
        trials: trials
            .iter()
            .map(|trial| (outcome::shown(&trial.source.name, trial.faults), trial.clone()))
            .collect(),
        running: BTreeMap::new(),
        selected: trials.len(),
        workers: 0,
    };
    desk.tell(&Event::RunStarted {
        target: options.site.name(),
        seed: options.seed,
        selected: trials.len(),
        faults: options.faults.len(),
    })?;
    let stop = Arc::new(AtomicBool::new(false));
    let (cancel, cancelled) = watch::channel(false);
    desk.workers = start_workers(trials, options, &stop, &sender, &cancelled)?;
    desk.listen(&receiver, &stop, &cancel, options)?;
    let mut summary = desk.summary.clone();
    let run = summary.passed + summary.failed + summary.broken + summary.skipped;
    summary.not_run = desk.selected.saturating_sub(run);
    summary.seconds = clock.since(began).as_secs_f64();
    desk.tell(&Event::RunFinished(summary.clone()))?;
    for reporter in desk.reporters.iter_mut() {
        reporter.finish()?;
    }
    Ok(summary)
}

/// A scenario, and the seed of the faults under which it runs.
#[derive(Clone)]
struct Trial {
    source: Source,
    faults: Option<u64>,
    pulse: Pulse,
    /// Nobody waits for it any more.
    abandoned: Arc<AtomicBool>,
}

impl Trial {
    fn new(source: Source, faults: Option<u64>) -> Self {
        Self {
            source,
            faults,
            pulse: Pulse::default(),
            abandoned: Arc::default(),
        }
    }

    fn judge(
        &self,
        options: &Options,
        references: &References,
        cancelled: &Cancelled,
        tell: &mut dyn FnMut(Event),
    ) -> Outcome {
        let source = &self.source;
        match (self.faults, options.obstacle(source)) {
            (_, Some(reason)) => outcome::skipped(source, options, reason),
            (Some(seed), None) => judge_faulted(source, options, seed, (references, &self.pulse), tell),
            (None, None) if options.site.is_real_time() => {
                judge_live(source, options, cancelled.clone(), tell)
            }
            (None, None) => judge_watched(source, options, &self.pulse, tell),
        }
    }
}

/// Every scenario, under every seed of faults if there are any.
fn trials(selected: Vec<Source>, faults: &[u64]) -> Vec<Trial> {
    if faults.is_empty() {
        return selected
            .into_iter()
            .map(|source| Trial::new(source, None))
            .collect();
    }
    let under = |source: Source| {
        let seeds = faults.iter();
        seeds.map(move |seed| Trial::new(source.clone(), Some(*seed)))
    };
    selected.into_iter().flat_map(under).collect()
}

fn start_workers(
    trials: Vec<Trial>,
    options: &Options,
    stop: &Arc<AtomicBool>,
    sender: &mpsc::Sender<Message>,
    cancelled: &Cancelled,
) -> io::Result<usize> {
    let queue = Arc::new(trials);
    let references = References::default();
    let next = Arc::new(AtomicUsize::new(0));
    let workers = options.jobs.clamp(1, queue.len().max(1));
    for number in 0..workers {
        let (queue, next, stop) = (queue.clone(), next.clone(), stop.clone());
        let (options, references, sender) = (options.clone(), references.clone(), sender.clone());
        let cancelled = cancelled.clone();
        let work = move || {
            while !stop.load(Ordering::Relaxed) {
                let Some(trial) = queue.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    break;
                };
                let mut tell = |event| {
                    let _ = sender.send(Message::Event(event));
                };
                let outcome = trial.judge(&options, &references, &cancelled, &mut tell);
                if trial.abandoned.load(Ordering::Relaxed) {
                    // What is to be told of it was told, and this worker is no longer counted on.
                    return;
                }
                let finished = Event::ScenarioFinished(Box::new(outcome));
                if sender.send(Message::Event(finished)).is_err() {
                    break;
                }
            }
            // The end cannot be told from a closed channel: whoever may interrupt holds it open.
            let _ = sender.send(Message::Done);
        };
        // Not joined: a stuck scenario must not keep the run from ending.
        thread::Builder::new()
            .name(format!("scenario-{number}"))
            .stack_size(STACK_BYTES)
            .spawn(work)?;
    }
    Ok(workers)
}

/// What was last heard of a running scenario.
struct Beating {
    beats: u64,
    since: Timestamp,
}

/// Where all events arrive.
struct Desk<'a> {
    reporters: &'a mut [Box<dyn Reporter>],
    summary: Summary,
    /// What is run, by the names of the runs.
    trials: BTreeMap<String, Trial>,
    running: BTreeMap<String, Beating>,
    selected: usize,
    workers: usize,
}

impl Desk<'_> {
    fn tell(&mut self, event: &Event) -> io::Result<()> {
        self.reporters
            .iter_mut()
            .try_for_each(|reporter| reporter.event(event))
    }

    fn listen(
        &mut self,
        receiver: &mpsc::Receiver<Message>,
        stop: &AtomicBool,
        cancel: &watch::Sender<bool>,
        options: &Options,
    ) -> io::Result<()> {
        let clock = Clock::system();
        let real_time = options.site.is_real_time();
        let mut looked = clock.now();
        while self.workers > 0 {
            if !real_time && clock.since(looked) >= limits::LOOK_EVERY {
                looked = clock.now();
                self.look_after(looked, options)?;
            }
            let silence = match (real_time, self.summary.interrupted) {
                (false, _) => limits::LOOK_EVERY,
                (true, false) => limits::REAL_SILENCE_MAX,
                (true, true) => limits::LEAVE_WITHIN,
            };
            match receiver.recv_timeout(silence) {
                Ok(Message::Done) => self.workers -= 1,
                Ok(Message::Event(event)) => {
                    let ended = self.note(&event, clock.now());
                    self.tell(&event)?;
                    if ended.is_some_and(|verdict| verdict != Verdict::Passed) && options.fail_fast {
                        stop.store(true, Ordering::Relaxed);
                    }
                }
                Ok(Message::Interrupted) => {
                    stop.store(true, Ordering::Relaxed);
                    self.summary.interrupted = true;
                    let _ = cancel.send(true);
                    if !real_time {
                        return Ok(());
                    }
                    // What was made in a cluster is taken back first.
                }
                Err(mpsc::RecvTimeoutError::Timeout) if !real_time => {}
                Err(mpsc::RecvTimeoutError::Timeout) if self.summary.interrupted => return Ok(()),
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    stop.store(true, Ordering::Relaxed);
                    return self.give_up(options, silence);
                }
            }
        }
        Ok(())
    }

    /// Keeps count; gives the verdict when a scenario is over.
    fn note(&mut self, event: &Event, now: Timestamp) -> Option<Verdict> {
        match event {
            Event::ScenarioStarted { name, .. } => {
                self.running
                    .insert(name.clone(), Beating { beats: 0, since: now });
                None
            }
            Event::ScenarioFinished(outcome) => {
                self.running.remove(&outcome.name);
                self.summary.add(outcome.verdict);
                Some(outcome.verdict)
            }
            Event::RunStarted { .. } | Event::StepStarted { .. } | Event::RunFinished(_) => None,
        }
    }

    /// Ends what does not move any more, one by one; what does not even end is left behind with its thread.
    fn look_after(&mut self, now: Timestamp, options: &Options) -> io::Result<()> {
        let mut left_behind = Vec::new();
        for (name, beating) in &mut self.running {
            let Some(trial) = self.trials.get(name) else {
                continue;
            };
            let beats = trial.pulse.beats();
            if beats != beating.beats || trial.pulse.is_resting() {
                *beating = Beating { beats, since: now };
                continue;
            }
            let silence = now.duration_since(beating.since).unsigned_abs();
            if silence >= limits::SILENCE_MAX {
                trial.pulse.end();
            }
            if silence >= limits::SILENCE_MAX + limits::END_WITHIN {
                trial.abandoned.store(true, Ordering::Relaxed);
                left_behind.push(name.clone());
            }
        }
        for name in left_behind {
            self.workers -= 1;
            self.declare_stuck(&name, options, limits::SILENCE_MAX)?;
        }
        Ok(())
    }

    /// Declares what still runs stuck.
    fn give_up(&mut self, options: &Options, silence: Duration) -> io::Result<()> {
        let names: Vec<String> = self.running.keys().cloned().collect();
        names
            .iter()
            .try_for_each(|name| self.declare_stuck(name, options, silence))
    }

    fn declare_stuck(&mut self, name: &str, options: &Options, silence: Duration) -> io::Result<()> {
        self.running.remove(name);
        let Some(trial) = self.trials.get(name) else {
            return Ok(());
        };
        let outcome = stuck(trial, options, silence);
        self.summary.add(outcome.verdict);
        self.tell(&Event::ScenarioFinished(Box::new(outcome)))
    }
}

fn stuck(trial: &Trial, options: &Options, silence: Duration) -> Outcome {
    let course = Course::missed(silent(silence));
    outcome::of(
        &trial.source,
        options,
        trial.faults,
        course,
        silence.as_secs_f64(),
    )
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::{
        journal::later,
        scenario::{Roots, parse},
    };

    fn selected(count: usize) -> Vec<Source> {
        let text = "title: T\nrequirements: []\nfeatures: []\nsteps:\n  - advance: 1m\n";
        (0..count)
            .map(|number| parse(format!("{number}.yaml"), number.to_string(), text.to_owned()).unwrap())
            .collect()
    }

    fn options() -> Options {
        Options {
            jobs: 2,
            ..Options::new(Roots::at("."), 1)
        }
    }

    #[test]
    fn every_selected_scenario_is_counted_once() {
        let summary = run(selected(5), &options(), &mut [], |_| {}).unwrap();
        assert_eq!((summary.passed, summary.not_run), (5, 0));
    }

    #[test]
    fn a_stuck_run_is_told_with_its_seed_and_the_time_that_was_waited() {
        let source = selected(1).remove(0);
        let outcome = stuck(&Trial::new(source, Some(7)), &options(), limits::REAL_SILENCE_MAX);
        assert_eq!((outcome.name.as_str(), outcome.verdict), ("0@7", Verdict::Broken));
        let failure = outcome.failure.unwrap();
        assert!(failure.message.contains("45m"), "{}", failure.message);
        assert!(failure.rerun.contains("--faults 7"), "{}", failure.rerun);
    }

    #[test]
    fn an_interrupted_run_ends_with_a_summary() {
        let summary = run(selected(50), &options(), &mut [], |interrupt| interrupt.now()).unwrap();
        assert!(summary.interrupted);
        assert!(summary.not_run > 0);
    }

    fn desk(trial: Trial, reporters: &mut [Box<dyn Reporter>]) -> Desk<'_> {
        let name = outcome::shown(&trial.source.name, trial.faults);
        Desk {
            reporters,
            summary: Summary::default(),
            trials: BTreeMap::from([(name, trial)]),
            running: BTreeMap::new(),
            selected: 1,
            workers: 1,
        }
    }

    #[test]
    fn a_run_is_ended_for_its_own_silence_and_then_left_behind() {
        let trial = Trial::new(selected(1).remove(0), None);
        let started = Event::ScenarioStarted {
            name: "0".to_owned(),
            steps: 1,
        };
        let ends = |trial: &Trial| trial.pulse.ended().now_or_never().is_some();
        let mut desk = desk(trial.clone(), &mut []);
        let mut now = Timestamp::UNIX_EPOCH;
        desk.note(&started, now);
        let mut pass = |desk: &mut Desk<'_>, span: Duration| {
            now = later(now, span);
            desk.look_after(now, &options()).unwrap();
        };
        trial.pulse.rest();
        pass(&mut desk, limits::SILENCE_MAX);
        assert!(!ends(&trial), "it waits for a run that is watched itself");
        trial.pulse.wake();
        pass(&mut desk, limits::SILENCE_MAX);
        assert!(!ends(&trial), "time passed in the cluster");
        pass(&mut desk, limits::SILENCE_MAX);
        assert!(ends(&trial));
        assert_eq!((desk.workers, desk.summary.broken), (1, 0), "it may yet tell why");
        pass(&mut desk, limits::END_WITHIN);
        assert_eq!((desk.workers, desk.summary.broken), (0, 1));
        assert!(trial.abandoned.load(Ordering::Relaxed));
    }
}
