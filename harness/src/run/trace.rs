//! The trace of a scenario: JSON lines of steps, writes and events with the cluster's time, in order. The same seed
//! gives the same bytes.

use jiff::Timestamp;
use serde_json::{Value, json};
use serde_saphyr::Spanned;

use crate::{journal::What, scenario::Step, session::Session};

/// A trace in the making.
pub(super) struct Trace {
    scenario: String,
    wanted: bool,
    writes: usize,
    position: usize,
    pub(super) lines: Vec<String>,
}

impl Trace {
    pub(super) fn new(scenario: &str, wanted: bool) -> Self {
        Self {
            scenario: scenario.to_owned(),
            wanted,
            writes: 0,
            position: 0,
            lines: Vec::new(),
        }
    }

    /// Notes that a step begins.
    pub(super) fn step(&mut self, number: usize, step: &Spanned<Step>, session: &Session) {
        let line = json!({
            "step": number, "verb": step.value.verb(), "line": step.referenced.line(),
        });
        self.push(session.clock().now(), line);
    }

    /// Notes what was written and which events were recorded since the last call.
    pub(super) fn take_in(&mut self, session: &Session) {
        if !self.wanted {
            return;
        }
        let writes = session.cluster.writes(self.writes);
        self.writes += writes.len();
        let mut entries: Vec<(Timestamp, Value)> = writes
            .iter()
            .map(|write| (write.at, json!({ "write": write })))
            .collect();
        let history = session.journal.history();
        for seen in &history[self.position.min(history.len())..] {
            if seen.key.kind == "Event" && seen.what != What::Deleted {
                let text = super::context::describe_event(&seen.object);
                let count = &seen.object["count"];
                entries.push((seen.at, json!({ "observed": text, "count": count })));
            }
        }
        self.position = history.len();
        // Stable: writes of one instant stay in order, before the events of that instant.
        entries.sort_by_key(|(at, _)| *at);
        for (at, entry) in entries {
            self.push(at, entry);
        }
    }

    fn push(&mut self, at: Timestamp, mut line: Value) {
        if !self.wanted {
            return;
        }
        line["scenario"] = Value::String(self.scenario.clone());
        line["at"] = Value::String(at.to_string());
        self.lines.push(line.to_string());
    }
}
