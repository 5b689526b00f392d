//! Deletes objects that are no longer wanted, if they are still ours.

use std::{collections::BTreeMap, time::Duration};

use manifest::{ObjectRef, object};
use serde_json::{Value, json};

use crate::{Action, Change, ChangeSet, Mark, ResourceManager, is_marked, order};

/// Which objects may be deleted.
#[derive(Debug, Clone, Default)]
pub struct DeleteOptions {
    /// Labels that the live object must have.
    pub labels: BTreeMap<String, String>,
    /// Live objects marked so are kept.
    pub keep_marks: Vec<Mark>,
}

/// Deleting failed for some objects.
#[derive(Debug, thiserror::Error)]
#[error("delete failed, errors: {}", .errors.iter().map(|error| format!("{error};")).collect::<String>())]
pub struct DeleteFailure {
    /// Why, one text an object.
    pub errors: Vec<String>,
}

impl ResourceManager {
    /// Deletes objects in the reverse of the order in which they are applied.
    ///
    /// The change set covers all of them, also when some fail; those are [`Action::Unknown`].
    pub async fn delete_all(
        &self,
        objects: &[ObjectRef],
        options: &DeleteOptions,
    ) -> (ChangeSet, Result<(), DeleteFailure>) {
        let mut values: Vec<Value> = objects.iter().map(skeleton).collect();
        order::sort(&mut values);
        let mut changes = ChangeSet::default();
        let mut errors = Vec::new();
        for value in values.iter().rev() {
            let reference = ObjectRef::of(value);
            let action = self.delete(&reference, options).await.unwrap_or_else(|error| {
                errors.push(error);
                Action::Unknown
            });
            changes.0.push(Change {
                object: reference,
                action,
            });
        }
        let verdict = if errors.is_empty() {
            Ok(())
        } else {
            Err(DeleteFailure { errors })
        };
        (changes, verdict)
    }

    async fn delete(&self, reference: &ObjectRef, options: &DeleteOptions) -> Result<Action, String> {
        let live = match self.cluster.get(reference).await {
            Ok(live) => live,
            Err(error) if error.is_absent() => return Ok(Action::Deleted),
            Err(error) => return Err(format!("{reference} query failed: {error}")),
        };
        let ours = options
            .labels
            .iter()
            .all(|(key, value)| object::label(&live, key) == Some(value));
        if !ours || is_marked(&live, &options.keep_marks) {
            return Ok(Action::Skipped);
        }
        match self.cluster.delete(reference).await {
            Ok(()) => Ok(Action::Deleted),
            Err(error) if error.is_absent() => Ok(Action::Deleted),
            Err(error) => Err(format!("{reference} delete failed: {error}")),
        }
    }

    /// Waits until none of the objects exists.
    ///
    /// # Errors
    /// A text that names those that are left when the time is up.
    pub async fn wait_for_termination(
        &self,
        objects: &[ObjectRef],
        interval: Duration,
        timeout: Duration,
    ) -> Result<(), String> {
        let started = self.clock.now();
        let mut left: Vec<&ObjectRef> = objects.iter().collect();
        loop {
            let mut still = Vec::new();
            for reference in left {
                match self.cluster.get(reference).await {
                    Err(error) if error.is_absent() => {}
                    Ok(_) | Err(_) => still.push(reference),
                }
            }
            left = still;
            if left.is_empty() {
                return Ok(());
            }
            if self.clock.since(started) >= timeout {
                let names: Vec<_> = left.iter().map(ToString::to_string).collect();
                return Err(format!(
                    "timed out waiting for termination of: [{}]",
                    names.join(", ")
                ));
            }
            self.clock.sleep(interval).await;
        }
    }
}

fn skeleton(reference: &ObjectRef) -> Value {
    let mut value = json!({
        "apiVersion": reference.gvk.api_version(),
        "kind": reference.gvk.kind,
        "metadata": {"name": reference.name},
    });
    if !reference.namespace.is_empty() {
        value["metadata"]["namespace"] = json!(reference.namespace);
    }
    value
}
