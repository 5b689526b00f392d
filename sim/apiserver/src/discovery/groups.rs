//! API groups: which there are, in which order, with which versions.

use std::{cmp::Reverse, collections::BTreeMap};

use serde_json::{Value, json};

use crate::{core::Core, gvr::api_version, kinds};

/// The order in which clients prefer groups; definitions' groups follow by name.
const ORDER: [&str; 20] = [
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
];

/// One API group.
pub(crate) struct Group {
    pub(crate) name: String,
    /// Preferred version first.
    pub(crate) versions: Vec<String>,
}

impl Group {
    pub(crate) fn legacy(&self, alone: bool) -> Value {
        let entry =
            |version: &String| json!({"groupVersion": api_version(&self.name, version), "version": version});
        let versions: Vec<Value> = self.versions.iter().map(entry).collect();
        let preferred = versions.first().cloned().unwrap_or(Value::Null);
        let mut group = json!({"name": self.name, "versions": versions, "preferredVersion": preferred});
        if alone {
            group["kind"] = "APIGroup".into();
            group["apiVersion"] = "v1".into();
        }
        group
    }
}

/// All groups but the core one: built-in ones in their order, then those of definitions by name.
pub(crate) fn groups(core: &Core) -> Vec<Group> {
    let mut all: BTreeMap<(usize, String), Vec<String>> = BTreeMap::new();
    let mut add = |group: &str, version: &str| {
        let place = ORDER.iter().position(|own| *own == group);
        let versions = all
            .entry((place.unwrap_or(ORDER.len()), group.to_owned()))
            .or_default();
        if !versions.iter().any(|own| own == version) {
            versions.push(version.to_owned());
        }
    };
    for kind in kinds::all().iter().filter(|kind| !kind.group.is_empty()) {
        add(kind.group, kind.version);
    }
    for definition in core.state.definitions.values() {
        for version in definition.versions.iter().filter(|version| version.served) {
            add(&definition.group, &version.name);
        }
    }
    all.into_iter()
        .map(|((_, name), mut versions)| {
            versions.sort_by_key(|version| Reverse(rank(version)));
            Group { name, versions }
        })
        .collect()
}

/// `v2` over `v1` over `v1beta2` over `v1alpha1` over anything else.
fn rank(version: &str) -> (u8, u32, u32) {
    let Some(rest) = version.strip_prefix('v') else {
        return (0, 0, 0);
    };
    let digits = rest.len()
        - rest
            .trim_start_matches(|letter: char| letter.is_ascii_digit())
            .len();
    let Ok(major) = rest[..digits].parse() else {
        return (0, 0, 0);
    };
    let tail = &rest[digits..];
    if tail.is_empty() {
        return (3, major, 0);
    }
    for (stage, name) in [(2, "beta"), (1, "alpha")] {
        if let Some(minor) = tail.strip_prefix(name).and_then(|minor| minor.parse().ok()) {
            return (stage, major, minor);
        }
    }
    (0, 0, 0)
}
