//! Replacing objects, and the second half of every patch.

use std::sync::Arc;

use serde_json::Value;

use super::{
    meta::metadata,
    read::{stored_form, view},
};
use crate::{
    access::{self, escalation},
    admission,
    call::Call,
    failure::{Cause, Failure, Outcome},
    fields,
    request::{Target, Verb},
    strategy,
};

impl Call<'_> {
    pub(crate) fn update(&mut self) -> Outcome<(u16, Arc<Value>)> {
        self.write_options("UpdateOptions")?;
        if self.target.subresource == "scale" {
            return self.put_scale();
        }
        let mut object = self.decode(None)?;
        self.check_namespace(&mut object)?;
        self.check_name(&mut object)?;
        strategy::default(&self.resource, &mut object);
        let key = self.key();
        let Some(stored) = self.core.stored(&self.resource.table, &key) else {
            return self.create_by_put(object);
        };
        let live = view(&self.resource, &stored);
        self.check_uid(&live, &object)?;
        self.drop_duplicate_owners(&mut object);
        let object = fields::update(self, Some(&live), object);
        Ok((200, self.replace(&live, object)?))
    }

    fn create_by_put(&mut self, mut object: Value) -> Outcome<(u16, Arc<Value>)> {
        if !self.resource.create_on_update() || !self.target.subresource.is_empty() {
            return Err(self.not_found());
        }
        let creation = Target {
            verb: Verb::Create,
            ..self.target.clone()
        };
        access::authorize_named(self.core, &self.user, &creation)?;
        self.drop_duplicate_owners(&mut object);
        self.fill_system_fields(&mut object);
        let object = fields::update(self, None, object);
        Ok((201, self.insert(object)?))
    }

    /// A PUT that names a uid is meant for that incarnation.
    fn check_uid(&self, live: &Value, object: &Value) -> Outcome<()> {
        let (asked, real) = (manifest::object::uid(object), manifest::object::uid(live));
        if asked.is_empty() || asked == real {
            return Ok(());
        }
        Err(self.conflict(&format!(
            "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {asked}, UID in object meta: {real}",
            self.storage_key()
        )))
    }

    pub(crate) fn conflict(&self, detail: &str) -> Box<Failure> {
        let gvr = &self.target.gvr;
        Failure::conflict(&gvr.group, &gvr.resource, &self.target.name, detail)
    }

    /// Where the genuine server's storage has the object.
    pub(crate) fn storage_key(&self) -> String {
        let gvr = &self.target.gvr;
        let prefix = strategy::storage_prefix(&gvr.group, &gvr.resource);
        format!("/registry/{prefix}/{}", self.key().as_str())
    }

    /// Brings `object` into the store in place of `live`; both are in the version of the request.
    pub(crate) fn replace(&mut self, live: &Arc<Value>, mut object: Value) -> Outcome<Arc<Value>> {
        let resource = Arc::clone(&self.resource);
        let subresource = self.target.subresource.clone();
        admission::mutate(self, &mut object, Some(live))?;
        escalation::check(self, &object, Some(live))?;
        field_manager::ignore_timestamps(live, &mut object);
        self.check_revision(live, &mut object)?;
        keep_system_fields(live, &mut object, resource.is_custom());
        strategy::prepare_update(&resource, &subresource, &mut object, live);
        strategy::stamp(&resource, &mut object, live, &crate::core::time(self.now));
        let causes = strategy::validate(&resource, &subresource, &object, Some(live));
        if !causes.is_empty() {
            return Err(self.invalid(&object, &causes));
        }
        self.warnings
            .extend(strategy::warnings(&resource, &object, Some(live)));
        admission::validate(self, &object, Some(live))?;
        admission::allocate(self, &mut object, Some(live))?;
        if self.ends_deletion(&object, live) {
            return Ok(self.finish_deletion(live, object));
        }
        if object == **live {
            return Ok(Arc::clone(live));
        }
        self.convertible(&object, &resource.storage)?;
        if self.dry_run {
            return Ok(view(&resource, &Arc::new(stored_form(&resource, object))));
        }
        let key = self.key();
        let stored = self.core.put(&resource, key, stored_form(&resource, object));
        Ok(view(&resource, &stored))
    }

    /// Optimistic locking.
    fn check_revision(&self, live: &Value, object: &mut Value) -> Outcome<()> {
        let asked = manifest::object::resource_version(object).to_owned();
        let real = manifest::object::resource_version(live);
        if asked.is_empty() || asked == "0" {
            if !self.resource.unconditional_update() {
                let cause = Cause::invalid(
                    "metadata.resourceVersion",
                    "Invalid value: 0: must be specified for an update",
                );
                let gvr = &self.target.gvr;
                return Err(Failure::invalid(
                    &gvr.group,
                    &gvr.resource,
                    &self.target.name,
                    &[cause],
                ));
            }
            metadata(object).insert("resourceVersion".into(), real.into());
        } else if asked.parse::<u64>().is_err() {
            return Err(Failure::plain(format!(
                "strconv.ParseUint: parsing {asked:?}: invalid syntax"
            )));
        } else if asked != real {
            let gvr = &self.target.gvr;
            return Err(Failure::modified(&gvr.group, &gvr.resource, &self.target.name));
        }
        Ok(())
    }

    /// A deleted object goes when its last finalizer is taken away.
    fn ends_deletion(&self, object: &Value, live: &Value) -> bool {
        let deleting = !manifest::object::deletion_timestamp(live).is_empty();
        let held = object
            .pointer("/metadata/finalizers")
            .and_then(Value::as_array)
            .is_some_and(|finalizers| !finalizers.is_empty());
        let grace = object
            .pointer("/metadata/deletionGracePeriodSeconds")
            .and_then(Value::as_i64)
            .unwrap_or(0);
        deleting && !held && grace == 0 && strategy::may_vanish(&self.resource, object)
    }

    fn finish_deletion(&mut self, live: &Arc<Value>, object: Value) -> Arc<Value> {
        if !self.dry_run {
            let key = self.key();
            // The last state is written before the removal: watchers see the object without its finalizer go.
            let resource = Arc::clone(&self.resource);
            self.core.remove(&resource, &key);
        }
        let _ = live;
        Arc::new(object)
    }
}

/// What no client can change.
fn keep_system_fields(live: &Value, object: &mut Value, custom: bool) {
    let old = live
        .get("metadata")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let meta = metadata(object);
    for (key, always) in [
        ("generation", true),
        ("selfLink", true),
        ("uid", false),
        ("creationTimestamp", custom),
        ("deletionTimestamp", false),
        ("deletionGracePeriodSeconds", false),
    ] {
        if !always && meta.contains_key(key) {
            continue;
        }
        match old.get(key) {
            Some(value) => meta.insert(key.into(), value.clone()),
            None => meta.remove(key),
        };
    }
}
