//! How live objects differ from a release, and how that is mended.

use flux_api::{HelmRelease, kustomization::IgnoreRule};
use helm::Record;
use manifest::{ObjectRef, object};
use serde_json::{Value, json};
use ssa::{Action, Change, ChangeSet, Mark};

use crate::{action::Actor, config::NAME, objects};

/// Marks objects that are left alone.
const DISABLED: Mark = ("helm.toolkit.fluxcd.io/driftDetection", "disabled");

/// How one object differs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Difference {
    /// It is gone.
    Removed(Value),
    /// A JSON patch makes it right.
    Changed(ObjectRef, Vec<Value>),
}

impl Difference {
    /// The line that tells it.
    fn line(&self) -> String {
        match self {
            Self::Removed(object) => format!("{} removed", ObjectRef::of(object)),
            Self::Changed(reference, patch) => {
                let count = |op: &str| patch.iter().filter(|step| step["op"] == op).count();
                format!(
                    "{reference} changed ({} additions, {} changes, {} removals)",
                    count("add"),
                    count("replace"),
                    count("remove")
                )
            }
        }
    }
}

/// The lines that tell all differences.
pub(crate) fn lines(differences: &[Difference]) -> String {
    differences
        .iter()
        .map(Difference::line)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Finds out how live objects differ from a record, by what applying them would change.
pub(crate) async fn detect(actor: &Actor<'_>, record: &Record) -> Result<Vec<Difference>, String> {
    let mut objects = objects::read(&actor.cluster, &record.manifest, &record.namespace).await?;
    objects::mark(&mut objects, record);
    objects.iter_mut().for_each(ssa::normalize::normalize);
    let mut found = Vec::new();
    for wanted in &objects {
        if ssa::is_marked(wanted, &[DISABLED]) {
            continue;
        }
        let reference = ObjectRef::of(wanted);
        let live = match actor.cluster.get(&reference).await {
            Ok(live) => live,
            Err(error) if error.is_absent() => {
                found.push(Difference::Removed(wanted.clone()));
                continue;
            }
            Err(error) => return Err(format!("unable to determine cluster state: {error}")),
        };
        if ssa::is_marked(&live, &[DISABLED]) {
            continue;
        }
        let dry_run = actor.cluster.apply(wanted, NAME, true).await;
        let dry_run = dry_run.map_err(|error| format!("unable to determine cluster state: {error}"))?;
        let ignored = ignored(actor.object, wanted)?;
        let patch = difference(&live, &dry_run, &ignored);
        if !patch.is_empty() {
            found.push(Difference::Changed(reference, patch));
        }
    }
    Ok(found)
}

/// The pointers to fields of an object that may differ.
fn ignored(owner: &HelmRelease, object: &Value) -> Result<Vec<String>, String> {
    let rules = owner
        .spec
        .drift_detection
        .as_ref()
        .and_then(|drift| drift.ignore.as_ref());
    let mut paths = Vec::new();
    for IgnoreRule { paths: own, target } in rules.into_iter().flatten() {
        let selector = target.clone().unwrap_or_default();
        let matching = flux_runtime::matching(&selector, std::slice::from_ref(object))?;
        if !matching.is_empty() {
            paths.extend(own.iter().cloned());
        }
    }
    Ok(paths)
}

/// The JSON patch from the live object to what applying would make of it, without what is ignored.
///
/// Labels and annotations that others added are no difference; the status is none of ours.
fn difference(live: &Value, wanted: &Value, ignored: &[String]) -> Vec<Value> {
    let mut patch = Vec::new();
    for map in ["labels", "annotations"] {
        let path = format!("/metadata/{map}");
        let empty = json!({});
        let (old, new) = (
            live.pointer(&path).unwrap_or(&empty),
            wanted.pointer(&path).unwrap_or(&empty),
        );
        let mut own = Vec::new();
        compare(&path, old, new, &mut own);
        own.retain(|step| step["op"] != "remove");
        if !own.is_empty() && live.pointer(&path).is_none() {
            own = vec![json!({"op": "add", "path": path, "value": new})];
        }
        patch.extend(own);
    }
    let members = |value: &Value| {
        let mut value = value.clone();
        if let Some(members) = value.as_object_mut() {
            for own in ["apiVersion", "kind", "metadata", "status"] {
                members.remove(own);
            }
        }
        value
    };
    compare("", &members(live), &members(wanted), &mut patch);
    patch.retain(|step| {
        let path = step["path"].as_str().unwrap_or_default();
        !ignored.iter().any(|own| {
            path == own
                || path
                    .strip_prefix(own.as_str())
                    .is_some_and(|rest| rest.starts_with('/'))
        })
    });
    patch
}

fn compare(path: &str, old: &Value, new: &Value, patch: &mut Vec<Value>) {
    if old == new {
        return;
    }
    let escaped = |key: &str| format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            for (key, value) in after {
                match before.get(key) {
                    Some(was) => compare(&escaped(key), was, value, patch),
                    None => patch.push(json!({"op": "add", "path": escaped(key), "value": value})),
                }
            }
            for key in before.keys().filter(|key| !after.contains_key(*key)) {
                patch.push(json!({"op": "remove", "path": escaped(key)}));
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (was, is)) in before.iter().zip(after).enumerate() {
                compare(&format!("{path}/{index}"), was, is, patch);
            }
        }
        _ => patch.push(json!({"op": "replace", "path": path, "value": new})),
    }
}

/// Makes live objects as the release has them; what was done, and what could not be.
pub(crate) async fn correct(actor: &Actor<'_>, differences: &[Difference]) -> (ChangeSet, Vec<String>) {
    let mut changes = ChangeSet::default();
    let mut errors = Vec::new();
    let removed = differences.iter().filter_map(|found| match found {
        Difference::Removed(object) => Some(object.clone()),
        Difference::Changed(..) => None,
    });
    let mut removed: Vec<Value> = removed.collect();
    ssa::sort(&mut removed);
    for object in removed {
        let reference = ObjectRef::of(&object);
        match actor.cluster.create(&object, NAME).await {
            Ok(_) => changes.0.push(Change {
                object: reference,
                action: Action::Created,
            }),
            Err(error) => errors.push(format!(
                "{reference} creation failure: {}",
                masked(&object, &error)
            )),
        }
    }
    for found in differences {
        let Difference::Changed(reference, patch) = found else {
            continue;
        };
        let steps = Value::Array(patch.clone());
        match actor.cluster.json_patch(reference, NAME, &steps).await {
            Ok(_) => changes.0.push(Change {
                object: reference.clone(),
                action: Action::Configured,
            }),
            Err(error) => {
                let about = json!({"kind": reference.gvk.kind});
                errors.push(format!("{reference} patch failure: {}", masked(&about, &error)));
            }
        }
    }
    (changes, errors)
}

/// Refusals may quote what they refuse; of a Secret only the kind of the refusal is told.
fn masked(object: &Value, error: &ssa::ApiError) -> String {
    if object::kind(object) == "Secret" && error.is_invalid() {
        return error.reason().to_owned();
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers: HC-35, HC-36.
    #[test]
    fn differences_are_counted_by_kind() {
        let live = json!({"kind": "Deployment", "metadata": {"name": "w", "labels": {"theirs": "1"}},
            "spec": {"replicas": 5, "extra": 1, "list": [{"a": 1}]}, "status": {"x": 1}});
        let wanted = json!({"kind": "Deployment", "metadata": {"name": "w", "labels": {"ours": "1"}},
            "spec": {"replicas": 1, "more": 1, "list": [{"a": 2}]}});
        let patch = difference(&live, &wanted, &[]);
        let found = Difference::Changed(ObjectRef::of(&live), patch);
        assert_eq!(
            found.line(),
            "Deployment/w changed (2 additions, 2 changes, 1 removals)"
        );
        let ignored = ["/spec".to_owned()];
        assert_eq!(
            difference(&live, &wanted, &ignored),
            [json!({"op": "add", "path": "/metadata/labels/ours", "value": "1"})]
        );
        assert!(difference(&live, &live, &[]).is_empty());
    }
}
