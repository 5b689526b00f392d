//! How much a hostile tree may cost before it is refused.

/// Bytes of one file.
pub(crate) const MAX_FILE: usize = 16 * 1024 * 1024;

/// Directories below one another.
pub(crate) const MAX_DEPTH: usize = 64;

/// Objects of one build, and files read for it.
pub(crate) const MAX_RESOURCES: usize = 100_000;
