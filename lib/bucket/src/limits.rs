//! How much of a bucket is read.

/// The largest list on one page, or error, in bytes.
pub(crate) const ANSWER: usize = 16 << 20;

/// The most objects of a bucket.
pub(crate) const OBJECTS: usize = 1_000_000;

/// The largest object, in bytes.
pub const OBJECT: u64 = 4 << 30;

/// How deep an answer's elements lie.
pub(crate) const DEPTH: usize = 32;
