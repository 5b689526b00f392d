//! `hold: { during, state | unchanged | quiet }` — asserts that something stays true.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    invariant,
    journal::{Seen, What},
    matching,
    scenario::{ObjectRef, Span, State},
    session::Session,
    verdict::Miss,
};

/// What must stay true, at every observation of the time given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hold {
    /// For how long.
    pub during: Span,
    /// What stays true; it must be true when the hold begins.
    #[serde(default)]
    pub state: Option<State>,
    /// Objects that nobody writes: not even their `resourceVersion` changes.
    #[serde(default)]
    pub unchanged: Vec<ObjectRef>,
    /// Nothing at all is written, but for events, leases and the statuses of the extension's own kinds.
    #[serde(default)]
    pub quiet: bool,
}

pub(super) async fn run(hold: &Hold, session: &mut Session) -> Result<(), Miss> {
    session.journal.catch_up()?;
    let state = hold.state.as_ref().map(|state| session.resolve_state(state));
    for reference in &hold.unchanged {
        if session.journal.get(reference).is_none() {
            return Err(Miss::failed(
                "hold.missing",
                format!("{reference} does not exist"),
            ));
        }
    }
    let begin = session.clock().now();
    check_state(state.as_ref(), session, begin)?;
    let during = session.hold_for(hold.during.0).await?;
    let deadline = session.after(during);
    while session.journal.next(deadline).await? {
        check_state(state.as_ref(), session, begin)?;
        let Some(seen) = session.journal.history().last() else {
            continue;
        };
        let counts = !session.requested || invariant::is_write(seen);
        if let Some(reference) = hold
            .unchanged
            .iter()
            .find(|reference| counts && seen.key.is(reference))
        {
            let message = format!(
                "{reference} was {} after {}",
                seen.what.word(),
                since(begin, seen.at)
            );
            return Err(Miss::failed("hold.changed", message).with(changed(seen)));
        }
        if hold.quiet && invariant::is_write(seen) {
            let message = format!(
                "{} was {} after {}",
                seen.key,
                seen.what.word(),
                since(begin, seen.at)
            );
            return Err(Miss::failed("hold.not-quiet", message).with(changed(seen)));
        }
    }
    Ok(())
}

fn check_state(state: Option<&State>, session: &Session, begin: Timestamp) -> Result<(), Miss> {
    let Some(state) = state else { return Ok(()) };
    let differences = matching::check(state, &session.journal, None);
    if differences.is_empty() {
        return Ok(());
    }
    let after = since(begin, session.clock().now());
    let message = format!("{} did not stay as expected: after {after}", state.object);
    Err(Miss::failed("hold.broken", message).with(differences.iter().map(ToString::to_string)))
}

/// What changed between two versions of an object, a line each.
pub(crate) fn changed(seen: &Seen) -> Vec<String> {
    let (Some(before), What::Modified) = (&seen.before, seen.what) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let without_noise = |value: &serde_json::Value| {
        let mut value = value.clone();
        if let Some(metadata) = value.get_mut("metadata").and_then(|m| m.as_object_mut()) {
            metadata.remove("managedFields");
        }
        value
    };
    matching::subset(
        &without_noise(before),
        &without_noise(&seen.object),
        "",
        &mut found,
    );
    found
        .iter()
        .map(|difference| {
            format!(
                "{}: was {}, became {}",
                difference.path, difference.expected, difference.seen
            )
        })
        .collect()
}

fn since(begin: Timestamp, at: Timestamp) -> String {
    let passed = std::time::Duration::try_from(at.duration_since(begin)).unwrap_or_default();
    stdx::duration::format(passed)
}
