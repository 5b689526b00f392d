//! The tree of files that a build reads, and the paths in it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Error, limits::MAX_FILE};

/// A tree of files. Paths have `/` between their parts, no `.` or `..`, and no `/` at either end; the root is
/// the empty path. Nothing outside the root can be named, so an implementation only has to see to it that
/// links do not lead out.
pub trait Files {
    /// The content of a file.
    ///
    /// # Errors
    /// [`ReadError`], also for a directory.
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError>;
    /// Whether there is a directory.
    fn is_dir(&self, path: &str) -> bool;
    /// The names in a directory, sorted; none when it is no directory.
    fn list(&self, path: &str) -> Vec<String>;
    /// The path without links in it; itself where there are no links.
    fn real(&self, path: &str) -> String {
        path.to_owned()
    }
    /// Where to read a file that a kustomization in `root` names.
    ///
    /// # Errors
    /// When that kustomization may not read it.
    fn confirm(&self, root: &str, path: &str) -> Result<String, Error> {
        let _ = root;
        Ok(path.to_owned())
    }
}

/// A tree in which a kustomization may only read files in its directory and below, as `kubectl kustomize` has it.
pub struct RootOnly<'a>(pub &'a dyn Files);

impl Files for RootOnly<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        self.0.read(path)
    }

    fn is_dir(&self, path: &str) -> bool {
        self.0.is_dir(path)
    }

    fn list(&self, path: &str) -> Vec<String> {
        self.0.list(path)
    }

    fn real(&self, path: &str) -> String {
        self.0.real(path)
    }

    fn confirm(&self, root: &str, path: &str) -> Result<String, Error> {
        let (real, asked) = (self.real(path), shown(path));
        if self.is_dir(&real) {
            return Err(Error::new(format!("'{asked}' must resolve to a file")));
        }
        if self.read(&real) == Err(ReadError::NotFound) {
            return Err(Error::new(format!(
                "evalsymlink failure on '{asked}' : lstat {asked}: no such file or directory"
            )));
        }
        let dir = real.rsplit_once('/').map_or("", |(dir, _)| dir);
        if !has_prefix(dir, root) {
            let root = shown(root);
            return Err(Error::new(format!(
                "security; file '{asked}' is not in or below '{root}'"
            )));
        }
        Ok(real)
    }
}

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is nothing.
    #[error("no such file or directory")]
    NotFound,
    /// There is a directory.
    #[error("is a directory")]
    IsDirectory,
    /// Anything else, such as a link that leads out of the tree.
    #[error("{0}")]
    Other(String),
}

/// A tree in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<String, Vec<u8>>);

impl Tree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.0.insert(path.into(), content.into());
    }
}

impl<P: Into<String>, C: Into<Vec<u8>>> FromIterator<(P, C)> for Tree {
    fn from_iter<I: IntoIterator<Item = (P, C)>>(files: I) -> Self {
        let files = files.into_iter();
        Self(
            files
                .map(|(path, content)| (path.into(), content.into()))
                .collect(),
        )
    }
}

impl Files for Tree {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        match self.0.get(path) {
            Some(content) => Ok(content.clone()),
            None if self.is_dir(path) => Err(ReadError::IsDirectory),
            None => Err(ReadError::NotFound),
        }
    }

    fn is_dir(&self, path: &str) -> bool {
        path.is_empty() || self.below(path).next().is_some()
    }

    fn list(&self, path: &str) -> Vec<String> {
        let names = self.below(path).filter_map(|rest| rest.split('/').next());
        let names: BTreeSet<_> = names.map(str::to_owned).collect();
        names.into_iter().collect()
    }
}

impl Tree {
    fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let start = prefix.clone();
        self.0
            .range(start..)
            .map_while(move |(name, _)| name.strip_prefix(prefix.as_str()))
    }
}

/// Joins a relative path to a directory of the tree.
///
/// # Errors
/// When the path is absolute or leads out of the tree.
pub(crate) fn join(dir: &str, path: &str) -> Result<String, Error> {
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    let mut outside = path.starts_with('/');
    if outside {
        parts.clear();
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => outside |= parts.pop().is_none(),
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if outside {
        let path = shown(&joined);
        return Err(Error::new(format!(
            "fs-security-constraint read {path}: path '{path}' is not in or below '/'"
        )));
    }
    Ok(joined)
}

/// The way from the first directory to a path that one of the directories names; may lead above the first.
pub(crate) fn way(dir: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in dir.split('/').chain(path.split('/')) {
        match (part, parts.last()) {
            ("" | ".", _) => {}
            ("..", Some(last)) if *last != ".." => {
                parts.pop();
            }
            (part, _) => parts.push(part),
        }
    }
    parts.join("/")
}

/// A path as messages show it: absolute, the root of the tree being `/`.
pub(crate) fn shown(path: &str) -> String {
    format!("/{path}")
}

/// Whether `path` is `dir` or below it.
pub(crate) fn has_prefix(path: &str, dir: &str) -> bool {
    dir.is_empty() || path == dir || path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
}

/// Reads a file, relative to a directory of the tree.
pub(crate) fn load(files: &dyn Files, dir: &str, path: &str) -> Result<Vec<u8>, Error> {
    if is_remote(path) {
        return Err(Error::new(format!(
            "remote resource '{path}' is refused: loading from a URL is not supported"
        )));
    }
    let path = files.confirm(dir, &join(dir, path)?)?;
    let content = files.read(&path).map_err(|error| {
        let verb = if error == ReadError::IsDirectory {
            "read"
        } else {
            "open"
        };
        Error::new(format!("{verb} {}: {error}", shown(&path)))
    })?;
    if content.len() > MAX_FILE {
        return Err(Error::new(format!(
            "file {} is larger than {MAX_FILE} bytes",
            shown(&path)
        )));
    }
    Ok(content)
}

/// Reads a file of text.
pub(crate) fn load_text(files: &dyn Files, dir: &str, path: &str) -> Result<String, Error> {
    let content = load(files, dir, path)?;
    String::from_utf8(content).map_err(|_| Error::new("MalformedYAMLError: yaml: invalid UTF-8"))
}

/// A URL, or what git takes for the address of a repository.
///
/// DIFFERENCE: upstream clones repositories and downloads files; here they are refused with a clear error.
pub(crate) fn is_remote(path: &str) -> bool {
    const STARTS: [&str; 6] = ["http://", "https://", "ssh://", "git@", "file://", "git::"];
    const HOSTS: [&str; 3] = ["github.com/", "github.com:", "bitbucket.org/"];
    STARTS.iter().chain(&HOSTS).any(|start| path.starts_with(start))
        || path.contains("?ref=")
        || path.contains(".git//")
        || path.ends_with(".git")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        assert_eq!(join("a/b", "../c/./d.yaml").unwrap(), "a/c/d.yaml");
        assert_eq!(join("", "a//b/").unwrap(), "a/b");
        assert_eq!(join("a", "..").unwrap(), "");
        assert!(join("a", "../..").is_err());
        assert!(join("a", "/etc/passwd").is_err());
        assert!(
            has_prefix("a/b", "a") && has_prefix("a", "a") && !has_prefix("ab", "a") && has_prefix("x", "")
        );
    }

    #[test]
    fn a_tree_lists_its_directories() {
        let tree: Tree = [("a/x.yaml", "1"), ("a/b/y.yaml", "2"), ("a-c", "3")]
            .into_iter()
            .collect();
        assert_eq!(tree.list(""), ["a", "a-c"]);
        assert_eq!(tree.list("a"), ["b", "x.yaml"]);
        assert!(tree.is_dir("a/b") && !tree.is_dir("a/x.yaml") && !tree.is_dir("a/z"));
        assert_eq!(tree.read("a"), Err(ReadError::IsDirectory));
        assert_eq!(tree.read("zz"), Err(ReadError::NotFound));
    }
}
