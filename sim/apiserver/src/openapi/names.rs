//! What types are called: `io.k8s.api.apps.v1.Deployment`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use kube_schema::{Builtin, Node, Schema, TypeId};

use crate::strategy::MINOR;

/// Types that all groups share.
const SHARED: [&str; 20] = [
    "APIResource",
    "APIResourceList",
    "Condition",
    "DeleteOptions",
    "FieldSelectorRequirement",
    "FieldsV1",
    "GroupVersionKind",
    "GroupVersionResource",
    "LabelSelector",
    "LabelSelectorRequirement",
    "ListMeta",
    "ManagedFieldsEntry",
    "ObjectMeta",
    "OwnerReference",
    "Preconditions",
    "ShardInfo",
    "Status",
    "StatusCause",
    "StatusDetails",
    "WatchEvent",
];

pub(super) const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// The package of a group's kinds.
pub(super) fn package(group: &str, version: &str) -> String {
    match group {
        "" => format!("io.k8s.api.core.{version}"),
        "apiextensions.k8s.io" => format!("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.{version}"),
        "apiregistration.k8s.io" => format!("io.k8s.kube-aggregator.pkg.apis.apiregistration.{version}"),
        _ => {
            let short = group.split('.').next().unwrap_or_default();
            format!("io.k8s.api.{short}.{version}")
        }
    }
}

/// The name of a kind's type.
pub(super) fn kind(group: &str, version: &str, kind: &str) -> String {
    if SHARED.contains(&kind) {
        format!("{META}.{kind}")
    } else {
        format!("{}.{kind}", package(group, version))
    }
}

/// The schemas of built-in kinds.
pub(super) fn types() -> Option<&'static Builtin> {
    kube_schema::builtin(MINOR)
}

/// Names of the structs of built-in kinds.
pub(super) fn names() -> &'static BTreeMap<TypeId, String> {
    static NAMES: OnceLock<BTreeMap<TypeId, String>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut naming = Naming::default();
        if let Some(types) = types() {
            naming.all(types);
        }
        naming.names
    })
}

#[derive(Default)]
struct Naming {
    names: BTreeMap<TypeId, String>,
    taken: BTreeSet<String>,
}

impl Naming {
    fn all(&mut self, types: &Builtin) {
        let mut kinds: Vec<_> = types.kinds().collect();
        // Kinds of the stable versions give their name to what others share with them; the core group before others.
        kinds.sort_by_key(|((group, version, _), _)| (*version != "v1", !group.is_empty()));
        for ((group, version, name), id) in &kinds {
            if !self.names.contains_key(id) {
                self.give(*id, kind(group, version, name));
            }
        }
        for ((group, version, _), id) in kinds {
            self.below(&types.schema, id, &package(group, version));
        }
    }

    fn give(&mut self, id: TypeId, name: String) {
        let mut unique = name.clone();
        let mut count = 1;
        while !self.taken.insert(unique.clone()) {
            count += 1;
            unique = format!("{name}{count}");
        }
        self.names.insert(id, unique);
    }

    /// Names the structs that a struct has, by the package of who has them first.
    fn below(&mut self, schema: &Schema, id: TypeId, package: &str) {
        let mut open = vec![id];
        let mut seen = BTreeSet::new();
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            match schema.node(id) {
                Node::List(list) => open.push(list.items),
                Node::Map(map) => {
                    if !map.fields.is_empty() && !self.names.contains_key(&id) {
                        self.name(schema, id, package);
                    }
                    open.extend(map.fields.values().map(|field| field.ty).chain(map.values));
                }
                Node::Scalar(_) | Node::Any => {}
            }
        }
    }

    fn name(&mut self, schema: &Schema, id: TypeId, package: &str) {
        let Some(spelling) = schema.spelling(id) else {
            return;
        };
        let short = spelling.rsplit('.').next().unwrap_or(spelling);
        let package = if SHARED.contains(&short) { META } else { package };
        self.give(id, format!("{package}.{short}"));
    }
}
