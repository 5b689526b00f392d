//! How much a hostile tree may cost before it is refused.

/// Bytes of one file.
pub(crate) const MAX_FILE: usize = 16 * 1024 * 1024;

/// Directories below one another.
pub(crate) const MAX_DEPTH: usize = 64;

/// Objects of one build, and files read for it.
pub(crate) const MAX_RESOURCES: usize = 100_000;

/// Bytes that the replacements, the variables or one JSON patch may copy: each copy could double what the one before
/// made.
pub(crate) const MAX_COPIED: usize = 16 * 1024 * 1024;

/// Parts of a path to a field, and levels of a value that is copied; deeper ones would be walked off the stack.
pub(crate) const MAX_PARTS: usize = 256;
