//! S3: lists, objects, and the check of signatures.

use bytes::Bytes;
use edges::{Body, empty_body};
use http::{
    Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, HOST},
};
use stdx::{hex, sha256_hex};

use crate::{BucketServer, escaped, etag, mac, member, object, parts, refusal, xml};

impl BucketServer {
    /// Answers one request of an S3 client.
    pub fn answer_s3(&self, request: &Request<Bytes>) -> Response<Body> {
        if let Some((access, secret)) = self.state().keys.clone()
            && let Err((code, message)) = check(request, &access, &secret)
        {
            return without_body(request, refusal(StatusCode::FORBIDDEN, code, message));
        }
        let (bucket, key) = parts(request);
        let state = self.state();
        let Some(objects) = state.buckets.get(&bucket) else {
            let refusal = refusal(
                StatusCode::NOT_FOUND,
                "NoSuchBucket",
                "The specified bucket does not exist",
            );
            return without_body(request, refusal);
        };
        let answer = if key.is_empty() && *request.method() == Method::HEAD {
            Response::new(empty_body())
        } else if key.is_empty() {
            drop(state);
            return self.list_s3(&bucket, request);
        } else {
            match objects.get(&key) {
                Some(content) => object(content.clone()),
                None => refusal(
                    StatusCode::NOT_FOUND,
                    "NoSuchKey",
                    "The specified key does not exist.",
                ),
            }
        };
        without_body(request, answer)
    }

    fn list_s3(&self, bucket: &str, request: &Request<Bytes>) -> Response<Body> {
        let prefix = member(request, "prefix").unwrap_or_default();
        let from = member(request, "continuation-token").unwrap_or_default();
        let (page, next) = self.state().page(bucket, &prefix, &from);
        let entries: String = page
            .iter()
            .map(|(key, content)| {
                format!(
                    "<Contents><Key>{}</Key><ETag>&quot;{}&quot;</ETag><Size>{}</Size></Contents>",
                    escaped(key),
                    etag(content),
                    content.len()
                )
            })
            .collect();
        let more = next.map_or_else(
            || "<IsTruncated>false</IsTruncated>".to_owned(),
            |next| {
                let next = escaped(&next);
                format!(
                    "<IsTruncated>true</IsTruncated><NextContinuationToken>{next}</NextContinuationToken>"
                )
            },
        );
        xml(
            StatusCode::OK,
            &format!("<ListBucketResult><Name>{bucket}</Name>{entries}{more}</ListBucketResult>"),
        )
    }
}

fn without_body(request: &Request<Bytes>, mut response: Response<Body>) -> Response<Body> {
    if *request.method() == Method::HEAD {
        *response.body_mut() = empty_body();
    }
    response
}

type Refused = (&'static str, &'static str);

/// A field of an `Authorization`, such as `Credential`.
fn field<'a>(given: &'a str, wanted: &str) -> Option<&'a str> {
    let mut fields = given.split(',').filter_map(|it| it.trim().split_once('='));
    fields.find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// Whether the request's signature is that of the keys' owner.
fn check(request: &Request<Bytes>, access: &str, secret: &str) -> Result<(), Refused> {
    let denied = ("AccessDenied", "Access Denied.");
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|it| it.to_str().ok())
            .unwrap_or_default()
    };
    let given = header(AUTHORIZATION.as_str())
        .strip_prefix("AWS4-HMAC-SHA256 ")
        .ok_or(denied)?;
    let field = |name: &str| field(given, name).ok_or(denied);
    let (credential, names, signature) = (field("Credential")?, field("SignedHeaders")?, field("Signature")?);
    let (name, scope) = credential.split_once('/').ok_or(denied)?;
    if name != access {
        return Err((
            "InvalidAccessKeyId",
            "The Access Key Id you provided does not exist in our records.",
        ));
    }
    let host = match header(HOST.as_str()) {
        "" => request
            .uri()
            .authority()
            .map(ToString::to_string)
            .unwrap_or_default(),
        given => given.to_owned(),
    };
    let lines: String = names
        .split(';')
        .map(|name| {
            format!(
                "{name}:{}\n",
                if name == "host" {
                    &host
                } else {
                    header(name).trim()
                }
            )
        })
        .collect();
    let mut query: Vec<&str> = request.uri().query().unwrap_or_default().split('&').collect();
    query.sort_unstable();
    let canonical = format!(
        "{}\n{}\n{}\n{lines}\n{names}\n{}",
        request.method(),
        request.uri().path(),
        query.join("&"),
        header("x-amz-content-sha256")
    );
    let text = format!(
        "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
        header("x-amz-date"),
        sha256_hex(canonical.as_bytes())
    );
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/') {
        key = mac(&key, part.as_bytes());
    }
    if hex(&mac(&key, text.as_bytes())) == signature {
        return Ok(());
    }
    Err((
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    ))
}
