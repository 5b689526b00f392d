//! The directory of artifacts: where each lies, how it gets there, when it goes.

use std::{
    fs, io,
    io::Write,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use edges::{Clock, DataDir};
use jiff::Timestamp;

use crate::{Algorithm, Digest, Ignore, InvalidDigest, archive, digest::Hasher, limits::MAX_COLLECTED};

/// How long and how many files that are no longer current stay, for consumers that still read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Older files go.
    pub ttl: Duration,
    /// More files than this (the current one counts) go, oldest first.
    pub records: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(60),
            records: 2,
        }
    }
}

/// The files that a source controller keeps and serves. Its functions block on the disk.
#[derive(Clone, Debug)]
pub struct Storage {
    root: DataDir,
    /// `scheme://host` before the path.
    advertised: String,
    clock: Clock,
    algorithm: Algorithm,
    retention: Retention,
}

/// A file that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its path relative to the storage.
    pub path: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// When it was stored.
    pub time: Timestamp,
}

/// Why the storage did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The object's directory cannot be made.
    #[error("failed to create directory: {0}")]
    Directory(#[source] io::Error),
    /// The tree cannot be archived, or the file cannot be written.
    #[error("unable to archive artifact to storage: {0}")]
    Archive(#[source] io::Error),
    /// Files cannot be removed.
    #[error("garbage collection failed: {0}")]
    Collect(#[source] io::Error),
}

/// What is wrong with a stored file.
#[derive(Debug, thiserror::Error)]
pub enum CorruptArtifact {
    /// It is not there.
    #[error("artifact not found in storage")]
    Missing,
    /// It has another digest.
    #[error("computed digest doesn't match '{0}'")]
    Mismatch(String),
    /// The recorded digest is none.
    #[error("failed to parse artifact digest '{text}': {source}")]
    Digest {
        /// The text.
        text: String,
        /// What is wrong with it.
        source: InvalidDigest,
    },
    /// It cannot be read.
    #[error(transparent)]
    Read(io::Error),
}

impl Storage {
    /// The storage in a directory; `advertised` is the host (with a scheme or without) at which it is served.
    pub fn new(
        root: DataDir,
        advertised: &str,
        clock: Clock,
        algorithm: Algorithm,
        retention: Retention,
    ) -> Self {
        let advertised = if advertised.contains("://") {
            advertised.to_owned()
        } else {
            format!("http://{advertised}")
        };
        Self {
            root,
            advertised,
            clock,
            algorithm,
            retention,
        }
    }

    /// Removes what a process that was killed left behind: hidden files and directories at the top.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.root())? {
            let entry = entry?;
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// The path of a file of an object: `<kind>/<namespace>/<name>/<file>`.
    pub fn path(kind: &str, namespace: &str, name: &str, file: &str) -> String {
        format!("{}/{namespace}/{name}/{file}", kind.to_lowercase())
    }

    /// The address of a file.
    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.advertised.trim_end_matches('/'))
    }

    /// The directory that is served.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Archives a tree as the file `path`.
    ///
    /// # Errors
    /// When the tree cannot be read or the file cannot be written; an older file of the same path stays then.
    pub fn archive(&self, path: &str, tree: &Path, ignore: &Ignore) -> Result<Stored, StorageError> {
        self.store(path, |output| archive(tree, ignore, output))
    }

    /// Stores what a reader gives as the file `path`.
    ///
    /// # Errors
    /// When it cannot be read or the file cannot be written; an older file of the same path stays then.
    pub fn copy(&self, path: &str, mut content: impl io::Read) -> Result<Stored, StorageError> {
        self.store(path, |output| io::copy(&mut content, output).map(drop))
    }

    fn store(
        &self,
        path: &str,
        fill: impl FnOnce(&mut Tee<'_>) -> io::Result<()>,
    ) -> Result<Stored, StorageError> {
        let refused = || StorageError::Archive(io::Error::other(format!("invalid path '{path}'")));
        let target = self.locate(path).ok_or_else(refused)?;
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(StorageError::Directory)?;
        }
        self.write(&target, fill)
            .map(|(digest, size, time)| Stored {
                path: path.to_owned(),
                digest,
                size,
                time,
            })
            .map_err(StorageError::Archive)
    }

    fn write(
        &self,
        target: &Path,
        fill: impl FnOnce(&mut Tee<'_>) -> io::Result<()>,
    ) -> io::Result<(Digest, u64, Timestamp)> {
        // Renaming needs the same file system.
        let mut file = tempfile::Builder::new().prefix(".").tempfile_in(self.root())?;
        let mut output = Tee {
            file: file.as_file_mut(),
            hasher: self.algorithm.hasher(),
            size: 0,
        };
        fill(&mut output)?;
        let Tee { hasher, size, .. } = output;
        // Garbage collection reads this time; a simulated controller has another clock than the file system.
        let now = self.clock.now();
        file.as_file()
            .set_modified(now.try_into().map_err(io::Error::other)?)?;
        file.persist(target)?;
        Ok((hasher.finish(), size, now))
    }

    /// Points a name beside the file `path` at it. Returns the address of that name.
    ///
    /// # Errors
    /// When the link cannot be made; an older one stays then.
    pub fn link(&self, path: &str, name: &str) -> io::Result<String> {
        let invalid = || io::Error::other(format!("invalid path '{path}'"));
        let target = self.locate(path).ok_or_else(invalid)?;
        let (directory, file) = path.rsplit_once('/').ok_or_else(invalid)?;
        let alias = format!("{directory}/{name}");
        let place = self.locate(&alias).ok_or_else(invalid)?;
        // Renaming puts the new link in place of the old one at once.
        let made = target.with_file_name(format!(".{name}.new"));
        match fs::remove_file(&made) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::os::unix::fs::symlink(file, &made)?;
        fs::rename(&made, &place)?;
        Ok(self.url(&alias))
    }

    /// Opens a stored file.
    ///
    /// # Errors
    /// When it is not there or not a file of the storage.
    pub fn open(&self, path: &str) -> io::Result<fs::File> {
        let file = self.locate(path).ok_or(io::ErrorKind::NotFound)?;
        if !fs::symlink_metadata(&file)?.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        fs::File::open(file)
    }

    /// Whether the file is there and has the digest.
    ///
    /// # Errors
    /// What is wrong.
    pub fn verify(&self, path: &str, digest: &str) -> Result<(), CorruptArtifact> {
        let file = self.locate(path).ok_or(CorruptArtifact::Missing)?;
        if !fs::symlink_metadata(&file).is_ok_and(|it| it.is_file()) {
            return Err(CorruptArtifact::Missing);
        }
        let expected: Digest = digest.parse().map_err(|source| CorruptArtifact::Digest {
            text: digest.to_owned(),
            source,
        })?;
        let content = fs::File::open(file).map_err(CorruptArtifact::Read)?;
        let actual = expected
            .algorithm
            .digest(content)
            .map_err(CorruptArtifact::Read)?;
        if actual == expected {
            Ok(())
        } else {
            Err(CorruptArtifact::Mismatch(digest.to_owned()))
        }
    }

    /// Whether the file is there.
    pub fn exists(&self, path: &str) -> bool {
        self.locate(path)
            .is_some_and(|it| fs::symlink_metadata(it).is_ok_and(|it| it.is_file()))
    }

    /// Removes the files beside the current one that are too old or too many. Returns their paths.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn collect(&self, current: &str) -> Result<Vec<String>, StorageError> {
        self.collect_beside(current).map_err(StorageError::Collect)
    }

    fn collect_beside(&self, current: &str) -> io::Result<Vec<String>> {
        let Some(current) = self.locate(current) else {
            return Ok(Vec::new());
        };
        let Some(directory) = current.parent().filter(|it| it.is_dir()) else {
            return Ok(Vec::new());
        };
        let mut others = Vec::new();
        for entry in fs::read_dir(directory)?.take(MAX_COLLECTED) {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_file() && entry.path() != current {
                let stored = Timestamp::try_from(metadata.modified()?).map_err(io::Error::other)?;
                others.push((stored, entry.path()));
            }
        }
        others.sort();
        others.reverse();
        let room = self.retention.records.saturating_sub(1);
        let mut removed = Vec::new();
        for (rank, (stored, path)) in others.into_iter().enumerate() {
            if rank >= room || self.clock.since(stored) > self.retention.ttl {
                fs::remove_file(&path)?;
                removed.push(self.relative(&path));
            }
        }
        Ok(removed)
    }

    /// Removes everything of an object. Returns the path of its directory if there was one.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove_all(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<String>, StorageError> {
        let path = Self::path(kind, namespace, name, "");
        let Some(directory) = self.locate(path.trim_end_matches('/')) else {
            return Ok(None);
        };
        match fs::remove_dir_all(&directory) {
            Ok(()) => Ok(Some(self.relative(&directory))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::Collect(error)),
        }
    }

    /// The file of a path that stays within the storage: paths come back from status, which users can write.
    fn locate(&self, path: &str) -> Option<PathBuf> {
        let plain = |it: Component<'_>| matches!(it, Component::Normal(_));
        let path = Path::new(path);
        (path.components().count() > 2 && path.components().all(plain)).then(|| self.root().join(path))
    }

    fn relative(&self, path: &Path) -> String {
        let path = path.strip_prefix(self.root()).unwrap_or(path);
        path.to_string_lossy().into_owned()
    }
}

/// Writes to the file and the digest at once.
struct Tee<'a> {
    file: &'a mut fs::File,
    hasher: Hasher,
    size: u64,
}

impl Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage() -> (Storage, tempfile::TempDir) {
        let clock = Clock::starting_at("2030-01-01T00:00:00Z".parse().unwrap());
        let storage = Storage::new(
            DataDir::temporary().unwrap(),
            "source-controller.flux-system.svc.cluster.local.",
            clock,
            Algorithm::Sha256,
            Retention::default(),
        );
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("a.yaml"), "a: 1\n").unwrap();
        (storage, tree)
    }

    fn store(storage: &Storage, tree: &Path, file: &str) -> Stored {
        let ignore = Ignore::of_tree(tree, None).unwrap();
        let path = Storage::path("GitRepository", "apps", "app", file);
        storage.archive(&path, tree, &ignore).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_stored_can_be_verified() {
        let (storage, tree) = storage();
        let stored = store(&storage, tree.path(), "one.tar.gz");
        assert_eq!(stored.path, "gitrepository/apps/app/one.tar.gz");
        assert_eq!(
            storage.url(&stored.path),
            "http://source-controller.flux-system.svc.cluster.local./gitrepository/apps/app/one.tar.gz"
        );
        let digest = stored.digest.to_string();
        storage.verify(&stored.path, &digest).unwrap();
        let file = storage.root().join(&stored.path);
        assert_eq!(fs::metadata(&file).unwrap().len(), stored.size);
        fs::write(&file, "broken").unwrap();
        assert!(matches!(
            storage.verify(&stored.path, &digest),
            Err(CorruptArtifact::Mismatch(_))
        ));
        fs::remove_file(&file).unwrap();
        assert!(matches!(
            storage.verify(&stored.path, &digest),
            Err(CorruptArtifact::Missing)
        ));
        assert!(storage.verify("../x/y", &digest).is_err());
        assert!(!storage.exists("gitrepository/apps"));
    }

    // Covers: SC-21.
    #[tokio::test(start_paused = true)]
    async fn old_and_surplus_files_go() {
        let (storage, tree) = storage();
        let wait = |seconds| storage.clock.sleep(Duration::from_secs(seconds));
        store(&storage, tree.path(), "1");
        wait(10).await;
        store(&storage, tree.path(), "2");
        wait(10).await;
        let third = store(&storage, tree.path(), "3");
        assert_eq!(
            storage.collect(&third.path).unwrap(),
            ["gitrepository/apps/app/1"]
        );
        wait(50).await;
        assert_eq!(storage.collect(&third.path).unwrap(), Vec::<String>::new());
        wait(1).await;
        assert_eq!(
            storage.collect(&third.path).unwrap(),
            ["gitrepository/apps/app/2"]
        );
        wait(3600).await;
        assert_eq!(storage.collect(&third.path).unwrap(), Vec::<String>::new());
        assert!(storage.exists(&third.path));
    }

    // Covers: SC-20.
    #[tokio::test(start_paused = true)]
    async fn a_deleted_object_leaves_nothing() {
        let (storage, tree) = storage();
        let stored = store(&storage, tree.path(), "1");
        let removed = storage.remove_all("GitRepository", "apps", "app").unwrap();
        assert_eq!(removed.as_deref(), Some("gitrepository/apps/app"));
        assert!(!storage.exists(&stored.path));
        assert_eq!(storage.remove_all("GitRepository", "apps", "app").unwrap(), None);
    }
}
