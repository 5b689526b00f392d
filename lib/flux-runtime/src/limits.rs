//! Bounds on what is kept or sent.

use std::time::Duration;

/// Longest condition message in bytes.
pub(crate) const CONDITION_MESSAGE: usize = 32_768;
/// Longest event message in bytes.
pub(crate) const EVENT_MESSAGE: usize = 1_024;
/// Events whose repetition is counted rather than written anew.
pub(crate) const REMEMBERED_EVENTS: usize = 4_096;

/// Events that wait to be posted; what comes beyond them is dropped.
pub(crate) const WAITING_EVENTS: usize = 256;
/// Bytes of the answer to a posted event.
pub(crate) const EVENT_ANSWER: usize = 64 * 1024;
/// Time to give a lease back.
pub(crate) const RELEASE: Duration = Duration::from_secs(5);

/// Cuts `text` to at most `limit` bytes, marking the cut with `mark`.
pub(crate) fn cut(text: &str, limit: usize, mark: &str) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(limit.saturating_sub(mark.len()));
    format!("{}{mark}", &text[..end])
}
