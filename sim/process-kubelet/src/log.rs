//! What a container wrote, kept in memory for `kubectl logs`.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use edges::Clock;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::limits;

/// The log of one run of a container. Clones share it.
#[derive(Clone)]
pub(crate) struct Log {
    clock: Clock,
    lines: Arc<Mutex<Lines>>,
    /// Moves with every line and with the end.
    grown: Arc<watch::Sender<u64>>,
}

#[derive(Default)]
struct Lines {
    kept: VecDeque<Line>,
    /// The number of the first line that is kept.
    first: u64,
    bytes: usize,
    ended: bool,
}

/// One line and when it was written.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    /// With its line break, as far as it had one.
    pub(crate) text: Arc<[u8]>,
}

impl Log {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            lines: Arc::default(),
            grown: Arc::new(watch::channel(0).0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, text: &[u8]) {
        let mut lines = self.lock();
        lines.bytes += text.len();
        lines.kept.push_back(Line {
            at: self.clock.now(),
            text: text.into(),
        });
        while lines.bytes > limits::LOG {
            let Some(oldest) = lines.kept.pop_front() else {
                break;
            };
            lines.bytes -= oldest.text.len();
            lines.first += 1;
        }
        drop(lines);
        self.grown.send_modify(|count| *count += 1);
    }

    /// Reads a process's output to its end.
    pub(crate) fn drink(&self, output: impl Read) {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        loop {
            line.clear();
            let limit = u64::try_from(limits::LINE).unwrap_or(u64::MAX);
            match output.by_ref().take(limit).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => break,
                Ok(_) => self.push(&line),
            }
        }
        self.end();
    }

    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.grown.send_modify(|count| *count += 1);
    }

    /// The lines from a number on, the number after the last of them, and whether no more will come.
    pub(crate) fn from(&self, number: u64) -> (Vec<Line>, u64, bool) {
        let lines = self.lock();
        let skip = usize::try_from(number.saturating_sub(lines.first)).unwrap_or(usize::MAX);
        let wanted = lines.kept.iter().skip(skip).cloned().collect();
        let next = lines.first + u64::try_from(lines.kept.len()).unwrap_or_default();
        (wanted, next, lines.ended)
    }

    /// Tells when there is more.
    pub(crate) fn growth(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_go_first() {
        let log = Log::new(Clock::system());
        let line = [b'x'; 1 << 10];
        for _ in 0..limits::LOG / line.len() + 5 {
            log.push(&line);
        }
        let (lines, next, ended) = log.from(0);
        assert_eq!(lines.len(), limits::LOG / line.len());
        assert_eq!(usize::try_from(next).unwrap(), lines.len() + 5);
        assert!(!ended);
        assert_eq!(log.from(next - 1).0.len(), 1);
    }

    #[test]
    fn output_is_read_by_lines_to_its_end() {
        let log = Log::new(Clock::system());
        log.drink(&b"one\ntwo"[..]);
        let (lines, _, ended) = log.from(0);
        let text: Vec<&[u8]> = lines.iter().map(|line| &*line.text).collect();
        assert_eq!(text, [&b"one\n"[..], b"two"]);
        assert!(ended);
    }
}
