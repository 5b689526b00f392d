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
        if state.bytes.len() < limits::LOG_BYTES_MAX {
            state.bytes.extend_from_slice(line.as_bytes());
            state.bytes.push(b'\n');
        } else {
            state
                .missed
                .get_or_insert_with(|| "there was too much".to_owned());
        }
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
        String::from_utf8_lossy(&self.state().bytes)
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.state().bytes.extend_from_slice(bytes);
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
