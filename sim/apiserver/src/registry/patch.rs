//! The four kinds of patch.

use std::sync::Arc;

use kube_schema::Document;
use serde_json::Value;

use crate::{
    access,
    call::{Call, Validation},
    failure::{Cause, Failure, Outcome},
    fields,
    registry::view,
    request::{Target, Verb},
    strategy,
};

const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

impl Call<'_> {
    pub(crate) fn patch(&mut self) -> Outcome<(u16, Arc<Value>)> {
        let kind = self.patch_type()?;
        self.more_options("PatchOptions", self.patch_causes(kind))?;
        if self.target.subresource == "scale" {
            return self.patch_scale(kind);
        }
        if kind == APPLY {
            return self.apply();
        }
        let stored = self.stored()?;
        let live = view(&self.resource, &stored);
        let resource = Arc::clone(&self.resource);
        let Some(typed) = strategy::typed(&resource) else {
            return Err(self.not_found());
        };
        let mut object = self.patched(kind, &live, typed)?;
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
        // The type is compared as it is written, parameters apart.
        let given = self.content_type.split(';').next().unwrap_or_default();
        if let Some(kind) = supported.iter().find(|kind| **kind == given) {
            return Ok(kind);
        }
        if ![JSON, MERGE, STRATEGIC, APPLY].contains(&given) {
            return Err(Failure::generic(
                415,
                "UnsupportedMediaType",
                "415: Unsupported Media Type",
            ));
        }
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            supported.join(", ")
        );
        Err(Failure::new(415, "UnsupportedMediaType", message))
    }

    fn patch_causes(&self, kind: &str) -> Vec<Cause> {
        let mut causes = Vec::new();
        if kind == APPLY {
            if self.query.get("fieldManager").is_none() {
                causes.push(Cause::required("fieldManager", "is required for apply patch"));
            }
        } else if self.query.has("force") {
            causes.push(Cause::forbidden(
                "force",
                "may not be specified for non-apply patch",
            ));
        }
        causes
    }

    /// The live object with the request's patch applied and read back into its type.
    pub(crate) fn patched(&mut self, kind: &str, live: &Value, typed: strategy::Typed<'_>) -> Outcome<Value> {
        if kind == STRATEGIC {
            let validation = match self.validation {
                Validation::Ignore => kube_patch::Validation::Ignore,
                Validation::Warn => kube_patch::Validation::Warn,
                Validation::Strict => kube_patch::Validation::Strict,
            };
            let patched = kube_patch::strategic_patch(typed.schema, typed.ty, live, &self.body, validation);
            let patched = patched.map_err(refusal)?;
            patched.findings.iter().for_each(|finding| self.warn(finding));
            return Ok(patched.value);
        }
        let target = if typed.custom {
            Document::from_value(live)
        } else {
            kube_schema::in_order(live, typed.schema, typed.ty)
        };
        let ignore = self.validation == Validation::Ignore;
        let (patched, findings) = if kind == JSON {
            let (operations, findings) = if ignore {
                (
                    kube_patch::operations_ignoring(&self.body).map_err(refusal)?,
                    Vec::new(),
                )
            } else {
                kube_patch::operations(&self.body).map_err(refusal)?
            };
            (
                kube_patch::patch_document(target, &operations).map_err(refusal)?,
                findings,
            )
        } else {
            let patch = if ignore {
                kube_patch::read_merge_patch_ignoring(&self.body)
            } else {
                kube_patch::read_merge_patch(&self.body)
            };
            let patch = patch.map_err(refusal)?;
            (kube_patch::merge_document(&target, &patch), patch.duplicates())
        };
        self.read_back(&patched, findings, typed)
    }

    /// Reads a patched text as if it had come as a body.
    fn read_back(
        &mut self,
        patched: &Document,
        mut findings: Vec<String>,
        typed: strategy::Typed<'_>,
    ) -> Outcome<Value> {
        let text = patched.to_text();
        let unreadable = |problem: &str| refusal(kube_patch::PatchError::unreadable(&text, problem));
        let value = patched.to_value();
        let (own_version, own_kind) = (
            manifest::object::api_version(&value),
            manifest::object::kind(&value),
        );
        let typed = match (typed.custom, own_kind) {
            (true, "") => return Err(unreadable(&format!("Object 'Kind' is missing in '{text}'"))),
            (true, _) | (false, "") => typed,
            // The text is read as what it says it is.
            (false, _) => match strategy::builtin(own_version, own_kind) {
                Some(typed) => typed,
                None => return Err(unreadable(&no_kind(own_version, own_kind))),
            },
        };
        let (more, object) = self
            .read_as(patched, typed)
            .map_err(|problem| unreadable(&problem))?;
        findings.extend(more);
        match self.validation {
            Validation::Ignore => {}
            Validation::Warn => findings.iter().for_each(|finding| self.warn(finding)),
            Validation::Strict if findings.is_empty() => {}
            Validation::Strict => {
                return Err(unreadable(&format!(
                    "strict decoding error: {}",
                    findings.join(", ")
                )));
            }
        }
        Ok(object)
    }

    fn apply(&mut self) -> Outcome<(u16, Arc<Value>)> {
        let applied = self.apply_body()?;
        let key = self.key();
        let stored = self.core.stored(&self.resource.table, &key);
        let Some(stored) = stored else {
            return self.create_by_apply(&applied);
        };
        let live = view(&self.resource, &stored);
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
        let creation = Target {
            verb: Verb::Create,
            ..self.target.clone()
        };
        access::authorize_named(self.core, &self.user, &creation)?;
        let uid = manifest::object::uid(applied);
        if !uid.is_empty() {
            return Err(self.conflict(&format!(
                "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            )));
        }
        let Some(mut object) = fields::apply(self, None, applied)? else {
            return Err(self.not_found());
        };
        self.check_namespace(&mut object)?;
        self.check_name(&mut object)?;
        self.fill_system_fields(&mut object);
        strategy::default(&self.resource, &mut object);
        self.drop_duplicate_owners(&mut object);
        Ok((201, self.insert(object)?))
    }
}

fn no_kind(api_version: &str, kind: &str) -> String {
    format!(
        "no kind {kind:?} is registered for version {api_version:?} in scheme \"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\""
    )
}

pub(crate) fn refusal(error: kube_patch::PatchError) -> Box<Failure> {
    let mut failure = match error.reason {
        "" => Failure::plain(error.message),
        reason => Failure::new(error.code, reason, error.message),
    };
    failure.code = error.code;
    if error.details {
        failure.details.get_or_insert_default();
    }
    match error.cause {
        Some(cause) => failure.with_causes(&[Cause::invalid("patch", cause)]),
        None => failure,
    }
}
