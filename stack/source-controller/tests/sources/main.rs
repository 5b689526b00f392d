//! The kinds that are no GitRepository, against an API server and servers outside, in virtual time.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod bucket;
mod helm;
mod oci;
mod world;
