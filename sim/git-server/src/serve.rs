//! Smart HTTP: which request means which run of `git upload-pack` or `git receive-pack`.

use std::{
    io::{self, Read},
    path::Path,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use edges::{Body, HttpError, body_from};
use flate2::read::GzDecoder;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, WWW_AUTHENTICATE},
};

use crate::{
    Credentials, GitServer,
    answers::{self, Question},
    limits::MAX_REQUEST,
    upload_pack::{self, Ask, Program},
};

const ADVERTISEMENT: &str = "application/x-git-upload-pack-advertisement";
const RESULT: &str = "application/x-git-upload-pack-result";

/// The service that a request addresses in a repository.
#[derive(Debug, PartialEq, Eq)]
enum Endpoint {
    InfoRefs,
    UploadPack,
    /// Pushing or the dumb protocol: known, not offered.
    Refused,
}

fn route(request: &Request<Bytes>) -> Option<(&str, Endpoint)> {
    let path = request.uri().path().trim_start_matches('/');
    let (repo, endpoint) = if let Some(repo) = path.strip_suffix("/info/refs") {
        let wanted = "service=git-upload-pack";
        let query = request.uri().query().unwrap_or_default();
        if request.method() == Method::GET && query.split('&').any(|it| it == wanted) {
            (repo, Endpoint::InfoRefs)
        } else {
            (repo, Endpoint::Refused)
        }
    } else if let Some(repo) = path.strip_suffix("/git-upload-pack") {
        (repo, Endpoint::UploadPack)
    } else {
        (path.strip_suffix("/git-receive-pack")?, Endpoint::Refused)
    };
    Some((repo.strip_suffix(".git").unwrap_or(repo), endpoint))
}

impl GitServer {
    /// Answers one request, as if it had arrived over the network.
    ///
    /// # Errors
    /// [`HttpError::Refused`] while the server is switched off.
    pub fn handle(&self, request: &Request<Bytes>) -> Result<Response<Body>, HttpError> {
        if !self.is_available() {
            return Err(HttpError::Refused);
        }
        Ok(self.answer(request, true))
    }

    /// `guarded`: credentials are asked for where they are required.
    pub(crate) fn answer(&self, request: &Request<Bytes>, guarded: bool) -> Response<Body> {
        let Some((repo, endpoint)) = route(request) else {
            return plain(StatusCode::NOT_FOUND, "Not Found");
        };
        let Some((path, credentials)) = self.lookup(repo) else {
            return plain(StatusCode::NOT_FOUND, "Repository not found");
        };
        if let Some(credentials) = credentials.filter(|_| guarded)
            && !credentials.admit(request)
        {
            let mut response = plain(StatusCode::UNAUTHORIZED, "Authentication required");
            let challenge = HeaderValue::from_static("Basic realm=\"Git\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            return response;
        }
        let protocol = request
            .headers()
            .get("git-protocol")
            .and_then(|it| it.to_str().ok());
        match endpoint {
            Endpoint::Refused => plain(StatusCode::FORBIDDEN, "Service not enabled"),
            Endpoint::InfoRefs => {
                let output = self.uploaded(repo, &path, None, protocol);
                respond(ADVERTISEMENT, output, |refs| {
                    self.note_served(repo);
                    advertisement(Program::UploadPack, refs, protocol)
                })
            }
            Endpoint::UploadPack if request.method() != Method::POST => {
                plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
            }
            Endpoint::UploadPack => match request_body(request) {
                Ok(body) => {
                    let output = self.uploaded(repo, &path, Some(&body), protocol);
                    respond(RESULT, output, |pack| pack)
                }
                Err(error) => plain(StatusCode::BAD_REQUEST, &error.to_string()),
            },
        }
    }
}

impl GitServer {
    /// What `git upload-pack` answers, run only if nobody asked the same before.
    fn uploaded(
        &self,
        repo: &str,
        path: &Path,
        body: Option<&[u8]>,
        protocol: Option<&str>,
    ) -> io::Result<Vec<u8>> {
        let holding = || self.with(repo, |it| it.holding);
        let before = holding();
        let question = Question {
            holding: before.unwrap_or_default(),
            protocol: protocol.map(str::to_owned),
            body: body.map(<[u8]>::to_vec),
        };
        if let Some(known) = answers::known(&question) {
            return Ok(known);
        }
        let ask = body.map_or(Ask::Advertisement, Ask::Rpc);
        let answer = upload_pack::run(Program::UploadPack, self.home(), path, &ask, protocol)?;
        // Somebody may have pushed meanwhile.
        if before.is_some() && holding() == before {
            answers::remember(question, &answer);
        }
        Ok(answer)
    }
}

/// Protocol 2 starts with the capabilities at once; the older ones name the service first.
pub(crate) fn advertisement(program: Program, refs: Vec<u8>, protocol: Option<&str>) -> Vec<u8> {
    let two = protocol.is_some_and(|it| it.split(':').any(|key| key == "version=2"));
    // receive-pack speaks the older protocols only.
    if two && program == Program::UploadPack {
        return refs;
    }
    let line = format!("# service=git-{}\n", program.name());
    let mut bytes = format!("{:04x}{line}0000", line.len() + 4).into_bytes();
    bytes.extend(refs);
    bytes
}

pub(crate) fn request_body(request: &Request<Bytes>) -> io::Result<Bytes> {
    let gzip = request
        .headers()
        .get(CONTENT_ENCODING)
        .is_some_and(|it| it == "gzip" || it == "x-gzip");
    if !gzip {
        return Ok(request.body().clone());
    }
    let mut body = Vec::new();
    GzDecoder::new(&request.body()[..])
        .take(MAX_REQUEST)
        .read_to_end(&mut body)?;
    Ok(body.into())
}

pub(crate) fn respond(
    content_type: &'static str,
    output: io::Result<Vec<u8>>,
    finish: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> Response<Body> {
    match output {
        Ok(bytes) => {
            let mut response = Response::new(body_from(finish(bytes)));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            response
        }
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

pub(crate) fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(body_from(format!("{text}\n")));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

impl Credentials {
    fn admit(&self, request: &Request<Bytes>) -> bool {
        let expected = match self {
            Self::Basic { username, password } => {
                format!(
                    "Basic {}",
                    BASE64_STANDARD.encode(format!("{username}:{password}"))
                )
            }
            Self::Bearer(token) => format!("Bearer {token}"),
        };
        request
            .headers()
            .get(AUTHORIZATION)
            .is_some_and(|it| it.as_bytes() == expected.as_bytes())
    }
}
