//! What goes wrong, in Go's words.

use std::fmt;

/// An error and what it wraps, as Go's `errors.Unwrap` walks them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    text: String,
    execution: bool,
    cause: Option<Box<Error>>,
}

impl Error {
    /// An error that wraps nothing.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            execution: false,
            cause: None,
        }
    }

    /// An error whose text ends with that of another, which it wraps.
    pub fn wrap(text: impl fmt::Display, cause: Self) -> Self {
        Self {
            text: format!("{text}: {}", cause.text),
            execution: false,
            cause: Some(Box::new(cause)),
        }
    }

    /// Marks what an executing template reports, with its place.
    pub(crate) fn executing(place: &str, what: &str, cause: Option<Self>) -> Self {
        let text = match &cause {
            Some(cause) => format!("template: {place}: {what}: {}", cause.text),
            None => format!("template: {place}: {what}"),
        };
        Self {
            text,
            execution: true,
            cause: cause.map(Box::new),
        }
    }

    /// Whether this or an error within is what an executing template reported.
    pub fn is_execution(&self) -> bool {
        self.chain().any(|error| error.execution)
    }

    /// This error and those within, outermost first.
    pub fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |error| error.cause.as_deref())
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}
