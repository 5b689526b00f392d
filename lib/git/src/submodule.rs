//! Submodules: repositories at fixed commits within a tree.

use std::{
    io::Write,
    path::{Component, Path},
};

use git2::{AutotagOption, Config, FetchOptions, ObjectType, Oid, RemoteRedirect, Repository};

use crate::{
    GitError, SCRATCH_PREFIX, TransportError,
    checkout::Work,
    limits::{MAX_GITMODULES, MAX_SUBMODULE_DEPTH},
};

/// The list of a tree's submodules.
const GITMODULES: &str = ".gitmodules";

/// One submodule.
#[derive(Debug, PartialEq, Eq)]
struct Submodule {
    path: String,
    url: String,
    commit: Oid,
}

impl Work<'_> {
    /// Adds the submodules of a commit, and theirs, to its tree.
    pub(crate) fn add_submodules(
        &self,
        repository: &Repository,
        commit: &str,
        url: &str,
        target: &Path,
        depth: usize,
    ) -> Result<(), GitError> {
        let listed =
            listed(repository, commit, url, self.disk.path()).map_err(|error| GitError::Submodule {
                path: GITMODULES.to_owned(),
                cause: error.message().to_owned(),
            })?;
        for submodule in listed {
            let refused = |cause: &str| GitError::Submodule {
                path: submodule.path.clone(),
                cause: cause.to_owned(),
            };
            if depth > MAX_SUBMODULE_DEPTH {
                return Err(refused("submodules are nested too deeply"));
            }
            let known = ["http://", "https://", "ssh://"];
            if !known.iter().any(|scheme| submodule.url.starts_with(scheme)) {
                return Err(refused(&format!("unsupported address '{}'", submodule.url)));
            }
            let (_scratch, repository) = self.scratch()?;
            let fetched = fetch(&repository, &submodule);
            fetched.map_err(|error| match self.context.take_failure() {
                Some(TransportError::Cancelled) => refused("context canceled"),
                Some(failure) => refused(&format!("unable to clone '{}': {failure}", submodule.url)),
                None => refused(&format!(
                    "unable to clone '{}': {}",
                    submodule.url,
                    error.message()
                )),
            })?;
            let hash = submodule.commit.to_string();
            if repository.find_commit(submodule.commit).is_err() {
                return Err(refused(&format!(
                    "unable to resolve commit object for '{hash}': object not found"
                )));
            }
            let target = target.join(&submodule.path);
            std::fs::create_dir_all(&target).map_err(GitError::Disk)?;
            self.write_tree(&repository, &hash, &target, &[])?;
            self.add_submodules(&repository, &hash, &submodule.url, &target, depth + 1)?;
        }
        Ok(())
    }
}

/// The commit need not be at the tip of a branch, so all branches and tags are fetched whole.
fn fetch(repository: &Repository, submodule: &Submodule) -> Result<(), git2::Error> {
    let mut options = FetchOptions::new();
    options
        .download_tags(AutotagOption::None)
        .update_fetchhead(false)
        .follow_redirects(RemoteRedirect::None);
    let specs = [
        "+refs/heads/*:refs/fetched/heads/*",
        "+refs/tags/*:refs/fetched/tags/*",
    ];
    let mut remote = repository.remote_anonymous(&submodule.url)?;
    remote.fetch(&specs, Some(&mut options), None)
}

/// The submodules that `.gitmodules` and the tree agree on.
fn listed(
    repository: &Repository,
    commit: &str,
    url: &str,
    scratch: &Path,
) -> Result<Vec<Submodule>, git2::Error> {
    let tree = repository.find_commit(Oid::from_str(commit)?)?.tree()?;
    let Some(entry) = tree.get_name(GITMODULES) else {
        return Ok(Vec::new());
    };
    if entry.kind() != Some(ObjectType::Blob) {
        return Ok(Vec::new());
    }
    let blob = repository.find_blob(entry.id())?;
    let mut found = Vec::new();
    for (path, address) in read(blob.content(), scratch)? {
        let plain = Path::new(&path)
            .components()
            .all(|it| matches!(it, Component::Normal(_)));
        // What the tree has as a commit is where nothing but directories lead, never a link.
        let Some(entry) = plain.then(|| tree.get_path(Path::new(&path)).ok()).flatten() else {
            continue;
        };
        if entry.kind() == Some(ObjectType::Commit) {
            found.push(Submodule {
                path,
                url: resolve(url, &address),
                commit: entry.id(),
            });
        }
    }
    Ok(found)
}

/// Paths and addresses, in the order of the paths.
fn read(gitmodules: &[u8], scratch: &Path) -> Result<Vec<(String, String)>, git2::Error> {
    let io = |error: std::io::Error| git2::Error::from_str(&error.to_string());
    if gitmodules.len() > MAX_GITMODULES {
        return Err(git2::Error::from_str("the file is too large"));
    }
    // libgit2 reads configuration from files only.
    let mut file = tempfile::Builder::new()
        .prefix(SCRATCH_PREFIX)
        .tempfile_in(scratch)
        .map_err(io)?;
    file.write_all(gitmodules).map_err(io)?;
    let config = Config::open(file.path())?;
    let mut found = Vec::new();
    let mut entries = config.entries(Some("^submodule\\..*\\.path$"))?;
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let (Ok(key), Ok(path)) = (entry.name(), entry.value()) else {
            continue;
        };
        let key = format!("{}.url", key.strip_suffix(".path").unwrap_or(key));
        if let Ok(url) = config.get_string(&key) {
            found.push((path.to_owned(), url));
        }
    }
    found.sort();
    Ok(found)
}

/// An address that starts with dots is relative to that of the repository around it.
fn resolve(base: &str, address: &str) -> String {
    if !address.starts_with("./") && !address.starts_with("../") {
        return address.to_owned();
    }
    let mut base = base.trim_end_matches('/');
    let mut rest = address;
    loop {
        if let Some(below) = rest.strip_prefix("./") {
            rest = below;
        } else if let Some(above) = rest.strip_prefix("../") {
            rest = above;
            // Never beyond the host.
            let host = base.find("://").map_or(0, |it| it + 3);
            if let Some(slash) = base[host..].rfind('/') {
                base = &base[..host + slash];
            }
        } else {
            return format!("{base}/{rest}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SOURCE: git 2.39.5 `git submodule add`, then `git config submodule.<name>.url` in the superproject.
    const RESOLVED: [(&str, &str); 4] = [
        ("https://example.com/lib.git", "https://example.com/lib.git"),
        ("../lib.git", "http://git.example.com/org/lib.git"),
        ("../../other/lib.git", "http://git.example.com/other/lib.git"),
        ("./lib.git", "http://git.example.com/org/app.git/lib.git"),
    ];

    #[test]
    fn relative_addresses_start_at_the_repository() {
        for (address, expected) in RESOLVED {
            assert_eq!(resolve("http://git.example.com/org/app.git", address), expected);
        }
        assert_eq!(resolve("http://host/app", "../../../lib"), "http://host/lib");
    }

    #[test]
    fn gitmodules_are_read() {
        let text = "[submodule \"b.c\"]\n\tpath = lib/b\n\turl = ../b.git\n[submodule \"a\"]\n\tpath = a\n\turl = x\n[submodule \"no\"]\n\tpath = no\n";
        let pair = |path: &str, url: &str| (path.to_owned(), url.to_owned());
        let scratch = tempfile::tempdir().unwrap();
        assert_eq!(
            read(text.as_bytes(), scratch.path()).unwrap(),
            [pair("a", "x"), pair("lib/b", "../b.git")]
        );
        assert!(read(b"[submodule", scratch.path()).is_err());
    }
}
