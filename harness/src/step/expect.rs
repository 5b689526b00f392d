//! `expect: { object, …, within }` — waits until something is true.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    limits,
    scenario::{ConditionMatch, EventMatch, Object, ObjectRef, Span, State, yes},
    session::Session,
    verdict::Miss,
};

/// What must become true.
///
/// Only fresh observations count: the Ready condition must be of the object's generation, and an object that follows a
/// branch must have seen what was pushed there last.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expect {
    /// The object.
    pub object: ObjectRef,
    /// Whether it exists.
    #[serde(default = "yes")]
    pub exists: bool,
    /// Its conditions by type: a status (`Ready: "True"`), `absent`, or status, reason and message.
    #[serde(default)]
    pub conditions: BTreeMap<String, ConditionMatch>,
    /// A part of the object: maps match as subsets, lists by the key Kubernetes gives them, `null` means absent.
    #[serde(default, rename = "match")]
    pub part: Option<Object>,
    /// A CEL expression over `object` that must be true.
    #[serde(default)]
    pub cel: Option<String>,
    /// An event about the object, seen since the latest action.
    #[serde(default)]
    pub event: Option<EventMatch>,
    /// How long to wait, 2m if absent.
    #[serde(default)]
    pub within: Option<Span>,
    /// `false` accepts what was true before the latest action.
    #[serde(default = "yes")]
    pub fresh: bool,
}

impl Expect {
    pub(crate) fn state(&self) -> State {
        State {
            object: self.object.clone(),
            exists: self.exists,
            conditions: self.conditions.clone(),
            part: self.part.clone(),
            cel: self.cel.clone(),
            event: self.event.clone(),
        }
    }
}

pub(super) async fn run(expect: &Expect, session: &mut Session) -> Result<(), Miss> {
    let state = session.resolve_state(&expect.state());
    let limit = expect.within.map_or(limits::EXPECT_WITHIN, |span| span.0);
    let Err(differences) = session.wait(&state, expect.fresh, limit).await? else {
        return Ok(());
    };
    let waited = stdx::duration::format(limit);
    let miss = Miss::failed(
        "expect.timeout",
        format!("{} did not become as expected within {waited}", state.object),
    );
    Err(miss.with(differences.iter().map(ToString::to_string)))
}
