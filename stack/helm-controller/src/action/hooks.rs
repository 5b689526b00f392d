//! Hooks: objects that are made around an action, one after the other, and waited for.

use std::time::Duration;

use helm::{HookRecord, HookRun, Record};
use manifest::{ObjectRef, object};
use serde_json::Value;

use super::{Actor, Error};
use crate::{
    objects::{self, Method},
    wait,
};

const BEFORE: &str = "before-hook-creation";
const SUCCEEDED: &str = "hook-succeeded";
const FAILED: &str = "hook-failed";

/// Runs the hooks of an event, the lightest first, and notes in the record how they ran.
///
/// DIFFERENCE: Helm copies logs of hooks to its own output on request; a controller has nobody to show them to.
pub(crate) async fn run(
    actor: &Actor<'_>,
    record: &mut Record,
    event: &str,
    timeout: Duration,
    selected: impl Fn(&HookRecord) -> bool,
) -> Result<(), Error> {
    let order = order(record, event, selected);
    let method = Method::of(&record.apply_method);
    for (done, at) in order.iter().enumerate() {
        let Some(hook) = record.hooks.get_mut(*at) else {
            continue;
        };
        if hook.delete_policies.is_empty() {
            hook.delete_policies.push(BEFORE.to_owned());
        }
        let hook = hook.clone();
        actor.note(format!("executing {event} hook {}", hook.path));
        delete(actor, record, &hook, BEFORE, timeout).await?;
        let built = read(actor, record, &hook).await;
        let objects = built.map_err(|error| {
            Error::new(format!(
                "unable to build kubernetes object for {event} hook {}: {error}",
                hook.path
            ))
        })?;
        set_run(record, *at, |run| {
            *run = HookRun {
                started_at: Some(actor.now()),
                completed_at: None,
                phase: "Running".to_owned(),
            };
        });
        if let Err(error) = actor.storage.update(record).await {
            actor.note(format!("failed to record the release: {error}"));
        }
        let verdict = execute(actor, &objects, method, timeout).await;
        let phase = if verdict.is_ok() { "Succeeded" } else { "Failed" };
        set_run(record, *at, |run| {
            run.completed_at = Some(actor.now());
            phase.clone_into(&mut run.phase);
        });
        match verdict {
            Ok(()) => {}
            Err(Execution::Created(error)) => {
                return Err(Error::new(format!(
                    "warning: Hook {event} {} failed: {error}",
                    hook.path
                )));
            }
            Err(Execution::Waited(error)) => {
                actor.note(format!("{event} hook {} failed: {error}", hook.path));
                let earlier = order.get(..done).unwrap_or_default();
                clean_up(actor, record, &hook, earlier, timeout).await?;
                return Err(error);
            }
        }
    }
    for at in order.iter().rev() {
        if let Some(hook) = record.hooks.get(*at).cloned() {
            delete(actor, record, &hook, SUCCEEDED, timeout).await?;
        }
    }
    Ok(())
}

/// The hooks of an event in the order in which they run.
fn order(record: &Record, event: &str, selected: impl Fn(&HookRecord) -> bool) -> Vec<usize> {
    let own = record.hooks.iter().enumerate();
    let mut order: Vec<usize> = own
        .filter(|(_, hook)| hook.runs_at(event) && selected(hook))
        .map(|(at, _)| at)
        .collect();
    order.sort_by_key(|at| record.hooks.get(*at).map(|hook| (hook.weight, hook.name.clone())));
    order
}

/// What is to go after a failure goes: of the hook that failed, and of those before it.
async fn clean_up(
    actor: &Actor<'_>,
    record: &Record,
    failed: &HookRecord,
    earlier: &[usize],
    timeout: Duration,
) -> Result<(), Error> {
    if let Err(error) = delete(actor, record, failed, FAILED, timeout).await {
        actor.note(format!(
            "error deleting the hook resource on hook failure: {error}"
        ));
    }
    for hook in earlier.iter().filter_map(|at| record.hooks.get(*at)) {
        delete(actor, record, hook, SUCCEEDED, timeout).await?;
    }
    Ok(())
}

fn set_run(record: &mut Record, at: usize, change: impl FnOnce(&mut HookRun)) {
    if let Some(hook) = record.hooks.get_mut(at) {
        change(&mut hook.last_run);
    }
}

/// At which point a hook failed.
enum Execution {
    Created(Error),
    Waited(Error),
}

async fn execute(
    actor: &Actor<'_>,
    objects: &[Value],
    method: Method,
    timeout: Duration,
) -> Result<(), Execution> {
    for object in objects {
        // What is there and was not to be deleted cannot be made, but the server may apply it.
        if !method.server_side && actor.cluster.get(&ObjectRef::of(object)).await.is_ok() {
            let reference = ObjectRef::of(object);
            let text = format!("{} {:?} already exists", object::kind(object), reference.name);
            return Err(Execution::Created(Error::new(text)));
        }
        objects::write(&actor.cluster, None, object, method)
            .await
            .map_err(Execution::Created)?;
    }
    wait::done(&actor.manager, objects, timeout)
        .await
        .map_err(Execution::Waited)
}

async fn read(actor: &Actor<'_>, record: &Record, hook: &HookRecord) -> Result<Vec<Value>, String> {
    objects::read(&actor.cluster, &hook.manifest, &record.namespace).await
}

async fn delete(
    actor: &Actor<'_>,
    record: &Record,
    hook: &HookRecord,
    policy: &str,
    timeout: Duration,
) -> Result<(), Error> {
    // Definitions take all their objects along.
    if hook.kind == "CustomResourceDefinition" || !hook.delete_policies.iter().any(|own| own == policy) {
        return Ok(());
    }
    let built = read(actor, record, hook).await;
    let objects = built.map_err(|error| {
        Error::new(format!(
            "unable to build kubernetes object for deleting hook {}: {error}",
            hook.path
        ))
    })?;
    let references: Vec<_> = objects.iter().map(ObjectRef::of).collect();
    for reference in &references {
        match actor.cluster.delete(reference).await {
            Err(error) if !error.is_absent() => return Err(error.into()),
            _ => {}
        }
    }
    wait::gone(&actor.manager, &references, timeout).await
}
