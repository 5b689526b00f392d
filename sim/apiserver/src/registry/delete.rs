//! Deleting objects: preconditions, grace, finalizers, propagation.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::{meta::metadata, read::view};
use crate::{
    admission,
    call::Call,
    core::time,
    failure::{Cause, Failure, Outcome},
    store::Key,
    strategy,
};

/// What a client says about a deletion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DeleteOptions {
    pub(crate) grace: Option<i64>,
    pub(crate) uid: Option<String>,
    pub(crate) revision: Option<String>,
    pub(crate) propagation: Option<String>,
    pub(crate) orphan: Option<bool>,
}

/// What became of it.
pub(crate) enum Deleted {
    /// The object is gone.
    Gone(Arc<Value>),
    /// Finalizers or grace keep it.
    Kept(Arc<Value>),
}

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

impl Call<'_> {
    pub(crate) fn delete(&mut self) -> Outcome<(u16, Arc<Value>)> {
        self.write_options("DeleteOptions")?;
        let options = self.delete_options()?;
        let key = self.key();
        self.stored()?;
        admission::delete(self, &key)?;
        if self.resource.is("batch", "jobs") && options.propagation.is_none() && options.orphan.is_none() {
            self.warn("child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning");
        }
        match self.delete_object(&key, &options)? {
            Deleted::Kept(object) => Ok((200, object)),
            Deleted::Gone(object) if strategy::returns_deleted(&self.resource) => Ok((200, object)),
            Deleted::Gone(object) => Ok((200, Arc::new(self.success(&object)))),
        }
    }

    fn success(&self, object: &Value) -> Value {
        let gvr = &self.target.gvr;
        let mut details = Map::new();
        details.insert("name".into(), self.target.name.clone().into());
        if !gvr.group.is_empty() {
            details.insert("group".into(), gvr.group.clone().into());
        }
        details.insert("kind".into(), gvr.resource.clone().into());
        details.insert("uid".into(), manifest::object::uid(object).into());
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
    }

    pub(crate) fn delete_options(&mut self) -> Outcome<DeleteOptions> {
        let mut options = DeleteOptions {
            grace: self.query.number("gracePeriodSeconds")?,
            propagation: self.query.get("propagationPolicy").map(str::to_owned),
            orphan: self.query.flag("orphanDependents"),
            ..DeleteOptions::default()
        };
        if !self.body.is_empty() {
            let body = self.decode_options("DeleteOptions")?;
            let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            options = DeleteOptions {
                grace: body.get("gracePeriodSeconds").and_then(Value::as_i64),
                uid: text("/preconditions/uid"),
                revision: text("/preconditions/resourceVersion"),
                propagation: text("/propagationPolicy"),
                orphan: body.get("orphanDependents").and_then(Value::as_bool),
            };
            self.dry_run |= body
                .get("dryRun")
                .and_then(Value::as_array)
                .is_some_and(|list| !list.is_empty());
        }
        check_options(&options)?;
        Ok(options)
    }

    /// Deletes one object as far as its finalizers and its grace allow.
    pub(crate) fn delete_object(&mut self, key: &Key, options: &DeleteOptions) -> Outcome<Deleted> {
        let resource = Arc::clone(&self.resource);
        let Some(stored) = self.core.stored(&resource.table, key) else {
            return Err(self.not_found());
        };
        self.check_preconditions(key, &stored, options)?;
        let deleting = !manifest::object::deletion_timestamp(&stored).is_empty();
        let grace = if resource.graceful() {
            strategy::grace(&stored, options.grace)
        } else {
            0
        };
        if deleting && grace > 0 {
            return Ok(Deleted::Kept(view(&resource, &stored)));
        }
        let mut object = (*stored).clone();
        let finalizers_changed = propagate(&resource, &mut object, options);
        if !deleting && resource.is(crate::crd::GROUP, "customresourcedefinitions") {
            crate::crd::hold(&mut object, self.now);
        }
        let held = !finalizers(&object).is_empty() || strategy::held_by_spec(&resource, &object);
        if !held && grace == 0 {
            if self.dry_run {
                return Ok(Deleted::Gone(view(&resource, &stored)));
            }
            let last = self.core.remove(&resource, key).unwrap_or(stored);
            return Ok(Deleted::Gone(view(&resource, &last)));
        }
        if !deleting || finalizers_changed || deleting_sooner(&object, grace) {
            mark(
                &mut object,
                self.now,
                (!strategy::deletes_itself(&resource)).then_some(grace),
            );
            strategy::deleting(&resource, &mut object);
        }
        if object == *stored || self.dry_run {
            return Ok(Deleted::Kept(view(&resource, &Arc::new(object))));
        }
        let written = self.core.put(&resource, key.clone(), object);
        Ok(Deleted::Kept(view(&resource, &written)))
    }

    fn check_preconditions(&self, key: &Key, stored: &Value, options: &DeleteOptions) -> Outcome<()> {
        let gvr = &self.target.gvr;
        let refuse = |detail: String| {
            Err(Failure::conflict(
                &gvr.group,
                &self.resource.kind,
                key.name(),
                &detail,
            ))
        };
        let uid = manifest::object::uid(stored);
        if let Some(asked) = options.uid.as_deref().filter(|asked| *asked != uid) {
            return refuse(format!(
                "the UID in the precondition ({asked}) does not match the UID in record ({uid}). The object might have been deleted and then recreated"
            ));
        }
        let revision = manifest::object::resource_version(stored);
        if let Some(asked) = options.revision.as_deref().filter(|asked| *asked != revision) {
            return refuse(format!(
                "the ResourceVersion in the precondition ({asked}) does not match the ResourceVersion in record ({revision}). The object might have been modified"
            ));
        }
        Ok(())
    }

    pub(crate) fn delete_collection(&mut self) -> Outcome<(u16, Arc<Value>)> {
        let selection = self.list_options(false)?.selection;
        self.write_options("DeleteOptions")?;
        let options = self.delete_options()?;
        let table = self.core.table(&self.resource.table);
        let seen = self.core.revision();
        let resource = Arc::clone(&self.resource);
        let chosen: Vec<(Key, Arc<Value>)> = crate::store::in_namespace(&table, &self.target.namespace)
            .map(|(key, stored)| (key.clone(), view(&resource, stored)))
            .filter(|(_, object)| selection.matches(object))
            .collect();
        for (key, _) in &chosen {
            admission::delete(self, key)?;
            self.delete_object(key, &options)?;
        }
        let items = chosen.into_iter().map(|(_, object)| object);
        Ok((200, Arc::new(self.list_of(items, seen, Map::new()))))
    }
}

fn check_options(options: &DeleteOptions) -> Outcome<()> {
    let mut causes = Vec::new();
    if let Some(policy) = options.propagation.as_deref() {
        if options.orphan.is_some() {
            let message = format!(
                "Invalid value: {policy:?}: orphanDependents and deletionPropagation cannot be both set"
            );
            causes.push(Cause::invalid("propagationPolicy", message));
        }
        if !matches!(policy, "Orphan" | "Background" | "Foreground") {
            let message = format!(
                "Unsupported value: {policy:?}: supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
            );
            causes.push(Cause::new("FieldValueNotSupported", "propagationPolicy", message));
        }
    }
    if causes.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid("meta.k8s.io", "DeleteOptions", "", &causes))
}

pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    object
        .pointer("/metadata/finalizers")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Sets the finalizers that the garbage collector works off; says whether they changed.
fn propagate(resource: &crate::resource::Resource, object: &mut Value, options: &DeleteOptions) -> bool {
    let own = finalizers(object);
    let policy = match (options.propagation.as_deref(), options.orphan) {
        (Some(policy), _) => policy,
        (None, Some(true)) => "Orphan",
        (None, Some(false)) => "Background",
        // Nothing said: finalizers that are there already decide, then the kind.
        (None, None) if own.contains(&ORPHAN) => "Orphan",
        (None, None) if own.contains(&FOREGROUND) => "Foreground",
        (None, None) => strategy::default_propagation(resource),
    };
    let wanted = match policy {
        "Orphan" => Some(ORPHAN),
        "Foreground" => Some(FOREGROUND),
        _ => None,
    };
    let mut next: Vec<String> = own
        .iter()
        .filter(|name| !matches!(**name, ORPHAN | FOREGROUND) || Some(**name) == wanted)
        .map(|name| (*name).to_owned())
        .collect();
    if let Some(wanted) = wanted.filter(|wanted| !next.iter().any(|name| name == wanted)) {
        next.push(wanted.to_owned());
    }
    if next == own {
        return false;
    }
    let meta = metadata(object);
    if next.is_empty() {
        meta.remove("finalizers");
    } else {
        meta.insert("finalizers".into(), next.into());
    }
    true
}

fn deleting_sooner(object: &Value, grace: i64) -> bool {
    object
        .pointer("/metadata/deletionGracePeriodSeconds")
        .and_then(Value::as_i64)
        .is_some_and(|own| grace < own)
}

/// Marks an object as being deleted.
fn mark(object: &mut Value, now: jiff::Timestamp, grace: Option<i64>) {
    let until = now
        .checked_add(SignedDuration::from_secs(grace.unwrap_or(0)))
        .unwrap_or(now);
    let meta = metadata(object);
    let Some(grace) = grace else {
        meta.entry("deletionTimestamp")
            .or_insert_with(|| time(until).into());
        return;
    };
    let generation = meta.get("generation").and_then(Value::as_i64).unwrap_or(0);
    let first = !meta.contains_key("deletionGracePeriodSeconds");
    if first && generation > 0 {
        meta.insert("generation".into(), (generation + 1).into());
    }
    if first || grace > 0 || !meta.contains_key("deletionTimestamp") {
        meta.insert("deletionTimestamp".into(), time(until).into());
    }
    meta.insert("deletionGracePeriodSeconds".into(), grace.into());
}
