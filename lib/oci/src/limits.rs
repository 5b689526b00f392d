//! How much of a registry's answers is read.

/// The largest manifest, in bytes.
pub const MANIFEST: usize = 4 << 20;

/// The largest list of tags on one page, token or error, in bytes.
pub const ANSWER: usize = 4 << 20;

/// The most pages of tags.
pub const PAGES: usize = 1000;

/// The largest blob, in bytes: beyond any tree of manifests, within the disk of a pod.
pub const BLOB: u64 = 4 << 30;

/// How many redirects are followed.
pub const REDIRECTS: usize = 10;

/// How many signatures of an artifact are looked at.
pub const SIGNATURES: usize = 100;

/// The largest signed payload, in bytes.
pub const PAYLOAD: u64 = 1 << 20;

/// How much of an answer that nobody understands is shown.
pub(crate) const SHOWN: usize = 500;
