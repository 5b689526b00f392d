//! Azure Blob storage: lists, blobs, and the check of keys.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use edges::{Body, empty_body};
use http::{Method, Request, Response, StatusCode, header::AUTHORIZATION};

use crate::{BucketServer, escaped, etag, mac, member, members, object, parts, refusal, xml};

impl BucketServer {
    /// Answers one request of an Azure client.
    pub fn answer_azure(&self, request: &Request<Bytes>) -> Response<Body> {
        let (account, signature) = {
            let state = self.state();
            (state.account.clone(), state.signature.clone())
        };
        let wanted = account.is_some() || signature.is_some();
        let shared = signature.is_some_and(|it| request.uri().query().unwrap_or_default().ends_with(&it));
        let signed = account.is_some_and(|(name, key)| is_signed(request, &name, &key));
        if wanted && !shared && !signed {
            let message = "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.";
            return refusal(StatusCode::FORBIDDEN, "AuthenticationFailed", message);
        }
        let (container, name) = parts(request);
        let state = self.state();
        let Some(blobs) = state.buckets.get(&container) else {
            return refusal(
                StatusCode::NOT_FOUND,
                "ContainerNotFound",
                "The specified container does not exist.",
            );
        };
        if name.is_empty() {
            drop(state);
            return self.list_azure(&container, request);
        }
        let mut answer = match blobs.get(&name) {
            Some(content) => object(content.clone()),
            None => refusal(
                StatusCode::NOT_FOUND,
                "BlobNotFound",
                "The specified blob does not exist.",
            ),
        };
        if *request.method() == Method::HEAD {
            *answer.body_mut() = empty_body();
        }
        answer
    }

    fn list_azure(&self, container: &str, request: &Request<Bytes>) -> Response<Body> {
        let prefix = member(request, "prefix").unwrap_or_default();
        let from = member(request, "marker").unwrap_or_default();
        let (page, next) = self.state().page(container, &prefix, &from);
        let entries: String = page
            .iter()
            .map(|(key, content)| {
                format!(
                    "<Blob><Name>{}</Name><Properties><Etag>{}</Etag><Content-Length>{}</Content-Length></Properties></Blob>",
                    escaped(key),
                    etag(content),
                    content.len()
                )
            })
            .collect();
        let next = next.map(|it| escaped(&it)).unwrap_or_default();
        xml(
            StatusCode::OK,
            &format!(
                "<EnumerationResults ContainerName=\"{container}\"><Blobs>{entries}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>"
            ),
        )
    }
}

/// Whether the request is signed with the account's key.
fn is_signed(request: &Request<Bytes>, account: &str, key: &[u8]) -> bool {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|it| it.to_str().ok())
            .unwrap_or_default()
    };
    let mut own: Vec<String> = request
        .headers()
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-ms-"))
        .map(|(name, value)| format!("{name}:{}\n", value.to_str().unwrap_or_default().trim()))
        .collect();
    own.sort();
    let mut query: Vec<String> = members(request)
        .into_iter()
        .map(|(name, value)| format!("\n{}:{value}", name.to_lowercase()))
        .collect();
    query.sort();
    // Eleven standard headers stand between the method and Azure's own; clients that only read leave them empty.
    let standard = [
        "content-encoding",
        "content-language",
        "content-length",
        "content-md5",
        "content-type",
        "date",
        "if-modified-since",
        "if-match",
        "if-none-match",
        "if-unmodified-since",
        "range",
    ];
    let standard: Vec<&str> = standard.iter().map(|it| header(it)).collect();
    let text = format!(
        "{}\n{}\n{}/{account}{}{}",
        request.method(),
        standard.join("\n"),
        own.concat(),
        request.uri().path(),
        query.concat()
    );
    let expected = format!(
        "SharedKey {account}:{}",
        BASE64_STANDARD.encode(mac(key, text.as_bytes()))
    );
    header(AUTHORIZATION.as_str()) == expected
}
