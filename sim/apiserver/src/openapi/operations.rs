//! What can be done at a path.

use serde_json::{Map, Value, json};

use super::{names::META, schemas::reference};

/// What an operation is about.
pub(super) struct About {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    /// The names of the types of an object and of a list.
    pub(super) object: Option<String>,
    pub(super) list: Option<String>,
    /// Custom resources have no strategic merge.
    pub(super) custom: bool,
    /// What the identifiers of its operations end with.
    pub(super) id: String,
}

/// A path that is no resource.
pub(super) fn plain(path: &str) -> Value {
    let id: String = path.split(['/', '.', '-']).map(capital).collect();
    json!({"get": {"operationId": format!("get{id}"), "responses": {"200": {"description": "OK"}}}})
}

pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

fn query(name: &str, ty: &str) -> Value {
    json!({"name": name, "in": "query", "schema": {"type": ty, "uniqueItems": true}})
}

/// Parameters that a path itself has.
pub(super) fn path_parameters(path: &str) -> Vec<Value> {
    let mut parameters: Vec<Value> = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            json!({
                "name": name, "in": "path", "required": true,
                "schema": {"type": "string", "uniqueItems": true},
            })
        })
        .collect();
    parameters.push(query("pretty", "string"));
    parameters
}

fn writing(force: bool) -> Vec<Value> {
    let mut parameters: Vec<Value> = ["dryRun", "fieldManager", "fieldValidation"]
        .iter()
        .map(|name| query(name, "string"))
        .collect();
    if force {
        parameters.push(query("force", "boolean"));
    }
    parameters
}

fn listing() -> Vec<Value> {
    let all = [
        ("allowWatchBookmarks", "boolean"),
        ("continue", "string"),
        ("fieldSelector", "string"),
        ("labelSelector", "string"),
        ("limit", "integer"),
        ("resourceVersion", "string"),
        ("resourceVersionMatch", "string"),
        ("sendInitialEvents", "boolean"),
        ("timeoutSeconds", "integer"),
        ("watch", "boolean"),
    ];
    all.iter().map(|(name, ty)| query(name, ty)).collect()
}

fn deleting() -> Vec<Value> {
    let all = [
        ("dryRun", "string"),
        ("gracePeriodSeconds", "integer"),
        ("orphanDependents", "boolean"),
        ("propagationPolicy", "string"),
    ];
    all.iter().map(|(name, ty)| query(name, ty)).collect()
}

const PATCHES: [&str; 4] = [
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

/// An operation by its verb: the method, and what it is.
pub(super) fn operation(verb: &str, about: &About, subresource: bool) -> Option<(&'static str, Value)> {
    let (method, action, parameters) = match verb {
        "get" => ("get", "get", Vec::new()),
        "list" => ("get", "list", listing()),
        "create" => (
            "post",
            if subresource { "connect" } else { "post" },
            writing(false),
        ),
        "update" => ("put", "put", writing(false)),
        "patch" => ("patch", "patch", writing(true)),
        "delete" => ("delete", "delete", deleting()),
        "deletecollection" => {
            let mut parameters = listing();
            parameters.extend(deleting());
            ("delete", "deletecollection", parameters)
        }
        _ => return None,
    };
    let mut operation = json!({
        "operationId": format!("{verb}{}", about.id),
        "parameters": parameters,
        "responses": responses(verb, about),
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {
            "group": about.group, "version": about.version, "kind": about.kind,
        },
    });
    if let Some(body) = body(verb, about) {
        operation["requestBody"] = body;
    }
    Some((method, operation))
}

fn responses(verb: &str, about: &About) -> Value {
    let ty = if verb == "list" {
        &about.list
    } else {
        &about.object
    };
    let answer = |words: &str| match ty {
        Some(name) => {
            let mut content = Map::new();
            for media in ["application/json", "application/yaml"] {
                content.insert(media.to_owned(), json!({ "schema": reference(name) }));
            }
            json!({ "description": words, "content": content })
        }
        None => json!({ "description": words }),
    };
    let mut responses = Map::new();
    responses.insert("200".into(), answer("OK"));
    if matches!(verb, "create" | "update" | "patch") {
        responses.insert("201".into(), answer("Created"));
    }
    responses.insert("401".into(), json!({"description": "Unauthorized"}));
    responses.into()
}

fn body(verb: &str, about: &About) -> Option<Value> {
    let mut content = Map::new();
    match verb {
        "patch" => {
            let patches = PATCHES
                .iter()
                .filter(|media| !about.custom || !media.contains("strategic"));
            for media in patches {
                let schema = reference(&format!("{META}.Patch"));
                content.insert((*media).to_owned(), json!({ "schema": schema }));
            }
        }
        "create" | "update" => {
            let name = about.object.as_ref()?;
            content.insert("*/*".to_owned(), json!({ "schema": reference(name) }));
        }
        _ => return None,
    }
    Some(json!({ "content": content, "required": true }))
}
