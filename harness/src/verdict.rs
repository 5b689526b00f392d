//! What came of a scenario, and why.

use std::fmt;

use serde::Serialize;

/// What came of one scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Everything held.
    Passed,
    /// The product did not do what was promised.
    Failed,
    /// The harness or its environment could not tell.
    Broken,
    /// It was not run, for the reason that the code says.
    Skipped,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Broken => "broken",
            Self::Skipped => "skipped",
        })
    }
}

/// Why a step or an invariant did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Miss {
    /// Whose fault it is: [`Verdict::Failed`] or [`Verdict::Broken`].
    pub(crate) verdict: Verdict,
    /// A stable word for machines, such as `expect.timeout`.
    pub(crate) code: &'static str,
    /// One line for people.
    pub(crate) message: String,
    /// What was expected and what was seen, a line each.
    pub(crate) details: Vec<String>,
}

impl Miss {
    /// The product's fault.
    pub(crate) fn failed(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Failed,
            code,
            message: message.into(),
            details: Vec::new(),
        }
    }

    /// The harness's or the environment's fault.
    pub(crate) fn broken(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Broken,
            code,
            message: message.into(),
            details: Vec::new(),
        }
    }

    /// Adds what was expected and what was seen.
    pub(crate) fn with(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }
}
