//! When a Kustomization becomes Ready, its inventory is exactly what it owns in the cluster.

use std::{collections::BTreeMap, collections::BTreeSet, sync::Arc};

use serde_json::Value;

use super::KUSTOMIZE_GROUP;
use crate::{
    journal::{Key, Seen},
    verdict::Miss,
};

const NAME_LABEL: &str = "kustomize.toolkit.fluxcd.io/name";
const NAMESPACE_LABEL: &str = "kustomize.toolkit.fluxcd.io/namespace";
const PRUNE: &str = "kustomize.toolkit.fluxcd.io/prune";

/// The objects in a Kustomization's inventory.
pub(super) fn entries(kustomization: &Value) -> Vec<Key> {
    let entries = kustomization
        .pointer("/status/inventory/entries")
        .and_then(Value::as_array);
    entries
        .into_iter()
        .flatten()
        .filter_map(|entry| parse(entry["id"].as_str()?))
        .collect()
}

/// Reads `<namespace>_<name>_<group>_<kind>`; names hold no underscore, a colon in them is written as two.
fn parse(id: &str) -> Option<Key> {
    let (namespace, rest) = id.split_once('_')?;
    let (rest, kind) = rest.rsplit_once('_')?;
    let (name, group) = rest.rsplit_once('_')?;
    Some(Key {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.replace("__", ":"),
    })
}

/// Judges an observation; what is wrong comes with the object that is missing or too much.
pub(super) fn check(seen: &Seen, objects: &BTreeMap<Key, Arc<Value>>) -> Result<(), Box<(Miss, Key)>> {
    if seen.key.group != KUSTOMIZE_GROUP || !became_ready(seen) {
        return Ok(());
    }
    let inventory: BTreeSet<Key> = entries(&seen.object).into_iter().collect();
    if let Some(missing) = inventory.iter().find(|key| !objects.contains_key(key)) {
        let message = format!(
            "{} has {missing} in its inventory, which does not exist",
            seen.key
        );
        let miss = Miss::failed("invariant.inventory", message);
        return Err(Box::new((miss, missing.clone())));
    }
    if seen.object["spec"]["prune"] != Value::Bool(true) {
        return Ok(());
    }
    let owned = |object: &Value| {
        let metadata = &object["metadata"];
        metadata["labels"][NAME_LABEL] == seen.key.name
            && metadata["labels"][NAMESPACE_LABEL] == seen.key.namespace
            && metadata["annotations"][PRUNE] != "disabled"
            && metadata["labels"][PRUNE] != "disabled"
            && metadata.get("deletionTimestamp").is_none()
    };
    match objects
        .iter()
        .find(|(key, object)| owned(object) && !is_derived(key) && !inventory.contains(key))
    {
        Some((key, _)) => {
            let message = format!("{} owns {key}, which is not in its inventory", seen.key);
            Err(Box::new((
                Miss::failed("invariant.inventory", message),
                key.clone(),
            )))
        }
        None => Ok(()),
    }
}

/// Whether Kubernetes itself makes such objects, with the labels of the Service that they belong to.
fn is_derived(key: &Key) -> bool {
    matches!(
        (key.group.as_str(), key.kind.as_str()),
        ("", "Endpoints") | ("discovery.k8s.io", "EndpointSlice")
    )
}

/// Whether this observation is the end of a successful reconciliation: upstream writes the conditions first and the
/// rest of the status in a second patch, so the record of what was reconciled is the sign.
fn became_ready(seen: &Seen) -> bool {
    let ready = |object: &Value| {
        let mut conditions = crate::matching::conditions(object);
        conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    };
    let reconciled = |object: &Value| {
        ["/status/history", "/status/lastAppliedRevision"].map(|at| object.pointer(at).cloned())
    };
    let Some(before) = &seen.before else {
        return false;
    };
    ready(&seen.object)
        && seen.object.pointer("/metadata/deletionTimestamp").is_none()
        && reconciled(before) != reconciled(&seen.object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inventory_ids_name_objects() {
        let key = parse("apps_web_apps_Deployment").unwrap();
        assert_eq!(key.to_string(), "Deployment/apps/web");
        let role = parse("_system__node_rbac.authorization.k8s.io_ClusterRole").unwrap();
        assert_eq!(
            (role.name.as_str(), role.group.as_str()),
            ("system:node", "rbac.authorization.k8s.io")
        );
        let core = parse("default_settings__ConfigMap").unwrap();
        assert_eq!((core.name.as_str(), core.group.as_str()), ("settings", ""));
    }
}
