//! Incoming HTTP.

use std::{convert::Infallible, fmt, io, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use tower::util::BoxCloneSyncService;

use crate::Body;

/// A handler of incoming HTTP requests, bodies already read within the listener's limit.
pub type HttpService = BoxCloneSyncService<Request<Bytes>, Response<Body>, Infallible>;

type Serve = dyn Fn(u16, HttpService) -> io::Result<Serving> + Send + Sync;

/// Incoming HTTP: where a component offers its ports.
#[derive(Clone)]
pub struct Listener(Arc<Serve>);

/// An open port; dropping it closes the port.
pub struct Serving(#[expect(dead_code, reason = "held for its drop")] Box<dyn Send + Sync>);

impl Listener {
    /// A listener over any way to serve a port.
    pub fn new(serve: impl Fn(u16, HttpService) -> io::Result<Serving> + Send + Sync + 'static) -> Self {
        Self(Arc::new(serve))
    }

    /// Serves a port until the answer is dropped.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn serve(&self, port: u16, service: HttpService) -> io::Result<Serving> {
        (self.0)(port, service)
    }
}

impl Serving {
    /// A port that closes when `guard` is dropped.
    pub fn until_dropped(guard: impl Send + Sync + 'static) -> Self {
        Self(Box::new(guard))
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}
