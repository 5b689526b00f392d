//! OpenAPI v3: what the API looks like, one document a group version, made from the schemas that the server itself
//! uses.

mod gnostic;
mod names;
mod operations;
mod paths;
mod schemas;

use std::{collections::BTreeMap, sync::OnceLock};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{
    core::Core,
    custom::{Definition, Version},
    discovery::{
        documents::{Document, kept},
        groups,
    },
    dispatch::Reply,
    kinds,
    request::Incoming,
};

/// The document of these paths and types.
fn describe(paths: Map<String, Value>, schemas: Map<String, Value>) -> Document {
    let document = json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": kinds::RELEASE},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "BearerToken": {"type": "apiKey", "name": "authorization", "in": "header"},
            },
        },
    });
    Document::new(crate::encode::json(&document))
}

/// Where a document is, under its hash.
fn address(document: &Document, path: &str) -> String {
    format!("/openapi/v3/{path}?hash={}", document.hash)
}

/// Serves what lies below `/openapi/v3`.
pub(crate) fn serve(core: &Core, request: &Incoming, path: &str) -> Reply {
    if path.is_empty() {
        return root(core);
    }
    let document = builtin().get(path).cloned();
    let Some(document) = document.or_else(|| kept_custom(core, path)) else {
        return bare(404, Vec::new());
    };
    let accept = request.header("accept").unwrap_or_default();
    let json = ["application/json", "application/*", "*/*"];
    let takes = |clause: &str| json.contains(&clause.split(';').next().unwrap_or_default().trim());
    // DIFFERENCE: the genuine server has a protobuf form too; all clients take JSON.
    if !accept.is_empty() && !accept.split(',').any(takes) {
        return bare(406, Vec::new());
    }
    let tag = format!("\"{}\"", document.hash);
    let mut headers = vec![("etag", tag.clone()), ("vary", "Accept".to_owned())];
    let media = "application/json".to_owned();
    let hash = request.query.get("hash");
    if hash.is_some_and(|hash| hash != document.hash) {
        headers.push(("location", address(&document, path)));
        return Reply::Raw {
            code: 301,
            content_type: media,
            body: Bytes::new(),
            headers,
        };
    }
    if hash.is_some() {
        headers.push(("cache-control", "public, immutable".to_owned()));
    }
    let known = request
        .header("if-none-match")
        .is_some_and(|tags| tags.split(',').any(|own| own.trim() == tag));
    Reply::Raw {
        code: if known { 304 } else { 200 },
        content_type: media,
        body: if known { Bytes::new() } else { document.body },
        headers,
    }
}

fn bare(code: u16, headers: Vec<(&'static str, String)>) -> Reply {
    Reply::Raw {
        code,
        content_type: String::new(),
        body: Bytes::new(),
        headers,
    }
}

/// What older clients ask for, in their media type and in the one that answers carry.
const GNOSTIC: [&str; 2] = [
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
];

/// OpenAPI v2: all groups in one document, in protobuf only.
pub(crate) fn serve_old(core: &Core, request: &Incoming) -> Reply {
    let accept = request.header("accept").unwrap_or_default();
    let takes = |clause: &str| GNOSTIC.contains(&clause.split(';').next().unwrap_or_default().trim());
    // DIFFERENCE: the genuine server has JSON too, which no kubectl asks for.
    if !accept.split(',').any(takes) {
        return bare(406, Vec::new());
    }
    let make = || {
        let (mut paths, mut schemas) = builtin_parts().clone();
        for (definition, version) in custom_versions(core).into_values().flatten() {
            paths.extend(paths::custom(definition, version));
            schemas.extend(schemas::custom(definition, version));
        }
        Document::short(gnostic::document(&paths, &schemas))
    };
    crate::discovery::tagged(request, GNOSTIC[1], kept(core, "openapi/v2", make))
}

type Parts = (Map<String, Value>, Map<String, Value>);

/// Paths and types of all built-in kinds.
fn builtin_parts() -> &'static Parts {
    static PARTS: OnceLock<Parts> = OnceLock::new();
    PARTS.get_or_init(|| {
        let mut parts = Parts::default();
        let mut seen = Vec::new();
        for kind in kinds::all() {
            if !seen.contains(&(kind.group, kind.version)) {
                seen.push((kind.group, kind.version));
                parts.0.extend(paths::builtin(kind.group, kind.version));
                parts.1.extend(schemas::builtin(kind.group, kind.version));
            }
        }
        parts
    })
}

/// Where the documents are. QUIRK: it is JSON that calls itself text.
fn root(core: &Core) -> Reply {
    Reply::text(200, kept(core, "openapi/v3", || index(core)).body)
}

fn index(core: &Core) -> Document {
    let mut paths = Map::new();
    let mut add = |path: &str, document: &Document| {
        let address = address(document, path);
        paths.insert(path.to_owned(), json!({ "serverRelativeURL": address }));
    };
    for (path, document) in builtin() {
        add(path, document);
    }
    for (path, _) in custom_versions(core) {
        if let Some(document) = custom(core, &path) {
            add(&path, &document);
        }
    }
    for group in groups(core) {
        let path = format!("apis/{}", group.name);
        if !builtin().contains_key(&path) {
            add(&path, &plain(&path));
        }
    }
    Document::short(crate::encode::json(&json!({ "paths": paths })))
}

/// The documents of built-in kinds, made once.
fn builtin() -> &'static BTreeMap<String, Document> {
    static DOCUMENTS: OnceLock<BTreeMap<String, Document>> = OnceLock::new();
    DOCUMENTS.get_or_init(|| {
        let mut documents = BTreeMap::new();
        for path in [
            ".well-known/openid-configuration",
            "api",
            "apis",
            "openid/v1/jwks",
            "version",
        ] {
            documents.insert(path.to_owned(), plain(path));
        }
        for kind in kinds::all() {
            let path = version_path(kind.group, kind.version);
            documents.entry(path).or_insert_with(|| {
                describe(
                    paths::builtin(kind.group, kind.version),
                    schemas::builtin(kind.group, kind.version),
                )
            });
            if !kind.group.is_empty() {
                let path = format!("apis/{}", kind.group);
                documents.entry(path.clone()).or_insert_with(|| plain(&path));
            }
        }
        documents
    })
}

fn version_path(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("api/{version}")
    } else {
        format!("apis/{group}/{version}")
    }
}

/// A path that is no resource.
fn plain(path: &str) -> Document {
    let mut paths = Map::new();
    paths.insert(format!("/{path}/"), operations::plain(path));
    describe(paths, Map::new())
}

type Served<'a> = Vec<(&'a Definition, &'a Version)>;

/// Custom resources by the path of their version's document.
fn custom_versions(core: &Core) -> BTreeMap<String, Served<'_>> {
    let mut all: BTreeMap<String, Served<'_>> = BTreeMap::new();
    for definition in core.state.definitions.values() {
        for version in definition.versions.iter().filter(|version| version.served) {
            let path = version_path(&definition.group, &version.name);
            if !builtin().contains_key(&path) {
                all.entry(path).or_default().push((definition, version));
            }
        }
    }
    all
}

/// The same as [`custom`], kept.
fn kept_custom(core: &Core, path: &str) -> Option<Document> {
    let name = path.strip_prefix("apis/")?;
    // Paths that nobody serves are not kept: there is no end of them.
    let served = core.state.definitions.values().any(|own| {
        let version = name.strip_prefix(own.group.as_str());
        version.is_some_and(|rest| {
            rest.is_empty()
                || rest
                    .strip_prefix('/')
                    .and_then(|version| own.version(version))
                    .is_some_and(|version| version.served)
        })
    });
    if !served {
        return None;
    }
    let none = || Document::new(Vec::new());
    let document = kept(core, &format!("openapi/v3/{path}"), || {
        custom(core, path).unwrap_or_else(none)
    });
    Some(document).filter(|document| !document.body.is_empty())
}

/// The document of a version of custom resources, or of their group.
fn custom(core: &Core, path: &str) -> Option<Document> {
    if let Some(served) = custom_versions(core).get(path) {
        let mut paths = Map::new();
        let mut schemas = schemas::shared();
        for (definition, version) in served {
            paths.extend(paths::custom(definition, version));
            schemas.extend(schemas::custom(definition, version));
        }
        return Some(describe(paths, schemas));
    }
    let group = path.strip_prefix("apis/")?;
    let known = groups(core).into_iter().any(|own| own.name == group);
    known.then(|| plain(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(path: &str) -> Value {
        serde_json::from_slice(&builtin()[path].body).unwrap()
    }

    #[test]
    fn patches_are_described_as_clients_look_for_them() {
        let document = document("apis/apps/v1");
        let path = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
        let patch = &document["paths"][path]["patch"];
        let content = patch["requestBody"]["content"].as_object().unwrap();
        assert!(content.contains_key("application/strategic-merge-patch+json"));
        let parameters = patch["parameters"].as_array().unwrap();
        assert!(
            parameters
                .iter()
                .any(|one| one["name"] == "fieldValidation" && one["in"] == "query")
        );
        let gvk = json!({"group": "apps", "version": "v1", "kind": "Deployment"});
        assert_eq!(patch["x-kubernetes-group-version-kind"], gvk);
        let schema = &document["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"];
        assert_eq!(schema["x-kubernetes-group-version-kind"], json!([gvk]));
        let pod = &document["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"]["properties"];
        assert_eq!(pod["containers"]["x-kubernetes-patch-merge-key"], "name");
        assert_eq!(pod["containers"]["x-kubernetes-patch-strategy"], "merge");
        let volumes = &pod["volumes"]["x-kubernetes-patch-strategy"];
        assert_eq!(volumes, "merge,retainKeys");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn refs<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(members) => {
                    found.extend(members.get("$ref").and_then(Value::as_str));
                    members.values().for_each(|value| refs(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| refs(value, found)),
                _ => {}
            }
        }
        for (path, document) in builtin() {
            let document: Value = serde_json::from_slice(&document.body).unwrap();
            let mut found = Vec::new();
            refs(&document, &mut found);
            for reference in found {
                let name = reference.strip_prefix("#/components/schemas/").unwrap();
                assert!(
                    document["components"]["schemas"].get(name).is_some(),
                    "{path}: {name}"
                );
            }
        }
    }
}
