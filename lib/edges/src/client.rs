//! HTTP over connections of one's own, where certificates or a proxy are the user's.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, Uri,
    header::{HOST, PROXY_AUTHORIZATION},
    uri::PathAndQuery,
};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::task::JoinSet;

use crate::{
    Body, BoxError, HttpClient, HttpError, Net, Proxy, Stream,
    tls::{self, Tls, TlsError},
};

/// What a user may want of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpOptions {
    /// Certificates.
    pub tls: Tls,
    /// The way out.
    pub proxy: Option<Proxy>,
}

impl Net {
    /// A client whose every request has a connection of its own, made as the user wants it.
    ///
    /// # Errors
    /// When certificates or keys are none.
    pub fn http(&self, options: HttpOptions) -> Result<HttpClient, TlsError> {
        let client = Client {
            net: self.clone(),
            config: tls::config(self, &options.tls)?,
            proxy: options.proxy,
        };
        Ok(HttpClient::new(tower::service_fn(move |request| {
            let client = client.clone();
            async move { client.send(request).await }
        })))
    }
}

#[derive(Clone)]
struct Client {
    net: Net,
    config: Arc<ClientConfig>,
    proxy: Option<Proxy>,
}

impl Client {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, HttpError> {
        let (mut head, body) = request.into_parts();
        let stream = self.open(&head.uri).await?;
        let authority = head.uri.authority().map(|it| it.as_str().to_owned());
        let authority = authority.unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = HeaderValue::from_str(host).map_err(|error| HttpError::Other(error.into()))?;
        head.headers.insert(HOST, host);
        match self.forwarder(&head.uri) {
            Some(proxy) => {
                if let Some(value) = proxy.authorization() {
                    head.headers.insert(PROXY_AUTHORIZATION, value);
                }
            }
            None => {
                let path = head.uri.path_and_query().cloned();
                head.uri = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
            }
        }
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(explain)?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // What goes wrong shows in the response.
            let _ = connection.await;
        });
        let request = Request::from_parts(head, Full::new(body));
        let response = sender.send_request(request).await.map_err(explain)?;
        Ok(response.map(|body| {
            Driven {
                body,
                _driver: driver,
            }
            .boxed_unsync()
        }))
    }

    /// The proxy that gets the request as it is.
    fn forwarder(&self, uri: &Uri) -> Option<&Proxy> {
        let plain = uri.scheme_str() == Some("http");
        self.proxy.as_ref().filter(|it| plain && it.forwards_http())
    }

    async fn open(&self, uri: &Uri) -> Result<Stream, HttpError> {
        if let Some(proxy) = self.forwarder(uri) {
            return proxy.reach(&self.net).await;
        }
        let secure = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = self.net.connect(host, port, self.proxy.as_ref()).await?;
        if secure {
            return tls::secure(Arc::clone(&self.config), host, stream).await;
        }
        Ok(stream)
    }
}

fn explain(error: hyper::Error) -> HttpError {
    if error.is_incomplete_message() || error.is_closed() {
        return HttpError::Cut;
    }
    let mut last: &dyn std::error::Error = &error;
    while let Some(source) = last.source() {
        last = source;
    }
    HttpError::Other(last.to_string().into())
}

/// A body with the task that reads it from the connection.
struct Driven {
    body: Incoming,
    _driver: JoinSet<()>,
}

impl http_body::Body for Driven {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        frame.map_err(|error| explain(error).into())
    }
}
