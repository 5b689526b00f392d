//! Azure Blob storage.

use std::{fmt, fs::File, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use edges::{Clock, HttpClient};
use http::{Method, Request, StatusCode, header::AUTHORIZATION};
use ring::hmac;

use crate::{
    Error, Object,
    answer::{ask, fields, save},
    limits,
    s3::object,
    uri::{encode, query},
};

const VERSION: &str = "2023-11-03";

/// What opens an account's containers.
#[derive(Clone, PartialEq, Eq)]
pub enum Key {
    /// Nothing.
    None,
    /// The account's key, in base64.
    Account(String),
    /// A shared access signature, as it stands in a query.
    Signature(String),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// An account's containers.
#[derive(Debug)]
pub struct Azure {
    /// The way out.
    pub http: HttpClient,
    /// The time that requests are signed with.
    pub clock: Clock,
    /// The address of the account: `https://<account>.blob.core.windows.net`, or an emulator's with the account in its
    /// path.
    pub endpoint: String,
    /// What opens the containers.
    pub key: Key,
}

impl Azure {
    fn request(
        &self,
        method: &Method,
        path: &str,
        members: &[(&str, &str)],
    ) -> Result<Request<Bytes>, Error> {
        let own = query(members);
        let signature = match &self.key {
            Key::Signature(text) => text.trim_start_matches('?'),
            Key::None | Key::Account(_) => "",
        };
        let query: Vec<&str> = [own.as_str(), signature]
            .into_iter()
            .filter(|it| !it.is_empty())
            .collect();
        let separator = if query.is_empty() { "" } else { "?" };
        let url = format!(
            "{}{path}{separator}{}",
            self.endpoint.trim_end_matches('/'),
            query.join("&")
        );
        let date = self.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header("x-ms-date", &date)
            .header("x-ms-version", VERSION)
            .body(Bytes::new())?;
        if let Key::Account(key) = &self.key {
            let value = self.authorization(method, request.uri().path(), members, &date, key)?;
            let mut value = http::HeaderValue::from_str(&value).map_err(http::Error::from)?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        Ok(request)
    }

    fn authorization(
        &self,
        method: &Method,
        path: &str,
        members: &[(&str, &str)],
        date: &str,
        key: &str,
    ) -> Result<String, Error> {
        let account = self.account();
        let mut lines: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("\n{}:{value}", name.to_lowercase()))
            .collect();
        lines.sort();
        let text = format!(
            "{method}\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{VERSION}\n/{account}{path}{}",
            lines.concat()
        );
        let key = BASE64_STANDARD
            .decode(key.trim())
            .map_err(|_| Error::Key("decode account key: illegal base64 data"))?;
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), text.as_bytes());
        Ok(format!("SharedKey {account}:{}", BASE64_STANDARD.encode(tag)))
    }

    /// The first label of the host, or of an emulator's path.
    fn account(&self) -> &str {
        let rest = self.endpoint.split("://").nth(1).unwrap_or_default();
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let first = path.split('/').next().unwrap_or_default();
        if first.is_empty() {
            host.split('.').next().unwrap_or_default()
        } else {
            first
        }
    }

    pub(crate) async fn exists(&self, bucket: &str) -> Result<bool, Error> {
        let path = format!("/{}", encode(bucket, false));
        // As upstream, by a list: a signature for the container's content does not open the container itself.
        let members = [("restype", "container"), ("comp", "list"), ("maxresults", "1")];
        let response = ask(&self.http, self.request(&Method::GET, &path, &members)?).await?;
        match response.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(Error::refused(&response)),
        }
    }

    pub(crate) async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<Object>, Error> {
        let path = format!("/{}", encode(bucket, false));
        let mut objects: Vec<Object> = Vec::new();
        let mut marker = String::new();
        loop {
            let mut members = vec![("restype", "container"), ("comp", "list")];
            for (name, value) in [("prefix", prefix), ("marker", marker.as_str())] {
                if !value.is_empty() {
                    members.push((name, value));
                }
            }
            let response = ask(&self.http, self.request(&Method::GET, &path, &members)?).await?;
            if response.status() != StatusCode::OK {
                return Err(Error::refused(&response));
            }
            for entry in fields(response.body(), "Blob")? {
                objects.push(object(&entry, "Name", "Etag"));
            }
            if objects.len() > limits::OBJECTS {
                return Err(Error::TooLarge {
                    what: "number of objects",
                    limit: limits::OBJECTS as u64,
                });
            }
            let whole = fields(response.body(), "EnumerationResults")?;
            let next = whole.iter().flatten().find(|(name, _)| name == "NextMarker");
            match next
                .map(|(_, value)| value.clone())
                .filter(|it| !it.is_empty() && *it != marker)
            {
                Some(next) => marker = next,
                None => return Ok(objects),
            }
        }
    }

    pub(crate) async fn get(&self, bucket: &str, key: &str, directory: &Path) -> Result<Option<File>, Error> {
        let path = format!("/{}/{}", encode(bucket, false), encode(key, true));
        save(&self.http, self.request(&Method::GET, &path, &[])?, directory).await
    }
}
