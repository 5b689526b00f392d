//! Buckets in process. A [`BucketServer`] speaks S3 (with the bucket in the path, signatures of version 4 checked) to
//! those who come to its S3 service, and Azure Blob storage to those who come to its Azure service.

mod azure;
mod s3;
mod trouble;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use edges::{Body, HttpError, body_from};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use percent_encoding::percent_decode_str;
use sha2::Sha256;
use stdx::sha256_hex;
use tower::util::BoxCloneSyncService;

pub use trouble::Trouble;

/// How many objects a page of a list has.
const PAGE: usize = 1000;

/// Buckets, which are Azure's containers. Clones are the same server.
#[derive(Clone, Default)]
pub struct BucketServer(Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    pub(crate) buckets: BTreeMap<String, BTreeMap<String, Bytes>>,
    pub(crate) keys: Option<(String, String)>,
    pub(crate) account: Option<(String, Vec<u8>)>,
    pub(crate) signature: Option<String>,
    pub(crate) page: Option<usize>,
    pub(crate) troubles: trouble::Troubles,
    requests: Vec<String>,
}

impl State {
    /// The names of a bucket's objects on one page, and where the next begins.
    pub(crate) fn page(
        &self,
        bucket: &str,
        prefix: &str,
        from: &str,
    ) -> (Vec<(String, Bytes)>, Option<String>) {
        let objects = self.buckets.get(bucket).into_iter().flatten();
        let mut fitting = objects.filter(|(key, _)| key.starts_with(prefix) && key.as_str() >= from);
        let size = self.page.unwrap_or(PAGE);
        let page: Vec<_> = fitting
            .by_ref()
            .take(size)
            .map(|(key, it)| (key.clone(), it.clone()))
            .collect();
        (page, fitting.next().map(|(key, _)| key.clone()))
    }
}

type Service = BoxCloneSyncService<Request<Bytes>, Response<Body>, HttpError>;

impl BucketServer {
    /// A server without buckets that asks for no keys.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server as a host that speaks S3.
    pub fn s3(&self) -> Service {
        let server = self.clone();
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let server = server.clone();
            async move { server.serve(&request, Self::answer_s3).await }
        }))
    }

    /// The server as a host that speaks Azure Blob storage.
    pub fn azure(&self) -> Service {
        let server = self.clone();
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            let server = server.clone();
            async move { server.serve(&request, Self::answer_azure).await }
        }))
    }

    /// Makes an empty bucket, unless it is there.
    pub fn create(&self, bucket: &str) {
        self.state().buckets.entry(bucket.to_owned()).or_default();
    }

    /// Puts an object; its bucket is made if there is none.
    pub fn put(&self, bucket: &str, key: &str, content: impl Into<Bytes>) {
        let mut state = self.state();
        state
            .buckets
            .entry(bucket.to_owned())
            .or_default()
            .insert(key.to_owned(), content.into());
    }

    /// Removes an object.
    pub fn remove(&self, bucket: &str, key: &str) -> bool {
        let mut state = self.state();
        state
            .buckets
            .get_mut(bucket)
            .is_some_and(|it| it.remove(key).is_some())
    }

    /// Lets in over S3 only who signs with these keys.
    pub fn set_keys(&self, access: &str, secret: &str) {
        self.state().keys = Some((access.to_owned(), secret.to_owned()));
    }

    /// Lets in over Azure's protocol only who signs with the account's key.
    pub fn set_account(&self, account: &str, key: &[u8]) {
        self.state().account = Some((account.to_owned(), key.to_vec()));
    }

    /// Lets in over Azure's protocol only who brings this shared access signature in the query.
    pub fn set_signature(&self, signature: &str) {
        self.state().signature = Some(signature.trim_start_matches('?').to_owned());
    }

    /// Makes pages of lists shorter.
    pub fn set_page(&self, objects: usize) {
        self.state().page = Some(objects);
    }

    /// What was asked for so far, as `METHOD /path`, without queries.
    pub fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    pub(crate) fn note(&self, request: &Request<Bytes>) {
        let line = format!("{} {}", request.method(), request.uri().path());
        self.state().requests.push(line);
    }
}

/// What changes with an object's content.
pub(crate) fn etag(content: &[u8]) -> String {
    sha256_hex(content).chars().take(32).collect()
}

pub(crate) fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn xml(status: StatusCode, body: &str) -> Response<Body> {
    let mut response = Response::new(body_from(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}"
    )));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

pub(crate) fn refusal(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    xml(
        status,
        &format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"),
    )
}

pub(crate) fn object(content: Bytes) -> Response<Body> {
    let etag = HeaderValue::try_from(format!("\"{}\"", etag(&content)));
    let mut response = Response::new(body_from(content));
    if let Ok(etag) = etag {
        response.headers_mut().insert("etag", etag);
    }
    response
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The members of a query, decoded, in their order.
pub(crate) fn members(request: &Request<Bytes>) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let members = request
        .uri()
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|it| !it.is_empty());
    members
        .map(|it| it.split_once('=').unwrap_or((it, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

pub(crate) fn member(request: &Request<Bytes>, wanted: &str) -> Option<String> {
    members(request)
        .into_iter()
        .find(|(name, _)| name == wanted)
        .map(|(_, value)| value)
}

/// The bucket and the object of a path.
pub(crate) fn parts(request: &Request<Bytes>) -> (String, String) {
    let path = percent_decode_str(request.uri().path().trim_start_matches('/'))
        .decode_utf8_lossy()
        .into_owned();
    match path.split_once('/') {
        Some((bucket, key)) => (bucket.to_owned(), key.to_owned()),
        None => (path, String::new()),
    }
}
