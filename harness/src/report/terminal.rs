//! The run for people: a line a scenario, failures in full, live progress on a terminal.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, IsTerminal, Write},
    time::Duration,
};

use super::Reporter;
use crate::{
    event::{Event, Outcome, Summary},
    verdict::Verdict,
};

/// The widest progress line: longer ones would wrap and could not be rewritten.
const LINE_MAX: usize = 78;

/// Writes to the standard output.
pub struct Terminal {
    out: Box<dyn Write>,
    live: bool,
    seed: u64,
    selected: usize,
    /// Under faults only what did not pass is worth a line.
    faulted: bool,
    done: usize,
    running: BTreeMap<String, (usize, usize, &'static str)>,
    not_passed: Vec<(Verdict, String)>,
    /// What scenarios said about how they were judged, and how many.
    notes: BTreeMap<String, usize>,
}

impl Terminal {
    /// A report on the standard output; live when that is a terminal.
    pub fn new() -> Self {
        let live = io::stdout().is_terminal();
        Self::to(Box::new(io::stdout()), live)
    }

    fn to(out: Box<dyn Write>, live: bool) -> Self {
        Self {
            out,
            live,
            seed: 0,
            selected: 0,
            faulted: false,
            done: 0,
            running: BTreeMap::new(),
            not_passed: Vec::new(),
            notes: BTreeMap::new(),
        }
    }

    fn progress(&mut self) -> io::Result<()> {
        if !self.live {
            return Ok(());
        }
        let running: Vec<String> = self
            .running
            .iter()
            .map(|(name, (step, steps, verb))| format!("{name} {step}/{steps} {verb}"))
            .collect();
        let line = format!("[{}/{}] {}", self.done, self.selected, running.join(", "));
        let line: String = line.chars().take(LINE_MAX).collect();
        write!(self.out, "\r\x1b[2K{line}")?;
        self.out.flush()
    }

    fn clear(&mut self) -> io::Result<()> {
        if self.live {
            write!(self.out, "\r\x1b[2K")?;
        }
        Ok(())
    }

    fn finished(&mut self, outcome: &Outcome) -> io::Result<()> {
        if self.faulted && outcome.verdict == Verdict::Passed {
            return Ok(());
        }
        self.clear()?;
        for note in &outcome.notes {
            *self.notes.entry(note.clone()).or_default() += 1;
        }
        if let Some(reason) = outcome.skipped {
            return writeln!(self.out, "skipped {:<58} {reason}", outcome.name);
        }
        let word = match outcome.verdict {
            Verdict::Passed => "ok",
            Verdict::Failed => "FAILED",
            Verdict::Broken => "BROKEN",
            Verdict::Skipped => "skipped",
        };
        let virtual_time = Duration::from_secs(Duration::from_secs_f64(outcome.cluster_seconds).as_secs());
        writeln!(
            self.out,
            "{word:<7} {:<58} {:>6.2}s  (cluster time {})",
            outcome.name,
            outcome.seconds,
            stdx::duration::format(virtual_time)
        )?;
        for snapshot in &outcome.snapshots {
            writeln!(self.out, "        wrote {snapshot}")?;
        }
        if outcome.failure.is_some() {
            self.not_passed.push((outcome.verdict, outcome.name.clone()));
            write!(self.out, "\n{}\n", explain(outcome))?;
        }
        self.out.flush()
    }

    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        self.clear()?;
        writeln!(self.out)?;
        for (verdict, name) in &self.not_passed {
            writeln!(self.out, "{verdict}: {name}")?;
        }
        for (note, count) in &self.notes {
            writeln!(self.out, "note: {note} ({count} scenarios)")?;
        }
        if summary.interrupted {
            writeln!(self.out, "interrupted")?;
        }
        let count = summary.passed + summary.failed + summary.broken + summary.skipped + summary.not_run;
        write!(
            self.out,
            "{count} {}: {} passed, {} failed, {} broken, {} skipped",
            if self.faulted {
                "runs under faults"
            } else {
                "scenarios"
            },
            summary.passed,
            summary.failed,
            summary.broken,
            summary.skipped
        )?;
        if summary.not_run > 0 {
            write!(self.out, ", {} not run", summary.not_run)?;
        }
        writeln!(self.out, " in {:.2}s (seed {})", summary.seconds, self.seed)?;
        self.out.flush()
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Reporter for Terminal {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::RunStarted {
                target,
                seed,
                selected,
                faults,
            } => {
                self.seed = *seed;
                self.selected = *selected;
                self.faulted = *faults > 0;
                let what = if self.faulted {
                    "runs under faults"
                } else {
                    "scenarios"
                };
                writeln!(self.out, "{selected} {what} on target {target}, seed {seed}")
            }
            Event::ScenarioStarted { name, steps } => {
                self.running.insert(name.clone(), (0, *steps, ""));
                self.progress()
            }
            Event::StepStarted { name, step, verb } => {
                if let Some(entry) = self.running.get_mut(name) {
                    (entry.0, entry.2) = (*step, verb);
                }
                self.progress()
            }
            Event::ScenarioFinished(outcome) => {
                self.running.remove(&outcome.name);
                self.done += 1;
                self.finished(outcome)?;
                self.progress()
            }
            Event::RunFinished(summary) => self.summary(summary),
        }
    }
}

/// Why a scenario did not pass, in full.
pub fn explain(outcome: &Outcome) -> String {
    let mut out = String::new();
    let Some(failure) = &outcome.failure else {
        return out;
    };
    let section = |title: &str, lines: &[String]| {
        let mut text = String::new();
        if !lines.is_empty() {
            let _ = writeln!(text, "  {title}:");
            for line in lines {
                let _ = writeln!(text, "    {line}");
            }
        }
        text
    };
    let details = section("last observed difference", &failure.details);
    let context = section("what happened before", &failure.context);
    let log = section("last log lines", &failure.log);
    let _ = writeln!(out, "{}: {} [{}]", outcome.verdict, failure.message, failure.code);
    let _ = writeln!(out, "  {}", outcome.title);
    let _ = writeln!(out, "  --> {}", failure.place);
    let _ = write!(out, "{}{details}{context}{log}", failure.snippet);
    let _ = writeln!(out, "  run it again: {}", failure.rerun);
    out
}

#[cfg(test)]
pub(super) fn sample(name: &str, verdict: Verdict) -> Outcome {
    use crate::{event::Failure, scenario::Place};
    let failure = (verdict != Verdict::Passed).then(|| Failure {
        code: "expect.timeout",
        message: "Kustomization/default/app did not become as expected within 2m0s".to_owned(),
        place: Place {
            file: format!("scenarios/{name}.yaml"),
            line: 9,
            column: 5,
        },
        snippet: "   9 |   - expect: {}\n".to_owned(),
        details: vec!["condition Ready: expected status True, saw False".to_owned()],
        context: vec!["1s ago  Event Warning BuildFailed".to_owned()],
        log: Vec::new(),
        rerun: format!("cargo xtask e2e {name} --exact --seed 1"),
    });
    Outcome {
        name: name.to_owned(),
        title: "Something holds".to_owned(),
        file: format!("scenarios/{name}.yaml"),
        requirements: vec!["F-001".to_owned()],
        features: vec!["kustomize.prune".to_owned()],
        verdict,
        skipped: None,
        failure,
        steps: 1,
        cluster_seconds: 90.0,
        seconds: 0.25,
        snapshots: Vec::new(),
        notes: Vec::new(),
        trace: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_plain_run_reads_as_lines() {
        let shared = Shared::default();
        let mut terminal = Terminal::to(Box::new(shared.clone()), false);
        let summary = Summary {
            passed: 1,
            failed: 1,
            seconds: 0.5,
            ..Summary::default()
        };
        for event in [
            Event::RunStarted {
                target: "sim",
                seed: 1,
                selected: 2,
                faults: 0,
            },
            Event::ScenarioFinished(Box::new(sample("k/p/a", Verdict::Passed))),
            Event::ScenarioFinished(Box::new(sample("k/p/b", Verdict::Failed))),
            Event::RunFinished(summary),
        ] {
            terminal.event(&event).unwrap();
        }
        let text = String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
        let expected = "\
2 scenarios on target sim, seed 1
ok      k/p/a                                                        0.25s  (cluster time 1m30s)
FAILED  k/p/b                                                        0.25s  (cluster time 1m30s)

failed: Kustomization/default/app did not become as expected within 2m0s [expect.timeout]
  Something holds
  --> scenarios/k/p/b.yaml:9:5
   9 |   - expect: {}
  last observed difference:
    condition Ready: expected status True, saw False
  what happened before:
    1s ago  Event Warning BuildFailed
  run it again: cargo xtask e2e k/p/b --exact --seed 1


failed: k/p/b
2 scenarios: 1 passed, 1 failed, 0 broken, 0 skipped in 0.50s (seed 1)
";
        assert_eq!(text, expected);
    }
}
