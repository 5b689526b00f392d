//! What goes wrong with answers on request.

use std::collections::BTreeSet;

use bytes::Bytes;
use edges::{Body, Clock, HttpError};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;

use crate::{RegistryServer, access::error, limits::SLOW_ANSWER};

/// Something that goes wrong with every answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Nobody listens.
    Down,
    /// It takes longer than clients wait.
    Slow,
    /// The connection breaks in the middle of it.
    Truncated,
    /// The content of blobs and charts has a wrong byte.
    Corrupted,
    /// 429.
    TooManyRequests,
    /// 500.
    InternalError,
}

pub(crate) type Troubles = BTreeSet<Trouble>;

impl RegistryServer {
    /// Begins or ends a trouble.
    pub fn set_trouble(&self, trouble: Trouble, begins: bool) {
        let mut state = self.state();
        if begins {
            state.troubles.insert(trouble);
        } else {
            state.troubles.remove(&trouble);
        }
    }

    fn has(&self, trouble: Trouble) -> bool {
        self.state().troubles.contains(&trouble)
    }

    /// Answers one request as far as troubles let it.
    pub(crate) async fn serve(&self, request: &Request<Bytes>) -> Result<Response<Body>, HttpError> {
        if self.has(Trouble::Down) {
            return Err(HttpError::Refused);
        }
        if self.has(Trouble::Slow) {
            // Waiting goes by tokio's timer on every clock, so it is virtual where time is.
            Clock::system().sleep(SLOW_ANSWER).await;
        }
        self.note(request);
        if self.has(Trouble::TooManyRequests) {
            return Ok(error(
                StatusCode::TOO_MANY_REQUESTS,
                "TOOMANYREQUESTS",
                "too many requests",
            ));
        }
        if self.has(Trouble::InternalError) {
            return Ok(error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "UNKNOWN",
                "unknown error",
            ));
        }
        let response = self.handle(request);
        let content = request.method() == Method::GET
            && (request.uri().path().contains("/blobs/") || request.uri().path().ends_with(".tgz"));
        if content && self.has(Trouble::Corrupted) {
            return corrupted(response).await;
        }
        if self.has(Trouble::Truncated) {
            return edges::cut_short(response).await;
        }
        Ok(response)
    }
}

async fn corrupted(response: Response<Body>) -> Result<Response<Body>, HttpError> {
    let (parts, body) = response.into_parts();
    let mut bytes = body
        .collect()
        .await
        .map_err(HttpError::Other)?
        .to_bytes()
        .to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    Ok(Response::from_parts(parts, edges::body_from(bytes)))
}
