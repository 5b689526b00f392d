//! How much of a proxy's answers is read.

/// The longest head of an answer to `CONNECT`, in bytes.
pub(crate) const MAX_PROXY_HEAD: usize = 16 << 10;
