//! What the API server answers when a patch cannot be applied.

use kube_schema::gotext::quote;

/// A failed patch as the parts of a Status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatchError {
    /// The HTTP status.
    pub code: u16,
    /// The reason; empty where the server gives none.
    pub reason: &'static str,
    /// The message.
    pub message: String,
    /// Whether the answer has details, if only empty ones.
    pub details: bool,
    /// The message of the one cause in them, with reason `FieldValueInvalid` and field `patch`.
    pub cause: Option<String>,
}

impl PatchError {
    /// A body that is no patch.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self {
            code: 400,
            reason: "BadRequest",
            message: message.into(),
            details: false,
            cause: None,
        }
    }

    /// An operation that does not apply. The server says no more than this.
    pub(crate) fn rejected() -> Self {
        let message = "the server rejected our request due to an error in our request".to_owned();
        Self {
            code: 422,
            reason: "Invalid",
            message,
            details: true,
            cause: None,
        }
    }

    /// An error the server does not expect, passed on as it is.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self {
            code: 500,
            reason: "",
            message: message.into(),
            details: false,
            cause: None,
        }
    }

    /// More than the server is willing to do.
    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self {
            code: 413,
            reason: "RequestEntityTooLarge",
            message: message.into(),
            details: false,
            cause: None,
        }
    }

    /// A patched object that cannot be read back. The text is what the server quotes: the patched object, or, of a
    /// strategic merge patch, the patch.
    pub fn unreadable(text: &str, problem: &str) -> Self {
        let cause = format!("Invalid value: {}: {problem}", quote(text));
        let message = format!(" \"\" is invalid: patch: {cause}");
        Self {
            code: 422,
            reason: "Invalid",
            message,
            details: true,
            cause: Some(cause),
        }
    }
}
