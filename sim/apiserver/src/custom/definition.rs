//! What is wrong with a definition, in the genuine words and order.
//!
//! The genuine server judges its internal form, in which what all versions share stands once, above them. So do the
//! paths in its messages, which this module imitates.

mod defaults;
mod dump;
mod fields;
mod openapi;
mod rules;
mod spec;
mod structural;
#[cfg(test)]
mod tests;
mod warnings;

use std::collections::BTreeSet;

use serde_json::Value;

pub(crate) use self::{
    dump::json,
    fields::valid_path,
    warnings::{known_format, warnings},
};
use crate::failure::Cause;

/// The schema that a version has, in the internal form.
struct Shared<'a> {
    versions: &'a [Value],
    schema: bool,
    subresources: bool,
    columns: bool,
    selectable: bool,
}

impl<'a> Shared<'a> {
    fn of(definition: &'a Value) -> Self {
        let versions = definition
            .pointer("/spec/versions")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        let same = |key: &str| {
            let first = versions.first().and_then(|version| version.get(key));
            versions.iter().all(|version| version.get(key) == first)
        };
        Self {
            schema: same("schema"),
            subresources: same("subresources"),
            columns: same("additionalPrinterColumns"),
            selectable: same("selectableFields"),
            versions,
        }
    }
}

/// How strictly a definition is judged.
struct Options {
    /// Versions whose schema stays what it was.
    unchanged: BTreeSet<String>,
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Cause {
    let shown = match value {
        Value::String(text) => kube_schema::gotext::quote(text),
        other => dump::json(other),
    };
    Cause::invalid(field, format!("Invalid value: {shown}: {detail}"))
}

fn invalid_text(field: impl Into<String>, value: &str, detail: &str) -> Cause {
    invalid(field, &Value::from(value), detail)
}

fn unsupported(field: impl Into<String>, value: &str, allowed: &[&str]) -> Cause {
    let shown: Vec<String> = allowed
        .iter()
        .map(|own| kube_schema::gotext::quote(own))
        .collect();
    let message = format!(
        "Unsupported value: {}: supported values: {}",
        kube_schema::gotext::quote(value),
        shown.join(", ")
    );
    Cause::new("FieldValueNotSupported", field, message)
}

/// Everything wrong with a definition that is created (`old` is `None`) or replaces `old`.
pub(crate) fn check(new: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    let group = new
        .pointer("/spec/group")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if old.is_none() {
        let plural = new
            .pointer("/spec/names/plural")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let name = manifest::object::name(new);
        if !name.is_empty() && name != format!("{plural}.{group}") {
            causes.push(invalid_text(
                "metadata.name",
                name,
                "must be spec.names.plural+\".\"+spec.group",
            ));
        }
    }
    let options = Options {
        unchanged: unchanged(new, old),
    };
    spec::check(new, &options, &mut causes);
    if let Some(old) = old {
        immutable(new, old, &mut causes);
    }
    stored_versions(new, &mut causes);
    approval(new, old, group, &mut causes);
    let keeps =
        |definition: &Value| definition.pointer("/spec/preserveUnknownFields") == Some(&Value::Bool(true));
    if keeps(new) && !old.is_some_and(keeps) {
        causes.push(invalid(
            "spec.preserveUnknownFields",
            &Value::Bool(true),
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
        ));
    }
    causes
}

fn unchanged(new: &Value, old: Option<&Value>) -> BTreeSet<String> {
    let versions = |definition: &Value| -> Vec<Value> {
        let list = definition.pointer("/spec/versions").and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let before = old.map(versions).unwrap_or_default();
    let kept = versions(new).into_iter().filter(|version| {
        before
            .iter()
            .any(|old| old["name"] == version["name"] && old.get("schema") == version.get("schema"))
    });
    kept.map(|version| text(&version, "name").to_owned()).collect()
}

fn immutable(new: &Value, old: &Value, causes: &mut Vec<Cause>) {
    let conditions = old.pointer("/status/conditions").and_then(Value::as_array);
    let established = conditions
        .into_iter()
        .flatten()
        .any(|own| own["type"] == "Established" && own["status"] == "True");
    for (path, pointer, always) in [
        ("spec.scope", "/spec/scope", false),
        ("spec.names.kind", "/spec/names/kind", false),
        ("spec.group", "/spec/group", true),
        ("spec.names.plural", "/spec/names/plural", true),
    ] {
        let own = new.pointer(pointer).unwrap_or(&Value::Null);
        if (always || established) && Some(own) != old.pointer(pointer) {
            causes.push(invalid(path, own, "field is immutable"));
        }
    }
}

fn stored_versions(new: &Value, causes: &mut Vec<Cause>) {
    const FIELD: &str = "status.storedVersions";
    let status = new.get("status").unwrap_or(&Value::Null);
    let stored = list(status, "storedVersions");
    let shown = status.get("storedVersions").cloned().unwrap_or_default();
    if stored.is_empty() {
        causes.push(invalid(FIELD, &shown, "must have at least one stored version"));
        return;
    }
    let versions = Shared::of(new).versions;
    for version in versions.iter().filter(|version| flag(version, "storage")) {
        if !stored.contains(&version["name"]) {
            let detail = format!("must have the storage version {}", text(version, "name"));
            causes.push(invalid(FIELD, &shown, &detail));
        }
    }
    for (at, name) in stored.iter().enumerate() {
        let own = name.as_str().unwrap_or_default();
        if !versions.iter().any(|version| version["name"] == *name) {
            let detail = format!(
                "missing from spec.versions; {own} was previously a storage version, and must remain in spec.versions \
                 until a storage migration ensures no data remains persisted in {own} and removes {own} from \
                 status.storedVersions"
            );
            causes.push(invalid(format!("{FIELD}[{at}]"), name, &detail));
        }
    }
}

/// What the approval of an API in a group of the community says.
#[derive(PartialEq, Eq)]
enum Approval {
    Missing,
    Given,
    Bypassed,
    Invalid,
}

const APPROVED: &str = "api-approved.kubernetes.io";
const POLICY: &str = "see https://github.com/kubernetes/enhancements/pull/1111";

fn annotation(definition: &Value) -> &str {
    definition
        .pointer("/metadata/annotations")
        .map_or("", |annotations| text(annotations, APPROVED))
}

fn approval_of(definition: &Value) -> (Approval, String) {
    let annotation = annotation(definition);
    let wanted = format!("protected groups must have approval annotation \"{APPROVED}\"");
    if annotation.is_empty() {
        return (Approval::Missing, format!("{wanted}, {POLICY}"));
    }
    if annotation.starts_with("unapproved") {
        return (
            Approval::Bypassed,
            format!("not approved: {}", kube_schema::gotext::quote(annotation)),
        );
    }
    let address = annotation.split_once("://").is_some_and(|(scheme, rest)| {
        let host = rest.split('/').next().unwrap_or_default();
        !scheme.is_empty() && scheme.chars().all(|letter| letter.is_ascii_alphanumeric()) && !host.is_empty()
    });
    if address {
        return (Approval::Given, format!("approved in {annotation}"));
    }
    (
        Approval::Invalid,
        format!("{wanted} with either a URL or a reason starting with \"unapproved\", {POLICY}"),
    )
}

fn protected(group: &str) -> bool {
    ["k8s.io", "kubernetes.io"]
        .iter()
        .any(|own| group == *own || group.ends_with(&format!(".{own}")))
}

/// Status, reason and message of the condition that tells of the approval; `None` outside of the protected groups.
pub(crate) fn approval_condition(definition: &Value) -> Option<(&'static str, &'static str, String)> {
    let group = definition.pointer("/spec/group").and_then(Value::as_str)?;
    let (approval, message) = approval_of(definition);
    let (status, reason) = match approval {
        Approval::Missing => ("False", "MissingAnnotation"),
        Approval::Invalid => ("False", "InvalidAnnotation"),
        Approval::Bypassed => ("False", "UnapprovedAnnotation"),
        Approval::Given => ("True", "ApprovedAnnotation"),
    };
    protected(group).then_some((status, reason, message))
}

fn approval(new: &Value, old: Option<&Value>, group: &str, causes: &mut Vec<Cause>) {
    let (now, why) = approval_of(new);
    if !protected(group) || old.is_some_and(|old| approval_of(old).0 == now) {
        return;
    }
    let field = format!("metadata.annotations[{APPROVED}]");
    match now {
        Approval::Given | Approval::Bypassed => {}
        Approval::Missing => causes.push(Cause::required(field, &why)),
        Approval::Invalid => causes.push(invalid_text(field, annotation(new), &why)),
    }
}
