//! What went wrong, in kustomize's words.

use std::fmt::Display;

/// Why a tree could not be built; the text is the one that `kustomize build` prints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// `prefix: error`.
    pub(crate) fn within(self, prefix: impl Display) -> Self {
        Self(format!("{prefix}: {}", self.0))
    }

    /// A file that is there, but no YAML: there is no point in trying it as a directory.
    pub(crate) fn is_malformed(&self) -> bool {
        self.0.contains("MalformedYAMLError")
    }
}

impl From<yaml::Error> for Error {
    fn from(error: yaml::Error) -> Self {
        Self(format!("MalformedYAMLError: {error}"))
    }
}

/// A text as Go's `%q` prints it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
