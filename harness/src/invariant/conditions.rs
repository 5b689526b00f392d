//! An object is never Ready and Stalled at once.

use crate::{journal::Seen, verdict::Miss};

pub(super) fn check(seen: &Seen) -> Result<(), Miss> {
    let is_true = |kind: &str| {
        crate::matching::conditions(&seen.object)
            .any(|condition| condition["type"] == kind && condition["status"] == "True")
    };
    if is_true("Ready") && is_true("Stalled") {
        let message = format!("{} is Ready and Stalled at once", seen.key);
        return Err(Miss::failed("invariant.conditions", message));
    }
    Ok(())
}
