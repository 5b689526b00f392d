//! The documents that say which groups, versions and resources there are.
//!
//! DIFFERENCE: the aggregated documents and `storageVersionHash` are not served; clients fall back to these.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    core::Core,
    custom::Definition,
    gvr::api_version,
    kinds::{self, Kind, Subresource},
};

/// The verbs of a custom resource, in the genuine server's order.
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

/// The document at a path below `/api` or `/apis`, without a slash at its end.
pub(super) fn document(core: &Core, path: &str) -> Option<Value> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match *parts.as_slice() {
        ["api"] => Some(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
        ["api", version] => resources(core, "", version),
        ["apis"] => {
            let groups: Vec<Value> = groups(core).iter().map(|(name, versions)| group(name, versions)).collect();
            Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        ["apis", name] => {
            let versions = groups(core).into_iter().find(|(group, _)| group == name)?.1;
            let mut document = group(name, &versions);
            document["kind"] = json!("APIGroup");
            document["apiVersion"] = json!("v1");
            Some(document)
        }
        ["apis", name, version] => resources(core, name, version),
        _ => None,
    }
}

/// Every named group with its versions, the preferred one first: built-in groups as the table has them, then others.
fn groups(core: &Core) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut add = |group: &str, version: &str| {
        let at = found.iter().position(|(known, _)| known == group).unwrap_or_else(|| {
            found.push((group.to_owned(), Vec::new()));
            found.len() - 1
        });
        let versions = &mut found[at].1;
        if !versions.iter().any(|known| known == version) {
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
    for (_, versions) in &mut found {
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
    }
    found
}

/// Stable versions before beta before alpha, newer ones first.
fn priority(version: &str) -> (u8, u32, u32) {
    let (major, rest) = version
        .trim_start_matches('v')
        .split_once(|c: char| !c.is_ascii_digit())
        .unwrap_or((version.trim_start_matches('v'), ""));
    let level = if rest.is_empty() {
        2
    } else {
        u8::from(version.contains("beta"))
    };
    let minor = version
        .rsplit(|c: char| !c.is_ascii_digit())
        .next()
        .and_then(|digits| digits.parse().ok());
    (level, major.parse().unwrap_or_default(), minor.unwrap_or_default())
}

fn group(name: &str, versions: &[String]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({"groupVersion": api_version(name, version), "version": version}))
        .collect();
    json!({"name": name, "preferredVersion": versions.first(), "versions": versions})
}

/// The resources of one group and version; none at all is no document.
fn resources(core: &Core, group: &str, version: &str) -> Option<Value> {
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    for kind in kinds::all().iter().filter(|kind| kind.group == group && kind.version == version) {
        found.insert(kind.resource.to_owned(), builtin(kind));
        for sub in kind.subresources {
            found.insert(format!("{}/{}", kind.resource, sub.name), subresource(kind, sub));
        }
    }
    for definition in core.state.definitions.values().filter(|definition| definition.group == group) {
        custom(definition, version, &mut found);
    }
    if found.is_empty() {
        return None;
    }
    let resources: Vec<Value> = found.into_values().collect();
    Some(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version(group, version),
        "resources": resources,
    }))
}

fn builtin(kind: &Kind) -> Value {
    let mut resource = entry(kind.resource, kind.singular, kind.namespaced, kind.kind, kind.verbs);
    name_lists(&mut resource, kind.short_names, kind.categories);
    Value::Object(resource)
}

fn subresource(kind: &Kind, sub: &Subresource) -> Value {
    let name = format!("{}/{}", kind.resource, sub.name);
    let of_kind = if sub.kind.is_empty() { kind.kind } else { sub.kind };
    let mut resource = entry(&name, "", kind.namespaced, of_kind, sub.verbs);
    if !sub.version.is_empty() {
        resource.insert("group".to_owned(), json!(sub.group));
        resource.insert("version".to_owned(), json!(sub.version));
    }
    Value::Object(resource)
}

fn custom(definition: &Definition, version: &str, found: &mut BTreeMap<String, Value>) {
    let Some(version) = definition.version(version).filter(|version| version.served) else {
        return;
    };
    let plural = &definition.plural;
    let mut resource = entry(
        plural,
        &definition.singular,
        definition.namespaced,
        &definition.kind,
        &CUSTOM_VERBS,
    );
    let short_names: Vec<&str> = definition.short_names.iter().map(String::as_str).collect();
    let categories: Vec<&str> = definition.categories.iter().map(String::as_str).collect();
    name_lists(&mut resource, &short_names, &categories);
    found.insert(plural.clone(), Value::Object(resource));
    let sub_verbs = ["get", "patch", "update"];
    if version.status {
        let name = format!("{plural}/status");
        let status = entry(&name, "", definition.namespaced, &definition.kind, &sub_verbs);
        found.insert(name, Value::Object(status));
    }
    if version.scale.is_some() {
        let name = format!("{plural}/scale");
        let mut scale = entry(&name, "", definition.namespaced, "Scale", &sub_verbs);
        scale.insert("group".to_owned(), json!("autoscaling"));
        scale.insert("version".to_owned(), json!("v1"));
        found.insert(name, Value::Object(scale));
    }
}

fn entry(name: &str, singular: &str, namespaced: bool, kind: &str, verbs: &[&str]) -> Map<String, Value> {
    let mut resource = Map::new();
    resource.insert("name".to_owned(), json!(name));
    resource.insert("singularName".to_owned(), json!(singular));
    resource.insert("namespaced".to_owned(), json!(namespaced));
    resource.insert("kind".to_owned(), json!(kind));
    resource.insert("verbs".to_owned(), json!(verbs));
    resource
}

fn name_lists(resource: &mut Map<String, Value>, short_names: &[&str], categories: &[&str]) {
    if !short_names.is_empty() {
        resource.insert("shortNames".to_owned(), json!(short_names));
    }
    if !categories.is_empty() {
        resource.insert("categories".to_owned(), json!(categories));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_versions_come_first_and_newer_before_older() {
        let mut versions = ["v1alpha1", "v1", "v2beta2", "v2", "v2beta1"];
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        assert_eq!(versions, ["v2", "v1", "v2beta2", "v2beta1", "v1alpha1"]);
    }
}
