//! The list of applied objects as it stands in a status.

use std::collections::BTreeSet;

use flux_api::kustomization::{ResourceInventory, ResourceRef};
use manifest::{Gvk, ObjectRef};

use crate::ChangeSet;

/// The id of an object: `<namespace>_<name>_<group>_<kind>`, colons in names doubled to underscores.
pub fn id(object: &ObjectRef) -> String {
    let name = object.name.replace(':', "__");
    format!(
        "{}_{name}_{}_{}",
        object.namespace, object.gvk.group, object.gvk.kind
    )
}

/// The entry of an object.
pub fn entry(object: &ObjectRef) -> ResourceRef {
    ResourceRef {
        id: id(object),
        version: object.gvk.version.clone(),
    }
}

/// The object of an entry, if the id is one.
pub fn object(entry: &ResourceRef) -> Option<ObjectRef> {
    let (namespace, rest) = entry.id.split_once('_')?;
    let (rest, kind) = rest.rsplit_once('_')?;
    let (name, group) = rest.rsplit_once('_')?;
    Some(ObjectRef {
        gvk: Gvk {
            group: group.to_owned(),
            version: entry.version.clone(),
            kind: kind.to_owned(),
        },
        namespace: namespace.to_owned(),
        name: name.replace("__", ":"),
    })
}

/// The inventory of what was applied, in that order.
pub fn of(changes: &ChangeSet) -> ResourceInventory {
    ResourceInventory {
        entries: changes.0.iter().map(|change| entry(&change.object)).collect(),
    }
}

/// The objects of `old` that `new` has not; a change of the API version alone is no difference.
pub fn stale(old: &ResourceInventory, new: &ResourceInventory) -> Vec<ObjectRef> {
    let kept: BTreeSet<&str> = new.entries.iter().map(|entry| entry.id.as_str()).collect();
    let gone = old
        .entries
        .iter()
        .filter(|entry| !kept.contains(entry.id.as_str()));
    gone.filter_map(object).collect()
}

/// Adds objects that are not there yet.
pub fn merge(inventory: &mut ResourceInventory, objects: &[ObjectRef]) {
    for object in objects {
        let entry = entry(object);
        if !inventory.entries.iter().any(|known| known.id == entry.id) {
            inventory.entries.push(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(api_version: &str, kind: &str, namespace: &str, name: &str) -> ObjectRef {
        ObjectRef {
            gvk: Gvk::new(api_version, kind),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn ids_go_back_and_forth() {
        for (object_ref, expected) in [
            (reference("v1", "ConfigMap", "ns", "name"), "ns_name__ConfigMap"),
            (
                reference("apps/v1", "Deployment", "ns", "name"),
                "ns_name_apps_Deployment",
            ),
            (
                reference("rbac.authorization.k8s.io/v1", "ClusterRole", "", "system:x"),
                "_system__x_rbac.authorization.k8s.io_ClusterRole",
            ),
        ] {
            assert_eq!(id(&object_ref), expected);
            assert_eq!(object(&entry(&object_ref)), Some(object_ref));
        }
    }

    #[test]
    fn a_new_version_is_not_stale() {
        let inventory = |objects: &[ObjectRef]| ResourceInventory {
            entries: objects.iter().map(entry).collect(),
        };
        let old = inventory(&[
            reference("autoscaling/v1", "HorizontalPodAutoscaler", "ns", "a"),
            reference("v1", "ConfigMap", "ns", "gone"),
        ]);
        let new = inventory(&[reference("autoscaling/v2", "HorizontalPodAutoscaler", "ns", "a")]);
        assert_eq!(stale(&old, &new), [reference("v1", "ConfigMap", "ns", "gone")]);
    }
}
