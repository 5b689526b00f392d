//! How much the server takes, and how slow it gets.

use std::time::Duration;

/// The deepest directory of a fixture tree.
pub(crate) const MAX_DEPTH: usize = 64;

/// The most bytes of one upload.
pub(crate) const MAX_UPLOAD: usize = 64 << 20;

/// How many tags a page has where nobody asks for fewer.
pub(crate) const PAGE: usize = 1000;

/// How long a slow answer takes: longer than the minute that clients wait by default.
pub(crate) const SLOW_ANSWER: Duration = Duration::from_secs(90);
