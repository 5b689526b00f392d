//! When nothing changes, nothing is written.

use flux_api::meta::REQUESTED_AT;
use serde_json::Value;

use crate::{
    journal::{Seen, What},
    limits,
    session::Session,
    step,
    verdict::Miss,
};

/// Whether an observation is a write that counts: events, leases and the statuses of the kinds that reconcile are
/// records of looking, not of changing; so are requests for it.
pub(crate) fn is_write(seen: &Seen) -> bool {
    if seen.key.kind == "Event" || seen.key.kind == "Lease" {
        return false;
    }
    let (Some(before), What::Modified) = (&seen.before, seen.what) else {
        return true;
    };
    !seen.key.group.ends_with(super::FLUX_GROUPS) || without_status(before) != without_status(&seen.object)
}

fn without_status(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(members) = object.as_object_mut() {
        members.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(REQUESTED_AT);
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    object
}

/// Waits until the cluster is calm and then asserts that it stays so.
///
/// # Errors
/// When it never becomes calm, or when something is written after it was.
pub(crate) async fn settle(session: &mut Session) -> Result<(), Miss> {
    calm(session).await?;
    let quiet = session.quiet_for().await?;
    let quiet = session.after(quiet);
    match first_write(session, quiet).await? {
        None => Ok(()),
        Some(seen) => {
            let message = format!(
                "{} was {} although nothing had changed",
                seen.key,
                seen.what.word()
            );
            Err(Miss::failed("invariant.quiescence", message).with(step::changed(&seen)))
        }
    }
}

/// Waits until nothing has been written for a while.
///
/// # Errors
/// When that does not happen.
pub(crate) async fn calm(session: &mut Session) -> Result<(), Miss> {
    let (after, within) = if session.cluster.is_real_time() {
        (limits::REAL_CALM_AFTER, limits::REAL_SETTLE_WITHIN)
    } else {
        (limits::CALM_AFTER, limits::SETTLE_WITHIN)
    };
    let give_up = session.after(within);
    loop {
        let calm = session.after(after);
        match first_write(session, calm).await? {
            None => return Ok(()),
            Some(seen) if session.clock().now() > give_up => {
                let message = format!(
                    "the cluster never came to rest: {} was {}",
                    seen.key,
                    seen.what.word()
                );
                return Err(Miss::failed("invariant.quiescence", message).with(step::changed(&seen)));
            }
            Some(_) => {}
        }
    }
}

async fn first_write(session: &mut Session, deadline: jiff::Timestamp) -> Result<Option<Seen>, Miss> {
    while session.journal.next(deadline).await? {
        if let Some(seen) = session.journal.history().last().filter(|seen| is_write(seen)) {
            return Ok(Some(seen.clone()));
        }
    }
    Ok(None)
}
