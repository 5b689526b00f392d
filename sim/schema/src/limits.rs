//! Bounds on foreign input.

/// How deep JSON may nest.
// DIFFERENCE: Go's decoder goes down to 10000; what comes after reading recurses, and stacks are smaller here.
pub const DEPTH: usize = 512;
/// How deep a custom resource's schema may nest.
pub const SCHEMA_DEPTH: usize = 100;
/// The largest body the API server reads, in bytes.
pub const BODY: usize = 3 * 1024 * 1024;
/// How many strict-decoding findings are kept.
pub const FINDINGS: usize = 100;
/// The largest decoded data file of built-in kinds, in bytes.
pub const DATA: usize = 16 * 1024 * 1024;
