//! ControllerRevisions: what a StatefulSet's or DaemonSet's template was at each of its revisions.

use std::sync::Arc;

use manifest::object;
use serde_json::{Value, json};

use crate::{
    actor::Actor,
    owned,
    resources::{REVISIONS, Resource},
};

/// The `data` of a revision: a patch that puts the template back.
pub(crate) fn data(owner: &Value) -> Value {
    let mut template = owner.pointer("/spec/template").cloned().unwrap_or_default();
    object::map_at(&mut template, &[]).insert("$patch".to_owned(), json!("replace"));
    json!({"spec": {"template": template}})
}

/// The data as Go writes it: sorted, with HTML's letters escaped.
pub(crate) fn text(data: &Value) -> String {
    data.to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// The revisions of an owner, oldest first.
pub(crate) fn of(actor: &Actor, kind: Resource, owner: &Value) -> Vec<Arc<Value>> {
    let mut all = owned::claimed(actor, REVISIONS, kind, owner);
    all.sort_by_key(|revision| (number(revision), object::name(revision).to_owned()));
    all
}

pub(crate) fn number(revision: &Value) -> i64 {
    revision
        .get("revision")
        .and_then(Value::as_i64)
        .unwrap_or_default()
}

/// What is written into a new revision's metadata.
pub(crate) struct Naming<'a> {
    pub(crate) hash: &'a str,
    pub(crate) label: &'a str,
}

/// The revision of the present template: the known one of the same data, made the newest, or a new one.
pub(crate) fn current(
    actor: &Actor,
    kind: Resource,
    owner: &Value,
    known: &[Arc<Value>],
    naming: &Naming<'_>,
) -> Option<Arc<Value>> {
    let data = data(owner);
    let newest = known.last().map_or(0, |revision| number(revision));
    if let Some(same) = known.iter().rfind(|revision| revision.get("data") == Some(&data)) {
        if number(same) == newest {
            return Some(Arc::clone(same));
        }
        let written = actor.update(REVISIONS, same, |body| body["revision"] = json!(newest + 1));
        return written.ok().map(Arc::new);
    }
    let mut labels = owner
        .pointer("/spec/template/metadata/labels")
        .cloned()
        .unwrap_or_else(|| json!({}));
    object::map_at(&mut labels, &[]).insert(naming.label.to_owned(), json!(naming.hash));
    let mut metadata = json!({
        "name": format!("{}-{}", object::name(owner), naming.hash),
        "namespace": object::namespace(owner),
        "labels": labels,
        "ownerReferences": owned::references(kind, owner),
    });
    if let Some(annotations) = object::annotations(owner).filter(|all| !all.is_empty()) {
        metadata["annotations"] = json!(annotations);
    }
    let body = json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata, "data": data,
        "revision": newest + 1,
    });
    actor
        .create(REVISIONS, object::namespace(owner), &body)
        .ok()
        .map(Arc::new)
}

/// Deletes the oldest revisions that nobody lives by, beyond `revisionHistoryLimit`.
pub(crate) fn truncate(actor: &Actor, owner: &Value, known: &[Arc<Value>], live: impl Fn(&Value) -> bool) {
    let keep = owned::spec_count(owner, "revisionHistoryLimit", 10);
    let idle: Vec<_> = known.iter().filter(|revision| !live(revision)).collect();
    for revision in idle.iter().take(idle.len().saturating_sub(keep)) {
        actor.delete(REVISIONS, revision, None);
    }
}

/// The owner as it was at a revision.
pub(crate) fn restored(owner: &Value, revision: &Value) -> Value {
    let mut before = owner.clone();
    if let Some(template) = revision.pointer("/data/spec/template") {
        let mut template = template.clone();
        object::map_at(&mut template, &[]).remove("$patch");
        object::map_at(&mut before, &["spec"]).insert("template".to_owned(), template);
    }
    before
}
