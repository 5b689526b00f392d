//! How much a hostile document may cost before it is refused.

/// Bytes of one text; Kubernetes objects are at most a few megabytes.
pub(crate) const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Values that one text may unfold to, aliases counted each time they are used.
pub(crate) const MAX_VALUES: usize = 2_000_000;

/// Nested collections. go-yaml allows 10,000, which would overflow a recursive reader here.
pub(crate) const MAX_DEPTH: usize = 256;

/// How often a tab is mended before the text is given up; each time it is parsed anew.
pub(crate) const MAX_TABS: usize = 64;
