//! Bounds on foreign input.

/// How deep JSON may nest (Go's decoder stops at the same depth).
pub const DEPTH: usize = 10_000;
/// How deep a custom resource's schema may nest.
pub const SCHEMA_DEPTH: usize = 100;
/// The largest body the API server reads, in bytes.
pub const BODY: usize = 3 * 1024 * 1024;
/// How many strict-decoding findings are kept.
pub const FINDINGS: usize = 100;
/// The largest decoded data file of built-in kinds, in bytes.
pub const DATA: usize = 16 * 1024 * 1024;
