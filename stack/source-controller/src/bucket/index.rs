//! What a bucket holds, by key.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use bucket::Store;

/// Keys and etags.
#[derive(Debug, Default)]
pub(super) struct EtagIndex(BTreeMap<String, String>);

impl EtagIndex {
    pub(super) fn insert(&mut self, key: String, etag: String) {
        self.0.insert(key, etag);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The digest of the lines `<key> <etag>`, sorted by key.
    pub(super) fn revision(&self) -> String {
        let lines: String = self
            .0
            .iter()
            .map(|(key, etag)| format!("{key} {etag}\n"))
            .collect();
        oci::digest_of(lines.as_bytes())
    }

    /// Puts every object below `tree`. One that went meanwhile is left out.
    pub(super) async fn download(
        &self,
        store: &Store,
        bucket: &str,
        scratch: &Path,
        tree: &Path,
    ) -> Result<(), String> {
        for key in self.0.keys() {
            let Some(path) = plain(key) else {
                return Err(format!(
                    "failed to resolve path for '{key}' object: it leads out of the bucket"
                ));
            };
            let failed = |error: String| format!("failed to get '{key}' object: {error}");
            let content = store
                .get(bucket, key, scratch)
                .await
                .map_err(|error| failed(error.to_string()))?;
            let Some(mut content) = content else { continue };
            let target = tree.join(path);
            let written = target
                .parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| fs::File::create(&target))
                .and_then(|mut file| std::io::copy(&mut content, &mut file));
            written.map_err(|error| failed(error.to_string()))?;
        }
        Ok(())
    }
}

/// The path of a key, if it stays below where it is put.
fn plain(key: &str) -> Option<PathBuf> {
    let path = Path::new(key.trim_start_matches('/'));
    let good = |it: Component<'_>| matches!(it, Component::Normal(_) | Component::CurDir);
    (!key.contains('\0') && path.components().all(good) && path.file_name().is_some())
        .then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_in_their_directory() {
        for (key, good) in [
            ("a/b.yaml", true),
            ("/a", true),
            ("../a", false),
            ("a/../../b", false),
            ("/", false),
        ] {
            assert_eq!(plain(key).is_some(), good, "{key}");
        }
    }

    /// SOURCE: GNU coreutils 9.1, `printf 'a 1\nb 2\n' | sha256sum`.
    #[test]
    fn the_revision_is_that_of_sorted_lines() {
        let mut index = EtagIndex::default();
        index.insert("b".to_owned(), "2".to_owned());
        index.insert("a".to_owned(), "1".to_owned());
        assert_eq!(
            index.revision(),
            "sha256:2951835de33689a441bfa61bc7af99b1f0305ca8ec0ab4dd508f14f57b27ca23"
        );
    }
}
