//! Requests for single objects, and what the API server's refusals say.

use http::{Method, Request, header};
use kube::Client;
use manifest::Gvk;
use serde_json::Value;

/// The HTTP status of a refusal by the API server.
pub fn api_code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

/// Whether the object (or its kind) does not exist.
pub fn is_not_found(error: &kube::Error) -> bool {
    api_code(error) == Some(404)
}

/// The error's text; for a refusal the API server's message alone, as Go clients print it.
pub fn explain(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        other => other.to_string(),
    }
}

/// What controller-runtime's cache says of an object that it does not hold: it names the kind where the API server
/// names the resource (pkg/cache/internal/cache_reader.go).
pub fn not_in_cache(gvk: &Gvk, name: &str) -> String {
    let dot = if gvk.group.is_empty() { "" } else { "." };
    format!("{}{dot}{} {name:?} not found", gvk.kind, gvk.group)
}

/// [`explain`], of a read that upstream's controllers make of their cache.
pub fn explain_cached(error: &kube::Error, gvk: &Gvk, name: &str) -> String {
    if is_not_found(error) {
        not_in_cache(gvk, name)
    } else {
        explain(error)
    }
}

/// Reads the object at `path`.
pub(crate) async fn get(client: &Client, path: &str) -> kube::Result<Value> {
    let request = Request::get(path)
        .body(Vec::new())
        .map_err(kube::Error::HttpError)?;
    client.request(request).await
}

/// Merge-patches the object at `path`.
pub(crate) async fn merge_patch(
    client: &Client,
    path: &str,
    manager: &str,
    patch: &Value,
) -> kube::Result<Value> {
    send(
        Method::PATCH,
        client,
        path,
        manager,
        ("application/merge-patch+json", patch),
    )
    .await
}

/// Creates an object in the collection at `path`.
pub(crate) async fn create(
    client: &Client,
    path: &str,
    manager: &str,
    object: &Value,
) -> kube::Result<Value> {
    send(Method::POST, client, path, manager, (JSON, object)).await
}

/// Writes the object at `path`, which has to be the one that was read.
pub(crate) async fn replace(
    client: &Client,
    path: &str,
    manager: &str,
    object: &Value,
) -> kube::Result<Value> {
    send(Method::PUT, client, path, manager, (JSON, object)).await
}

const JSON: &str = "application/json";

async fn send(
    method: Method,
    client: &Client,
    path: &str,
    manager: &str,
    (content_type, body): (&str, &Value),
) -> kube::Result<Value> {
    let body = serde_json::to_vec(body).map_err(kube::Error::SerdeError)?;
    let request = Request::builder()
        .method(method)
        .uri(format!("{path}?fieldManager={manager}"))
        .header(header::CONTENT_TYPE, content_type)
        .body(body)
        .map_err(kube::Error::HttpError)?;
    client.request(request).await
}

/// The merge patch that turns `old` into `new`; nothing when they are equal.
pub(crate) fn merge_diff(old: &Value, new: &Value) -> Option<Value> {
    if old == new {
        return None;
    }
    let (Value::Object(before), Value::Object(after)) = (old, new) else {
        return Some(new.clone());
    };
    let mut patch = serde_json::Map::new();
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in after {
        let change = match before.get(key) {
            Some(was) => merge_diff(was, value),
            None => Some(value.clone()),
        };
        if let Some(change) = change {
            patch.insert(key.clone(), change);
        }
    }
    Some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_cache_names_the_kind() {
        assert_eq!(
            not_in_cache(&Gvk::new("source.toolkit.fluxcd.io/v1", "GitRepository"), "app"),
            "GitRepository.source.toolkit.fluxcd.io \"app\" not found"
        );
        assert_eq!(
            not_in_cache(&Gvk::new("v1", "Pod"), "app"),
            "Pod \"app\" not found"
        );
    }

    #[test]
    fn a_diff_holds_only_what_changed() {
        let old = json!({"a": 1, "b": {"c": [1], "d": 2}, "gone": true});
        let new = json!({"a": 1, "b": {"c": [1, 2], "d": 2}, "new": {}});
        assert_eq!(
            merge_diff(&old, &new),
            Some(json!({"b": {"c": [1, 2]}, "gone": null, "new": {}}))
        );
        assert_eq!(merge_diff(&old, &old), None);
    }
}
