//! The repository's tree, or the news that nothing is new.

use flux_api::{
    Artifact, ConditionStatus, GitRepository, GitRepositoryStatus,
    meta::{ARTIFACT_IN_STORAGE, ARTIFACT_OUTDATED, FETCH_FAILED},
    reason,
};
use flux_runtime::{Failure, Progress};
use git::{Checkout, Commit, Outcome, Reference};
use tempfile::TempDir;

use super::{GitRepositories, drifting, fetch_failed, settings_changed};
use crate::{DEFAULT_TIMEOUT, auth::Access};

/// What a fetch came to.
#[expect(
    clippy::large_enum_variant,
    reason = "one is held at a time, and the large one is the usual one"
)]
pub(crate) enum Fetched {
    /// The server has the revision that is in storage, made with the same settings.
    Unchanged {
        /// The revision.
        revision: String,
    },
    /// A tree, to be archived if it is another than the one in storage.
    Tree {
        /// Its commit.
        commit: Commit,
        /// The revision in the terms of the object's reference.
        revision: String,
        /// Where it lies.
        directory: TempDir,
    },
}

impl Fetched {
    /// What stands for the commit in an event.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Unchanged { revision } => revision.clone(),
            Self::Tree { commit, .. } => commit.short_message(),
        }
    }
}

impl GitRepositories {
    pub(crate) async fn fetch(
        &self,
        object: &GitRepository,
        status: &GitRepositoryStatus,
        progress: &Progress,
        access: Access,
        includes: &[Artifact],
    ) -> Result<Fetched, Failure> {
        check_url(&object.spec.url).map_err(|failure| fetch_failed(progress, failure))?;
        let stored = progress.condition(ARTIFACT_IN_STORAGE);
        let stored = stored.is_some_and(|it| it.status == ConditionStatus::True);
        let current = status.artifact.as_ref().map(|it| it.revision.clone());
        // With other settings the same revision makes another artifact.
        let last_revision = current.filter(|_| stored && !settings_changed(object, status, includes));
        let checkout = Checkout {
            url: object.spec.url.clone(),
            credentials: access.credentials,
            options: access.options,
            reference: reference(object),
            directories: sparse(object).map(|(_, path)| path).collect(),
            submodules: object.spec.recurse_submodules == Some(true),
            last_revision,
            timeout: object.spec.timeout.map_or(DEFAULT_TIMEOUT, |it| it.0),
        };
        let fetched = self.check_out(checkout).await;
        let fetched = fetched
            .and_then(|fetched| check_sparse(object, fetched))
            .map_err(|failure| fetch_failed(progress, failure))?;
        progress.clear(FETCH_FAILED);
        Ok(fetched)
    }

    async fn check_out(&self, checkout: Checkout) -> Result<Fetched, Failure> {
        let absolute = matches!(checkout.reference, Reference::Name(_));
        let outcome = checkout.run(&self.edges).await;
        let outcome = outcome.map_err(|error| {
            let text = format!("failed to checkout and determine revision: {error}");
            Failure::retry(reason::GIT_OPERATION_FAILED, text)
        })?;
        match outcome {
            Outcome::Unchanged { revision } => Ok(Fetched::Unchanged { revision }),
            Outcome::Fetched { commit, tree } => Ok(Fetched::Tree {
                revision: if absolute {
                    commit.absolute_revision()
                } else {
                    commit.revision()
                },
                commit,
                directory: tree,
            }),
            Outcome::Empty => Err(Failure::retry(
                reason::EMPTY_GIT_REPOSITORY,
                "git repository is empty",
            )),
        }
    }
}

/// Says that what is stored is not what the server has.
pub(crate) async fn announce_revision(
    status: &GitRepositoryStatus,
    progress: &Progress,
    fetched: &Fetched,
) -> Result<(), Failure> {
    let current = status.artifact.as_ref().map(|it| &it.revision);
    let Fetched::Tree { revision, .. } = fetched else {
        return Ok(());
    };
    if current == Some(revision) {
        return Ok(());
    }
    let message = format!("new upstream revision '{revision}'");
    if current.is_some() {
        let outdated = ConditionStatus::True;
        progress.set(ARTIFACT_OUTDATED, outdated, reason::NEW_REVISION, &message);
    }
    drifting(status, progress, &format!("building artifact: {message}")).await
}

/// What the object wants; of several members `commit`, `name`, `tag`, `semver`, `branch` win in this order.
fn reference(object: &GitRepository) -> Reference {
    let given = |text: Option<String>| text.filter(|it| !it.is_empty());
    let wanted = object.spec.reference.clone().unwrap_or_default();
    let branch = given(wanted.branch);
    if let Some(hash) = given(wanted.commit) {
        Reference::Commit { hash, branch }
    } else if let Some(name) = given(wanted.name) {
        Reference::Name(name)
    } else if let Some(tag) = given(wanted.tag) {
        Reference::Tag(tag)
    } else if let Some(range) = given(wanted.semver) {
        Reference::SemVer(range)
    } else {
        Reference::Branch(branch.unwrap_or_else(|| "master".into()))
    }
}

/// The directories of a sparse checkout, as given and without dots.
fn sparse(object: &GitRepository) -> impl Iterator<Item = (&str, String)> {
    let given = object.spec.sparse_checkout.iter().flatten();
    given.map(|directory| {
        let parts = directory.split('/').filter(|it| !matches!(*it, "" | "."));
        (directory.as_str(), parts.collect::<Vec<_>>().join("/"))
    })
}

/// Every directory that was asked for must be there.
fn check_sparse(object: &GitRepository, fetched: Fetched) -> Result<Fetched, Failure> {
    if let Fetched::Tree { directory, .. } = &fetched {
        let missing = sparse(object)
            .find(|(_, path)| path.split('/').any(|it| it == "..") || !directory.path().join(path).is_dir());
        if let Some((given, path)) = missing {
            let text = format!(
                "failed to sparse checkout directories : sparse checkout dir '{given}' does not exist in repository: lstat {path}: no such file or directory"
            );
            return Err(Failure::retry(reason::GIT_OPERATION_FAILED, text));
        }
    }
    Ok(fetched)
}

fn check_url(url: &str) -> Result<(), Failure> {
    match url.parse::<http::Uri>() {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::stalled(
            reason::URL_INVALID,
            format!("failed to parse url '{url}': parse \"{url}\": {error}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use flux_api::{GitRepositorySpec, source::GitRepositoryRef};
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn the_most_exact_reference_wins() {
        let text = |text: &str| Some(text.to_owned());
        let mut wanted = GitRepositoryRef {
            branch: text("main"),
            semver: text("1.x"),
            tag: text("v1"),
            name: text("refs/pull/1/head"),
            commit: text("abc"),
        };
        let spec: GitRepositorySpec = from_value(json!({"url": "http://x/y", "interval": "1m"})).unwrap();
        let mut object = GitRepository::new("app", spec);
        let mut found = Vec::new();
        for step in 0..6 {
            match step {
                1 => wanted.commit = None,
                2 => wanted.name = Some(String::new()),
                3 => wanted.tag = None,
                4 => wanted.semver = None,
                5 => wanted.branch = None,
                _ => {}
            }
            object.spec.reference = Some(wanted.clone());
            found.push(reference(&object));
        }
        let expected = [
            Reference::Commit {
                hash: "abc".into(),
                branch: text("main"),
            },
            Reference::Name("refs/pull/1/head".into()),
            Reference::Tag("v1".into()),
            Reference::SemVer("1.x".into()),
            Reference::Branch("main".into()),
            Reference::Branch("master".into()),
        ];
        assert_eq!(found, expected);
    }
}
