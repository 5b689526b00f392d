//! Repositories made here, pushed by the genuine `git` to a server that the cluster can reach.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    path::Path,
    process::{Command, Stdio},
};

use git_server::GitServer;

use crate::verdict::Miss;

/// The way to a Git server.
pub(crate) struct Publisher {
    base: String,
    commits: RefCell<BTreeSet<String>>,
}

impl Publisher {
    /// To repositories below a URL.
    pub(crate) fn to(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            commits: RefCell::default(),
        }
    }

    /// Makes the repository there exactly what it is here.
    pub(crate) fn push(&self, git: &GitServer, repo: &str) -> Result<(), Miss> {
        let Some(path) = git.path(repo) else {
            return Err(Miss::broken("push", format!("no repository {repo:?}")));
        };
        self.commits.borrow_mut().extend(commits(&path)?);
        let url = format!("{}/{repo}.git", self.base);
        run(&path, &["push", "--quiet", "--force", "--mirror", &url]).map(|_| ())
    }

    /// Every commit that was ever pushed.
    pub(crate) fn published(&self) -> Vec<String> {
        self.commits.borrow().iter().cloned().collect()
    }
}

fn commits(path: &Path) -> Result<Vec<String>, Miss> {
    let text = run(path, &["rev-list", "--all"])?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Runs `git` with the user's configuration: credentials for the server are theirs.
#[expect(
    clippy::disallowed_methods,
    reason = "the genuine program pushes, as users do"
)]
fn run(path: &Path, words: &[&str]) -> Result<String, Miss> {
    let output = Command::new("git")
        // Some machines own temporary directories by another user than the one who runs this.
        .args(["-c", "safe.directory=*", "-C"])
        .arg(path)
        .args(words)
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Miss::broken("target.git", format!("cannot run git: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let message = format!("git {} failed: {}", words.first().unwrap_or(&""), said.trim());
    Err(Miss::broken("target.git", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_makes_the_other_side_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        std::fs::create_dir_all(&tree).unwrap();
        std::fs::write(tree.join("a"), "1").unwrap();
        let there = folder.path().join("app.git");
        let path = there.to_string_lossy().into_owned();
        run(folder.path(), &["init", "--quiet", "--bare", &path]).unwrap();
        let git = GitServer::new().unwrap();
        let commit = git.create("app", &tree, "first").unwrap().to_string();
        git.tag("app", "v1", commit.parse().unwrap(), false).unwrap();
        let publisher = Publisher::to(&folder.path().to_string_lossy());
        publisher.push(&git, "app").unwrap();
        assert_eq!(run(&there, &["rev-parse", "main"]).unwrap().trim(), commit);
        git.delete_tag("app", "v1").unwrap();
        publisher.push(&git, "app").unwrap();
        assert_eq!(run(&there, &["tag"]).unwrap(), "");
        assert_eq!(publisher.published(), [commit]);
        assert_eq!(publisher.push(&git, "other").unwrap_err().code, "push");
    }
}
