//! Deterministic tarballs, digests, storage layout, fetch and serve
