//! Nobody has observed a generation that does not exist yet.

use serde_json::Value;

use crate::{journal::Seen, verdict::Miss};

pub(super) fn check(seen: &Seen) -> Result<(), Miss> {
    let Some(generation) = seen
        .object
        .pointer("/metadata/generation")
        .and_then(Value::as_i64)
    else {
        return Ok(());
    };
    let of_status = seen
        .object
        .pointer("/status/observedGeneration")
        .and_then(Value::as_i64);
    let of_conditions = crate::matching::conditions(&seen.object)
        .filter_map(|condition| condition["observedGeneration"].as_i64());
    match of_status.into_iter().chain(of_conditions).max() {
        Some(observed) if observed > generation => {
            let message = format!("{} has observed generation {observed} of {generation}", seen.key);
            Err(Miss::failed("invariant.generation", message))
        }
        _ => Ok(()),
    }
}
