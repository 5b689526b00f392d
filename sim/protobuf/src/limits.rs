//! Bounds on what a body may hold.

/// Messages inside of messages.
pub const DEPTH: usize = 100;
/// Members, items and entries of one body.
pub const VALUES: usize = 400_000;
/// Bytes of the unpacked table of messages.
pub const TABLE: usize = 8 * 1024 * 1024;
