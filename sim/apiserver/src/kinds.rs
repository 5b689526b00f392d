//! The built-in kinds: what they are called, what the server fills in, keeps, resets and refuses.
//!
//! Everything here is a pure function of JSON values. Nothing looks into the store: values that the cluster
//! hands out (cluster IPs, node ports, a Job's selector) are the business of the steps around it.

mod allocate;
mod convert;
mod defaults;
mod prepare;
mod reset;
mod shape;
mod table;
mod time;
mod validate;

pub use allocate::{Pool, Refused, allocate};
pub use convert::convert;
pub use defaults::{default, settle};
pub use prepare::{prepare_create, prepare_update};
pub use reset::reset_fields;
pub use shape::mismatch;
pub use validate::{FieldError, label_key, label_value, summary, validate, warnings};

/// A built-in kind in one API version.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// API group, empty for core.
    pub group: &'static str,
    /// API version, such as `v1`.
    pub version: &'static str,
    /// The kind's name.
    pub kind: &'static str,
    /// The plural in paths.
    pub resource: &'static str,
    /// The singular of discovery.
    pub singular: &'static str,
    /// Short names of discovery.
    pub short_names: &'static [&'static str],
    /// Categories of discovery.
    pub categories: &'static [&'static str],
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Verbs of the resource itself, sorted.
    pub verbs: &'static [&'static str],
    /// Subresources, sorted by name.
    pub subresources: &'static [Subresource],
    /// When `metadata.generation` moves.
    pub generation: Generation,
    /// Whether a PUT without `resourceVersion` is accepted.
    pub unconditional_update: bool,
    /// Whether a PUT creates an absent object.
    pub create_on_update: bool,
    /// Whether deletion observes a grace period.
    pub graceful: bool,
    /// Group and version in which the genuine server stores it: two views of one storage have the same.
    pub storage: (&'static str, &'static str),
}

/// A subresource of a kind.
#[derive(Debug, Clone, Copy)]
pub struct Subresource {
    /// The last path segment.
    pub name: &'static str,
    /// Group of its kind; empty if it is that of the resource.
    pub group: &'static str,
    /// Version of its kind; empty if it is that of the resource.
    pub version: &'static str,
    /// Its kind; empty if it is that of the resource.
    pub kind: &'static str,
    /// Verbs, sorted.
    pub verbs: &'static [&'static str],
}

/// When `metadata.generation` moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// The kind has none.
    None,
    /// 1 at creation, one more with every change of `spec`.
    Spec,
    /// As `Spec`, and with every change of an annotation.
    SpecOrAnnotations,
    /// 1 at creation, one more with every change of this member.
    Member(&'static str),
    /// 1 at creation, one more with every change outside metadata or of a label.
    ContentOrLabels,
    /// 1 at creation, never moved.
    Constant,
    /// Absent at creation, one more with every change of `spec`.
    SpecFromZero,
}

impl Kind {
    /// `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The subresource of this name.
    pub fn subresource(&self, name: &str) -> Option<&'static Subresource> {
        self.subresources.iter().find(|s| s.name == name)
    }

    /// Whether DELETE answers with the deleted object instead of a Status.
    pub fn returns_deleted(&self) -> bool {
        const KINDS: &[&str] = &[
            "CSIDriver",
            "CSINode",
            "DeviceClass",
            "Namespace",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ResourceClaim",
            "ResourceClaimTemplate",
            "ResourceQuota",
            "ResourceSlice",
            "Service",
            "ServiceAccount",
            "StorageClass",
            "VolumeAttachment",
            "VolumeAttributesClass",
        ];
        KINDS.contains(&self.kind)
    }

    /// Whether it has a `status` subresource.
    pub fn has_status(&self) -> bool {
        self.subresource("status").is_some()
    }
}

/// All built-in kinds in the order of discovery, core first.
pub fn all() -> &'static [Kind] {
    table::KINDS
}

/// The kind served at this group, version and plural.
pub fn find(group: &str, version: &str, resource: &str) -> Option<&'static Kind> {
    all()
        .iter()
        .find(|k| k.resource == resource && k.group == group && k.version == version)
}

/// The kind with this group, version and kind.
pub fn find_kind(group: &str, version: &str, kind: &str) -> Option<&'static Kind> {
    all()
        .iter()
        .find(|k| k.kind == kind && k.group == group && k.version == version)
}

#[cfg(test)]
mod tests {
    use super::{all, find, shape};

    #[test]
    fn kinds_are_well_formed() {
        for kind in all() {
            assert!(
                kind.verbs.is_sorted() && kind.subresources.is_sorted_by_key(|s| s.name),
                "{}",
                kind.resource
            );
            assert!(shape::of(kind).is_some(), "{} has a shape", kind.resource);
            let found = find(kind.group, kind.version, kind.resource);
            assert_eq!(found.map(|k| k.kind), Some(kind.kind));
        }
    }
}
