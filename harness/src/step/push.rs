//! `push: { repo, revision }` — what a user does to a Git repository.

use git_server::Oid;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::{session::Session, verdict::Miss};

/// A change of a Git repository: `revision` commits that fixture's tree on the branch, `tag` names the branch's tip,
/// `reset` points the branch at the commit of an earlier revision, `delete` removes the tag or the branch.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Push {
    /// The repository.
    #[schemars(with = "String")]
    pub repo: Spanned<String>,
    /// The branch.
    #[serde(default = "main_branch")]
    pub branch: String,
    /// A new commit with exactly the tree `fixtures/repos/<repo>/<revision>`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub revision: Option<Spanned<String>>,
    /// The commit's message, `Revision <revision>` if absent.
    #[serde(default)]
    pub message: Option<String>,
    /// A tag at the branch's tip.
    #[serde(default)]
    pub tag: Option<String>,
    /// Whether the tag is an object of its own.
    #[serde(default)]
    pub annotated: bool,
    /// Points the branch at the commit of this earlier revision, as a force push does.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub reset: Option<Spanned<String>>,
    /// Removes the tag, or the branch if no tag is given.
    #[serde(default)]
    pub delete: bool,
}

fn main_branch() -> String {
    "main".to_owned()
}

/// The message of a fixture revision's commit.
pub(crate) fn default_message(revision: &str) -> String {
    format!("Revision {revision}")
}

pub(super) fn run(push: &Push, session: &mut Session) -> Result<(), Miss> {
    change(push, session)?;
    session.cluster.publish(&push.repo.value)
}

fn change(push: &Push, session: &mut Session) -> Result<(), Miss> {
    let repo = push.repo.value.as_str();
    let git = session.cluster.git.clone();
    let broken = |error: git_server::Error| Miss::broken("push", error.to_string());
    let branch = (repo.to_owned(), push.branch.clone());
    if push.delete {
        return match &push.tag {
            Some(tag) => git.delete_tag(repo, tag).map_err(broken),
            None => {
                session.heads.remove(&branch);
                git.delete_branch(repo, &push.branch).map_err(broken)
            }
        };
    }
    if let Some(revision) = &push.reset {
        let commit = commit_of(session, repo, &revision.value)?;
        git.reset_branch(repo, &push.branch, commit).map_err(broken)?;
        session.heads.insert(branch.clone(), commit.to_string());
    }
    if let Some(revision) = &push.revision {
        let tree = session.tree(repo, &revision.value);
        let message = push
            .message
            .clone()
            .unwrap_or_else(|| default_message(&revision.value));
        let commit = git.push(repo, &push.branch, &tree, &message).map_err(broken)?;
        let sha = commit.to_string();
        session
            .commits
            .insert((repo.to_owned(), revision.value.clone()), sha.clone());
        session.heads.insert(branch, sha);
    }
    if let Some(tag) = &push.tag {
        let head = git.head(repo, &push.branch);
        let head = head.ok_or_else(|| Miss::broken("push", format!("no branch {:?} to tag", push.branch)))?;
        git.tag(repo, tag, head, push.annotated).map_err(broken)?;
    }
    Ok(())
}

fn commit_of(session: &Session, repo: &str, revision: &str) -> Result<Oid, Miss> {
    session
        .commits
        .get(&(repo.to_owned(), revision.to_owned()))
        .and_then(|sha| sha.parse().ok())
        .ok_or_else(|| Miss::broken("push", format!("revision {revision} of {repo} was never pushed")))
}
