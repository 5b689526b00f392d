//! An unpacked artifact as the tree that a build reads.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use kustomize::{Files, ReadError};
use tempfile::TempDir;

/// A path below a directory, without a slash at either end; `..` leads no higher than the root.
pub(crate) fn inside(dir: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in dir.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// An unpacked artifact, deleted when dropped. Nothing outside can be named or reached through links.
pub(crate) struct Tree {
    root: PathBuf,
    /// What is deleted with it.
    _directory: Option<TempDir>,
    start: String,
}

impl Tree {
    /// The tree in `directory`; `start` is the directory in it to build, kept inside whatever it says.
    pub(crate) fn new(directory: TempDir, start: &str) -> Self {
        Self {
            root: directory.path().to_owned(),
            _directory: Some(directory),
            start: inside("", start),
        }
    }

    /// A folder that stays, as the tree that its artifact would be.
    pub(crate) fn at(root: &Path, start: &str) -> Self {
        Self {
            root: root.to_owned(),
            _directory: None,
            start: inside("", start),
        }
    }

    /// The directory to build, without a slash at either end.
    pub(crate) fn start(&self) -> &str {
        &self.start
    }

    /// Whether the directory to build is there.
    pub(crate) fn has_start(&self) -> bool {
        self.is_dir(&self.start) || self.real(&self.start).is_some_and(|path| path.is_file())
    }

    /// The file or directory itself; nothing if a link stands in the way.
    fn real(&self, path: &str) -> Option<PathBuf> {
        let mut here = self.root.clone();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            here.push(part);
            if fs::symlink_metadata(&here).ok()?.file_type().is_symlink() {
                return None;
            }
        }
        Some(here)
    }
}

impl Files for Tree {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        let Some(real) = self.real(path) else {
            return Err(ReadError::NotFound);
        };
        if real.is_dir() {
            return Err(ReadError::IsDirectory);
        }
        fs::read(&real).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ReadError::NotFound,
            other => ReadError::Other(other.to_string()),
        })
    }

    fn is_dir(&self, path: &str) -> bool {
        self.real(path).is_some_and(|path| path.is_dir())
    }

    fn list(&self, path: &str) -> Vec<String> {
        let real = self.real(path);
        real.as_deref().map(names).unwrap_or_default()
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers: H-02.
    #[test]
    fn the_start_stays_inside() {
        for (start, expected) in [
            ("./", ""),
            ("", ""),
            ("/", ""),
            ("./apps/", "apps"),
            ("../../etc", "etc"),
            ("a/../b", "b"),
        ] {
            let tree = Tree::new(tempfile::tempdir().unwrap(), start);
            assert_eq!(tree.start(), expected, "{start}");
        }
    }

    // Covers: H-03.
    #[test]
    fn links_lead_nowhere() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc", directory.path().join("link")).unwrap();
        fs::write(directory.path().join("file"), "x").unwrap();
        let tree = Tree::new(directory, "");
        assert_eq!(tree.read("link/passwd"), Err(ReadError::NotFound));
        assert!(!tree.is_dir("link"));
        assert_eq!(tree.read("file"), Ok(b"x".to_vec()));
    }
}
