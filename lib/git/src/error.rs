//! What can go wrong, in upstream's words as far as they are known.

use edges::{HttpError, TlsError};
use http::StatusCode;

use crate::SshError;

/// Why an HTTP exchange gave nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No response.
    #[error("{method} \"{url}\": {}", .source.dialed())]
    Http {
        /// The method in Go's spelling, `Get` or `Post`.
        method: &'static str,
        /// The address.
        url: String,
        /// What happened.
        source: HttpError,
    },
    /// No credentials, or wrong ones.
    #[error("authentication required")]
    AuthenticationRequired,
    /// Credentials that do not suffice.
    #[error("authorization failed")]
    AuthorizationFailed,
    /// No such repository.
    #[error("repository not found")]
    NotFound,
    /// Another refusal.
    #[error("unexpected client error: unexpected requesting \"{url}\" status code: {}", .status.as_u16())]
    Status {
        /// The address.
        url: String,
        /// The response's status.
        status: StatusCode,
    },
    /// Redirected too often or to no address.
    #[error("unexpected redirect from \"{0}\"")]
    Redirect(String),
    /// More bytes than the limit.
    #[error("response of \"{url}\" exceeds {limit} bytes")]
    TooLarge {
        /// The address.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// The address or a header cannot be sent.
    #[error("invalid request: {0}")]
    Request(#[from] http::Error),
    /// No conversation over SSH.
    #[error(transparent)]
    Ssh(#[from] SshError),
    /// The task that wanted the answer is gone.
    #[error("context canceled")]
    Cancelled,
}

/// Why there is no checkout.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The repository, branch or tag is not there.
    #[error("unable to clone: {cause}: git repository: '{url}'")]
    NotFound {
        /// The address.
        url: String,
        /// What is missing.
        cause: String,
    },
    /// The repository cannot be read.
    #[error("unable to clone '{url}': {cause}")]
    Clone {
        /// The address.
        url: String,
        /// What happened.
        cause: Cause,
    },
    /// The refs cannot be listed.
    #[error("unable to list remote for '{url}': {cause}")]
    List {
        /// The address.
        url: String,
        /// What happened.
        cause: Cause,
    },
    /// No ref of that name.
    #[error("unable to resolve ref '{0}' to a specific commit")]
    Ref(String),
    /// No such commit in what was fetched.
    #[error("unable to resolve commit object for '{0}': object not found")]
    Commit(String),
    /// Text that is no range of versions.
    #[error("semver parse error: {0}")]
    Constraint(#[from] version::ConstraintError),
    /// No tag in the range.
    #[error("no match found for semver: {0}")]
    NoMatch(String),
    /// The tree cannot be written.
    #[error("unable to checkout commit '{commit}': {cause}")]
    Checkout {
        /// The commit.
        commit: String,
        /// What happened.
        cause: Cause,
    },
    /// A submodule that cannot be had.
    #[error("unable to update submodule '{path}': {cause}")]
    Submodule {
        /// Its path in the repository.
        path: String,
        /// Why.
        cause: String,
    },
    /// Keys or names that cannot be used, before anything was asked.
    #[error(transparent)]
    Auth(SshError),
    /// Certificates that are none.
    #[error("failed to create Git client: {0}")]
    Tls(#[from] TlsError),
    /// A tree that does harm.
    #[error("unable to checkout commit '{commit}': {cause}")]
    Hostile {
        /// The commit.
        commit: String,
        /// Why it is refused.
        cause: String,
    },
    /// No directory to work in.
    #[error("unable to create repository: {0}")]
    Disk(#[source] std::io::Error),
}

/// What happened below.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// In the exchange with the server.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// In libgit2.
    #[error("{}", .0.message())]
    Git(#[from] git2::Error),
    /// It took too long.
    #[error("context deadline exceeded")]
    Deadline,
    /// Nothing to fetch.
    #[error("remote repository is empty")]
    Empty,
}
