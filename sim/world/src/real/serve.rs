//! Doors: listening sockets, and the services behind them.

use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc};

use bytes::Bytes;
use edges::BoxError;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower::Service;

use crate::limits;

/// What a door leads to.
pub(crate) trait Serve<B>:
    Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>, Future: Send + 'static>
    + Clone
    + Send
    + 'static
{
}

impl<S, B> Serve<B> for S where
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>, Future: Send + 'static>
        + Clone
        + Send
        + 'static
{
}

/// A socket to listen on; a taken port is told with the address.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("listen on {address}: {error}"));
    let listener = std::net::TcpListener::bind(address).map_err(named)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Takes connections until `end` says so; then those under way may finish for a moment.
pub(crate) async fn door<S, B>(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    service: S,
    mut end: watch::Receiver<bool>,
) where
    S: Serve<B>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let acceptor = tls.map(TlsAcceptor::from);
    let room = Arc::new(Semaphore::new(limits::CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let next = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            biased;
            _ = end.wait_for(|ended| *ended) => break,
            next = next => next,
        };
        // A connection that broke before it was taken concerns nobody.
        let Ok((stream, _)) = accepted else { continue };
        let (acceptor, service, end) = (acceptor.clone(), service.clone(), end.clone());
        connections.spawn(async move {
            let _permit = permit;
            connection(stream, acceptor, service, end).await;
        });
    }
    drop(listener);
    let rest = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(limits::FAREWELL, rest).await;
}

async fn connection<S, B>(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    service: S,
    end: watch::Receiver<bool>,
) where
    S: Serve<B>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => talk(stream, service, end).await,
        Some(acceptor) => {
            if let Ok(Ok(stream)) = timeout(limits::HANDSHAKE, acceptor.accept(stream)).await {
                talk(stream, service, end).await;
            }
        }
    }
}

async fn talk<T, S, B>(stream: T, service: S, mut end: watch::Receiver<bool>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Serve<B>,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::STREAMS)
        .max_send_buf_size(limits::SEND_BUFFER);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = pin!(connection);
    // How a client ends its connection is its own affair: no branch has an error to report.
    tokio::select! {
        biased;
        _ = end.wait_for(|ended| *ended) => connection.as_mut().graceful_shutdown(),
        _ = connection.as_mut() => return,
    }
    let _ = connection.await;
}

/// A service whose work is a future made anew for each request.
pub(crate) fn respond<F, R, B>(answer: F) -> impl Serve<B>
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
    R: Future<Output = Result<Response<B>, BoxError>> + Send + 'static,
    B: 'static,
{
    tower::service_fn(answer)
}
