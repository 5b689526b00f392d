//! Metadata of all kinds.

use serde_json::Value;

use super::{
    at::At,
    errors::{Errors, quote},
    names, selectors,
};
use crate::kinds::{Kind, shape};

/// How a kind's objects may be called.
#[derive(Debug, Clone, Copy)]
pub(super) enum Name {
    Subdomain,
    Label,
    Segment,
    /// As `Subdomain`, said by the newer judge, which looks at the name alone and counts bytes.
    Declared,
    /// Whatever fits into a path is judged elsewhere.
    Any,
}

/// The metadata of one object.
pub(super) struct Meta<'a> {
    pub(super) kind: &'a Kind,
    pub(super) new: &'a At<'a>,
    pub(super) old: Option<&'a At<'a>>,
}

impl Meta<'_> {
    /// As most kinds judge metadata.
    pub(super) fn whole(&self, name: Name, errors: &mut Errors) {
        self.plain(name, errors);
        self.finalizers(errors);
    }

    /// Without the rule that finalizers are known or have a domain.
    pub(super) fn plain(&self, name: Name, errors: &mut Errors) {
        judge(self.kind, self.new, name, errors);
    }

    /// As most kinds judge metadata that replaces others.
    pub(super) fn update(&self, errors: &mut Errors) {
        self.plain_update(errors);
        if self.old.is_some() {
            self.finalizers(errors);
        }
    }

    pub(super) fn plain_update(&self, errors: &mut Errors) {
        if let Some(old) = self.old {
            replace(self.new, old, errors);
        }
    }

    fn finalizers(&self, errors: &mut Errors) {
        for finalizer in self.new.get("metadata.finalizers").items() {
            let text = finalizer.text();
            if !text.contains('/') && !["kubernetes", "orphan", "foregroundDeletion"].contains(&text) {
                errors.invalid(
                    &finalizer,
                    "name is neither a standard finalizer name nor is it fully qualified",
                );
            }
        }
    }
}

/// What holds for every object that is created, whatever its kind says.
pub(super) fn common_create(kind: &Kind, new: &At<'_>, errors: &mut Errors) {
    judge(kind, new, Name::Segment, errors);
}

/// What holds for every object that replaces another.
pub(super) fn common_update(kind: &Kind, new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    judge(kind, new, Name::Segment, errors);
    replace(new, old, errors);
}

fn check(name: Name, text: &str, prefix: bool) -> Vec<String> {
    // QUIRK: a dash at the end of a prefix stands for what will follow, and takes its neighbour with it.
    let masked = match text.strip_suffix('-') {
        Some(rest) if prefix && text.len() > 1 => {
            let kept: String = rest.chars().take(rest.chars().count() - 1).collect();
            format!("{kept}a")
        }
        _ => text.to_owned(),
    };
    match name {
        Name::Subdomain => names::subdomain(&masked),
        Name::Label => names::label(&masked),
        Name::Segment => names::path_segment(text, prefix),
        Name::Declared if prefix => Vec::new(),
        Name::Declared => names::subdomain_in_bytes(text),
        Name::Any => Vec::new(),
    }
}

fn judge(kind: &Kind, new: &At<'_>, name: Name, errors: &mut Errors) {
    let meta = new.get("metadata");
    let prefix = meta.get("generateName");
    if !prefix.is_empty() {
        errors.invalid_each(&prefix, &check(name, prefix.text(), true));
    }
    let given = meta.get("name");
    if given.is_empty() {
        errors.required(&given, "name or generateName is required");
    } else {
        errors.invalid_each(&given, &check(name, given.text(), false));
    }
    let namespace = meta.get("namespace");
    match (kind.namespaced, namespace.is_empty()) {
        (true, true) => errors.required(&namespace, ""),
        (true, false) => errors.invalid_each(&namespace, &names::label(namespace.text())),
        (false, false) => errors.forbidden(&namespace, "not allowed on this type"),
        (false, true) => {}
    }
    errors.not_negative(&meta.get("generation"));
    selectors::labels(&meta.get("labels"), errors);
    annotations(&meta.get("annotations"), errors);
    owners(&meta.get("ownerReferences"), errors);
    finalizers(&meta.get("finalizers"), errors);
    managed_fields(&meta.get("managedFields"), errors);
}

fn replace(new: &At<'_>, old: &At<'_>, errors: &mut Errors) {
    let (meta, before) = (new.get("metadata"), old.get("metadata"));
    if before.get("deletionTimestamp").is_set() {
        let known = before.get("finalizers");
        let mut added: Vec<&str> = meta
            .get("finalizers")
            .items()
            .map(|f| f.text())
            .filter(|f| !known.items().any(|k| k.text() == *f))
            .collect();
        added.sort_unstable();
        added.dedup();
        if !added.is_empty() {
            let list: Vec<String> = added.into_iter().map(quote).collect();
            let text = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                list.join(", ")
            );
            errors.forbidden(&meta.get("finalizers"), &text);
        }
    }
    let revision = meta.get("resourceVersion");
    if revision.is_empty() {
        errors.invalid_as(&revision, &quote(""), "must be specified for an update");
    }
    if meta.get("generation").number() < before.get("generation").number() {
        errors.invalid(&meta.get("generation"), "must not be decremented");
    }
    for name in ["name", "namespace", "uid"] {
        let (a, b) = (meta.get(name), before.get(name));
        errors.immutable_as(&a, &b, &quote(a.text()));
    }
    for name in [
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        errors.immutable(&meta.get(name), &before.get(name));
    }
    selectors::labels(&meta.get("labels"), errors);
    annotations(&meta.get("annotations"), errors);
    owners(&meta.get("ownerReferences"), errors);
    managed_fields(&meta.get("managedFields"), errors);
}

/// Annotations: names whose case does not matter, and a limit for all together.
pub(super) fn annotations(at: &At<'_>, errors: &mut Errors) {
    let mut size = 0;
    for (name, value) in at.entries() {
        for message in names::qualified(&name.to_lowercase()) {
            errors.invalid_as(at, &quote(name), &message);
        }
        size += name.len() + value.text().len();
    }
    if size > 256 * 1024 {
        errors.too_long(at, 256 * 1024);
    }
}

fn owners(at: &At<'_>, errors: &mut Errors) {
    let mut controller: Option<String> = None;
    for owner in at.items() {
        let (version, kind) = (owner.get("apiVersion").text(), owner.get("kind").text());
        // QUIRK: the path has no index.
        let place = |name: &str| At::new(format!("{}.{name}", at.path()), owner.get(name).value());
        let given = version.rsplit('/').next().unwrap_or_default();
        if given.is_empty() || version.matches('/').count() > 1 {
            errors.invalid_as(&place("apiVersion"), &quote(version), "version must not be empty");
        }
        for name in ["kind", "name", "uid"] {
            if owner.get(name).is_empty() {
                errors.invalid_as(&place(name), "\"\"", "must not be empty");
            }
        }
        if version == "v1" && kind == "Event" {
            let shown = ordered("meta/v1.OwnerReference", owner.value());
            errors.invalid_as(at, &shown, "/v1, Kind=Event is disallowed from being an owner");
        }
        if owner.get("controller").is_true() {
            let this = format!("{kind}/{}", owner.get("name").text());
            match &controller {
                None => controller = Some(this),
                Some(first) => {
                    let list: Vec<String> = at
                        .items()
                        .map(|o| ordered("meta/v1.OwnerReference", o.value()))
                        .collect();
                    let text = "Only one reference can have Controller set to true. Found \"true\" in references for";
                    errors.invalid_as(
                        at,
                        &format!("[{}]", list.join(",")),
                        &format!("{text} {first} and {this}"),
                    );
                }
            }
        }
    }
}

fn finalizers(at: &At<'_>, errors: &mut Errors) {
    for finalizer in at.items() {
        for message in names::qualified(finalizer.text()) {
            errors.invalid_as(at, &quote(finalizer.text()), &message);
        }
    }
    let has = |name: &str| at.items().any(|f| f.text() == name);
    if has("orphan") && has("foregroundDeletion") {
        errors.invalid(at, "finalizer orphan and foregroundDeletion cannot be both set");
    }
}

fn managed_fields(at: &At<'_>, errors: &mut Errors) {
    for entry in at.items() {
        let operation = entry.get("operation");
        if !["Apply", "Update"].contains(&operation.text()) {
            errors.invalid_as(
                &operation,
                &quote(operation.text()),
                "must be `Apply` or `Update`",
            );
        }
        let kind = entry.get("fieldsType");
        if !["", "FieldsV1"].contains(&kind.text()) {
            errors.invalid(&kind, "must be `FieldsV1`");
        }
        let manager = entry.get("manager");
        if manager.len() > 128 {
            errors.too_long(&manager, 128);
        }
        for (i, c) in manager.text().char_indices() {
            if c.is_control() {
                let text = format!("invalid character U+{:04X} (at position {i})", u32::from(c));
                errors.invalid(&manager, &text);
            }
        }
        if entry.get("subresource").len() > 256 {
            errors.too_long(&entry.get("subresource"), 256);
        }
    }
}

/// A value in the member order of its own type.
pub(super) fn ordered(shape: &str, value: &Value) -> String {
    shape::by_name(shape).map_or_else(|| value.to_string(), |index| shape::print(index, value))
}
