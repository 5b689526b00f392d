//! Incoming HTTP over sockets.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use edges::{Body, BoxError, HttpService, Listener, Serving, body_from};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet, time::timeout};
use tower::ServiceExt;

use crate::limits;

/// Ports at this address.
pub(crate) fn listener(address: IpAddr) -> Listener {
    Listener::new(move |port, service| {
        let socket = bind(address, port)?;
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(socket, service));
        Ok(Serving::until_dropped(tasks))
    })
}

fn bind(address: IpAddr, port: u16) -> io::Result<TcpListener> {
    let open = |address: IpAddr| std::net::TcpListener::bind(SocketAddr::new(address, port));
    let everywhere = address.is_unspecified();
    let socket = match open(address) {
        // A machine without IPv6.
        Err(error) if everywhere && error.kind() != io::ErrorKind::AddrInUse => {
            open(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
        }
        opened => opened,
    };
    let socket = socket.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            let text = format!("listen tcp :{port}: address already in use");
            io::Error::new(io::ErrorKind::AddrInUse, text)
        }
        kind => io::Error::new(kind, format!("listen tcp :{port}: {error}")),
    })?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

async fn accept(socket: TcpListener, service: HttpService) {
    let room = Arc::new(Semaphore::new(limits::CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let permit = Arc::clone(&room).acquire_owned().await;
        // A connection that broke before it was taken concerns nobody.
        let Ok((stream, _)) = socket.accept().await else {
            continue;
        };
        let service = service.clone();
        connections.spawn(async move {
            let _permit = permit;
            let answer = hyper::service::service_fn(move |request| answer(service.clone(), request));
            let mut builder = Builder::new(TokioExecutor::new());
            builder
                .http1()
                .timer(TokioTimer::new())
                .header_read_timeout(limits::REQUEST);
            // How a client ends its connection is its own affair.
            let _ = builder.serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

async fn answer(service: HttpService, request: Request<Incoming>) -> Result<Response<Body>, BoxError> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, limits::BODY).collect();
    let body = match timeout(limits::REQUEST, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Ok(status(StatusCode::PAYLOAD_TOO_LARGE)),
        Ok(Err(error)) => return Err(error),
        Err(_) => return Ok(status(StatusCode::REQUEST_TIMEOUT)),
    };
    match service.oneshot(Request::from_parts(head, body)).await {
        Ok(response) => Ok(response),
        Err(never) => match never {},
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(body_from(format!("{status}\n")));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use std::convert::Infallible;
    use tower::util::BoxCloneSyncService;

    use super::*;

    #[tokio::test]
    async fn a_port_is_served_until_it_is_dropped() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let listener = listener(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let hello = || {
            BoxCloneSyncService::new(tower::service_fn(|_: Request<Bytes>| async {
                Ok::<_, Infallible>(Response::new(body_from("hello")))
            }))
        };
        let serving = listener.serve(port, hello()).unwrap();
        let client = crate::http::client().unwrap();
        let get = || {
            let request = Request::get(format!("http://127.0.0.1:{port}/")).body(Bytes::new());
            client.fetch(request.unwrap(), 10)
        };
        assert_eq!(get().await.unwrap().body().as_ref(), b"hello");
        let taken = listener.serve(port, hello()).err().unwrap();
        assert_eq!(
            taken.to_string(),
            format!("listen tcp :{port}: address already in use")
        );
        drop(serving);
        tokio::task::yield_now().await;
        assert!(get().await.is_err());
    }
}
