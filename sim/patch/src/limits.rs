//! Bounds on foreign input.

/// How many operations a JSON patch may have, as upstream.
pub const OPERATIONS: usize = 10_000;
/// How large the copies of one JSON patch may grow in all, in bytes, as upstream.
pub const COPIED: usize = 3 * 1024 * 1024;
