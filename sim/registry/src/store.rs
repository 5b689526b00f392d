//! What repositories hold.

use std::collections::BTreeMap;

use bytes::Bytes;
use stdx::sha256_hex;

use crate::RegistryServer;

/// The digest of content, `sha256:<hex>`.
pub fn digest_of(content: &[u8]) -> String {
    format!("sha256:{}", sha256_hex(content))
}

/// A manifest and what it is.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) media_type: String,
    pub(crate) content: Bytes,
}

/// What one repository holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repository {
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) manifests: BTreeMap<String, Stored>,
    pub(crate) blobs: BTreeMap<String, Bytes>,
}

impl Repository {
    /// The manifest that a tag or a digest means.
    pub(crate) fn find(&self, reference: &str) -> Option<(String, &Stored)> {
        let digest = self.tags.get(reference).map_or(reference, String::as_str);
        self.manifests
            .get(digest)
            .map(|stored| (digest.to_owned(), stored))
    }

    pub(crate) fn put_blob(&mut self, content: Bytes) -> String {
        let digest = digest_of(&content);
        self.blobs.insert(digest.clone(), content);
        digest
    }

    /// Stores a manifest, under a tag if `reference` is one.
    pub(crate) fn put_manifest(&mut self, reference: &str, stored: Stored) -> String {
        let digest = digest_of(&stored.content);
        self.manifests.insert(digest.clone(), stored);
        if !reference.contains(':') {
            self.tags.insert(reference.to_owned(), digest.clone());
        }
        digest
    }
}

impl RegistryServer {
    /// The digest of what a tag or a digest means.
    pub fn digest(&self, repository: &str, reference: &str) -> Option<String> {
        let state = self.state();
        let found = state.repositories.get(repository)?.find(reference)?;
        Some(found.0)
    }

    /// A blob's content.
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        self.state()
            .repositories
            .get(repository)?
            .blobs
            .get(digest)
            .cloned()
    }

    /// Removes a tag; what it named stays.
    pub fn delete_tag(&self, repository: &str, tag: &str) -> bool {
        let mut state = self.state();
        state
            .repositories
            .get_mut(repository)
            .is_some_and(|it| it.tags.remove(tag).is_some())
    }

    /// Puts other content under a blob's digest, as a broken disk does.
    pub fn corrupt_blob(&self, repository: &str, digest: &str, content: impl Into<Bytes>) {
        let mut state = self.state();
        if let Some(repository) = state.repositories.get_mut(repository) {
            repository.blobs.insert(digest.to_owned(), content.into());
        }
    }
}
