//! How much text is looked at.

/// The longest version, in bytes.
pub(crate) const MAX_VERSION: usize = 256;
/// The longest range, in bytes.
pub(crate) const MAX_CONSTRAINT: usize = 512;
/// The most alternatives of a range.
pub(crate) const MAX_ALTERNATIVES: usize = 32;
