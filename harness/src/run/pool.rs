//! Many scenarios at once, each on a thread of its own, and one place that hears of everything.

use std::{
    collections::{BTreeMap, BTreeSet},
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
use tokio::sync::watch;

use super::{Cancelled, Course, Options, References, judge, judge_faulted, judge_live, outcome};
use crate::{
    event::{Event, Outcome, Summary},
    limits,
    report::Reporter,
    scenario::Source,
    verdict::{Miss, Verdict},
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
            .map(|trial| (outcome::shown(&trial.0.name, trial.1), trial.clone()))
            .collect(),
        running: BTreeSet::new(),
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
type Trial = (Source, Option<u64>);

/// Every scenario, under every seed of faults if there are any.
fn trials(selected: Vec<Source>, faults: &[u64]) -> Vec<Trial> {
    if faults.is_empty() {
        return selected.into_iter().map(|source| (source, None)).collect();
    }
    let under = |source: Source| faults.iter().map(move |seed| (source.clone(), Some(*seed)));
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
                let Some((source, faults)) = queue.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    break;
                };
                let mut tell = |event| {
                    let _ = sender.send(Message::Event(event));
                };
                let outcome = match (faults, options.obstacle(source)) {
                    (_, Some(reason)) => outcome::skipped(source, &options, reason),
                    (Some(seed), None) => judge_faulted(source, &options, *seed, &references, &mut tell),
                    (None, None) if options.site.is_real_time() => {
                        judge_live(source, &options, cancelled.clone(), &mut tell)
                    }
                    (None, None) => judge(source, &options, &mut tell),
                };
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

/// Where all events arrive.
struct Desk<'a> {
    reporters: &'a mut [Box<dyn Reporter>],
    summary: Summary,
    /// What is run, by the names of the runs.
    trials: BTreeMap<String, Trial>,
    running: BTreeSet<String>,
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
        let real_time = options.site.is_real_time();
        while self.workers > 0 {
            let silence = match (real_time, self.summary.interrupted) {
                (false, _) => limits::SILENCE_MAX,
                (true, false) => limits::REAL_SILENCE_MAX,
                (true, true) => limits::LEAVE_WITHIN,
            };
            match receiver.recv_timeout(silence) {
                Ok(Message::Done) => self.workers -= 1,
                Ok(Message::Event(event)) => {
                    let ended = self.note(&event);
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
    fn note(&mut self, event: &Event) -> Option<Verdict> {
        match event {
            Event::ScenarioStarted { name, .. } => {
                self.running.insert(name.clone());
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

    /// Declares what still runs stuck.
    fn give_up(&mut self, options: &Options, silence: Duration) -> io::Result<()> {
        for name in std::mem::take(&mut self.running) {
            let Some(trial) = self.trials.get(&name) else {
                continue;
            };
            let outcome = stuck(trial, options, silence);
            self.summary.add(outcome.verdict);
            self.tell(&Event::ScenarioFinished(Box::new(outcome)))?;
        }
        Ok(())
    }
}

fn stuck((source, faults): &Trial, options: &Options, silence: Duration) -> Outcome {
    let message = format!(
        "no sign of life for {}: something runs in a circle",
        stdx::duration::format(silence)
    );
    let course = Course::missed(Miss::broken("limit.silence", message));
    outcome::of(source, options, *faults, course, silence.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Roots, parse};

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
        let outcome = stuck(&(source, Some(7)), &options(), limits::REAL_SILENCE_MAX);
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
}
