//! Why a request for an object failed, in the words of Go's clients.

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The cluster has no such kind.
    #[error("no matches for kind {kind:?} in version {api_version:?}")]
    NoMatch {
        /// The kind.
        kind: String,
        /// Its API version.
        api_version: String,
    },
    /// The API server refused.
    #[error("{message}")]
    Refused {
        /// HTTP status.
        code: u16,
        /// Reason of the Status object.
        reason: String,
        /// Message of the Status object.
        message: String,
        /// Whether the Status names the object; a 404 that does not means the whole resource is unknown.
        named: bool,
    },
    /// There was no answer.
    #[error("{0}")]
    Transport(String),
}

impl ApiError {
    /// Whether the object does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { code: 404, .. })
    }

    /// Whether nothing of that name can exist: the object or its kind is absent.
    pub fn is_absent(&self) -> bool {
        self.is_not_found() || matches!(self, Self::NoMatch { .. })
    }

    /// Whether the object changed meanwhile or fields belong to others.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { code: 409, .. })
    }

    /// Whether the object breaks a rule of its kind.
    pub fn is_invalid(&self) -> bool {
        matches!(self, Self::Refused { code: 422, .. })
    }

    /// Whether a field may not change once it is set.
    pub fn is_immutable(&self) -> bool {
        let text = self.to_string();
        ["is immutable", "immutable field"].iter().any(|words| {
            text.match_indices(words)
                .any(|(at, _)| !text[..at].trim_end().ends_with("not"))
        })
    }

    /// The reason of the Status object, empty without one.
    pub fn reason(&self) -> &str {
        match self {
            Self::Refused { reason, .. } => reason,
            Self::NoMatch { .. } | Self::Transport(_) => "",
        }
    }
}

impl From<kube::Error> for ApiError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Refused {
                code: status.code,
                reason: status.reason.clone(),
                message: status.message.clone(),
                named: status
                    .details
                    .as_ref()
                    .is_some_and(|details| !details.name.is_empty()),
            },
            other => Self::Transport(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn immutability_is_read_from_the_message() {
        let refused = |message: &str| ApiError::Refused {
            code: 500,
            reason: String::new(),
            message: message.to_owned(),
            named: true,
        };
        for (message, expected) in [
            ("spec.selector: Invalid value: field is immutable", true),
            ("cannot change immutable field", true),
            ("this is not immutable field", false),
            ("spec: Forbidden: updates are forbidden", false),
        ] {
            assert_eq!(refused(message).is_immutable(), expected, "{message}");
        }
    }
}
