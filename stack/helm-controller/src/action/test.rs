//! Test: the hooks of a release that try it out.

use helm::Record;

use super::{Actor, Error, hooks};
use crate::snapshot;

/// Runs the tests of the latest revision; the record as it is afterwards, and how they ended.
pub(crate) async fn run(actor: &Actor<'_>) -> Result<(Record, Result<(), Error>), Error> {
    let spec = actor.object.test();
    let timeout = actor.object.timeout(spec.timeout);
    let filters = spec.filters.unwrap_or_default();
    let name = actor.name();
    let last = actor.storage.last(&name).await?;
    let mut record = last.ok_or_else(|| Error::new("release: not found"))?;
    let verdict = hooks::run(actor, &mut record, snapshot::TEST, timeout, |hook| {
        snapshot::is_selected(&hook.name, &filters)
    })
    .await;
    actor.storage.update(&record).await?;
    Ok((record, verdict))
}
