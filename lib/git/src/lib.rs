//! Git repositories over HTTP and SSH, through the edges; the only owner of libgit2.
//!
//! libgit2 is built without its own network: requests go through `edges.http` on the task that wants the checkout,
//! while libgit2 runs on a thread of its own ([`edges::Blocking`]).

mod algorithms;
mod checkout;
mod commit;
mod context;
mod error;
mod known_hosts;
mod limits;
mod signature;
mod ssh;
mod submodule;
mod transport;
mod tree;

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use edges::{Edges, HttpOptions};
use http::HeaderValue;
use tempfile::TempDir;

pub use algorithms::SshAlgorithms;
use checkout::Work;
pub use commit::{Commit, Tag};
use context::Context;
pub use error::{Cause, GitError, TransportError};
pub use known_hosts::{HostKeyError, InvalidKnownHosts};
pub use signature::{SignatureError, Signed, TrustedKeys};
pub use ssh::{SshError, SshKey};

/// How the names of temporary directories start; one that outlives its process may be deleted.
pub const SCRATCH_PREFIX: &str = ".git-";

/// What to check out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The tip of a branch.
    Branch(String),
    /// A tag.
    Tag(String),
    /// The highest tag in a range of versions.
    SemVer(String),
    /// Any ref by its full name, such as `refs/pull/1/head`.
    Name(String),
    /// A commit.
    Commit {
        /// Its name in hexadecimal.
        hash: String,
        /// The branch it must be on; any branch when absent.
        branch: Option<String>,
    },
}

/// How the client makes itself known.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Not at all.
    #[default]
    Anonymous,
    /// With a name and a password.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
    /// With a token.
    Bearer(String),
    /// With a key, over SSH.
    Ssh(Box<SshKey>),
}

impl std::fmt::Debug for Credentials {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic { .. } => "Basic",
            Self::Bearer(_) => "Bearer",
            Self::Ssh(_) => "Ssh",
        })
    }
}

/// One checkout.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// The repository's address: `http`, `https` or `ssh`.
    pub url: String,
    /// How the client makes itself known; credentials in the address count when these are anonymous.
    pub credentials: Credentials,
    /// Certificates and the way out, where they are the user's.
    pub options: HttpOptions,
    /// What to check out.
    pub reference: Reference,
    /// Only these directories, relative and without dots, are written; all if there are none.
    pub directories: Vec<String>,
    /// Whether submodules are fetched too, with the same credentials.
    pub submodules: bool,
    /// The revision that is there already: when the server still has it, nothing is fetched.
    pub last_revision: Option<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// What came of a checkout.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one is held at a time, and the large one is the usual one"
)]
pub enum Outcome {
    /// A tree.
    Fetched {
        /// Its commit.
        commit: Commit,
        /// Where it lies.
        tree: TempDir,
    },
    /// The server still has the last revision.
    Unchanged {
        /// The revision.
        revision: String,
    },
    /// The repository has no commits.
    Empty,
}

impl Checkout {
    /// Checks out into a temporary directory on the component's disk.
    ///
    /// # Errors
    /// When the repository or the reference cannot be had.
    pub async fn run(self, edges: &Edges) -> Result<Outcome, GitError> {
        transport::register();
        let (url, inline) = split_user(&self.url);
        let username = inline.username().unwrap_or("git").to_owned();
        let credentials = match &self.credentials {
            Credentials::Anonymous => inline,
            given => given.clone(),
        };
        let http = if self.options == HttpOptions::default() {
            edges.http.clone()
        } else {
            edges.net.http(self.options.clone())?
        };
        let authorization = credentials.header();
        let ssh = credentials.ssh();
        let limit = self.timeout;
        let deadline = GitError::Clone {
            url: url.clone(),
            cause: Cause::Deadline,
        };
        let (net, disk) = (edges.net.clone(), edges.disk.clone());
        let work = edges.blocking.run(move |caller| {
            let context = Context {
                http,
                caller: caller.clone(),
                authorization,
                net,
                proxy: self.options.proxy.clone(),
                ssh,
                username,
                failure: Arc::default(),
            };
            let work = Work {
                context: &context,
                checkout: &self,
                url: &url,
                disk: &disk,
            };
            context.enter(|| work.run())
        });
        edges.clock.timeout(limit, work).await.unwrap_or(Err(deadline))
    }
}

impl Credentials {
    fn username(&self) -> Option<&str> {
        match self {
            Self::Basic { username, .. } => Some(username),
            Self::Anonymous | Self::Bearer(_) | Self::Ssh(_) => None,
        }
    }

    fn ssh(self) -> Option<Arc<SshKey>> {
        match self {
            Self::Ssh(key) => Some(Arc::new(*key)),
            Self::Anonymous | Self::Basic { .. } | Self::Bearer(_) => None,
        }
    }

    fn header(&self) -> Option<HeaderValue> {
        let text = match self {
            Self::Anonymous | Self::Ssh(_) => return None,
            Self::Basic { username, password } => {
                let pair = format!("{username}:{password}");
                format!("Basic {}", BASE64_STANDARD.encode(pair))
            }
            Self::Bearer(token) => format!("Bearer {}", token.trim()),
        };
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

/// Takes `user:password@` out of an address: it must not reach messages.
fn split_user(url: &str) -> (String, Credentials) {
    let Some((scheme, rest)) = url.split_once("://") else {
        return (url.to_owned(), Credentials::Anonymous);
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let Some((user, host)) = rest[..end].rsplit_once('@') else {
        return (url.to_owned(), Credentials::Anonymous);
    };
    let (username, password) = user.split_once(':').unwrap_or((user, ""));
    let credentials = Credentials::Basic {
        username: username.to_owned(),
        password: password.to_owned(),
    };
    (format!("{scheme}://{host}{}", &rest[end..]), credentials)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_address() {
        let (url, credentials) = split_user("https://git:a@b@example.com:8443/x@y.git");
        assert_eq!(url, "https://example.com:8443/x@y.git");
        let header = credentials.header().unwrap();
        assert_eq!(header, format!("Basic {}", BASE64_STANDARD.encode("git:a@b")));
        assert_eq!(format!("{credentials:?}"), "Basic");
        let (url, credentials) = split_user("https://example.com/x@y.git");
        assert_eq!(
            (url.as_str(), credentials),
            ("https://example.com/x@y.git", Credentials::Anonymous)
        );
    }
}
