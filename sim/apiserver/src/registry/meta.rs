//! What all objects have in common: names, namespaces and the fields the server owns.

use serde_json::{Map, Value};

use crate::{
    call::Call,
    core::time,
    failure::{Failure, Outcome},
};

pub(crate) fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    manifest::object::map_at(object, &["metadata"])
}

impl Call<'_> {
    /// The object's namespace must be the path's, or absent.
    pub(crate) fn check_namespace(&self, object: &mut Value) -> Outcome<()> {
        let own = manifest::object::namespace(object);
        if self.resource.namespaced {
            if own.is_empty() {
                metadata(object).insert("namespace".into(), self.target.namespace.clone().into());
            } else if own != self.target.namespace {
                return Err(Failure::bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ));
            }
        } else if !own.is_empty() {
            // A namespace of a cluster-scoped object is dropped.
            metadata(object).remove("namespace");
        }
        Ok(())
    }

    /// The object's name must be the path's, or absent.
    pub(crate) fn check_name(&self, object: &mut Value) -> Outcome<()> {
        let own = manifest::object::name(object);
        if own.is_empty() {
            return Err(Failure::bad_request(format!(
                "the name of the object ({} based on URL) was undeterminable: name must be provided",
                self.target.name
            )));
        }
        if own != self.target.name {
            return Err(Failure::bad_request(format!(
                "the name of the object ({own}) does not match the name on the URL ({})",
                self.target.name
            )));
        }
        Ok(())
    }

    /// Fields that the server alone sets, on a new object.
    pub(crate) fn fill_system_fields(&mut self, object: &mut Value) {
        let uid = self.core.uid();
        let now = time(self.now);
        let meta = metadata(object);
        meta.insert("uid".into(), uid.into());
        meta.insert("creationTimestamp".into(), now.into());
        for gone in [
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "resourceVersion",
            "selfLink",
        ] {
            meta.remove(gone);
        }
    }

    /// A name for an object that has only `generateName`.
    pub(crate) fn generate_name(&mut self, object: &mut Value) {
        const BASE: usize = 58;
        let prefix = object
            .pointer("/metadata/generateName")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if prefix.is_empty() || !manifest::object::name(object).is_empty() {
            return;
        }
        let cut = prefix
            .char_indices()
            .map(|(at, letter)| at + letter.len_utf8())
            .take_while(|end| *end <= BASE)
            .last()
            .unwrap_or(0);
        let name = format!("{}{}", &prefix[..cut], self.core.suffix(5));
        metadata(object).insert("name".into(), name.into());
        self.generated = Some(prefix);
    }

    /// Owner references that occur twice are kept once.
    pub(crate) fn drop_duplicate_owners(&mut self, object: &mut Value) {
        let Some(owners) = object
            .pointer_mut("/metadata/ownerReferences")
            .and_then(Value::as_array_mut)
        else {
            return;
        };
        let before = owners.len();
        let mut kept: Vec<Value> = Vec::with_capacity(before);
        let mut duplicates: Vec<String> = Vec::new();
        for owner in owners.drain(..) {
            if kept.contains(&owner) {
                duplicates.push(owner["uid"].as_str().unwrap_or_default().to_owned());
            } else {
                kept.push(owner);
            }
        }
        *owners = kept;
        if !duplicates.is_empty() {
            self.warn(format!(
                ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {}",
                duplicates.join(", ")
            ));
        }
    }
}
