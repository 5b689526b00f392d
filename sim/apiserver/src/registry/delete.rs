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
    gvr::Gvr,
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

impl DeleteOptions {
    /// The options of a body.
    pub(crate) fn read(body: &Value) -> Self {
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Self {
            grace: body.get("gracePeriodSeconds").and_then(Value::as_i64),
            uid: text("/preconditions/uid"),
            revision: text("/preconditions/resourceVersion"),
            propagation: text("/propagationPolicy"),
            orphan: body.get("orphanDependents").and_then(Value::as_bool),
        }
    }

    /// Refuses an object that is not the one that was meant.
    pub(crate) fn check(&self, gvr: &Gvr, kind: &str, key: &Key, stored: &Value) -> Outcome<()> {
        let uid = manifest::object::uid(stored);
        let revision = manifest::object::resource_version(stored);
        let other_uid = self.uid.as_deref().filter(|asked| *asked != uid);
        let other_revision = self.revision.as_deref().filter(|asked| *asked != revision);
        if gvr.group.is_empty() && gvr.resource == "namespaces" {
            // Namespaces have a way of their own to be deleted, and words of their own.
            let texts = [
                other_uid.map(|asked| format!("UID in precondition: {asked}, UID in object meta: {uid}")),
                other_revision.map(|asked| {
                    format!(
                        "ResourceVersion in precondition: {asked}, ResourceVersion in object meta: {revision}"
                    )
                }),
            ];
            return match texts.into_iter().flatten().next() {
                Some(text) => Err(Failure::conflict(
                    &gvr.group,
                    &gvr.resource,
                    key.name(),
                    &format!("Precondition failed: {text}"),
                )),
                None => Ok(()),
            };
        }
        let refuse = |detail: String| Err(Failure::conflict(&gvr.group, kind, key.name(), &detail));
        if let Some(asked) = other_uid {
            return refuse(format!(
                "the UID in the precondition ({asked}) does not match the UID in record ({uid}). The object might have been deleted and then recreated"
            ));
        }
        if let Some(asked) = other_revision {
            return refuse(format!(
                "the ResourceVersion in the precondition ({asked}) does not match the ResourceVersion in record ({revision}). The object might have been modified"
            ));
        }
        Ok(())
    }
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
        self.warn_of_orphans(&options);
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
            // An empty policy is one, and none that is known.
            propagation: self.query.all("propagationPolicy").next().map(str::to_owned),
            orphan: self.query.flag("orphanDependents"),
            ..DeleteOptions::default()
        };
        let mut dry = Vec::new();
        if !self.body.is_empty() {
            let body = self.decode_options("DeleteOptions")?;
            options = DeleteOptions::read(&body);
            let list = body.get("dryRun").and_then(Value::as_array).into_iter().flatten();
            dry.extend(list.filter_map(Value::as_str).map(str::to_owned));
            self.dry_run |= !dry.is_empty();
        }
        check_options(&options, &dry)?;
        Ok(options)
    }

    /// Deletes one object as far as its finalizers and its grace allow.
    pub(crate) fn delete_object(&mut self, key: &Key, options: &DeleteOptions) -> Outcome<Deleted> {
        let resource = Arc::clone(&self.resource);
        let Some(stored) = self.core.stored(&resource.table, key) else {
            return Err(self.not_found());
        };
        options.check(&self.target.gvr, &resource.kind, key, &stored)?;
        if resource.graceful() {
            return Ok(self.end_gracefully(key, &stored, options));
        }
        let deleting = !manifest::object::deletion_timestamp(&stored).is_empty();
        let mut object = (*stored).clone();
        let finalizers_changed = propagate(&resource, &mut object, options);
        if !deleting && resource.is(crate::crd::GROUP, "customresourcedefinitions") {
            crate::crd::hold(&mut object, self.now);
        }
        let held = !finalizers(&object).is_empty() || strategy::held_by_spec(&resource, &object);
        if !held {
            return Ok(Deleted::Gone(self.remove(key, &stored)));
        }
        if !deleting || finalizers_changed {
            mark(&mut object, self.now, strategy::deletes_itself(&resource));
            strategy::deleting(&resource, &mut object);
        }
        Ok(Deleted::Kept(self.keep(key, &stored, object)))
    }

    /// Deletes a pod: its node has some time to end it.
    fn end_gracefully(&mut self, key: &Key, stored: &Arc<Value>, options: &DeleteOptions) -> Deleted {
        let resource = Arc::clone(&self.resource);
        let mut object = (**stored).clone();
        let Some(grace) = grant(&mut object, self.now, options.grace) else {
            return Deleted::Kept(view(&resource, stored));
        };
        propagate(&resource, &mut object, options);
        let held = !finalizers(&object).is_empty();
        // Watchers see that it is being deleted before they see it gone.
        let marked = self.keep(key, stored, object);
        if held || grace > 0 {
            return Deleted::Kept(marked);
        }
        Deleted::Gone(self.remove(key, &marked))
    }

    fn keep(&mut self, key: &Key, stored: &Value, object: Value) -> Arc<Value> {
        let resource = Arc::clone(&self.resource);
        if object == *stored || self.dry_run {
            return view(&resource, &Arc::new(object));
        }
        let written = self.core.put(&resource, key.clone(), object);
        view(&resource, &written)
    }

    fn remove(&mut self, key: &Key, stored: &Arc<Value>) -> Arc<Value> {
        let resource = Arc::clone(&self.resource);
        let last = (!self.dry_run)
            .then(|| self.core.remove(&resource, key))
            .flatten();
        view(&resource, &last.unwrap_or_else(|| Arc::clone(stored)))
    }

    pub(crate) fn delete_collection(&mut self) -> Outcome<(u16, Arc<Value>)> {
        self.list_options(false)?;
        self.write_options("DeleteOptions")?;
        let options = self.delete_options()?;
        self.warn_of_orphans(&options);
        let list = self.list()?;
        let mut admitted = Vec::new();
        let mut refusal = None;
        for item in list.get("items").and_then(Value::as_array).into_iter().flatten() {
            let key = Key::of(item);
            match admission::delete(self, &key) {
                Ok(()) => admitted.push(key),
                Err(failure) => {
                    refusal = Some(failure);
                    break;
                }
            }
        }
        // A request that waits for a webhook comes again as a whole: until nobody has to be asked, nothing is deleted.
        let ready = !self.core.attempt.given_up();
        for key in admitted.iter().filter(|_| ready) {
            if self.core.stored(&self.resource.table, key).is_some() {
                self.delete_object(key, &options)?;
            }
        }
        refusal.map_or(Ok((200, Arc::new(list))), Err)
    }

    /// Jobs keep the oldest behaviour, and say so.
    fn warn_of_orphans(&mut self, options: &DeleteOptions) {
        if self.resource.is("batch", "jobs") && options.propagation.is_none() && options.orphan.is_none() {
            self.warn("child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning");
        }
    }
}

fn check_options(options: &DeleteOptions, dry: &[String]) -> Outcome<()> {
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
    causes.extend(crate::call::dry_run_cause(dry.iter().map(String::as_str)));
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

/// Marks an object as being deleted; one that is deleted in a way of its own gets nothing but the time.
fn mark(object: &mut Value, now: jiff::Timestamp, bare: bool) {
    let meta = metadata(object);
    meta.entry("deletionTimestamp")
        .or_insert_with(|| time(now).into());
    if bare {
        return;
    }
    if !meta.contains_key("deletionGracePeriodSeconds") {
        next_generation(meta);
    }
    meta.insert("deletionGracePeriodSeconds".into(), 0.into());
}

/// Gives a pod its time to end: the seconds, or `None` if it has its time already and gets no less.
fn grant(object: &mut Value, now: jiff::Timestamp, asked: Option<i64>) -> Option<i64> {
    let end = manifest::object::deletion_timestamp(object)
        .parse::<jiff::Timestamp>()
        .ok();
    let own = object
        .pointer("/metadata/deletionGracePeriodSeconds")
        .and_then(Value::as_i64);
    let (start, grace) = match end {
        None => (now, strategy::grace(object, asked)),
        Some(end) => {
            let own = own?;
            let asked = asked.map(|asked| if asked < 0 { 1 } else { asked })?;
            if asked >= own {
                return None;
            }
            (
                end.checked_sub(SignedDuration::from_secs(own)).unwrap_or(end),
                asked,
            )
        }
    };
    let until = start
        .checked_add(SignedDuration::from_secs(grace))
        .unwrap_or(start);
    let meta = metadata(object);
    if end.is_none() {
        next_generation(meta);
    }
    meta.insert("deletionTimestamp".into(), time(until).into());
    meta.insert("deletionGracePeriodSeconds".into(), grace.into());
    Some(grace)
}

fn next_generation(meta: &mut Map<String, Value>) {
    let generation = meta.get("generation").and_then(Value::as_i64).unwrap_or(0);
    if generation > 0 {
        meta.insert("generation".into(), (generation + 1).into());
    }
}
