//! A commit as Flux names it.

use crate::Signed;

/// A commit that was checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its name in hexadecimal.
    pub hash: String,
    /// The full name of the ref it was found by, empty if it was named by its hash alone.
    pub reference: String,
    /// Its message.
    pub message: String,
    /// What was signed of it.
    pub signed: Signed,
    /// The tag it was found by.
    pub tag: Option<Tag>,
}

/// A tag that led to a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its short name.
    pub name: String,
    /// The name of the tag object; absent where the tag is no more than a name.
    pub hash: Option<String>,
    /// What was signed of it.
    pub signed: Signed,
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.hash {
            Some(hash) => write!(f, "{}@{hash}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl Commit {
    /// `main@sha1:<hash>`: the ref without its first two words. `sha1:<hash>` without a ref.
    pub fn revision(&self) -> String {
        let digest = self.digest();
        match self.reference.splitn(3, '/').nth(2) {
            Some(short) => format!("{short}@{digest}"),
            None => digest,
        }
    }

    /// `refs/heads/main@sha1:<hash>`.
    pub fn absolute_revision(&self) -> String {
        if self.reference.is_empty() {
            return self.digest();
        }
        format!("{}@{}", self.reference, self.digest())
    }

    fn digest(&self) -> String {
        format!("sha1:{}", self.hash)
    }

    /// The first line of the message, at most 50 characters of it.
    pub fn short_message(&self) -> String {
        let subject = self.message.lines().next().unwrap_or_default();
        if subject.chars().count() <= 50 {
            return subject.to_owned();
        }
        let start: String = subject.chars().take(50).collect();
        format!("{start}...")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_and_messages() {
        let mut commit = Commit {
            hash: "ab".repeat(20),
            reference: "refs/heads/feature/x".into(),
            message: "Subject\n\nBody".into(),
            signed: Signed::default(),
            tag: None,
        };
        let digest = format!("sha1:{}", commit.hash);
        assert_eq!(commit.revision(), format!("feature/x@{digest}"));
        assert_eq!(
            commit.absolute_revision(),
            format!("refs/heads/feature/x@{digest}")
        );
        assert_eq!(commit.short_message(), "Subject");
        commit.reference = String::new();
        commit.message = "é".repeat(51);
        assert_eq!(commit.revision(), digest);
        assert_eq!(commit.absolute_revision(), digest);
        assert_eq!(commit.short_message(), format!("{}...", "é".repeat(50)));
    }
}
