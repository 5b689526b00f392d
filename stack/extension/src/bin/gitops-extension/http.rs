//! Outgoing HTTP over sockets.

use std::{error::Error as StdError, io};

use bytes::Bytes;
use edges::{Body, BoxError, HttpClient, HttpError};
use http::{Request, Response};
use http_body_util::BodyExt;
use reqwest::{Client, redirect::Policy};

use crate::limits;

/// A client that follows the proxies of the environment and no redirects: who asks decides about those.
pub(crate) fn client() -> Result<HttpClient, reqwest::Error> {
    let client = Client::builder()
        .redirect(Policy::none())
        .connect_timeout(limits::CONNECT)
        .read_timeout(limits::SILENCE)
        .user_agent(concat!("gitops-extension/", env!("CARGO_PKG_VERSION")))
        .build()?;
    Ok(HttpClient::new(tower::service_fn(
        move |request: Request<Bytes>| send(client.clone(), request),
    )))
}

async fn send(client: Client, request: Request<Bytes>) -> Result<Response<Body>, HttpError> {
    let host = request.uri().host().unwrap_or_default().to_owned();
    let request = reqwest::Request::try_from(request).map_err(|error| explain(error, &host))?;
    let response = client
        .execute(request)
        .await
        .map_err(|error| explain(error, &host))?;
    let response = Response::<reqwest::Body>::from(response);
    Ok(response.map(|body| body.map_err(cut).boxed_unsync()))
}

/// A failure in the words of this project, without the URL, in which secrets may stand.
fn explain(error: reqwest::Error, host: &str) -> HttpError {
    let error = error.without_url();
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    let mut last = error.to_string();
    while let Some(link) = cause {
        last = link.to_string();
        if let Some(system) = link.downcast_ref::<io::Error>()
            && system.kind() == io::ErrorKind::ConnectionRefused
        {
            return HttpError::Refused;
        }
        if last.contains("failed to lookup address") || last.contains("dns error") {
            return HttpError::NoSuchHost(host.to_owned());
        }
        cause = link.source();
    }
    HttpError::Other(last.into())
}

fn cut(error: reqwest::Error) -> BoxError {
    if error.is_timeout() {
        return "context deadline exceeded".into();
    }
    HttpError::Cut.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn failures_to_connect_are_told_apart() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = client().unwrap();
        let get = |url: &str| client.fetch(Request::get(url).body(Bytes::new()).unwrap(), 10);
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let free = taken.local_addr().unwrap();
        drop(taken);
        let refused = get(&format!("http://user:secret@{free}/")).await.unwrap_err();
        assert!(matches!(refused, HttpError::Refused), "{refused}");
        let unknown = get("http://nowhere.invalid/").await.unwrap_err();
        assert_eq!(unknown.to_string(), "lookup nowhere.invalid: no such host");
    }
}
