//! The four kinds of patch.

use std::sync::Arc;

use kube_schema::Document;
use serde_json::Value;

use crate::{
    call::{Call, Validation},
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
        let mut object = self.accept(patched)?;
        self.check_namespace(&mut object)?;
        self.check_name(&mut object)?;
        strategy::default(&self.resource, &mut object);
        self.drop_duplicate_owners(&mut object);
        let object = fields::update(self, Some(&live), object);
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
    pub(crate) fn patched(&mut self, kind: &str, live: &Value) -> Outcome<Document> {
        let result = match kind {
            JSON => {
                let (operations, findings) = kube_patch::operations(&self.body).map_err(refusal)?;
                self.report_patch(&findings)?;
                kube_patch::patch_document(self.document(live), &operations)
            }
            MERGE => {
                let patch = kube_patch::read_merge_patch(&self.body).map_err(refusal)?;
                self.report_patch(&patch.duplicates())?;
                Ok(kube_patch::merge_document(&self.document(live), &patch))
            }
            _ => {
                let (patch, duplicates) = kube_schema::read_json(&self.body)
                    .map_err(|error| Failure::bad_request(format!("error decoding patch: {error}")))?;
                self.report_patch(&duplicates)?;
                match strategy::typed(&self.resource) {
                    Some(typed) => kube_patch::strategic_merge(typed.schema, typed.ty, live, &patch)
                        .map(|patched| Document::from_value(&patched)),
                    None => return Err(Failure::internal("no schema for a strategic merge")),
                }
            }
        };
        result.map_err(refusal)
    }

    /// The text of an object as the genuine server would write it.
    fn document(&self, live: &Value) -> Document {
        Document::from_value(live)
    }

    fn report_patch(&mut self, findings: &[String]) -> Outcome<()> {
        if findings.is_empty() {
            return Ok(());
        }
        match self.validation {
            Validation::Ignore => {}
            Validation::Warn => findings.iter().for_each(|finding| self.warn(finding)),
            Validation::Strict => {
                return Err(Failure::bad_request(format!("strict decoding error: {}", findings.join(", "))));
            }
        }
        Ok(())
    }

    fn apply(&mut self) -> Outcome<(u16, Arc<Value>)> {
        let applied = self.apply_body()?;
        let key = self.key();
        let stored = self.core.stored(&self.resource.table, &key);
        let Some(stored) = stored else { return self.create_by_apply(&applied) };
        let live = view(&self.resource, &stored);
        self.check_apply_uid(&live, &applied)?;
        let merged = fields::apply(self, Some(&live), &applied)?;
        let mut object = merged.unwrap_or_else(|| (*live).clone());
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
        let Some(mut object) = fields::apply(self, None, applied)? else { return Err(self.not_found()) };
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

fn refusal(error: kube_patch::PatchError) -> Box<Failure> {
    let mut failure = match error.reason {
        "" => Failure::plain(error.message),
        reason => Failure::new(error.code, reason, error.message),
    };
    failure.code = error.code;
    if error.details {
        failure.details.get_or_insert_default();
    }
    failure
}
