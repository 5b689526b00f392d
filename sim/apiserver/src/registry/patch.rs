//! The four kinds of patch.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    call::Call,
    failure::{Cause, Failure, Outcome},
    fields, media,
    registry::view,
    strategy,
};

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

impl Call<'_> {
    pub(crate) fn patch(&mut self) -> Outcome<(u16, Arc<Value>)> {
        let kind = self.patch_type()?;
        self.write_options("PatchOptions")?;
        self.check_patch_options(kind)?;
        if self.target.subresource == "scale" {
            return self.patch_scale(kind);
        }
        if kind == APPLY {
            return self.apply();
        }
        let stored = self.stored()?;
        let live = view(&self.resource, &stored);
        let patched = self.patched(kind, &live)?;
        let mut object = self.accept(patched, Some(&live))?;
        self.check_namespace(&mut object)?;
        self.check_name(&mut object)?;
        strategy::default(&self.resource, &mut object);
        self.drop_duplicate_owners(&mut object);
        let object = fields::update(self, &live, object);
        Ok((200, self.replace(&live, object)?))
    }

    fn patch_type(&self) -> Outcome<&'static str> {
        let supported: &[&'static str] = if self.resource.is_custom() {
            &[JSON, MERGE, APPLY]
        } else {
            &[JSON, MERGE, STRATEGIC, APPLY]
        };
        let given = media::essence(&self.content_type);
        if let Some(kind) = supported.iter().find(|kind| **kind == given) {
            return Ok(kind);
        }
        if self.content_type.is_empty() || !given.contains('/') {
            return Err(Failure::generic(415, "UnsupportedMediaType", "415: Unsupported Media Type"));
        }
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            supported.join(", ")
        );
        Err(Failure::new(415, "UnsupportedMediaType", message))
    }

    fn check_patch_options(&self, kind: &str) -> Outcome<()> {
        let mut causes = Vec::new();
        if kind == APPLY {
            if self.query.get("fieldManager").is_none() {
                causes.push(Cause::required("fieldManager", "is required for apply patch"));
            }
        } else if self.query.has("force") {
            causes.push(Cause::forbidden("force", "may not be specified for non-apply patch"));
        }
        if causes.is_empty() {
            return Ok(());
        }
        Err(Failure::invalid("meta.k8s.io", "PatchOptions", "", &causes))
    }

    /// The live object with the request's patch applied, not yet decoded.
    pub(crate) fn patched(&mut self, kind: &str, live: &Value) -> Outcome<Value> {
        let patch = self.patch_body(kind)?;
        if kind == MERGE {
            let mut target = live.clone();
            merge(&mut target, &patch);
            return Ok(target);
        }
        Err(Failure::internal("this patch type is not there yet"))
    }

    fn apply(&mut self) -> Outcome<(u16, Arc<Value>)> {
        let applied = self.apply_body()?;
        let key = self.key();
        let stored = self.core.stored(&self.resource.table, &key);
        let Some(stored) = stored else { return self.create_by_apply(&applied) };
        let live = view(&self.resource, &stored);
        self.check_apply_uid(&live, &applied)?;
        let mut object = fields::apply(self, &live, &applied)?;
        self.check_namespace(&mut object)?;
        self.check_name(&mut object)?;
        strategy::default(&self.resource, &mut object);
        self.drop_duplicate_owners(&mut object);
        Ok((200, self.replace(&live, object)?))
    }

    fn create_by_apply(&mut self, applied: &Value) -> Outcome<(u16, Arc<Value>)> {
        if !self.target.subresource.is_empty() {
            return Err(self.not_found());
        }
        let uid = manifest::object::uid(applied);
        if !uid.is_empty() {
            return Err(self.conflict(&format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found")));
        }
        let named = json!({ "metadata": { "name": self.target.name } });
        let empty = self.empty_live(&named);
        let mut object = fields::apply(self, &empty, applied)?;
        self.check_namespace(&mut object)?;
        self.check_name(&mut object)?;
        self.fill_system_fields(&mut object);
        strategy::default(&self.resource, &mut object);
        self.drop_duplicate_owners(&mut object);
        Ok((201, self.insert(object)?))
    }

    fn check_apply_uid(&self, live: &Value, applied: &Value) -> Outcome<()> {
        let (asked, real) = (manifest::object::uid(applied), manifest::object::uid(live));
        if asked.is_empty() || asked == real {
            return Ok(());
        }
        Err(self.conflict(&format!(
            "uid mismatch: the provided object specified uid {asked}, and the existing object has uid {real}"
        )))
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Some(members) = target.as_object_mut() else { return };
    for (key, value) in patch {
        if value.is_null() {
            members.remove(key);
        } else {
            merge(members.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
