//! The owner's side of the server: everything may be read and pushed, and a push makes the repository it names.

use std::{io, path::PathBuf};

use bytes::Bytes;
use edges::Body;
use http::{Method, Request, Response, StatusCode};

use crate::{
    GitServer, serve,
    upload_pack::{self, Ask, Program},
};

const ADVERTISEMENT: &str = "application/x-git-receive-pack-advertisement";
const RESULT: &str = "application/x-git-receive-pack-result";

impl GitServer {
    /// Answers one request of the repositories' owner: `git push` works, credentials are not asked for, and the server
    /// counts as switched on.
    pub fn handle_admin(&self, request: &Request<Bytes>) -> Response<Body> {
        match push(request) {
            None => self.answer(request, false),
            Some((repo, Half::Refs)) => match self.path_for_push(repo) {
                Ok(path) => {
                    let refs = upload_pack::run(
                        Program::ReceivePack,
                        self.home(),
                        &path,
                        &Ask::Advertisement,
                        None,
                    );
                    serve::respond(ADVERTISEMENT, refs, |refs| {
                        serve::advertisement(Program::ReceivePack, refs, None)
                    })
                }
                Err(error) => serve::plain(StatusCode::BAD_REQUEST, &error.to_string()),
            },
            Some((repo, Half::Pack)) => match serve::request_body(request) {
                Ok(body) => serve::respond(RESULT, self.receive(repo, &body), |report| report),
                Err(error) => serve::plain(StatusCode::BAD_REQUEST, &error.to_string()),
            },
        }
    }

    fn path_for_push(&self, repo: &str) -> Result<PathBuf, crate::Error> {
        if let Some(path) = self.path(repo) {
            return Ok(path);
        }
        match self.create_empty(repo) {
            // Somebody else's push made it meanwhile.
            Ok(()) | Err(crate::Error::Exists(_)) => {
                let unknown = || crate::Error::UnknownRepository(repo.to_owned());
                self.path(repo).ok_or_else(unknown)
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) fn receive(&self, repo: &str, body: &[u8]) -> io::Result<Vec<u8>> {
        let path = self
            .path(repo)
            .ok_or_else(|| io::Error::other("no such repository"))?;
        let report = upload_pack::run(Program::ReceivePack, self.home(), &path, &Ask::Rpc(body), None)?;
        let home = self.home().to_owned();
        self.with(repo, |repository| repository.reload(&home))
            .unwrap_or(Ok(()))?;
        Ok(report)
    }
}

/// The two requests of a push.
enum Half {
    Refs,
    Pack,
}

/// The repository and the half of a push that a request is.
fn push(request: &Request<Bytes>) -> Option<(&str, Half)> {
    let path = request.uri().path().trim_start_matches('/');
    if let Some(repo) = path.strip_suffix("/info/refs") {
        let query = request.uri().query().unwrap_or_default();
        let wanted = query.split('&').any(|it| it == "service=git-receive-pack");
        return (wanted && request.method() == Method::GET).then(|| (bare(repo), Half::Refs));
    }
    let repo = path.strip_suffix("/git-receive-pack")?;
    (request.method() == Method::POST).then(|| (bare(repo), Half::Pack))
}

fn bare(repo: &str) -> &str {
    repo.strip_suffix(".git").unwrap_or(repo)
}
