//! What the components log, kept in memory.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tracing_subscriber::fmt::MakeWriter;

use crate::limits;

/// Log lines, shared between the components that write and the harness that reads.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// Why a log could not be read.
    missed: Option<String>,
}

impl State {
    fn append(&mut self, bytes: &[u8]) {
        if self.bytes.len() < limits::LOG_BYTES_MAX {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.missed.get_or_insert_with(|| "there was too much".to_owned());
        }
    }
}

impl Logs {
    /// Collects what this thread logs until the guard is dropped. Lines carry no time: the wall clock means nothing in
    /// a simulated cluster, and traces must not differ.
    pub(crate) fn collect(&self) -> tracing::subscriber::DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .json()
            .without_time()
            .with_max_level(tracing::Level::INFO)
            .with_writer(self.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line.
    pub(crate) fn add(&self, line: &str) {
        let mut state = self.state();
        state.append(line.as_bytes());
        state.append(b"\n");
    }

    /// Says that a log could not be read.
    pub(crate) fn miss(&self, why: &str) {
        self.state().missed.get_or_insert_with(|| why.to_owned());
    }

    /// Why not everything could be read, if so.
    pub(crate) fn missed(&self) -> Option<String> {
        self.state().missed.clone()
    }

    /// The lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines_from(&mut 0)
    }

    /// The whole lines from a position on, which moves behind them.
    pub(crate) fn lines_from(&self, position: &mut usize) -> Vec<String> {
        let state = self.state();
        let rest = state.bytes.get(*position..).unwrap_or_default();
        let end = rest
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |last| last + 1);
        *position += end;
        String::from_utf8_lossy(&rest[..end])
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.state().append(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Logs {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn lines_are_read_once_and_only_when_they_are_whole() {
        let mut logs = Logs::default();
        let mut position = 0;
        logs.add("a");
        logs.write_all(b"b\nc").unwrap();
        assert_eq!(logs.lines_from(&mut position), ["a", "b"]);
        logs.add("d");
        assert_eq!(logs.lines_from(&mut position), ["cd"]);
        assert_eq!(logs.lines_from(&mut position), [""; 0]);
        assert_eq!(logs.lines(), ["a", "b", "cd"]);
    }

    #[test]
    fn what_is_logged_without_end_is_not_kept_without_end() {
        let mut logs = Logs::default();
        let block = vec![b'x'; limits::LOG_BYTES_MAX / 2];
        for _ in 0..3 {
            logs.write_all(&block).unwrap();
        }
        assert_eq!(logs.state().bytes.len(), limits::LOG_BYTES_MAX);
        assert!(logs.missed().is_some());
    }
}
