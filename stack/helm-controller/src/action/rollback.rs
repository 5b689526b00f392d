//! Rollback: a new revision that is an old one again.

use helm::{Info, Record};
use serde_json::Value;

use super::{Actor, Error, hooks, upgrade};
use crate::objects::{self, Method};

/// Rolls back to a revision.
pub(crate) async fn run(actor: &Actor<'_>, version: i64) -> Result<(), Error> {
    let spec = actor.object.rollback();
    let name = actor.name();
    let history = actor.storage.history(&name).await?;
    let mut current = history
        .last()
        .cloned()
        .ok_or_else(|| Error::new(format!("release: not found: {name}")))?;
    let previous = history.iter().find(|record| record.version == version);
    let previous = previous.ok_or_else(|| Error::new(format!("release has no {version} version")))?;
    let method = upgrade::method(spec.server_side_apply, &previous.apply_method, spec.force);
    let mut target = Record {
        version: current.version + 1,
        namespace: current.namespace.clone(),
        info: Info {
            first_deployed: current.info.first_deployed.clone(),
            last_deployed: Some(actor.now()),
            deleted: None,
            description: format!("Rollback to {version}"),
            status: "pending-rollback".to_owned(),
            rollback_revision: version,
            notes: previous.info.notes.clone(),
        },
        apply_method: method.word().to_owned(),
        ..previous.clone()
    };
    actor.storage.create(&target, actor.object.max_history()).await?;
    let from = actor.objects(&current, "current release").await?;
    let to = actor.objects(&target, "new release").await?;
    match perform(actor, &mut target, &from, &to, method).await {
        Ok(()) => {}
        Err(error) => {
            current.info.status = "superseded".to_owned();
            actor.storage.update(&current).await?;
            let text = format!("Rollback {name:?} failed: {error}");
            actor.record_failure(&mut target, text).await;
            return Err(error);
        }
    }
    for mut deployed in history
        .into_iter()
        .filter(|record| record.info.status == "deployed")
    {
        // What was too old is gone by now.
        if actor.storage.get(&name, deployed.version).await?.is_some() {
            deployed.info.status = "superseded".to_owned();
            actor.storage.update(&deployed).await?;
        }
    }
    target.info.status = "deployed".to_owned();
    actor.storage.update(&target).await
}

async fn perform(
    actor: &Actor<'_>,
    target: &mut Record,
    from: &[Value],
    to: &[Value],
    method: Method,
) -> Result<(), Error> {
    let spec = actor.object.rollback();
    let timeout = actor.object.timeout(spec.timeout);
    let with_hooks = spec.disable_hooks != Some(true);
    if with_hooks {
        hooks::run(actor, target, "pre-rollback", timeout, |_| true).await?;
    }
    match objects::update(&actor.cluster, from, to, method).await {
        Ok(_) => {}
        Err((created, error)) => {
            if spec.cleanup_on_fail == Some(true) {
                upgrade::clean_up(actor, &created).await?;
            }
            return Err(error);
        }
    }
    actor
        .wait(to, spec.disable_wait, spec.disable_wait_for_jobs, timeout)
        .await
        .map_err(|error| error.within(&format!("release {} failed", target.name)))?;
    if with_hooks {
        hooks::run(actor, target, "post-rollback", timeout, |_| true).await?;
    }
    Ok(())
}
