//! Applies objects: dry-runs a whole stage, then writes only what is new or drifted.

use std::time::Duration;

use edges::Clock;
use futures::{StreamExt, TryStreamExt, stream};
use manifest::{ObjectRef, object};
use serde_json::Value;

use crate::{
    Action, ApiError, Change, ChangeSet, Cluster, Manager, Mark, Stage, WaitError, WaitOptions, drift,
    is_marked, mask::mask, order, takeover,
};

/// Applies, prunes and waits on behalf of one field manager.
#[derive(Clone)]
pub struct ResourceManager {
    pub(crate) cluster: Cluster,
    pub(crate) clock: Clock,
    /// The field manager.
    pub(crate) manager: String,
}

/// How objects are applied.
#[derive(Debug, Clone, Default)]
pub struct ApplyOptions {
    /// Whether objects are deleted and created again when they cannot be changed.
    pub force: bool,
    /// The same, for objects marked so.
    pub force_marks: Vec<Mark>,
    /// Objects marked so, wanted or live, are left alone.
    pub skip_marks: Vec<Mark>,
    /// Objects marked so are created and never changed.
    pub if_not_present_marks: Vec<Mark>,
    /// Objects marked so keep what other managers wrote.
    pub merge_marks: Vec<Mark>,
    /// Managers whose fields are taken over.
    pub take_over: Vec<Manager>,
    /// Kinds with a stage of their own, as `group/Kind`.
    pub custom_stage: Vec<String>,
    /// How many dry runs are under way at once.
    pub concurrency: usize,
    /// How long a stage may take to become ready.
    pub stage_timeout: Duration,
    /// Fields that are left to others.
    pub ignore: Vec<IgnoreRule>,
}

/// Fields of some objects that are left to others.
#[derive(Debug, Clone)]
pub struct IgnoreRule {
    /// JSON pointers.
    pub paths: Vec<String>,
    /// Ids of the objects, as in the inventory.
    pub objects: Vec<ObjectRef>,
}

/// Applying stopped.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApplyFailure {
    /// Why.
    pub message: String,
    /// What earlier stages did.
    pub done: ChangeSet,
}

/// What a dry run found out about an object.
struct Checked {
    object: Value,
    live: Option<Value>,
    action: Action,
}

/// How often a stage's readiness and the end of a forced deletion are looked at.
const POLL: Duration = Duration::from_secs(2);

impl ResourceManager {
    /// A manager named `manager` of objects in `cluster`.
    pub fn new(cluster: Cluster, clock: Clock, manager: impl Into<String>) -> Self {
        Self {
            cluster,
            clock,
            manager: manager.into(),
        }
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Applies all objects stage by stage; each stage is ready before the next begins.
    ///
    /// # Errors
    /// The first refusal, with what earlier stages did. Objects of the failing stage may be written only if every
    /// dry run of that stage succeeded.
    pub async fn apply_staged(
        &self,
        objects: Vec<Value>,
        options: &ApplyOptions,
    ) -> Result<ChangeSet, ApplyFailure> {
        let mut stages: [Vec<Value>; 4] = Default::default();
        for object in objects {
            let stage = order::stage(&object, &options.custom_stage);
            stages[stage as usize].push(object);
        }
        let mut done = ChangeSet::default();
        for (index, objects) in stages.into_iter().enumerate() {
            if objects.is_empty() {
                continue;
            }
            let changes = match self.apply_all(objects, options).await {
                Ok(changes) => changes,
                Err(message) => return Err(ApplyFailure { message, done }),
            };
            let applied = changes.not_skipped();
            done.0.extend(changes.0);
            if index < Stage::Rest as usize
                && let Err(error) = self.wait_for_stage(&applied, options).await
            {
                let message = error.to_string();
                return Err(ApplyFailure { message, done });
            }
        }
        Ok(done)
    }

    async fn wait_for_stage(&self, applied: &[ObjectRef], options: &ApplyOptions) -> Result<(), WaitError> {
        let options = WaitOptions {
            interval: POLL,
            timeout: options.stage_timeout,
            fail_fast: true,
        };
        self.wait(applied, &options, &[]).await
    }

    /// Applies the objects of one stage, in the order of their kinds.
    ///
    /// # Errors
    /// A text that names the object and says why it was refused.
    pub async fn apply_all(
        &self,
        mut objects: Vec<Value>,
        options: &ApplyOptions,
    ) -> Result<ChangeSet, String> {
        order::sort(&mut objects);
        let checked: Vec<Checked> = stream::iter(objects)
            .map(|object| self.check(object, options))
            .buffered(options.concurrency.max(1))
            .try_collect()
            .await?;
        let mut changes = ChangeSet::default();
        for item in checked {
            let reference = ObjectRef::of(&item.object);
            let action = self.write(item, options, &reference).await?;
            changes.0.push(Change {
                object: reference,
                action,
            });
        }
        Ok(changes)
    }

    /// Finds out what applying an object would do.
    async fn check(&self, mut desired: Value, options: &ApplyOptions) -> Result<Checked, String> {
        let reference = ObjectRef::of(&desired);
        let mut live = self.cluster.get(&reference).await.ok();
        if skips(&desired, live.as_ref(), options) {
            let action = Action::Skipped;
            return Ok(Checked {
                object: desired,
                live,
                action,
            });
        }
        if let Some(live) = &live {
            let rules = options
                .ignore
                .iter()
                .filter(|rule| rule.objects.contains(&reference));
            let paths = rules.flat_map(|rule| rule.paths.iter().map(String::as_str));
            drift::hand_over(&mut desired, live, paths, &self.manager);
        }
        let mut outcome = self.cluster.apply(&desired, &self.manager, true).await;
        if let Err(error) = &outcome
            && live.is_some()
            && forces(&desired, live.as_ref(), options, error)
        {
            self.recreate(&reference).await?;
            live = None;
            outcome = self.cluster.apply(&desired, &self.manager, true).await;
        }
        let dry_run = outcome.map_err(|error| dry_run_failed(&desired, &error))?;
        let action = match &live {
            // An object that could not be read may exist all the same.
            None if object::resource_version(&dry_run).is_empty() => Action::Created,
            None => Action::Configured,
            Some(_) if drift::has_drifted(live.as_ref(), &dry_run) => Action::Configured,
            Some(_) => Action::Unchanged,
        };
        Ok(Checked {
            object: desired,
            live,
            action,
        })
    }

    /// Writes an object if it is new, drifted, or holds fields that are taken over.
    async fn write(
        &self,
        item: Checked,
        options: &ApplyOptions,
        reference: &ObjectRef,
    ) -> Result<Action, String> {
        let Checked {
            object,
            live,
            mut action,
        } = item;
        if action == Action::Skipped {
            return Ok(action);
        }
        if let Some(live) = &live
            && !is_marked(&object, &options.merge_marks)
            && !is_marked(live, &options.merge_marks)
        {
            let patch = takeover::patch(live, &options.take_over, &self.manager);
            if !patch.is_empty() {
                self.cluster
                    .json_patch(reference, &self.manager, &Value::Array(patch))
                    .await
                    .map_err(|error| format!("{reference} metadata.managedFields cleanup failed: {error}"))?;
                action = Action::Configured;
            }
        }
        if action.is_change() {
            self.cluster
                .apply(&object, &self.manager, false)
                .await
                .map_err(|error| format!("{reference} apply failed: {}", mask(error.to_string(), &object)))?;
        }
        Ok(action)
    }

    /// Deletes an object that is to be created anew, and waits until it is gone.
    async fn recreate(&self, reference: &ObjectRef) -> Result<(), String> {
        match self.cluster.delete(reference).await {
            Ok(()) => {}
            Err(error) if error.is_absent() => return Ok(()),
            Err(error) => {
                return Err(format!(
                    "{reference} immutable field detected, failed to delete object: {error}"
                ));
            }
        }
        self.wait_for_termination(std::slice::from_ref(reference), POLL, FORCED_DELETION)
            .await
            .map_err(|error| {
                format!(
                    "{reference} immutable field detected, failed to wait for object to be deleted: {error}"
                )
            })
    }
}

/// How long a forced deletion may take.
const FORCED_DELETION: Duration = Duration::from_secs(60);

fn skips(object: &Value, live: Option<&Value>, options: &ApplyOptions) -> bool {
    is_marked(object, &options.skip_marks)
        || live.is_some_and(|live| {
            is_marked(live, &options.skip_marks) || is_marked(object, &options.if_not_present_marks)
        })
}

/// QUIRK: any 422 counts, so with `force` an object that is plainly invalid is deleted and then refused again.
fn forces(object: &Value, live: Option<&Value>, options: &ApplyOptions, error: &ApiError) -> bool {
    let wanted = options.force
        || is_marked(object, &options.force_marks)
        || live.is_some_and(|live| is_marked(live, &options.force_marks));
    wanted && (error.is_conflict() || error.is_invalid() || error.is_immutable())
}

fn dry_run_failed(object: &Value, error: &ApiError) -> String {
    let reference = ObjectRef::of(object);
    let text = mask(error.to_string(), object);
    if error.is_not_found() {
        let what = if reference.namespace.is_empty() {
            "namespace not specified"
        } else {
            "not found"
        };
        return format!("{reference} {what}: {text}");
    }
    match error.reason() {
        "" => format!("{reference} dry-run failed: {text}"),
        reason => format!("{reference} dry-run failed ({reason}): {text}"),
    }
}
