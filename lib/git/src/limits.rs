//! How much of a server's answers is read.

/// The longest list of refs, in bytes.
pub(crate) const MAX_ADVERTISEMENT: u64 = 256 << 20;
/// The largest pack, in bytes.
pub(crate) const MAX_PACK: u64 = 2 << 30;
/// The longest `known_hosts`, in bytes.
pub(crate) const MAX_KNOWN_HOSTS: usize = 1 << 20;
/// The longest list of keys whose signatures count, in bytes.
pub(crate) const MAX_KEY_RING: usize = 1 << 20;
/// How many keys of such a list are tried.
pub(crate) const MAX_KEYS: usize = 1000;
/// How much of a server's complaint is repeated, in bytes.
pub(crate) const MAX_MESSAGE: usize = 2 << 10;
/// How often the list of refs may move to another address.
pub(crate) const MAX_REDIRECTS: usize = 10;
/// How deep submodules may contain submodules.
pub(crate) const MAX_SUBMODULE_DEPTH: usize = 10;
/// How many files and directories a tree may have.
pub(crate) const MAX_TREE_ENTRIES: usize = 1_000_000;
/// How deep a tree may be.
pub(crate) const MAX_TREE_DEPTH: usize = 256;
/// How many bytes all files of a tree may have.
pub(crate) const MAX_TREE_BYTES: u64 = 4 << 30;
/// The largest `.gitmodules`, in bytes.
pub(crate) const MAX_GITMODULES: usize = 1 << 20;
