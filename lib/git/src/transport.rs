//! Git's smart HTTP protocol for libgit2, over the edges' HTTP client.

use std::{
    io::{self, Read, Write},
    sync::{Arc, Mutex, Once, PoisonError},
};

use bytes::{Buf, Bytes};
use edges::{Body, HttpError};
use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport};
use http::{
    Method, Request, StatusCode, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, USER_AGENT},
};
use http_body_util::BodyExt;

use crate::{
    TransportError,
    context::Context,
    limits::{MAX_ADVERTISEMENT, MAX_PACK, MAX_REDIRECTS},
    ssh::Ssh,
};

/// Hosting services answer some requests differently for clients that do not call themselves Git.
const AGENT: &str = "git/2.0 (gitops)";

/// Makes libgit2 use this transport and no configuration of the machine's; once is enough.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for scheme in ["http", "https", "ssh"] {
            let factory = move |remote: &git2::Remote<'_>| {
                if scheme == "ssh" {
                    return Ssh::transport(remote);
                }
                let context = Context::current().ok_or_else(|| git2::Error::from_str("no context"))?;
                Transport::smart(remote, true, Http::new(context))
            };
            #[expect(
                unsafe_code,
                reason = "libgit2's registry has no lock; this runs once, before any use"
            )]
            // SAFETY: `Once` lets one thread run this while all others wait, and every use of libgit2 in this
            // crate comes after it.
            let registered = unsafe { git2::transport::register(scheme, factory) };
            if let Err(error) = registered {
                unreachable!("registering a transport only fails when memory runs out: {error}");
            }
        }
        for level in [
            git2::ConfigLevel::ProgramData,
            git2::ConfigLevel::System,
            git2::ConfigLevel::XDG,
            git2::ConfigLevel::Global,
        ] {
            #[expect(
                unsafe_code,
                reason = "libgit2's options have no lock; this runs once, before any use"
            )]
            // SAFETY: as above.
            let set = unsafe { git2::opts::set_search_path(level, "") };
            if let Err(error) = set {
                unreachable!("emptying a search path only fails when memory runs out: {error}");
            }
        }
    });
}

struct Http {
    context: Context,
    /// Where the refs were found, after redirects.
    base: Arc<Mutex<Option<String>>>,
}

impl Http {
    fn new(context: Context) -> Self {
        Self {
            context,
            base: Arc::default(),
        }
    }
}

impl SmartSubtransport for Http {
    fn action(&self, url: &str, action: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let base = self.base.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let base = base.unwrap_or_else(|| url.trim_end_matches('/').to_owned());
        let refs = match action {
            Service::UploadPackLs => true,
            Service::UploadPack => false,
            Service::ReceivePackLs | Service::ReceivePack => {
                return Err(git2::Error::from_str("this transport only reads"));
            }
        };
        Ok(Box::new(Exchange {
            context: self.context.clone(),
            base,
            found: refs.then(|| self.base.clone()),
            request: Vec::new(),
            response: None,
        }))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

/// One request, sent when libgit2 first reads, and its response.
struct Exchange {
    context: Context,
    base: String,
    /// For a list of refs: where to note the address that had it.
    found: Option<Arc<Mutex<Option<String>>>>,
    request: Vec<u8>,
    response: Option<Response>,
}

struct Response {
    url: String,
    /// Absent once it has ended.
    body: Option<Body>,
    piece: Bytes,
    left: u64,
    limit: u64,
}

impl Write for Exchange {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.request.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Exchange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut response = match self.response.take() {
            Some(response) => response,
            None => self.send().map_err(|error| self.context.fail(error))?,
        };
        if response.piece.is_empty() {
            response
                .receive(&self.context)
                .map_err(|error| self.context.fail(error))?;
        }
        let length = buffer.len().min(response.piece.len());
        response.piece.copy_to_slice(&mut buffer[..length]);
        self.response = Some(response);
        Ok(length)
    }
}

impl Exchange {
    fn send(&mut self) -> Result<Response, TransportError> {
        let Some(found) = self.found.clone() else {
            let url = format!("{}/git-upload-pack", self.base);
            let body = Bytes::from(std::mem::take(&mut self.request));
            let request = Request::post(&url)
                .header(CONTENT_TYPE, "application/x-git-upload-pack-request")
                .header(ACCEPT, "application/x-git-upload-pack-result")
                .body(body)?;
            let response = self.exchange(&url, request, true)?;
            return accept(url, response, MAX_PACK);
        };
        let (mut base, mut credentials) = (self.base.clone(), true);
        for _ in 0..=MAX_REDIRECTS {
            let url = format!("{base}/info/refs?service=git-upload-pack");
            let request = Request::get(&url).header(ACCEPT, "*/*").body(Bytes::new())?;
            let response = self.exchange(&url, request, credentials)?;
            if !response.status().is_redirection() {
                *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(base);
                return accept(url, response, MAX_ADVERTISEMENT);
            }
            let moved = response.headers().get(LOCATION).and_then(|it| it.to_str().ok());
            let next = moved.and_then(|it| redirected(&url, it));
            let next = next.ok_or(TransportError::Redirect(url))?;
            // Credentials are for the host that the user named.
            credentials &= authority(&next) == authority(&base);
            if !credentials {
                self.context.authorization = None;
            }
            base = next;
        }
        Err(TransportError::Redirect(base))
    }

    fn exchange(
        &self,
        url: &str,
        mut request: Request<Bytes>,
        credentials: bool,
    ) -> Result<http::Response<Body>, TransportError> {
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, http::HeaderValue::from_static(AGENT));
        if let Some(authorization) = self.context.authorization.clone().filter(|_| credentials) {
            headers.insert(AUTHORIZATION, authorization);
        }
        let method = if request.method() == Method::GET {
            "Get"
        } else {
            "Post"
        };
        let answer = self.context.caller.block_on(self.context.http.send(request));
        answer
            .map_err(|_| TransportError::Cancelled)?
            .map_err(|source| TransportError::Http {
                method,
                url: url.to_owned(),
                source,
            })
    }
}

fn accept(url: String, response: http::Response<Body>, limit: u64) -> Result<Response, TransportError> {
    match response.status() {
        StatusCode::OK => Ok(Response {
            url,
            body: Some(response.into_body()),
            piece: Bytes::new(),
            left: limit,
            limit,
        }),
        StatusCode::UNAUTHORIZED => Err(TransportError::AuthenticationRequired),
        StatusCode::FORBIDDEN => Err(TransportError::AuthorizationFailed),
        StatusCode::NOT_FOUND => Err(TransportError::NotFound),
        status => Err(TransportError::Status { url, status }),
    }
}

impl Response {
    /// Waits for the next piece; none comes after the end.
    fn receive(&mut self, context: &Context) -> Result<(), TransportError> {
        while let (true, Some(mut body)) = (self.piece.is_empty(), self.body.take()) {
            let (body, frame) = context
                .caller
                .block_on(async move {
                    let frame = body.frame().await;
                    (body, frame)
                })
                .map_err(|_| TransportError::Cancelled)?;
            let Some(frame) = frame else { break };
            self.body = Some(body);
            let frame = frame.map_err(|error| TransportError::Http {
                method: "Read",
                url: self.url.clone(),
                source: match error.downcast::<HttpError>() {
                    Ok(known) => *known,
                    Err(other) => HttpError::Other(other),
                },
            })?;
            if let Ok(data) = frame.into_data() {
                let length = data.len() as u64;
                let too_large = || TransportError::TooLarge {
                    url: self.url.clone(),
                    limit: self.limit,
                };
                self.left = self.left.checked_sub(length).ok_or_else(too_large)?;
                self.piece = data;
            }
        }
        Ok(())
    }
}

fn authority(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

/// The repository's address after the list of refs moved to `location`.
fn redirected(url: &str, location: &str) -> Option<String> {
    let absolute = if location.starts_with('/') {
        format!("{}{location}", authority(url)?)
    } else {
        location.to_owned()
    };
    let scheme = absolute.parse::<Uri>().ok()?.scheme_str()?.to_owned();
    if scheme != "http" && scheme != "https" {
        return None;
    }
    let (base, _) = absolute.split_once("/info/refs")?;
    Some(base.to_owned())
}

#[cfg(test)]
mod tests {
    use super::redirected;

    #[test]
    fn redirects_move_the_repository() {
        let url = "http://git.example.com/app/info/refs?service=git-upload-pack";
        for (location, base) in [
            (
                "https://git.example.com/app.git/info/refs?service=git-upload-pack",
                Some("https://git.example.com/app.git"),
            ),
            (
                "/app.git/info/refs?service=git-upload-pack",
                Some("http://git.example.com/app.git"),
            ),
            ("https://git.example.com/login", None),
            ("file:///etc/info/refs", None),
        ] {
            assert_eq!(redirected(url, location).as_deref(), base, "{location}");
        }
    }
}
