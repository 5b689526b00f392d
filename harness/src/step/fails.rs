//! `fails: { action, code, reason, message }` — an action that must be refused.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Delete, Patch, apply, delete, patch};
use crate::{
    scenario::{Object, Text},
    session::Session,
    verdict::Miss,
};

/// An action that must be refused, and with which words. It is tried once; success is a failure at once.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fails {
    /// The action.
    pub action: Action,
    /// The HTTP status of the refusal.
    #[serde(default)]
    pub code: Option<u16>,
    /// The reason in the refusal.
    #[serde(default)]
    pub reason: Option<String>,
    /// The message in the refusal, `*` stands for any text.
    #[serde(default)]
    pub message: Option<Text>,
}

/// An action that may be refused.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// As the verb `apply`.
    Apply(Vec<Object>),
    /// As the verb `delete`.
    Delete(Delete),
    /// As the verb `patch`.
    Patch(Patch),
}

pub(super) async fn run(fails: &Fails, session: &mut Session) -> Result<(), Miss> {
    let outcome = match &fails.action {
        Action::Apply(objects) => apply::attempt(objects, session).await?,
        Action::Delete(one) => delete::attempt(one, session).await?,
        Action::Patch(one) => patch::attempt(one, session).await?,
    };
    let Err(refusal) = outcome else {
        return Err(Miss::failed("fails.accepted", "the action was accepted"));
    };
    let mut details = Vec::new();
    if fails.code.is_some_and(|code| code != refusal.code) {
        details.push(format!(
            "code: expected {}, saw {}",
            fails.code.unwrap_or_default(),
            refusal.code
        ));
    }
    if let Some(reason) = fails.reason.as_ref().filter(|reason| **reason != refusal.reason) {
        details.push(format!("reason: expected {reason}, saw {}", refusal.reason));
    }
    if let Some(message) = fails
        .message
        .as_ref()
        .filter(|text| !text.matches(&refusal.message))
    {
        details.push(format!("message: expected {message}, saw {}", refusal.message));
    }
    if details.is_empty() {
        return Ok(());
    }
    Err(Miss::failed("fails.otherwise", "the action was refused with other words").with(details))
}
