//! The one writable directory.

use std::{io, path::Path, path::PathBuf, sync::Arc};

/// The one directory a component may write to. A temporary one vanishes with its last clone.
#[derive(Clone, Debug)]
pub struct DataDir(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl DataDir {
    /// An existing directory, kept when the component ends.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Kind::Kept(path.into())))
    }

    /// A new empty directory, deleted with the last clone; in memory where the system offers that, as simulated
    /// components make and delete thousands of small files.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn temporary() -> io::Result<Self> {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
        Ok(Self(Arc::new(Kind::Temporary(directory))))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        match &*self.0 {
            Kind::Kept(path) => path,
            Kind::Temporary(dir) => dir.path(),
        }
    }
}
