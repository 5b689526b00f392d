//! `never: { state, until | during }` — asserts that something does not happen.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    limits,
    matching::{self, Freshness},
    scenario::{Span, State},
    session::Session,
    verdict::Miss,
};

/// What must not be seen, not even for an instant: from the latest action until something else is true, or for a time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Never {
    /// What must not happen.
    pub state: State,
    /// The end of the watch: this becomes true.
    #[serde(default)]
    pub until: Option<State>,
    /// How long to watch; with `until`, how long to wait for it (2m if absent).
    #[serde(default)]
    pub during: Option<Span>,
}

pub(super) async fn run(never: &Never, session: &mut Session) -> Result<(), Miss> {
    let state = session.resolve_state(&never.state);
    let until = never.until.as_ref().map(|until| session.resolve_state(until));
    let limit = match (never.during, &until) {
        (Some(span), None) => session.hold_for(span.0).await?,
        (Some(span), Some(_)) => span.0,
        (None, _) => limits::EXPECT_WITHIN,
    };
    let mut requests = session.requests();
    let deadline = session.after(limit);
    let freshness = session.freshness();
    session.journal.catch_up()?;
    let mut position = session.since;
    loop {
        while let Some(seen) = session.journal.history().get(position) {
            position += 1;
            let about = seen.key.is(&state.object);
            let present = seen.what != crate::journal::What::Deleted;
            let happened = about
                && present == state.exists
                && (!present || matching::describe(&state, &seen.object).is_empty());
            if happened {
                let message = format!("{} was seen as it must never be", state.object);
                let ago = seen.at.duration_since(session.clock().now()).unsigned_abs();
                return Err(Miss::failed("never.seen", message).with([format!(
                    "{} was {} {} before now",
                    seen.key,
                    seen.what.word(),
                    stdx::duration::format(ago)
                )]));
            }
            let Some(until) = &until else { continue };
            if seen.key.is(&until.object) && reached(until, session, position, &freshness) {
                return Ok(());
            }
        }
        if !session.next(deadline, &mut requests).await? {
            break;
        }
    }
    match until {
        None => Ok(()),
        Some(until) => {
            let differences = matching::check(&until, &session.journal, Some(&freshness));
            let waited = stdx::duration::format(limit);
            let message = format!("{} did not become as expected within {waited}", until.object);
            Err(Miss::failed("never.timeout", message).with(differences.iter().map(ToString::to_string)))
        }
    }
}

/// Whether `until` was true at the observation before `position`. The present state is asked only for the newest one,
/// which has to be fresh; older observations are judged by themselves.
fn reached(until: &State, session: &Session, position: usize, freshness: &Freshness) -> bool {
    let history = session.journal.history();
    if position == history.len() {
        return matching::check(until, &session.journal, Some(freshness)).is_empty();
    }
    let Some(seen) = history.get(position - 1) else {
        return false;
    };
    let present = seen.what != crate::journal::What::Deleted;
    present == until.exists && (!present || matching::describe(until, &seen.object).is_empty())
}
