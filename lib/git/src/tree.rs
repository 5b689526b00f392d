//! What of a foreign tree may reach the disk.

use git2::{ObjectType, Oid, Repository};

use crate::limits::{MAX_TREE_BYTES, MAX_TREE_DEPTH, MAX_TREE_ENTRIES};

/// Why a tree is not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostileTree {
    #[error("invalid path in tree: {0:?}")]
    Name(String),
    #[error("the tree has more than {MAX_TREE_ENTRIES} entries")]
    Entries,
    #[error("the tree is deeper than {MAX_TREE_DEPTH} directories")]
    Depth,
    #[error("the files of the tree have more than {MAX_TREE_BYTES} bytes")]
    Bytes,
    #[error("{}", .0.message())]
    Git(#[from] git2::Error),
}

/// What was counted so far.
struct Count<'a> {
    repository: &'a Repository,
    odb: git2::Odb<'a>,
    entries: usize,
    bytes: u64,
}

/// Looks through a commit's tree before any of it is written.
pub(crate) fn check(repository: &Repository, commit: &str) -> Result<(), HostileTree> {
    let tree = repository.find_commit(Oid::from_str(commit)?)?.tree_id();
    let mut count = Count {
        repository,
        odb: repository.odb()?,
        entries: 0,
        bytes: 0,
    };
    count.walk(tree)
}

impl Count<'_> {
    fn walk(&mut self, root: Oid) -> Result<(), HostileTree> {
        let mut todo = vec![(root, 0)];
        while let Some((oid, depth)) = todo.pop() {
            if depth > MAX_TREE_DEPTH {
                return Err(HostileTree::Depth);
            }
            let tree = self.repository.find_tree(oid)?;
            for entry in &tree {
                self.entries += 1;
                if self.entries > MAX_TREE_ENTRIES {
                    return Err(HostileTree::Entries);
                }
                if !is_harmless(entry.name_bytes()) {
                    let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
                    return Err(HostileTree::Name(name));
                }
                match entry.kind() {
                    Some(ObjectType::Tree) => todo.push((entry.id(), depth + 1)),
                    Some(ObjectType::Blob) => {
                        let (size, _) = self.odb.read_header(entry.id())?;
                        self.bytes = self.bytes.saturating_add(size as u64);
                        if self.bytes > MAX_TREE_BYTES {
                            return Err(HostileTree::Bytes);
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// Names that lead out of the tree, or to Git's own files, also where upper and lower case are one.
fn is_harmless(name: &[u8]) -> bool {
    !name.is_empty()
        && name != b"."
        && name != b".."
        && !name.eq_ignore_ascii_case(b".git")
        && !name.iter().any(|it| matches!(it, b'/' | 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A commit of a tree that no program would write.
    fn commit(repository: &Repository, tree: Oid) -> String {
        let text = format!("tree {tree}\nauthor a <a> 0 +0000\ncommitter a <a> 0 +0000\n\nm\n");
        let oid = repository
            .odb()
            .unwrap()
            .write(ObjectType::Commit, text.as_bytes());
        oid.unwrap().to_string()
    }

    fn tree(repository: &Repository, mode: &str, name: &str, entry: Oid) -> Oid {
        let mut bytes = format!("{mode} {name}\0").into_bytes();
        bytes.extend_from_slice(entry.as_bytes());
        repository.odb().unwrap().write(ObjectType::Tree, &bytes).unwrap()
    }

    #[test]
    fn trees_that_climb_or_never_end_are_not_written() {
        let directory = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(directory.path()).unwrap();
        let blob = repository.blob(b"x").unwrap();
        let said = |tree: Oid| match check(&repository, &commit(&repository, tree)) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        };
        assert_eq!(said(tree(&repository, "100644", "a", blob)), "");
        let below = tree(&repository, "100644", "..", blob);
        assert_eq!(
            said(tree(&repository, "40000", "a", below)),
            "invalid path in tree: \"..\""
        );
        let hooks = tree(&repository, "100644", "config", blob);
        assert_eq!(
            said(tree(&repository, "40000", ".GIT", hooks)),
            "invalid path in tree: \".GIT\""
        );
        let mut deep = tree(&repository, "100644", "a", blob);
        for _ in 0..=MAX_TREE_DEPTH {
            deep = tree(&repository, "40000", "a", deep);
        }
        assert_eq!(
            said(deep),
            format!("the tree is deeper than {MAX_TREE_DEPTH} directories")
        );
    }

    #[test]
    fn names_stay_in_the_tree() {
        for name in ["a", ".gitmodules", "..a", "a..", "é"] {
            assert!(is_harmless(name.as_bytes()), "{name}");
        }
        for name in ["", ".", "..", ".git", ".GIT", "a/b", "a\0"] {
            assert!(!is_harmless(name.as_bytes()), "{name:?}");
        }
    }
}
