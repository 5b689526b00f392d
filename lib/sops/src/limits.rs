//! How much a hostile document may cost before it is refused.

/// Bytes of a document; upstream's controller allows as much.
pub(crate) const MAX_BYTES: usize = 5 << 20;

/// Nested lists and maps.
pub(crate) const MAX_DEPTH: usize = 128;

/// Values of a YAML document, aliases counted each time they are used.
pub(crate) const MAX_VALUES: usize = 500_000;

/// Keys that may encrypt one document.
pub(crate) const MAX_KEYS: usize = 64;

/// Bytes of a data key or of a part of one; the genuine ones have 32 and 33.
pub(crate) const MAX_DATA_KEY: usize = 64;

/// Bytes of the compiled form of a rule's regular expression.
pub(crate) const MAX_REGEX: usize = 1 << 20;
