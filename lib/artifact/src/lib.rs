//! Deterministic tarballs, digests, storage layout, fetch and serve.
//!
//! A source controller makes a [`Storage`], archives trees into it and serves it ([`service`]); the controllers
//! that consume sources [`fetch`] from it and unpack.

mod archive;
mod digest;
mod fetch;
mod ignored;
mod limits;
mod serve;
mod storage;
mod untar;

pub use archive::archive;
pub use digest::{Algorithm, Digest, InvalidDigest};
pub use fetch::{FetchError, Fetcher};
pub use ignored::Ignore;
pub use limits::Limits;
pub use serve::service;
pub use storage::{CorruptArtifact, Retention, Storage, StorageError, Stored};
pub use untar::{UntarError, untar};
