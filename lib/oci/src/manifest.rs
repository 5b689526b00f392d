//! What an artifact is made of.

use std::collections::BTreeMap;

use serde::Deserialize;
use stdx::sha256_hex;

/// Manifests of one artifact.
pub(crate) const MANIFESTS: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
];
/// Lists of artifacts by platform.
pub(crate) const INDEXES: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
];

/// A part of an artifact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// Its digest.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
    /// Further facts.
    pub annotations: BTreeMap<String, String>,
    /// What it runs on.
    pub(crate) platform: Platform,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Platform {
    architecture: String,
    os: String,
}

impl Platform {
    /// The platform that Go's client takes where nobody names one.
    pub(crate) fn is_default(&self) -> bool {
        self.os == "linux" && self.architecture == "amd64"
    }
}

/// What an artifact is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Manifest {
    /// What the manifest is.
    pub media_type: String,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, in their order.
    pub layers: Vec<Descriptor>,
    /// Further facts.
    pub annotations: BTreeMap<String, String>,
    /// The artifacts of an index.
    pub(crate) manifests: Vec<Descriptor>,
}

/// The digest of content, `sha256:<hex>`.
pub fn digest_of(content: &[u8]) -> String {
    format!("sha256:{}", sha256_hex(content))
}

/// Whether a text is a digest that can be checked.
pub(crate) fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64 && hex.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
}
