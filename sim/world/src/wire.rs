//! Connections in memory, and HTTP on them.

use bytes::Bytes;
use edges::{Body, BoxError, HttpError, Stream};
use futures::future::BoxFuture;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{io::DuplexStream, task::JoinSet};

use crate::{Network, limits};

/// The client's end, with the task that serves the other one.
struct Wire {
    end: DuplexStream,
    _server: JoinSet<()>,
}

/// Connects a client to what `serve` makes of the other end; both ends vanish together.
pub(crate) fn connect(
    serve: impl FnOnce(Stream) -> Result<BoxFuture<'static, ()>, HttpError>,
) -> Result<Stream, HttpError> {
    let (end, there) = tokio::io::duplex(limits::WIRE);
    let mut server = JoinSet::new();
    server.spawn(serve(Stream::new(there))?);
    Ok(Stream::new(Wire { end, _server: server }))
}

/// Answers the requests of a connection as the network answers those of its clients.
pub(crate) fn serve_http(stream: Stream, base: String, network: Network) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let answer = service_fn(move |request| answer(request, base.clone(), network.clone()));
        // How a client ends its connection is its own affair.
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), answer)
            .await;
    })
}

async fn answer(
    request: Request<Incoming>,
    base: String,
    network: Network,
) -> Result<Response<Body>, BoxError> {
    let (mut head, body) = request.into_parts();
    let body = Limited::new(body, limits::GIT_BODY).collect().await?.to_bytes();
    let path = head.uri.path_and_query().map_or("/", |it| it.as_str());
    head.uri = format!("{base}{path}").parse::<Uri>()?;
    let request: Request<Bytes> = Request::from_parts(head, body);
    Ok(network.send(request).await?)
}

mod io {
    //! The wire reads and writes as its end does.

    use std::{
        io,
        pin::Pin,
        task::{Context, Poll},
    };

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::Wire;

    impl AsyncRead for Wire {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.end).poll_read(context, buffer)
        }
    }

    impl AsyncWrite for Wire {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.end).poll_write(context, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.end).poll_flush(context)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.end).poll_shutdown(context)
        }
    }
}
