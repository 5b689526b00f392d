//! How much of a request the server reads.

/// The largest request body after decompression: a fetch names each object it has in 50 bytes.
pub(crate) const MAX_REQUEST: u64 = 16 << 20;

/// The deepest directory of a fixture tree.
pub(crate) const MAX_DEPTH: usize = 64;
