//! What goes wrong, in Helm's words.

/// What keeps a chart from being loaded or rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Error {
    text: String,
    /// What was rendered before it went wrong; `helm template` then hints at its flag to show it.
    partial: bool,
}

impl Error {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            partial: false,
        }
    }

    pub(crate) fn context(self, before: impl std::fmt::Display) -> Self {
        Self {
            text: format!("{before}: {}", self.text),
            partial: self.partial,
        }
    }

    pub(crate) fn while_rendering(self) -> Self {
        Self {
            partial: true,
            ..self
        }
    }

    /// The text as `helm template` prints it after `Error: `.
    pub fn shown(&self) -> String {
        if self.partial {
            return format!("{}\n\nUse --debug flag to render out invalid YAML", self.text);
        }
        self.text.clone()
    }
}
