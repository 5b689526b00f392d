//! What was done to which object.

use std::fmt;

use manifest::ObjectRef;

/// What was done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It is new.
    Created,
    /// It was changed.
    Configured,
    /// It was as wanted.
    Unchanged,
    /// It was left alone on purpose.
    Skipped,
    /// It is deleted, or was gone.
    Deleted,
    /// It could not be found out.
    Unknown,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Deleted => "deleted",
            Self::Unknown => "unknown",
        }
    }

    /// Whether something was written.
    pub fn is_change(self) -> bool {
        matches!(self, Self::Created | Self::Configured | Self::Deleted)
    }
}

/// What was done to one object; printed `Kind/namespace/name created`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The object.
    pub object: ObjectRef,
    /// What was done.
    pub action: Action,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.object, self.action.word())
    }
}

/// What was done to all objects, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeSet(pub Vec<Change>);

impl ChangeSet {
    /// The lines of those entries that wrote something.
    pub fn log(&self) -> String {
        let lines = self.0.iter().filter(|change| change.action.is_change());
        lines.map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    /// Whether anything was written.
    pub fn has_changes(&self) -> bool {
        self.0.iter().any(|change| change.action.is_change())
    }

    /// The objects that were not left alone.
    pub fn not_skipped(&self) -> Vec<ObjectRef> {
        let applied = self.0.iter().filter(|change| change.action != Action::Skipped);
        applied.map(|change| change.object.clone()).collect()
    }
}
