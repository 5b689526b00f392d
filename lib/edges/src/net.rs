//! Outgoing connections.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{HttpError, Proxy, proxy};

/// What a connection can do.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection, closed when dropped.
pub struct Stream(Box<dyn Duplex>);

type Dial = dyn Fn(String, u16) -> BoxFuture<'static, Result<Stream, HttpError>> + Send + Sync;

/// Outgoing connections below HTTP: SSH, and HTTP where certificates or a proxy are the user's. Cheap to clone.
#[derive(Clone)]
pub struct Net {
    dial: Arc<Dial>,
    roots: Arc<[CertificateDer<'static>]>,
}

impl Net {
    /// Connections by `dial`, which gets a host and a port; `roots` are the authorities that everybody trusts here.
    pub fn new<F>(dial: F, roots: Vec<CertificateDer<'static>>) -> Self
    where
        F: Fn(String, u16) -> BoxFuture<'static, Result<Stream, HttpError>> + Send + Sync + 'static,
    {
        Self {
            dial: Arc::new(dial),
            roots: roots.into(),
        }
    }

    /// No connection at all, for components that need none: every name is unknown.
    pub fn none() -> Self {
        let unknown = |host: String, _| -> BoxFuture<'static, Result<Stream, HttpError>> {
            Box::pin(std::future::ready(Err(HttpError::NoSuchHost(host))))
        };
        Self::new(unknown, Vec::new())
    }

    /// Connects to a port of a host, by way of a proxy if there is one.
    ///
    /// # Errors
    /// When the host (or the proxy) is not found, refuses or says no.
    pub async fn connect(&self, host: &str, port: u16, by: Option<&Proxy>) -> Result<Stream, HttpError> {
        match by {
            Some(by) => proxy::connect(self, by, host, port).await,
            None => (self.dial)(host.to_owned(), port).await,
        }
    }

    pub(crate) fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Net")
    }
}

impl Stream {
    /// A connection over any pair of directions.
    pub fn new(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self(Box::new(io))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
