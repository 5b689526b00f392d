//! The Git server behind a socket.

use bytes::Bytes;
use edges::{Blocking, Body, BoxError, HttpError, body_from};
use git_server::GitServer;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::{task::spawn_blocking, time::timeout};

use crate::limits;

/// How repositories are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// From inside the cluster: what the fixtures' owner allows.
    Cluster,
    /// From the host: everything, pushes among it.
    Host,
}

/// Answers one request; `git` itself runs on a thread that may wait.
pub(crate) async fn answer(
    git: GitServer,
    side: Side,
    request: Request<Incoming>,
) -> Result<Response<Body>, BoxError> {
    let request = match bounded(request).await? {
        Ok(request) => request,
        Err(refusal) => return Ok(refusal),
    };
    let answer = match side {
        Side::Cluster => git.serve(request, Blocking::Threads).await,
        Side::Host => Ok(spawn_blocking(move || git.handle_admin(&request)).await?),
    };
    match answer {
        Ok(response) => Ok(response),
        // The connection breaks, as it would if nobody listened.
        Err(HttpError::Refused) => Err(HttpError::Refused.into()),
        Err(error) => Ok(plain(StatusCode::BAD_GATEWAY, &error.to_string())),
    }
}

/// Reads a request's body; one that is too large or too slow is refused.
pub(crate) async fn bounded(
    request: Request<Incoming>,
) -> Result<Result<Request<Bytes>, Response<Body>>, BoxError> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, limits::GIT_BODY);
    Ok(match timeout(limits::BODY, body.collect()).await {
        Ok(Ok(body)) => Ok(Request::from_parts(head, body.to_bytes())),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(plain(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large"))
        }
        Ok(Err(error)) => return Err(error),
        Err(_) => Err(plain(StatusCode::REQUEST_TIMEOUT, "Request body did not arrive")),
    })
}

/// An answer in plain words.
pub(crate) fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(body_from(format!("{text}\n")));
    *response.status_mut() = status;
    response
}
