//! How much of a server's answers is read.

/// The longest list of refs, in bytes.
pub(crate) const MAX_ADVERTISEMENT: u64 = 256 << 20;
/// The largest pack, in bytes.
pub(crate) const MAX_PACK: u64 = 2 << 30;
/// How often the list of refs may move to another address.
pub(crate) const MAX_REDIRECTS: usize = 10;
/// How deep submodules may contain submodules.
pub(crate) const MAX_SUBMODULE_DEPTH: usize = 10;
/// The largest `.gitmodules`, in bytes.
pub(crate) const MAX_GITMODULES: usize = 1 << 20;
