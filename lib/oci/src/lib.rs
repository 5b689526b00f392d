//! A client of OCI registries: names, credentials, manifests, blobs, tags, and cosign's signatures.
//!
//! It reads as Go's `go-containerregistry` does, whose texts users see in conditions. No client that can be bought
//! lets every request go through [`edges::HttpClient`], which simulated time and per-object trust need.

mod auth;
mod client;
mod cosign;
mod error;
mod key;
mod keychain;
pub mod limits;
mod manifest;
mod name;

pub use self::manifest::{Descriptor, Manifest, digest_of};
pub use auth::Credentials;
pub use client::{Client, Remote};
pub use cosign::verify;
pub use error::Error;
pub use key::{InvalidKey, PublicKey};
pub use keychain::{InvalidConfig, Keychain};
pub use name::{InvalidName, Repository, Target};
