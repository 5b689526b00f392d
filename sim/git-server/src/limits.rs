//! How much of a request the server reads, and how slow it gets.

use std::time::Duration;

/// The largest request body after decompression: a fetch names each object it has in 50 bytes.
pub(crate) const MAX_REQUEST: u64 = 16 << 20;

/// The longest push over SSH.
pub(crate) const MAX_PUSH: u64 = 64 << 20;

/// The deepest directory of a fixture tree.
pub(crate) const MAX_DEPTH: usize = 64;

/// How long a slow answer takes: longer than the minute that clients wait by default.
pub(crate) const SLOW_ANSWER: Duration = Duration::from_secs(90);

/// Bytes of answers of `git` that are kept for those who ask the same.
pub(crate) const REMEMBERED: usize = 64 << 20;
