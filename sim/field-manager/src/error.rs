//! Why an apply is refused, in the server's words.

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use crate::updater::Conflict;

/// Why an apply is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Others own what it would change.
    #[error("{}", conflict_message(.0))]
    Conflicts(Vec<Conflict>),
    /// The request makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// The object does not fit its schema, or cannot be converted.
    #[error("{0}")]
    Internal(String),
}

impl ApplyError {
    /// The code of the answer.
    pub fn code(&self) -> u16 {
        match self {
            Self::Conflicts(_) => 409,
            Self::BadRequest(_) => 400,
            Self::Internal(_) => 500,
        }
    }

    /// The reason of the answer, where it has one.
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Conflicts(_) => Some("Conflict"),
            Self::BadRequest(_) => Some("BadRequest"),
            Self::Internal(_) => None,
        }
    }

    /// `details.causes` of the answer: one of each conflict, by manager and path.
    pub fn causes(&self) -> Vec<Value> {
        let Self::Conflicts(conflicts) = self else {
            return Vec::new();
        };
        let cause = |c: &Conflict| json!({"reason": "FieldManagerConflict", "message": format!("conflict with {}", c.manager), "field": c.field});
        conflicts.iter().map(cause).collect()
    }
}

fn conflict_message(conflicts: &[Conflict]) -> String {
    if let [one] = conflicts {
        return format!(
            "Apply failed with 1 conflict: conflict with {}: {}",
            one.manager, one.field
        );
    }
    let mut by_manager: BTreeMap<&str, Vec<&Conflict>> = BTreeMap::new();
    for conflict in conflicts {
        by_manager.entry(&conflict.identity).or_default().push(conflict);
    }
    let mut lines = Vec::new();
    for of_manager in by_manager.values() {
        lines.push(format!("conflicts with {}:", of_manager[0].manager));
        lines.extend(of_manager.iter().map(|conflict| format!("- {}", conflict.field)));
    }
    format!(
        "Apply failed with {} conflicts: {}",
        conflicts.len(),
        lines.join("\n")
    )
}
