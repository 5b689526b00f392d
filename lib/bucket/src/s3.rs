//! S3, with the bucket in the path.

use std::{fmt, fs::File, path::Path};

use bytes::Bytes;
use edges::{Clock, HttpClient};
use http::{Method, Request, StatusCode, header::AUTHORIZATION};

use crate::{
    Error, Object,
    answer::{ask, fields, save},
    limits,
    sign::{EMPTY, Signed, stamp},
    uri::{encode, query},
};

const DEFAULT_REGION: &str = "us-east-1";

/// The keys of an account.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// Its name.
    pub access: String,
    /// The secret.
    pub secret: String,
    /// The token of temporary keys.
    pub token: Option<String>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// A server that speaks S3.
#[derive(Debug)]
pub struct S3 {
    /// The way out.
    pub http: HttpClient,
    /// The time that requests are signed with.
    pub clock: Clock,
    /// Host and port.
    pub endpoint: String,
    /// Whether plain HTTP is spoken.
    pub insecure: bool,
    /// The region, if somebody says.
    pub region: Option<String>,
    /// Who asks, if anybody in particular.
    pub keys: Option<Keys>,
}

impl S3 {
    fn request(&self, method: &Method, path: &str, query: &str) -> Result<Request<Bytes>, Error> {
        let scheme = if self.insecure { "http" } else { "https" };
        let host = self.endpoint.trim_end_matches('/');
        let separator = if query.is_empty() { "" } else { "?" };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{scheme}://{host}{path}{separator}{query}"));
        if let Some(keys) = &self.keys {
            let time = self.clock.now();
            let signed = Signed {
                method: method.as_str(),
                host,
                path,
                query,
                region: self
                    .region
                    .as_deref()
                    .filter(|it| !it.is_empty())
                    .unwrap_or(DEFAULT_REGION),
                time,
                token: keys.token.as_deref(),
            };
            request = request
                .header("x-amz-date", stamp(time))
                .header("x-amz-content-sha256", EMPTY)
                .header(AUTHORIZATION, signed.authorization(&keys.access, &keys.secret));
            if let Some(token) = &keys.token {
                request = request.header("x-amz-security-token", token);
            }
        }
        Ok(request.body(Bytes::new())?)
    }

    pub(crate) async fn exists(&self, bucket: &str) -> Result<bool, Error> {
        let path = format!("/{}/", encode(bucket, false));
        let response = ask(&self.http, self.request(&Method::HEAD, &path, "")?).await?;
        match response.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(Error::refused(&response)),
        }
    }

    pub(crate) async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<Object>, Error> {
        let path = format!("/{}/", encode(bucket, false));
        let mut objects: Vec<Object> = Vec::new();
        let mut token = String::new();
        loop {
            let mut members = vec![("list-type", "2"), ("prefix", prefix), ("max-keys", "1000")];
            if !token.is_empty() {
                members.push(("continuation-token", &token));
            }
            let response = ask(&self.http, self.request(&Method::GET, &path, &query(&members))?).await?;
            if response.status() != StatusCode::OK {
                return Err(Error::refused(&response));
            }
            for entry in fields(response.body(), "Contents")? {
                objects.push(object(&entry, "Key", "ETag"));
            }
            if objects.len() > limits::OBJECTS {
                return Err(Error::TooLarge {
                    what: "number of objects",
                    limit: limits::OBJECTS as u64,
                });
            }
            let whole = fields(response.body(), "ListBucketResult")?;
            let next = whole
                .iter()
                .flatten()
                .find(|(name, _)| name == "NextContinuationToken");
            // One that does not move would be asked for for ever.
            match next
                .map(|(_, value)| value.clone())
                .filter(|it| !it.is_empty() && *it != token)
            {
                Some(next) => token = next,
                None => return Ok(objects),
            }
        }
    }

    pub(crate) async fn get(&self, bucket: &str, key: &str, directory: &Path) -> Result<Option<File>, Error> {
        let path = format!("/{}/{}", encode(bucket, false), encode(key, true));
        save(&self.http, self.request(&Method::GET, &path, "")?, directory).await
    }
}

pub(crate) fn object(entry: &[(String, String)], key: &str, etag: &str) -> Object {
    let value = |wanted: &str| {
        let found = entry.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    Object {
        key: value(key),
        etag: value(etag).trim_matches('"').to_owned(),
    }
}
