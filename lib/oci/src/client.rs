//! Requests to a registry.

use std::{
    fs::File,
    io::{Seek, Write},
    path::Path,
};

use bytes::Bytes;
use edges::{HttpClient, HttpError};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ACCEPT, AUTHORIZATION, LINK, LOCATION},
};
use http_body_util::BodyExt;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{
    Credentials, Descriptor, Error, Manifest, Repository, Target,
    auth::{Challenge, Token, basic, bearer},
    digest_of, limits,
    manifest::{INDEXES, MANIFESTS, is_digest},
};

/// How registries are reached.
#[derive(Clone, Debug)]
pub struct Client {
    /// The way out.
    pub http: HttpClient,
    /// Whether plain HTTP will do.
    pub insecure: bool,
}

/// A repository that is being read, by somebody.
#[derive(Debug)]
pub struct Remote {
    client: Client,
    repository: Repository,
    base: String,
    authorization: Option<HeaderValue>,
}

#[derive(Deserialize)]
struct Tags {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl Client {
    /// Finds out how the registry of a repository wants to be spoken to.
    ///
    /// # Errors
    /// When it does not answer, or gives no token.
    pub async fn open(&self, repository: &Repository, credentials: &Credentials) -> Result<Remote, Error> {
        let mut schemes = vec!["https"];
        if self.insecure || repository.is_local() {
            schemes.push("http");
        }
        let mut failed = Vec::new();
        for scheme in schemes {
            let base = format!("{scheme}://{}", repository.registry());
            match self.ping(&base).await {
                Ok(challenge) => {
                    let authorization = self.authorize(challenge, repository, credentials).await?;
                    return Ok(Remote {
                        client: self.clone(),
                        repository: repository.clone(),
                        base,
                        authorization,
                    });
                }
                Err(error) => failed.push(error.to_string()),
            }
        }
        // As Go's client, of two failures both are told.
        Err(Error::Malformed(failed.join("; ")))
    }

    async fn ping(&self, base: &str) -> Result<Option<Challenge>, Error> {
        let url = format!("{base}/v2/");
        let response = self
            .fetch(&Method::GET, &url, &HeaderMap::new(), limits::ANSWER)
            .await?;
        match response.status() {
            StatusCode::OK => Ok(None),
            StatusCode::UNAUTHORIZED => Ok(Challenge::of(response.headers())),
            _ => Err(Error::refused(&Method::GET, &url, &response)),
        }
    }

    async fn authorize(
        &self,
        challenge: Option<Challenge>,
        repository: &Repository,
        credentials: &Credentials,
    ) -> Result<Option<HeaderValue>, Error> {
        Ok(match (challenge, credentials) {
            (None, _) | (Some(Challenge::Basic), Credentials::Anonymous) => None,
            (Some(_), Credentials::Bearer(token)) => bearer(token),
            (Some(Challenge::Basic), Credentials::Basic { username, password }) => basic(username, password),
            (Some(Challenge::Basic), Credentials::Identity(token)) => basic("<token>", token),
            (Some(Challenge::Bearer { realm, service }), _) => {
                let token = self.token(&realm, &service, repository, credentials).await?;
                bearer(&token)
            }
        })
    }

    async fn token(
        &self,
        realm: &str,
        service: &str,
        repository: &Repository,
        credentials: &Credentials,
    ) -> Result<String, Error> {
        let scope = format!("repository:{}:pull", repository.path());
        let separator = if realm.contains('?') { '&' } else { '?' };
        let url = format!(
            "{realm}{separator}scope={}&service={}",
            escape(&scope),
            escape(service)
        );
        let mut headers = HeaderMap::new();
        let authorization = match credentials {
            Credentials::Basic { username, password } => basic(username, password),
            Credentials::Identity(token) => basic("<token>", token),
            Credentials::Anonymous | Credentials::Bearer(_) => None,
        };
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value);
        }
        let response = self.fetch(&Method::GET, &url, &headers, limits::ANSWER).await?;
        if response.status() != StatusCode::OK {
            return Err(Error::refused(&Method::GET, &url, &response));
        }
        let token: Option<Token> = serde_json::from_slice(response.body()).ok();
        token
            .and_then(Token::text)
            .ok_or_else(|| Error::Malformed("no token in bearer response".to_owned()))
    }

    fn request(method: &Method, url: &str, headers: &HeaderMap) -> Result<Request<Bytes>, Error> {
        let mut request = Request::builder().method(method).uri(url).body(Bytes::new())?;
        request.headers_mut().extend(headers.clone());
        Ok(request)
    }

    async fn fetch(
        &self,
        method: &Method,
        url: &str,
        headers: &HeaderMap,
        limit: usize,
    ) -> Result<Response<Bytes>, Error> {
        let request = Self::request(method, url, headers)?;
        let answer = self.http.fetch(request, limit).await;
        answer.map_err(|error| Error::transport(method, url, error))
    }
}

impl Remote {
    fn url(&self, rest: &str) -> String {
        format!("{}/v2/{}/{rest}", self.base, self.repository.path())
    }

    fn headers(&self, accept: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(value) = &self.authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
        if let Ok(value) = HeaderValue::from_str(&accept.join(",")) {
            headers.insert(ACCEPT, value);
        }
        headers
    }

    async fn ask(&self, method: Method, url: &str, accept: &[&str]) -> Result<Response<Bytes>, Error> {
        let response = self
            .client
            .fetch(&method, url, &self.headers(accept), limits::MANIFEST)
            .await?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        Err(Error::refused(&method, url, &response))
    }

    /// The digest of what a tag names.
    ///
    /// # Errors
    /// When the registry does not know it or does not tell.
    pub async fn digest(&self, tag: &str) -> Result<String, Error> {
        let url = self.url(&format!("manifests/{tag}"));
        let accept = [MANIFESTS, INDEXES].concat();
        if let Ok(response) = self.ask(Method::HEAD, &url, &accept).await
            && let Some(digest) = digest_header(&response)
        {
            return Ok(digest);
        }
        // Only GET tells in words what is wrong.
        let response = self.ask(Method::GET, &url, &accept).await?;
        Ok(digest_of(response.body()))
    }

    /// Every tag.
    ///
    /// # Errors
    /// When the registry does not tell.
    pub async fn tags(&self) -> Result<Vec<String>, Error> {
        let mut tags = Vec::new();
        let mut url = self.url("tags/list?n=1000");
        for _ in 0..limits::PAGES {
            let response = self.ask(Method::GET, &url, &["application/json"]).await?;
            let page: Tags = serde_json::from_slice(response.body())
                .map_err(|error| Error::Malformed(format!("malformed list of tags: {error}")))?;
            tags.extend(page.tags.unwrap_or_default());
            match next_page(&response, &url) {
                Some(next) => url = next,
                None => return Ok(tags),
            }
        }
        Err(Error::TooLarge {
            what: "list of tags",
            limit: limits::PAGES as u64,
        })
    }

    /// What an artifact is made of; of an index, the artifact for Linux on amd64.
    ///
    /// # Errors
    /// When the registry does not have it, or has something else.
    pub async fn manifest(&self, target: &Target) -> Result<Manifest, Error> {
        let (manifest, index) = self.read(target, &[MANIFESTS, INDEXES].concat()).await?;
        if !index {
            return Ok(manifest);
        }
        let child = manifest.manifests.iter().find(|it| it.platform.is_default());
        let child = child.ok_or_else(|| {
            Error::Malformed(format!(
                "no child with platform linux/amd64 in index {}{target}",
                self.repository
            ))
        })?;
        let (manifest, _) = self
            .read(&Target::Digest(child.digest.clone()), &MANIFESTS)
            .await?;
        Ok(manifest)
    }

    async fn read(&self, target: &Target, accept: &[&str]) -> Result<(Manifest, bool), Error> {
        let url = self.url(&format!("manifests/{}", target.word()));
        let response = self.ask(Method::GET, &url, accept).await?;
        if let Target::Digest(expected) = target {
            let actual = digest_of(response.body());
            if actual != *expected {
                return Err(Error::Malformed(format!(
                    "manifest digest: {actual:?} does not match requested digest: {expected:?} for {:?}",
                    format!("{}{target}", self.repository)
                )));
            }
        }
        let manifest: Manifest = serde_json::from_slice(response.body())
            .map_err(|error| Error::Malformed(format!("malformed manifest: {error}")))?;
        let kind = response
            .headers()
            .get(http::header::CONTENT_TYPE)
            .and_then(|it| it.to_str().ok());
        let index =
            INDEXES.contains(&kind.unwrap_or_default()) || INDEXES.contains(&manifest.media_type.as_str());
        Ok((manifest, index))
    }

    /// A blob in a file of its own below `directory`, its size and digest checked.
    ///
    /// # Errors
    /// When the registry does not have it, or gives something else.
    pub async fn blob(&self, part: &Descriptor, directory: &Path, limit: u64) -> Result<File, Error> {
        if !is_digest(&part.digest) {
            return Err(Error::Malformed(format!("unsupported digest: {:?}", part.digest)));
        }
        if part.size > limit {
            return Err(Error::TooLarge { what: "blob", limit });
        }
        let mut url = self.url(&format!("blobs/{}", part.digest));
        let mut headers = self.headers(&[]);
        for _ in 0..=limits::REDIRECTS {
            let request = Client::request(&Method::GET, &url, &headers)?;
            let sent = self.client.http.send(request).await;
            let response = sent.map_err(|error| Error::transport(&Method::GET, &url, error))?;
            if response.status() == StatusCode::OK {
                return save(response, part, &url, directory).await;
            }
            if !response.status().is_redirection() {
                let whole = whole(response, &url).await?;
                return Err(Error::refused(&Method::GET, &url, &whole));
            }
            let next = response.headers().get(LOCATION).and_then(|it| it.to_str().ok());
            let next = next.and_then(|it| absolute(&url, it));
            let next = next.ok_or_else(|| Error::Malformed("redirect without a location".to_owned()))?;
            // Storage behind a registry is somebody else, who must not learn the token.
            if authority(&next) != authority(&url) {
                headers.remove(AUTHORIZATION);
            }
            url = next;
        }
        Err(Error::Malformed(format!(
            "stopped after {} redirects",
            limits::REDIRECTS
        )))
    }
}

async fn whole(response: Response<edges::Body>, url: &str) -> Result<Response<Bytes>, Error> {
    let (head, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(url, error))?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |it| it));
        if bytes.len() > limits::ANSWER {
            break;
        }
    }
    Ok(Response::from_parts(head, bytes.into()))
}

fn broken(url: &str, error: edges::BoxError) -> Error {
    let error = error
        .downcast::<HttpError>()
        .map_or_else(HttpError::Other, |known| *known);
    Error::transport(&Method::GET, url, error)
}

async fn save(
    response: Response<edges::Body>,
    part: &Descriptor,
    url: &str,
    directory: &Path,
) -> Result<File, Error> {
    let mut file = tempfile::tempfile_in(directory)?;
    let mut hasher = Sha256::new();
    let mut read = 0_u64;
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(url, error))?;
        let Some(data) = frame.data_ref() else { continue };
        read += data.len() as u64;
        if read > part.size {
            return Err(Error::Size {
                actual: read,
                expected: part.size,
            });
        }
        hasher.update(data);
        file.write_all(data)?;
    }
    let actual = stdx::hex(&hasher.finalize());
    let expected = part.digest.trim_start_matches("sha256:");
    if actual != expected {
        let expected = expected.to_owned();
        return Err(Error::Digest {
            read,
            actual,
            expected,
        });
    }
    if read != part.size {
        return Err(Error::Size {
            actual: read,
            expected: part.size,
        });
    }
    file.rewind()?;
    Ok(file)
}

fn digest_header(response: &Response<Bytes>) -> Option<String> {
    let value = response.headers().get("docker-content-digest")?.to_str().ok()?;
    is_digest(value).then(|| value.to_owned())
}

/// The address in `Link: </v2/…>; rel="next"`. One that leads to another host is none.
fn next_page(response: &Response<Bytes>, url: &str) -> Option<String> {
    let link = response.headers().get(LINK)?.to_str().ok()?;
    let target = link
        .split(';')
        .next()?
        .trim()
        .strip_prefix('<')?
        .strip_suffix('>')?;
    absolute(url, target).filter(|next| authority(next) == authority(url))
}

fn absolute(base: &str, target: &str) -> Option<String> {
    if target.starts_with("http://") || target.starts_with("https://") {
        return Some(target.to_owned());
    }
    let base: Uri = base.parse().ok()?;
    let path = target.starts_with('/').then_some(target)?;
    Some(format!("{}://{}{path}", base.scheme_str()?, base.authority()?))
}

fn authority(url: &str) -> Option<(String, String)> {
    let url: Uri = url.parse().ok()?;
    Some((url.scheme_str()?.to_owned(), url.authority()?.to_string()))
}

/// A value in a query, as Go's `url.Values` writes it.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            other => out += &format!("%{other:02X}"),
        }
    }
    out
}
