//! Upgrade: the next revision of a release.

use flux_api::helm_release::{CrdsPolicy, ServerSideApplyMode};
use helm::{Info, Record};
use manifest::ObjectRef;
use serde_json::{Map, Value};

use super::{Actor, Error, Wanted, crds, hooks};
use crate::objects::{self, Method};

/// How objects are written where the last revision wrote them so.
pub(crate) fn method(mode: Option<ServerSideApplyMode>, last: &str, force: Option<bool>) -> Method {
    let server_side = match mode.unwrap_or(ServerSideApplyMode::Auto) {
        ServerSideApplyMode::Enabled => true,
        ServerSideApplyMode::Disabled => false,
        ServerSideApplyMode::Auto => last == "ssa",
    };
    Method {
        server_side,
        replace: force == Some(true) && !server_side,
    }
}

/// Upgrades to what is wanted. Once there is a record of it, a failure leaves that behind as failed.
pub(crate) async fn run(actor: &Actor<'_>, wanted: &Wanted) -> Result<(), Error> {
    let spec = actor.object.upgrade();
    let timeout = actor.object.timeout(spec.timeout);
    let history = actor.storage.history(&actor.name()).await?;
    let last = history.last().ok_or_else(|| no_deployed(actor))?;
    let method = method(spec.server_side_apply, &last.apply_method, spec.force);
    let policy = spec.crds.unwrap_or(CrdsPolicy::Skip);
    crds::apply(actor, wanted, policy, method, timeout)
        .await
        .map_err(|error| error.within("failed to apply CustomResourceDefinitions"))?;
    let mut current = current_of(actor, &history, last)?;
    let mut wanted = wanted.clone();
    if spec.preserve_values == Some(true) {
        preserve_values(&mut wanted, &current);
    }
    let mut record = next(actor, &wanted, &current, last.version + 1, method).await?;
    let from = actor.objects(&current, "current release").await?;
    let to = actor.objects(&record, "new release").await?;
    if spec.disable_take_ownership == Some(true) {
        let references: Vec<_> = from.iter().map(ObjectRef::of).collect();
        let is_new = |object: &&Value| {
            !references
                .iter()
                .any(|old| objects::same(old, &ObjectRef::of(object)))
        };
        let new: Vec<Value> = to.iter().filter(is_new).cloned().collect();
        let refused = objects::refuse_others(&actor.cluster, &new, &record).await;
        refused.map_err(|error| Error::new(format!("unable to continue with update: {error}")))?;
    }
    actor.storage.create(&record, actor.object.max_history()).await?;
    actor.note(format!("checking {} resources for changes", to.len()));
    match perform(actor, &mut record, &from, &to, method).await {
        Ok(()) => {
            current.info.status = "superseded".to_owned();
            actor.storage.update(&current).await?;
            record.info.status = "deployed".to_owned();
            record.info.description = "Upgrade complete".to_owned();
            actor.storage.update(&record).await
        }
        Err((created, error)) => {
            let text = format!("Upgrade {:?} failed: {error}", record.name);
            actor.record_failure(&mut record, text).await;
            if spec.cleanup_on_fail == Some(true) {
                clean_up(actor, &created).await?;
            }
            Err(error)
        }
    }
}

/// The revision that is upgraded: the deployed one, or the last if none ever was.
fn current_of(actor: &Actor<'_>, history: &[Record], last: &Record) -> Result<Record, Error> {
    if last.is_pending() {
        return Err(Error::new(
            "another operation (install/upgrade/rollback) is in progress",
        ));
    }
    let deployed = history
        .iter()
        .rev()
        .find(|record| record.info.status == "deployed");
    match deployed {
        Some(record) => Ok(record.clone()),
        None if matches!(last.info.status.as_str(), "failed" | "superseded") => Ok(last.clone()),
        None => Err(no_deployed(actor)),
    }
}

/// The next revision as it is recorded before anything is done.
async fn next(
    actor: &Actor<'_>,
    wanted: &Wanted,
    current: &Record,
    version: i64,
    method: Method,
) -> Result<Record, Error> {
    let rendered = actor.render(wanted, version, true).await?;
    Ok(Record {
        name: current.name.clone(),
        namespace: current.namespace.clone(),
        version,
        chart: wanted.chart.to_record(),
        config: wanted.values.clone(),
        manifest: rendered.manifest(),
        info: Info {
            first_deployed: current.info.first_deployed.clone(),
            last_deployed: Some(actor.now()),
            deleted: None,
            description: "Preparing upgrade".to_owned(),
            status: "pending-upgrade".to_owned(),
            rollback_revision: 0,
            notes: rendered.notes,
        },
        hooks: rendered.hooks.into_iter().map(Into::into).collect(),
        apply_method: method.word().to_owned(),
    })
}

type Outcome = Result<(), (Vec<ObjectRef>, Error)>;

async fn perform(
    actor: &Actor<'_>,
    record: &mut Record,
    from: &[Value],
    to: &[Value],
    method: Method,
) -> Outcome {
    let spec = actor.object.upgrade();
    let timeout = actor.object.timeout(spec.timeout);
    let with_hooks = spec.disable_hooks != Some(true);
    if with_hooks {
        hooks::run(actor, record, "pre-upgrade", timeout, |_| true)
            .await
            .map_err(|error| (Vec::new(), error.within("pre-upgrade hooks failed")))?;
    }
    let created = objects::update(&actor.cluster, from, to, method).await?;
    let waited = actor
        .wait(to, spec.disable_wait, spec.disable_wait_for_jobs, timeout)
        .await;
    if let Err(error) = waited {
        return Err((created, error));
    }
    if with_hooks {
        hooks::run(actor, record, "post-upgrade", timeout, |_| true)
            .await
            .map_err(|error| (created, error.within("post-upgrade hooks failed")))?;
    }
    Ok(())
}

/// Deletes what a failed action made.
pub(crate) async fn clean_up(actor: &Actor<'_>, created: &[ObjectRef]) -> Result<(), Error> {
    for reference in created {
        match actor.cluster.delete(reference).await {
            Err(error) if !error.is_absent() => {
                return Err(Error::new(format!("unable to cleanup resources: {error}")));
            }
            _ => {}
        }
    }
    Ok(())
}

fn no_deployed(actor: &Actor<'_>) -> Error {
    Error::new(format!("{:?} has no deployed releases", actor.name()))
}

/// The values of the current revision stay where the new ones say nothing.
fn preserve_values(wanted: &mut Wanted, current: &Record) {
    let given = std::mem::take(&mut wanted.values);
    wanted.values = helm::merge_maps(current.config.clone(), given);
    let defaults = current.chart.get("values").and_then(Value::as_object);
    let defaults: Map<String, Value> = defaults.cloned().unwrap_or_default();
    wanted.chart.values = helm::merge_maps(defaults, current.config.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_written_as_before_unless_told_otherwise() {
        assert!(method(None, "ssa", None).server_side);
        assert!(!method(None, "", None).server_side);
        assert!(method(Some(ServerSideApplyMode::Enabled), "csa", None).server_side);
        let forced = method(Some(ServerSideApplyMode::Disabled), "ssa", Some(true));
        assert!(!forced.server_side && forced.replace);
        assert!(!method(None, "ssa", Some(true)).replace);
    }
}
