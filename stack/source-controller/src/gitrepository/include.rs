//! Other repositories' artifacts, copied into the tree.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use artifact::{Limits, Storage, untar};
use flux_api::{
    Artifact, ConditionStatus, GitRepository, GitRepositoryStatus, Reason,
    meta::{ARTIFACT_OUTDATED, INCLUDE_UNAVAILABLE, STORAGE_OPERATION_FAILED},
    reason,
    source::{self, GitRepositoryInclude},
};
use flux_runtime::{Failure, Progress, explain_cached};
use kube::{Api, ResourceExt};
use manifest::Gvk;

use super::{GitRepositories, drifting, failed, fetch::Fetched, storage_kind};

const ILLEGAL_PATH: Reason = Reason("IllegalPath");
const COPY_FAILURE: Reason = Reason("CopyFailure");

/// What the object wants included.
fn wanted(object: &GitRepository) -> &[GitRepositoryInclude] {
    object.spec.include.as_deref().unwrap_or_default()
}

/// Whether these artifacts are not those that the stored one was made with.
pub(crate) fn differ(includes: &[Artifact], status: &GitRepositoryStatus) -> bool {
    let stored = status.included_artifacts.as_deref().unwrap_or_default();
    let same =
        |(one, other): (&Artifact, &Artifact)| one.revision == other.revision && one.digest == other.digest;
    includes.len() != stored.len() || !includes.iter().zip(stored).all(same)
}

impl GitRepositories {
    /// The artifacts to include, in the order of the object.
    pub(crate) async fn find_includes(
        &self,
        object: &GitRepository,
        status: &GitRepositoryStatus,
        progress: &Progress,
    ) -> Result<Vec<Artifact>, Failure> {
        let namespace = object.namespace().unwrap_or_default();
        let sources: Api<GitRepository> = Api::namespaced(self.edges.kube.clone(), &namespace);
        let waiting = |reason: Reason, text: String| {
            let failure = Failure::waiting(self.requeue_dependency, reason, text);
            failed(progress, INCLUDE_UNAVAILABLE, failure)
        };
        let mut found = Vec::new();
        for include in wanted(object) {
            let name = &include.repository.name;
            let source = sources.get(name).await.map_err(|error| {
                let kind = Gvk::new(source::API_VERSION, "GitRepository");
                let error = explain_cached(&error, &kind, name);
                let text = format!("could not get resource for include '{name}': {error}");
                waiting(reason::NOT_FOUND, text)
            })?;
            let artifact = source.status.and_then(|it| it.artifact);
            found.push(artifact.ok_or_else(|| {
                let text = format!("no artifact available for include '{name}'");
                waiting(reason::NO_ARTIFACT, text)
            })?);
        }
        progress.clear(INCLUDE_UNAVAILABLE);
        if differ(&found, status) {
            let message = "included artifacts differ from last observed includes";
            if status.included_artifacts.is_some() {
                let outdated = ConditionStatus::True;
                progress.set(ARTIFACT_OUTDATED, outdated, reason::INCLUDE_CHANGE, message);
            }
            drifting(status, progress, &format!("building artifact: {message}")).await?;
        }
        Ok(found)
    }

    /// Copies them into the tree.
    pub(crate) async fn include(
        &self,
        object: &GitRepository,
        progress: &Progress,
        includes: &[Artifact],
        fetched: &Fetched,
    ) -> Result<(), Failure> {
        let Fetched::Tree { directory, .. } = fetched else {
            return Ok(());
        };
        for (include, artifact) in wanted(object).iter().zip(includes) {
            let copied = self
                .include_one(object, include, artifact, directory.path())
                .await;
            copied.map_err(|failure| failed(progress, STORAGE_OPERATION_FAILED, failure))?;
        }
        Ok(())
    }

    async fn include_one(
        &self,
        object: &GitRepository,
        include: &GitRepositoryInclude,
        artifact: &Artifact,
        tree: &Path,
    ) -> Result<(), Failure> {
        let name = include.repository.name.clone();
        let from = include.from_path.clone().unwrap_or_default();
        let to = include.to_path.clone().filter(|it| !it.is_empty());
        let to = to.unwrap_or_else(|| name.clone());
        let target = inside(tree, &to).map_err(|error| {
            let text = format!("path calculation for include '{name}' failed: {error}");
            Failure::retry(ILLEGAL_PATH, text)
        })?;
        let namespace = object.namespace().unwrap_or_default();
        let own = Storage::path(&storage_kind(), &namespace, &name, "");
        let (file, digest) = (artifact.path.clone(), artifact.digest.clone());
        let source = from.clone();
        let copied = self.on_disk(move |storage| {
            // Users can write status: only what that object stored is included, and only as it was stored.
            if !file.starts_with(&own) {
                return Err(io::Error::other(
                    "the artifact is not that of the included object",
                ));
            }
            storage.verify(&file, &digest).map_err(io::Error::other)?;
            copy(&storage.root().join(&file), &source, &target)
        });
        copied.await.map_err(|error| {
            let text = format!("failed to copy '{name}' include from {from} to {to}: {error}");
            Failure::retry(COPY_FAILURE, text)
        })
    }
}

/// Moves a directory of an archive to a place that nothing is at yet.
fn copy(archive: &Path, from: &str, target: &Path) -> io::Result<()> {
    let parent = target
        .parent()
        .ok_or_else(|| io::Error::other("no parent directory"))?;
    fs::create_dir_all(parent)?;
    // Beside the target, so that a rename does.
    let scratch = tempfile::Builder::new()
        .prefix(git::SCRATCH_PREFIX)
        .tempdir_in(parent)?;
    untar(fs::File::open(archive)?, scratch.path(), Limits::default()).map_err(io::Error::other)?;
    let source = inside(scratch.path(), from)?;
    if source == scratch.path() {
        return fs::rename(scratch.keep(), target);
    }
    fs::rename(source, target)
}

/// A path below a directory; dots at most lead back to it, and links lead nowhere.
// DIFFERENCE: upstream follows links that stay in the tree.
fn inside(root: &Path, path: &str) -> io::Result<PathBuf> {
    let mut parts: Vec<&std::ffi::OsStr> = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => parts.push(name),
            Component::ParentDir => {
                parts.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    let mut found = root.to_owned();
    for part in parts {
        found.push(part);
        if fs::symlink_metadata(&found).is_ok_and(|it| it.is_symlink()) {
            return Err(io::Error::other(format!("{path}: a link is in the way")));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_tree() {
        let root = tempfile::tempdir().unwrap();
        let path =
            |text: &str| inside(root.path(), text).map(|it| it.strip_prefix(root.path()).unwrap().to_owned());
        for (text, expected) in [
            ("a/b", "a/b"),
            ("./a//b/", "a/b"),
            ("../../a", "a"),
            ("/a", "a"),
            ("a/../../b", "b"),
            ("", ""),
        ] {
            assert_eq!(path(text).unwrap(), Path::new(expected), "{text}");
        }
        std::os::unix::fs::symlink("/", root.path().join("link")).unwrap();
        assert!(path("link/tmp").is_err());
        assert!(path("link").is_err());
    }
}
