//! An HTTP proxy that knows the cluster's names, for pods that share the host's network.

use bytes::Bytes;
use edges::{Blocking, Body, BoxError, HttpError};
use git_server::GitServer;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

use super::git::{bounded, plain};
use crate::{GIT_HOST, Network};

/// Leads one request to where its host is.
pub(crate) async fn lead(
    network: Network,
    git: GitServer,
    request: Request<Incoming>,
) -> Result<Response<Body>, BoxError> {
    let request = match bounded(request).await? {
        Ok(request) => request,
        Err(refusal) => return Ok(refusal),
    };
    let Some(host) = request
        .uri()
        .host()
        .map(|host| host.trim_end_matches('.').to_owned())
    else {
        return Ok(plain(StatusCode::BAD_REQUEST, "this is a proxy"));
    };
    let answer = if host == GIT_HOST {
        git.serve(request, Blocking::Threads).await
    } else {
        forward(&network, &host, request).await
    };
    // A proxy says so where a client of its own would have seen no connection.
    Ok(answer.unwrap_or_else(|error| plain(StatusCode::BAD_GATEWAY, &error.to_string())))
}

async fn forward(
    network: &Network,
    host: &str,
    mut request: Request<Bytes>,
) -> Result<Response<Body>, HttpError> {
    let other = |error: BoxError| HttpError::Other(error);
    let (address, port) = network.route(host, request.uri().port_u16().unwrap_or(80))?;
    let stream = TcpStream::connect((address, port))
        .await
        .map_err(|_| HttpError::Refused)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| other(error.into()))?;
    if let Some(authority) = request.uri().authority()
        && let Ok(authority) = HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(header::HOST, authority);
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path
        .parse()
        .map_err(|error: http::uri::InvalidUri| other(error.into()))?;
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = sender
        .send_request(request.map(Full::new))
        .await
        .map_err(|_| HttpError::Cut)?;
    // The connection lives as long as the body that comes through it.
    Ok(response.map(|body| {
        body.map_err(move |error| {
            let _ = &driver;
            BoxError::from(error)
        })
        .boxed_unsync()
    }))
}
