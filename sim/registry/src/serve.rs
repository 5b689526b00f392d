//! The distribution's API, as far as clients of artifacts use it.

use bytes::Bytes;
use edges::{Body, body_from, empty_body};
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, LINK},
};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::{RegistryServer, access::error, limits::PAGE, store::Stored};

impl RegistryServer {
    /// Answers one request.
    pub fn handle(&self, request: &Request<Bytes>) -> Response<Body> {
        let path = request.uri().path();
        let access = self.state().access.clone();
        if path == "/token" {
            return access.give_token(request);
        }
        if let Some(refusal) = access.refusal(request) {
            return refusal;
        }
        if let Some(file) = path.strip_prefix("/charts/") {
            return self.chart_file(file);
        }
        let mut response = self.registry(path, request);
        let version = HeaderValue::from_static("registry/2.0");
        response
            .headers_mut()
            .insert("docker-distribution-api-version", version);
        if *request.method() == Method::HEAD {
            *response.body_mut() = empty_body();
        }
        response
    }

    fn registry(&self, path: &str, request: &Request<Bytes>) -> Response<Body> {
        let Some(rest) = path.strip_prefix("/v2/") else {
            return error(StatusCode::NOT_FOUND, "NOT_FOUND", "404 page not found");
        };
        if rest.is_empty() {
            return json_answer(&json!({}));
        }
        // A repository's name may hold the words of the API, so what stands last counts.
        let words: Vec<&str> = rest.split('/').collect();
        let method = request.method();
        let name = |words: &[&str]| words.join("/");
        match words.as_slice() {
            [repository @ .., "tags", "list"] => self.tags(&name(repository), request),
            [repository @ .., "manifests", reference] if *method == Method::PUT => {
                self.put_manifest(&name(repository), reference, request)
            }
            [repository @ .., "manifests", reference] if *method == Method::DELETE => {
                self.delete_manifest(&name(repository), reference)
            }
            [repository @ .., "manifests", reference] => self.get_manifest(&name(repository), reference),
            [repository @ .., "blobs", "uploads", number] => self.upload(&name(repository), number, request),
            [repository @ .., "blobs", "uploads"] => self.upload(&name(repository), "", request),
            [repository @ .., "blobs", digest] => self.get_blob(&name(repository), digest),
            [repository @ .., "referrers", digest] => self.referrers(&name(repository), digest),
            _ => error(StatusCode::NOT_FOUND, "NOT_FOUND", "404 page not found"),
        }
    }

    fn tags(&self, repository: &str, request: &Request<Bytes>) -> Response<Body> {
        let state = self.state();
        let Some(found) = state.repositories.get(repository) else {
            return error(
                StatusCode::NOT_FOUND,
                "NAME_UNKNOWN",
                "repository name not known to registry",
            );
        };
        let last = query(request, "last").unwrap_or_default();
        let size = query(request, "n").and_then(|it| it.parse().ok()).unwrap_or(PAGE);
        let mut later = found.tags.keys().filter(|tag| **tag > last);
        let page: Vec<&String> = later.by_ref().take(size).collect();
        let more = later.next().is_some();
        let mut response = json_answer(&json!({"name": repository, "tags": page}));
        if let Some(last) = page.last().filter(|_| more)
            && let Ok(link) = HeaderValue::try_from(format!(
                "</v2/{repository}/tags/list?n={size}&last={last}>; rel=\"next\""
            ))
        {
            response.headers_mut().insert(LINK, link);
        }
        response
    }

    fn get_manifest(&self, repository: &str, reference: &str) -> Response<Body> {
        let state = self.state();
        let found = state
            .repositories
            .get(repository)
            .and_then(|it| it.find(reference));
        match found {
            Some((digest, stored)) => content(stored.content.clone(), &stored.media_type, &digest),
            None => error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "manifest unknown"),
        }
    }

    fn put_manifest(&self, repository: &str, reference: &str, request: &Request<Bytes>) -> Response<Body> {
        let Ok(manifest) = serde_json::from_slice::<Value>(request.body()) else {
            return error(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", "manifest invalid");
        };
        let mut state = self.state();
        let stored = state.repositories.entry(repository.to_owned()).or_default();
        let layers = manifest.get("layers").and_then(Value::as_array);
        let parts = layers.into_iter().flatten().chain(manifest.get("config"));
        let mut digests = parts.filter_map(|it| it.get("digest").and_then(Value::as_str));
        if digests.any(|digest| !stored.blobs.contains_key(digest)) {
            return error(
                StatusCode::NOT_FOUND,
                "MANIFEST_BLOB_UNKNOWN",
                "manifest references unknown blob",
            );
        }
        let media_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|it| it.to_str().ok());
        let digest = stored.put_manifest(
            reference,
            Stored {
                media_type: media_type.unwrap_or_default().to_owned(),
                content: request.body().clone(),
            },
        );
        let mut response = Response::new(empty_body());
        *response.status_mut() = StatusCode::CREATED;
        if let (Ok(location), Ok(digest)) = (
            HeaderValue::try_from(format!("/v2/{repository}/manifests/{digest}")),
            HeaderValue::try_from(&digest),
        ) {
            response.headers_mut().insert(http::header::LOCATION, location);
            response.headers_mut().insert("docker-content-digest", digest);
        }
        response
    }

    fn delete_manifest(&self, repository: &str, reference: &str) -> Response<Body> {
        let mut state = self.state();
        let found = state.repositories.get_mut(repository);
        let gone = found.is_some_and(|it| {
            let tag = it.tags.remove(reference).is_some();
            let manifest = it.manifests.remove(reference).is_some();
            it.tags.retain(|_, digest| digest != reference);
            tag || manifest
        });
        if !gone {
            return error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "manifest unknown");
        }
        let mut response = Response::new(empty_body());
        *response.status_mut() = StatusCode::ACCEPTED;
        response
    }

    fn get_blob(&self, repository: &str, digest: &str) -> Response<Body> {
        match self.blob(repository, digest) {
            Some(blob) => content(blob, "application/octet-stream", digest),
            None => error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry"),
        }
    }

    fn referrers(&self, repository: &str, digest: &str) -> Response<Body> {
        let state = self.state();
        let manifests = state
            .repositories
            .get(repository)
            .into_iter()
            .flat_map(|it| &it.manifests);
        let referring = manifests.filter_map(|(own, stored)| {
            let manifest: Value = serde_json::from_slice(&stored.content).ok()?;
            let subject = manifest.pointer("/subject/digest")?.as_str()?;
            (subject == digest).then(|| {
                json!({
                    "mediaType": stored.media_type, "digest": own, "size": stored.content.len(),
                    "artifactType": manifest.get("artifactType"), "annotations": manifest.get("annotations"),
                })
            })
        });
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": referring.collect::<Vec<_>>(),
        });
        let mut response = json_answer(&index);
        let kind = HeaderValue::from_static("application/vnd.oci.image.index.v1+json");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}

pub(crate) fn json_answer(value: &Value) -> Response<Body> {
    let mut response = Response::new(body_from(value.to_string()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

pub(crate) fn content(bytes: Bytes, media_type: &str, digest: &str) -> Response<Body> {
    let length = bytes.len();
    let mut response = Response::new(body_from(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if let Ok(media_type) = HeaderValue::try_from(media_type) {
        headers.insert(CONTENT_TYPE, media_type);
    }
    if let Ok(digest) = HeaderValue::try_from(digest) {
        headers.insert("docker-content-digest", digest);
    }
    response
}

/// A member of the query.
pub(crate) fn query(request: &Request<Bytes>, wanted: &str) -> Option<String> {
    let members = request.uri().query().unwrap_or_default().split('&');
    let found = members
        .filter_map(|it| it.split_once('='))
        .find(|(name, _)| *name == wanted)?;
    Some(percent_decode_str(found.1).decode_utf8_lossy().into_owned())
}
