//! Outgoing HTTP over sockets.

use std::{
    collections::BTreeMap,
    error::Error as StdError,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use edges::{Body, BoxError, HttpClient, HttpError, Via};
use http::{Request, Response};
use http_body_util::BodyExt;
use reqwest::{Certificate, Client, ClientBuilder, Identity, Proxy, redirect::Policy};

use crate::limits;

/// A client that follows the proxies of the environment and no redirects: who asks decides about those. A request that
/// says how it travels goes that way.
pub(crate) fn client() -> Result<HttpClient, reqwest::Error> {
    let client = builder().build()?;
    let ways: Arc<Mutex<BTreeMap<Via, Client>>> = Arc::default();
    Ok(HttpClient::new(tower::service_fn(
        move |request: Request<Bytes>| {
            let (client, ways) = (client.clone(), Arc::clone(&ways));
            async move {
                let client = match Via::of(&request) {
                    Some(via) => special(&ways, via)?,
                    None => client,
                };
                send(client, request).await
            }
        },
    )))
}

fn builder() -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .connect_timeout(limits::CONNECT)
        .read_timeout(limits::SILENCE)
        .user_agent(concat!("gitops-extension/", env!("CARGO_PKG_VERSION")))
}

/// The client for one way, kept for the next request that goes it.
fn special(ways: &Mutex<BTreeMap<Via, Client>>, via: &Via) -> Result<Client, HttpError> {
    let mut ways = ways.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(client) = ways.get(via) {
        return Ok(client.clone());
    }
    let client = configured(via).map_err(|error| explain(error, ""))?;
    if ways.len() >= limits::WAYS {
        ways.clear();
    }
    ways.insert(via.clone(), client.clone());
    Ok(client)
}

fn configured(via: &Via) -> Result<Client, reqwest::Error> {
    let mut builder = builder();
    if let Some(authorities) = &via.authorities {
        let trusted = Certificate::from_pem_bundle(authorities)?;
        builder = if via.system_authorities {
            builder.tls_certs_merge(trusted)
        } else {
            builder.tls_certs_only(trusted)
        };
    }
    if let Some((certificate, key)) = &via.identity {
        builder = builder.identity(Identity::from_pem(
            &[certificate.as_slice(), b"\n", key].concat(),
        )?);
    }
    if via.insecure {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    if let Some(asked) = &via.proxy {
        let mut proxy = Proxy::all(&asked.address)?;
        if let Some((name, password)) = &asked.credentials {
            proxy = proxy.basic_auth(name, password);
        }
        builder = builder.proxy(proxy);
    }
    builder.build()
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
        let mut odd = Request::get("http://nowhere.invalid/")
            .body(Bytes::new())
            .unwrap();
        let no_certificate = Via {
            identity: Some((b"hunter2".to_vec(), b"hunter2".to_vec())),
            ..Via::default()
        };
        no_certificate.attach(&mut odd);
        let refused = client.fetch(odd, 10).await.unwrap_err().to_string();
        assert!(
            !refused.contains("hunter2") && !refused.contains("no such host"),
            "{refused}"
        );
        let unknown = get("http://nowhere.invalid/").await.unwrap_err();
        assert_eq!(unknown.to_string(), "lookup nowhere.invalid: no such host");
    }
}
