//! Blobs on their way in: whole, or piece by piece.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use edges::{Body, empty_body};
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{LOCATION, RANGE},
};

use crate::{RegistryServer, State, access::error, digest_of, limits::MAX_UPLOAD, serve::query};

/// Uploads by number.
#[derive(Default)]
pub(crate) struct Uploads {
    open: BTreeMap<u64, BytesMut>,
    begun: u64,
}

impl RegistryServer {
    /// `POST …/blobs/uploads/`, `PATCH` and `PUT …/blobs/uploads/<number>`.
    pub(crate) fn upload(&self, repository: &str, number: &str, request: &Request<Bytes>) -> Response<Body> {
        let mut state = self.state();
        let state = &mut *state;
        let digest = query(request, "digest");
        let number = if *request.method() == Method::POST {
            if let Some(mounted) = mount(state, repository, request) {
                return created(repository, &mounted);
            }
            state.uploads.begun += 1;
            state.uploads.open.insert(state.uploads.begun, BytesMut::new());
            state.uploads.begun
        } else {
            number.parse().unwrap_or_default()
        };
        let Some(upload) = state.uploads.open.get_mut(&number) else {
            return error(
                StatusCode::NOT_FOUND,
                "BLOB_UPLOAD_UNKNOWN",
                "blob upload unknown to registry",
            );
        };
        if upload.len() + request.body().len() > MAX_UPLOAD {
            return error(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", "upload too large");
        }
        upload.extend_from_slice(request.body());
        let length = upload.len();
        let finished =
            *request.method() == Method::PUT || *request.method() == Method::POST && digest.is_some();
        if !finished {
            return accepted(repository, number, length);
        }
        let content = state.uploads.open.remove(&number).unwrap_or_default().freeze();
        let actual = digest_of(&content);
        if digest.as_deref() != Some(actual.as_str()) {
            return error(
                StatusCode::BAD_REQUEST,
                "DIGEST_INVALID",
                "provided digest did not match uploaded content",
            );
        }
        state
            .repositories
            .entry(repository.to_owned())
            .or_default()
            .put_blob(content);
        created(repository, &actual)
    }
}

/// A blob of another repository, if one is asked for and there.
fn mount(state: &mut State, repository: &str, request: &Request<Bytes>) -> Option<String> {
    let digest = query(request, "mount")?;
    let from = query(request, "from")?;
    let content = state.repositories.get(&from)?.blobs.get(&digest)?.clone();
    Some(
        state
            .repositories
            .entry(repository.to_owned())
            .or_default()
            .put_blob(content),
    )
}

fn accepted(repository: &str, number: u64, length: usize) -> Response<Body> {
    let mut response = Response::new(empty_body());
    *response.status_mut() = StatusCode::ACCEPTED;
    let location = HeaderValue::try_from(format!("/v2/{repository}/blobs/uploads/{number}"));
    let range = HeaderValue::try_from(format!("0-{}", length.saturating_sub(1)));
    for (name, value) in [(LOCATION, location), (RANGE, range)] {
        if let Ok(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn created(repository: &str, digest: &str) -> Response<Body> {
    let mut response = Response::new(empty_body());
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    if let (Ok(location), Ok(digest)) = (
        HeaderValue::try_from(format!("/v2/{repository}/blobs/{digest}")),
        HeaderValue::try_from(digest),
    ) {
        headers.insert(LOCATION, location);
        headers.insert("docker-content-digest", digest);
    }
    response
}
