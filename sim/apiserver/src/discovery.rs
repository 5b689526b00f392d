//! Which APIs there are, and the paths beside them.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    core::Core,
    custom::{Definition, Version},
    dispatch::Reply,
    failure::{Failure, Outcome},
    gvr::api_version,
    kinds::{self, Kind, Subresource},
    media::Encoding,
    request::{Incoming, Target},
};

const ADDRESS: &str = "192.0.2.2:16443";
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Serves everything that is no resource.
pub(crate) fn serve(core: &Core, request: &Incoming) -> Outcome<Reply> {
    let path = request.path.trim_end_matches('/');
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let aggregated = wants_aggregated(request);
    match parts.as_slice() {
        ["healthz" | "livez" | "readyz", ..] => return Ok(Reply::text(200, "ok")),
        [".well-known", "openid-configuration"] => return Ok(issuer(core)),
        ["openid", "v1", "jwks"] => {
            return Ok(public("application/jwk-set+json", &core.signer.key_set()));
        }
        ["version"] => return Ok(object(version(core))),
        ["api"] if aggregated => return Ok(documents(core, true)),
        ["apis"] if aggregated => return Ok(documents(core, false)),
        ["api"] => {
            return Ok(object(json!({
                "kind": "APIVersions",
                "versions": ["v1"],
                "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": ADDRESS}],
            })));
        }
        ["apis"] => {
            let groups: Vec<Value> = groups(core).iter().map(|group| group.legacy(false)).collect();
            return Ok(object(
                json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}),
            ));
        }
        ["apis", name] => {
            if let Some(group) = groups(core).iter().find(|group| group.name == *name) {
                return Ok(object(group.legacy(true)));
            }
        }
        ["api", version] => return resources(core, "", version),
        ["apis", group, version] => return resources(core, group, version),
        [""] | [] => return Ok(object(json!({ "paths": paths(core) }))),
        _ => {}
    }
    Ok(Reply::text(404, "404 page not found\n"))
}

/// Where verifiers of tokens find the keys.
fn issuer(core: &Core) -> Reply {
    let document = json!({
        "issuer": core.issuer, "jwks_uri": format!("https://{ADDRESS}/openid/v1/jwks"),
        "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    public("application/json", &document)
}

/// A document that anybody may keep for an hour.
fn public(content_type: &str, document: &Value) -> Reply {
    Reply::Raw {
        code: 200,
        content_type: content_type.to_owned(),
        body: document.to_string().into(),
        headers: vec![("cache-control", "public, max-age=3600".to_owned())],
    }
}

fn object(value: Value) -> Reply {
    Reply::Object {
        code: 200,
        object: value.into(),
        warnings: Vec::new(),
        encoding: Encoding::Json,
    }
}

/// A resource that nobody serves: inside a known group a Status, outside a bare text.
pub(crate) fn missing(core: &Core, target: &Target) -> Outcome<Reply> {
    let group = &target.gvr.group;
    let builtin = kinds::all().iter().any(|kind| kind.group == *group);
    let custom = core.state.definitions.values().any(|known| {
        known.group == *group
            && known
                .version(&target.gvr.version)
                .is_some_and(|version| version.served)
    });
    if builtin && !custom {
        return Err(Failure::no_resource());
    }
    Ok(Reply::text(404, "404 page not found\n"))
}

fn wants_aggregated(request: &Incoming) -> bool {
    let accept = request.header("accept").unwrap_or_default();
    accept.split(',').any(|clause| {
        let has = |text: &str| clause.split(';').any(|part| part.trim() == text);
        has("g=apidiscovery.k8s.io") && has("v=v2") && has("as=APIGroupDiscoveryList")
    })
}

/// One API group.
struct Group {
    name: String,
    /// Preferred version first.
    versions: Vec<String>,
}

impl Group {
    fn legacy(&self, alone: bool) -> Value {
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
fn groups(core: &Core) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for kind in kinds::all().iter().filter(|kind| !kind.group.is_empty()) {
        match groups.iter_mut().find(|group| group.name == kind.group) {
            Some(group) if group.versions.iter().any(|version| version == kind.version) => {}
            Some(group) => group.versions.push(kind.version.to_owned()),
            None => groups.push(Group {
                name: kind.group.to_owned(),
                versions: vec![kind.version.to_owned()],
            }),
        }
    }
    for group in &mut groups {
        group
            .versions
            .sort_by_key(|version| std::cmp::Reverse(rank(version)));
    }
    let mut custom: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for definition in core.state.definitions.values() {
        let versions = custom.entry(definition.group.clone()).or_default();
        for version in definition.versions.iter().filter(|version| version.served) {
            if !versions.contains(&version.name) {
                versions.push(version.name.clone());
            }
        }
    }
    for (name, mut versions) in custom {
        versions.sort_by_key(|version| std::cmp::Reverse(rank(version)));
        groups.push(Group { name, versions });
    }
    groups
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

fn hash(group: &str, version: &str, kind: &str) -> String {
    let digest = Sha256::digest(format!("{group}/{version}/{kind}").as_bytes());
    base64::engine::general_purpose::STANDARD.encode(&digest[..8])
}

/// The `APIResourceList` of a version.
fn resources(core: &Core, group: &str, version: &str) -> Outcome<Reply> {
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
    if found {
        let group_version = api_version(group, version);
        return Ok(object(json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": list,
        })));
    }
    if kinds::all().iter().any(|kind| kind.group == group) {
        return Err(Failure::no_resource());
    }
    Ok(Reply::text(404, "404 page not found\n"))
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

/// The aggregated form: everything in one document.
fn documents(core: &Core, legacy: bool) -> Reply {
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
    let bytes = crate::encode::json(&body);
    let tag = format!("\"{}\"", stdx::sha256_hex(&bytes).to_uppercase());
    Reply::Raw {
        code: 200,
        content_type: AGGREGATED.to_owned(),
        body: bytes.into(),
        headers: vec![
            ("etag", tag),
            ("vary", "Accept".to_owned()),
            ("cache-control", "public".to_owned()),
        ],
    }
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
    let Ok(Reply::Object { object, .. }) = resources(core, group, version) else {
        return Vec::new();
    };
    let mut list: Vec<Value> = Vec::new();
    let entries = object.get("resources").and_then(Value::as_array);
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

fn paths(core: &Core) -> Vec<String> {
    let mut paths = vec![
        "/api".to_owned(),
        "/api/v1".to_owned(),
        "/apis".to_owned(),
        "/apis/".to_owned(),
    ];
    for group in groups(core) {
        paths.push(format!("/apis/{}", group.name));
        paths.extend(
            group
                .versions
                .iter()
                .map(|version| format!("/apis/{}/{version}", group.name)),
        );
    }
    paths.extend(["/healthz", "/livez", "/readyz", "/version"].map(str::to_owned));
    paths.sort();
    paths
}

fn version(core: &Core) -> Value {
    let (major, minor) = core.minor.split_once('.').unwrap_or(("1", "36"));
    json!({
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": minor.parse::<u32>().unwrap_or(1).saturating_sub(1).to_string(),
        "gitVersion": format!("v{}.2", core.minor),
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.26.0",
        "compiler": "gc",
        "platform": "linux/amd64",
    })
}
