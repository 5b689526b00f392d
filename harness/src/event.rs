//! What happens in a run. Terminal, JUnit, JSON and traces are made of these and of nothing else.

use serde::Serialize;

use crate::{scenario::Place, verdict::Verdict};

/// One thing that happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// The run begins.
    RunStarted {
        /// Where the scenarios run.
        target: &'static str,
        /// What all chance comes from.
        seed: u64,
        /// How many runs there are: scenarios, times the seeds of faults.
        selected: usize,
        /// How many seeds of faults each scenario runs under; none means undisturbed.
        #[serde(skip_serializing_if = "is_zero")]
        faults: usize,
    },
    /// A scenario begins.
    ScenarioStarted {
        /// Its name.
        name: String,
        /// How many steps it has.
        steps: usize,
    },
    /// A step begins.
    StepStarted {
        /// Its scenario.
        name: String,
        /// Its number, from one.
        step: usize,
        /// Its verb.
        verb: &'static str,
    },
    /// A scenario is over.
    ScenarioFinished(Box<Outcome>),
    /// The run is over.
    RunFinished(Summary),
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What came of one scenario.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its file.
    pub file: String,
    /// The requirements it covers.
    pub requirements: Vec<String>,
    /// The features it needs.
    pub features: Vec<String>,
    /// What came of it.
    pub verdict: Verdict,
    /// Why it was skipped, a word for machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<&'static str>,
    /// Why it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// How many of its steps held.
    pub steps: usize,
    /// Time that passed in the cluster, in seconds.
    pub cluster_seconds: f64,
    /// Time that passed here, in seconds.
    pub seconds: f64,
    /// Snapshot files that were written.
    pub snapshots: Vec<String>,
    /// How it was judged otherwise than in a simulated cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The trace, one JSON line an entry; kept out of reports.
    #[serde(skip)]
    pub trace: Vec<String>,
}

/// Why a scenario did not pass.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// A stable word for machines.
    pub code: &'static str,
    /// One line for people.
    pub message: String,
    /// The step's place.
    pub place: Place,
    /// The step's text.
    pub snippet: String,
    /// What was expected and what was seen.
    pub details: Vec<String>,
    /// What happened shortly before: changes, conditions, events.
    pub context: Vec<String>,
    /// What the components logged last.
    pub log: Vec<String>,
    /// The command that runs this scenario again, alike.
    pub rerun: String,
}

/// What came of a run.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Scenarios that passed.
    pub passed: usize,
    /// Scenarios that failed.
    pub failed: usize,
    /// Scenarios that could not be judged.
    pub broken: usize,
    /// Scenarios that were skipped with a reason.
    pub skipped: usize,
    /// Scenarios that were selected but not run any more.
    pub not_run: usize,
    /// Whether the run was interrupted.
    pub interrupted: bool,
    /// Time that passed here, in seconds.
    pub seconds: f64,
}

impl Summary {
    /// Counts an outcome.
    pub(crate) fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed => self.failed += 1,
            Verdict::Broken => self.broken += 1,
            Verdict::Skipped => self.skipped += 1,
        }
    }
}
