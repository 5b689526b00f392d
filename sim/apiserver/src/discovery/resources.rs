//! The `APIResourceList` of a version.

use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    core::Core,
    custom::{Definition, Version},
    failure::{Failure, Outcome},
    gvr::api_version,
    kinds::{self, Kind, Subresource},
};

/// The list; `None` where nobody serves the group.
pub(crate) fn resources(core: &Core, group: &str, version: &str) -> Outcome<Option<Value>> {
    let mut list: Vec<Value> = Vec::new();
    for kind in kinds::all()
        .iter()
        .filter(|kind| kind.group == group && kind.version == version)
    {
        if !kind.verbs.is_empty() {
            list.push(resource_entry(kind));
        }
        for sub in kind.subresources {
            list.push(subresource_entry(kind, sub));
        }
    }
    list.sort_by_key(|entry| entry["name"].as_str().unwrap_or_default().to_owned());
    let mut found = !list.is_empty();
    for definition in core
        .state
        .definitions
        .values()
        .filter(|known| known.group == group)
    {
        if let Some(version) = definition.version(version).filter(|version| version.served) {
            found = true;
            list.extend(custom_entries(definition, version));
        }
    }
    if !found {
        return if kinds::all().iter().any(|kind| kind.group == group) {
            Err(Failure::no_resource())
        } else {
            Ok(None)
        };
    }
    let mut document = json!({
        "kind": "APIResourceList", "groupVersion": api_version(group, version), "resources": list,
    });
    // QUIRK: the list of the core group does not say its own version.
    if !group.is_empty() {
        document["apiVersion"] = "v1".into();
    }
    Ok(Some(document))
}

fn hash(group: &str, version: &str, kind: &str) -> String {
    let digest = Sha256::digest(format!("{group}/{version}/{kind}").as_bytes());
    base64::engine::general_purpose::STANDARD.encode(&digest[..8])
}

fn resource_entry(kind: &Kind) -> Value {
    let mut entry = json!({
        "name": kind.resource, "singularName": kind.singular, "namespaced": kind.namespaced,
        "kind": kind.kind, "verbs": kind.verbs,
    });
    if !kind.short_names.is_empty() {
        entry["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        entry["categories"] = json!(kind.categories);
    }
    if kind.verbs.contains(&"get") && kind.resource != "componentstatuses" {
        entry["storageVersionHash"] = hash(kind.storage.0, kind.storage.1, kind.kind).into();
    }
    entry
}

fn subresource_entry(kind: &Kind, sub: &Subresource) -> Value {
    let own = if sub.kind.is_empty() { kind.kind } else { sub.kind };
    let mut entry = json!({
        "name": format!("{}/{}", kind.resource, sub.name), "singularName": "", "namespaced": kind.namespaced,
        "kind": own, "verbs": sub.verbs,
    });
    if !sub.version.is_empty() {
        if !sub.group.is_empty() {
            entry["group"] = sub.group.into();
        }
        entry["version"] = sub.version.into();
    }
    entry
}

const CUSTOM_VERBS: [&str; 8] = [
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "create",
    "update",
    "watch",
];

fn custom_entries(definition: &Definition, version: &Version) -> Vec<Value> {
    let mut entry = json!({
        "name": definition.plural, "singularName": definition.singular, "namespaced": definition.namespaced,
        "kind": definition.kind, "verbs": if definition.terminating { &CUSTOM_VERBS[..5] } else { &CUSTOM_VERBS[..] },
        "storageVersionHash": hash(&definition.group, &definition.storage, &definition.kind),
    });
    if !definition.short_names.is_empty() {
        entry["shortNames"] = json!(definition.short_names);
    }
    if !definition.categories.is_empty() {
        entry["categories"] = json!(definition.categories);
    }
    let mut entries = vec![entry];
    let verbs = ["get", "patch", "update"];
    if version.status {
        entries.push(json!({
            "name": format!("{}/status", definition.plural), "singularName": "", "namespaced": definition.namespaced,
            "kind": definition.kind, "verbs": verbs,
        }));
    }
    if version.scale.is_some() {
        entries.push(json!({
            "name": format!("{}/scale", definition.plural), "singularName": "", "namespaced": definition.namespaced,
            "group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": verbs,
        }));
    }
    entries
}
