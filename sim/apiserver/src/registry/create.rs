//! Creating objects.

use std::sync::Arc;

use serde_json::Value;

use super::read::{stored_form, view};
use crate::{
    access::escalation,
    admission,
    call::Call,
    failure::{Failure, Outcome},
    fields,
    store::Key,
    strategy,
};

impl Call<'_> {
    pub(crate) fn create(&mut self) -> Outcome<(u16, Arc<Value>)> {
        self.write_options("CreateOptions")?;
        match self.target.subresource.as_str() {
            "binding" => return self.bind(),
            _ if self.resource.is("", "bindings") => return self.bind(),
            "eviction" => return self.evict(),
            "token" => return self.issue_token(),
            _ if self.is_review() => return self.review(),
            _ => {}
        }
        let mut object = self.decode(None)?;
        self.check_namespace(&mut object)?;
        if !matches!(manifest::object::resource_version(&object), "" | "0") {
            return Err(Failure::plain(
                "resourceVersion should not be set on objects to be created",
            ));
        }
        self.drop_duplicate_owners(&mut object);
        self.fill_system_fields(&mut object);
        self.generate_name(&mut object);
        strategy::default(&self.resource, &mut object);
        let object = fields::update(self, None, object);
        let created = self.insert(object)?;
        Ok((201, created))
    }

    /// The part of a creation that PUT and apply share: admission, strategy, validation, storage.
    pub(crate) fn insert(&mut self, mut object: Value) -> Outcome<Arc<Value>> {
        admission::mutate(self, &mut object, None)?;
        escalation::check(self, &object, None)?;
        let resource = Arc::clone(&self.resource);
        strategy::prepare_create(&resource, &mut object);
        let causes = strategy::validate(&resource, "", &object, None);
        if !causes.is_empty() {
            return Err(self.invalid(&object, &causes));
        }
        self.warnings.extend(strategy::warnings(&resource, &object, None));
        admission::settle(self, &mut object);
        admission::validate(self, &object, None)?;
        admission::allocate(self, &mut object, None)?;
        let key = Key::new(
            manifest::object::namespace(&object),
            manifest::object::name(&object),
        );
        if let Some(existing) = self.core.stored(&resource.table, &key) {
            return Err(self.exists(&existing));
        }
        self.convertible(&object, &resource.storage)?;
        if self.dry_run {
            // What the stored version does not know is lost in a dry run too.
            return Ok(view(&resource, &Arc::new(stored_form(&resource, object))));
        }
        let stored = self.core.put(&resource, key, stored_form(&resource, object));
        Ok(view(&resource, &stored))
    }

    fn exists(&self, existing: &Value) -> Box<Failure> {
        let gvr = &self.target.gvr;
        let name = manifest::object::name(existing);
        let mut failure = Failure::already_exists(&gvr.group, &gvr.resource, name);
        if !manifest::object::deletion_timestamp(existing).is_empty() {
            failure.message = format!("object is being deleted: {}", failure.message);
        }
        failure
    }
}
