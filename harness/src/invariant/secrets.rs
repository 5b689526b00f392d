//! No byte of a Secret is ever shown: not in events, not in statuses, not in logs.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{journal::Seen, limits, target::Logs, verdict::Miss};

/// The values of every Secret seen so far.
#[derive(Default)]
pub(super) struct Known {
    values: BTreeSet<String>,
    log_position: usize,
}

impl Known {
    /// Remembers the values of a Secret, as they are and as they are stored.
    pub(super) fn learn(&mut self, seen: &Seen) {
        if seen.key.kind != "Secret" || !seen.key.group.is_empty() {
            return;
        }
        for encoded in strings(&seen.object["data"]) {
            if let Some(decoded) = decode(encoded) {
                self.remember(&decoded);
            }
            self.remember(encoded);
        }
        for plain in strings(&seen.object["stringData"]) {
            self.remember(plain);
        }
    }

    fn remember(&mut self, value: &str) {
        let value = value.trim();
        if value.len() >= limits::SECRET_BYTES_MIN {
            self.values.insert(value.to_owned());
        }
    }

    /// Searches an observation.
    pub(super) fn check(&self, seen: &Seen) -> Result<(), Miss> {
        if self.values.is_empty() || (seen.key.kind == "Secret" && seen.key.group.is_empty()) {
            return Ok(());
        }
        let shown = if seen.key.kind == "Event" {
            seen.object.to_string()
        } else {
            match seen.object.get("status") {
                Some(status) => status.to_string(),
                None => return Ok(()),
            }
        };
        self.search(&shown, || seen.key.to_string())
    }

    /// Searches the log lines that are new since the last call.
    pub(super) fn check_logs(&mut self, logs: &Logs) -> Result<(), Miss> {
        logs.lines_from(&mut self.log_position)
            .iter()
            .try_for_each(|line| self.search(line, || "the log".to_owned()))
    }

    fn search(&self, text: &str, place: impl Fn() -> String) -> Result<(), Miss> {
        match self.values.iter().find(|value| text.contains(value.as_str())) {
            None => Ok(()),
            Some(value) => {
                let message = format!("{} shows a Secret's value of {} bytes", place(), value.len());
                Err(Miss::failed("invariant.secrets", message))
            }
        }
    }
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_object()
        .into_iter()
        .flat_map(|members| members.values())
        .filter_map(Value::as_str)
}

fn decode(text: &str) -> Option<String> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    String::from_utf8(bytes).ok()
}
