//! Aggregated discovery: everything in one document, which clients keep by its tag.

use serde_json::{Map, Value, json};

use super::{
    documents::{Document, kept},
    groups::{Group, groups},
    resources::resources,
};
use crate::{core::Core, dispatch::Reply, request::Incoming};

const MEDIA: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Whether the client asks for this form. Parameters that are not known are passed over.
pub(super) fn wanted(request: &Incoming) -> bool {
    let accept = request.header("accept").unwrap_or_default();
    accept.split(',').any(|clause| {
        let has = |text: &str| clause.split(';').any(|part| part.trim() == text);
        let json = matches!(
            clause.split(';').next().unwrap_or_default().trim(),
            "application/json" | "application/*" | "*/*"
        );
        json && has("g=apidiscovery.k8s.io") && has("v=v2") && has("as=APIGroupDiscoveryList")
    })
}

/// The document of the core group, or of all others.
pub(super) fn document(core: &Core, request: &Incoming, legacy: bool) -> Reply {
    let make = || {
        let groups = if legacy {
            vec![Group {
                name: String::new(),
                versions: vec!["v1".to_owned()],
            }]
        } else {
            groups(core)
        };
        let items: Vec<Value> = groups.iter().map(|group| aggregated_group(core, group)).collect();
        let body = json!({
            "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
        });
        Document::short(crate::encode::json(&body))
    };
    let name = if legacy { "discovery/api" } else { "discovery/apis" };
    super::tagged(request, MEDIA, kept(core, name, make))
}

fn aggregated_group(core: &Core, group: &Group) -> Value {
    let versions: Vec<Value> = group
        .versions
        .iter()
        .map(|version| json!({"version": version, "resources": aggregated(core, &group.name, version), "freshness": "Current"}))
        .collect();
    let mut meta = Map::new();
    if !group.name.is_empty() {
        meta.insert("name".into(), group.name.clone().into());
    }
    json!({"metadata": meta, "versions": versions})
}

fn aggregated(core: &Core, group: &str, version: &str) -> Vec<Value> {
    let Ok(Some(document)) = resources(core, group, version) else {
        return Vec::new();
    };
    let mut list: Vec<Value> = Vec::new();
    let entries = document.get("resources").and_then(Value::as_array);
    for entry in entries.into_iter().flatten() {
        let name = entry["name"].as_str().unwrap_or_default();
        let text = |key: &str, default: &str| {
            entry
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or(default)
                .to_owned()
        };
        let kind = json!({
            "group": text("group", if entry.get("version").is_some() { "" } else { group }),
            "version": text("version", version),
            "kind": text("kind", ""),
        });
        match name.split_once('/') {
            None => {
                let scope = if entry["namespaced"] == Value::Bool(true) {
                    "Namespaced"
                } else {
                    "Cluster"
                };
                let mut item = json!({
                    "resource": name, "responseKind": kind, "scope": scope,
                    "singularResource": entry["singularName"], "verbs": entry["verbs"],
                });
                for key in ["shortNames", "categories"] {
                    if let Some(value) = entry.get(key) {
                        item[key] = value.clone();
                    }
                }
                list.push(item);
            }
            Some((parent, sub)) => {
                let sub = json!({"subresource": sub, "responseKind": kind, "verbs": entry["verbs"]});
                match list.iter_mut().find(|item| item["resource"] == parent) {
                    Some(item) => match item.get_mut("subresources").and_then(Value::as_array_mut) {
                        Some(subs) => subs.push(sub),
                        None => item["subresources"] = json!([sub]),
                    },
                    None => list.push(json!({"resource": parent, "subresources": [sub]})),
                }
            }
        }
    }
    list
}
