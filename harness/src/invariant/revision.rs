//! What was applied or stored was once served by the Git server.

use std::collections::BTreeSet;

use crate::{journal::Seen, verdict::Miss};

const FIELDS: [&str; 3] = [
    "/status/artifact/revision",
    "/status/lastAppliedRevision",
    "/status/lastAttemptedRevision",
];

pub(super) fn check(seen: &Seen, served: &BTreeSet<String>) -> Result<(), Miss> {
    if !seen.key.group.ends_with(super::FLUX_GROUPS) {
        return Ok(());
    }
    for field in FIELDS {
        let Some(revision) = seen.object.pointer(field).and_then(|value| value.as_str()) else {
            continue;
        };
        let Some((_, sha)) = revision.rsplit_once("sha1:") else {
            continue;
        };
        if !served.contains(sha) {
            let message = format!("{} names revision {revision}, which was never served", seen.key);
            return Err(Miss::failed("invariant.revision", message));
        }
    }
    Ok(())
}
