//! How much of a proxy's answers is read.

/// The longest head of an answer to `CONNECT`, in bytes.
pub(crate) const MAX_PROXY_HEAD: usize = 16 << 10;

/// The longest name or password that SOCKS5 can carry, in bytes.
pub(crate) const MAX_PROXY_SECRET: u8 = u8::MAX;
