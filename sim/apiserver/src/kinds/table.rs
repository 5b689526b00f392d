//! The table of built-in kinds of Kubernetes 1.36 in its default configuration, in the order of discovery.

mod core;
mod groups;

use super::{Generation, Kind, Subresource};

const FULL: &[&str] = &[
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];
const CREATE: &[&str] = &["create"];
const STATUS: Subresource = sub("status", "", "", "", &["get", "patch", "update"]);
const SCALE: Subresource = sub("scale", "autoscaling", "v1", "Scale", &["get", "patch", "update"]);

const fn sub(
    name: &'static str,
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    verbs: &'static [&'static str],
) -> Subresource {
    Subresource {
        name,
        group,
        version,
        kind,
        verbs,
    }
}

const fn namespaced(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    resource: &'static str,
    singular: &'static str,
) -> Kind {
    Kind {
        group,
        version,
        kind,
        resource,
        singular,
        short_names: &[],
        categories: &[],
        namespaced: true,
        verbs: FULL,
        subresources: &[],
        generation: Generation::None,
        unconditional_update: true,
        create_on_update: false,
        graceful: false,
        storage: (group, version),
    }
}

const fn cluster(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    resource: &'static str,
    singular: &'static str,
) -> Kind {
    Kind {
        namespaced: false,
        ..namespaced(group, version, kind, resource, singular)
    }
}

impl Kind {
    const fn short(self, short_names: &'static [&'static str]) -> Self {
        Self { short_names, ..self }
    }
    const fn categories(self, categories: &'static [&'static str]) -> Self {
        Self { categories, ..self }
    }
    const fn verbs(self, verbs: &'static [&'static str]) -> Self {
        Self { verbs, ..self }
    }
    const fn sub(self, subresources: &'static [Subresource]) -> Self {
        Self { subresources, ..self }
    }
    const fn generation(self, generation: Generation) -> Self {
        Self { generation, ..self }
    }
    const fn conditional(self) -> Self {
        Self {
            unconditional_update: false,
            ..self
        }
    }
    const fn create_on_update(self) -> Self {
        Self {
            create_on_update: true,
            ..self
        }
    }
    const fn graceful(self) -> Self {
        Self {
            graceful: true,
            ..self
        }
    }
    const fn stored(self, group: &'static str, version: &'static str) -> Self {
        Self {
            storage: (group, version),
            ..self
        }
    }
}

/// All of them: core first, then the groups.
pub(super) static KINDS: &[Kind] = &joined();

const fn joined() -> [Kind; core::KINDS.len() + groups::KINDS.len()] {
    let mut all = [core::KINDS[0]; core::KINDS.len() + groups::KINDS.len()];
    let mut i = 0;
    while i < all.len() {
        all[i] = if i < core::KINDS.len() {
            core::KINDS[i]
        } else {
            groups::KINDS[i - core::KINDS.len()]
        };
        i += 1;
    }
    all
}
