//! Outgoing HTTP.

use std::{error::Error as StdError, fmt, future::Future};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use tower::{Service, ServiceExt, util::BoxCloneSyncService};

/// Any error, boxed.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A body that streams.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// A body of these bytes.
pub fn body_from(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body of no bytes.
pub fn empty_body() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// The response with half of its body, after which the connection is cut.
///
/// # Errors
/// When the body cannot be read.
pub async fn cut_short(response: Response<Body>) -> Result<Response<Body>, HttpError> {
    let (parts, body) = response.into_parts();
    let whole = body.collect().await.map_err(HttpError::Other)?.to_bytes();
    let half = body_from(whole.slice(..whole.len() / 2));
    let body = half.with_trailers(async { Some(Err(HttpError::Cut.into())) });
    Ok(Response::from_parts(parts, body.boxed_unsync()))
}

/// Why there is no HTTP response. The text has no URL: the caller knows it and may hold secrets in it.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The name has no address: `lookup <host>: no such host`.
    #[error("lookup {0}: no such host")]
    NoSuchHost(String),
    /// Nobody listens: `connect: connection refused`.
    #[error("connect: connection refused")]
    Refused,
    /// The connection ended before the response was whole.
    #[error("unexpected EOF")]
    Cut,
    /// The body is larger than the caller allows (in bytes).
    #[error("response body exceeds {0} bytes")]
    TooLarge(usize),
    /// Anything else.
    #[error(transparent)]
    Other(BoxError),
}

impl HttpError {
    /// The text in Go's words: who dials says so.
    pub fn dialed(&self) -> String {
        match self {
            Self::NoSuchHost(_) | Self::Refused => format!("dial tcp: {self}"),
            other => other.to_string(),
        }
    }
}

/// Outgoing HTTP.
#[derive(Clone)]
pub struct HttpClient(BoxCloneSyncService<Request<Bytes>, Response<Body>, HttpError>);

impl HttpClient {
    /// A client over any service.
    pub fn new<S>(service: S) -> Self
    where
        S: Service<Request<Bytes>, Response = Response<Body>, Error = HttpError>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        Self(BoxCloneSyncService::new(service))
    }

    /// Sends a request with an absolute URI.
    ///
    /// # Errors
    /// When no response came; a response with an error status is not an error here.
    pub fn send(
        &self,
        request: Request<Bytes>,
    ) -> impl Future<Output = Result<Response<Body>, HttpError>> + Send + 'static {
        self.0.clone().oneshot(request)
    }

    /// Sends a request and reads the body, at most `limit` bytes of it.
    ///
    /// # Errors
    /// As [`HttpClient::send`]; also when the body breaks off or is larger.
    pub async fn fetch(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Bytes>, HttpError> {
        let (head, mut body) = self.send(request).await?.into_parts();
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| match error.downcast::<HttpError>() {
                Ok(known) => *known,
                Err(other) => HttpError::Other(other),
            })?;
            if let Some(data) = frame.data_ref() {
                if bytes.len() + data.len() > limit {
                    return Err(HttpError::TooLarge(limit));
                }
                bytes.extend_from_slice(data);
            }
        }
        Ok(Response::from_parts(head, bytes.freeze()))
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpClient")
    }
}
