//! Hosts outside the cluster that serve the world's repositories, each in its own way. Scenarios name them.
//!
//! | name | what it does |
//! |---|---|
//! | `git.example.com` | HTTP, HTTPS, and SSH with host keys of every kind |
//! | `ssh-rsa.example.com` | SSH with nothing but SHA-1 signatures |
//! | `rsa.example.com`, `ed25519.example.com`, `ecdsa.example.com` | SSH with a host key of one kind |
//! | `mtls.example.com` | HTTPS for clients with a certificate |
//! | `basic.example.com` | HTTP and HTTPS for the user `git` with the password `fixture-password` |
//! | `bearer.example.com` | HTTP and HTTPS for the token `fixture-token` |
//! | `proxy.example.com` | port 3128: an HTTP proxy for the user `proxy` with the password `proxy-password` |
//! | `inner.example.com` | HTTP and HTTPS, found by the proxy alone |

use std::{io, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use edges::{Blocking, Body, HttpError, Stream};
use futures::future::BoxFuture;
use git_server::{GitServer, SshHost};
use http::{HeaderValue, Request, Response, StatusCode, header::WWW_AUTHENTICATE};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio_rustls::TlsAcceptor;

use crate::{GIT_HOST, Network, limits, wire};

const CA: &[u8] = include_bytes!("../keys/ca.crt");
const CERTIFICATE: &[u8] = include_bytes!("../keys/server.crt");
const KEY: &[u8] = include_bytes!("../keys/server.key");

const SSH_HOSTS: [(&str, &[&str]); 5] = [
    (
        GIT_HOST,
        &[
            "ssh-ed25519",
            "ecdsa-sha2-nistp256",
            "rsa-sha2-512",
            "rsa-sha2-256",
        ],
    ),
    ("ssh-rsa.example.com", &["ssh-rsa"]),
    ("rsa.example.com", &["rsa-sha2-512", "rsa-sha2-256"]),
    ("ed25519.example.com", &["ssh-ed25519"]),
    ("ecdsa.example.com", &["ecdsa-sha2-nistp256"]),
];

/// Hosts that want to be told who asks, and how.
const GUARDED: [(&str, &str, &str); 2] = [
    ("basic.example.com", "Basic", "git:fixture-password"),
    ("bearer.example.com", "Bearer", "fixture-token"),
];

const PROXY: &str = "proxy.example.com";
const PROXY_PORT: u16 = 3128;
const PROXY_USER: &str = "proxy:proxy-password";
const INNER: &str = "inner.example.com";

/// Opens every host.
pub(crate) fn open(net: &Network, git: &GitServer, blocking: Blocking) -> io::Result<()> {
    net.add_host(GIT_HOST, 80, git.service());
    for (name, algorithms) in SSH_HOSTS {
        let (git, host) = (git.clone(), SshHost::new(algorithms)?);
        net.add_door(
            name,
            22,
            Arc::new(move |stream| git.is_available().then(|| git.serve_ssh(&host, stream, blocking))),
        );
    }
    for (name, scheme, secret) in GUARDED {
        let expected = match scheme {
            "Basic" => format!("Basic {}", BASE64_STANDARD.encode(secret)),
            _ => format!("{scheme} {secret}"),
        };
        let git = git.clone();
        net.add_host(
            name,
            80,
            tower::service_fn(move |request: Request<Bytes>| {
                guarded(git.clone(), expected.clone(), blocking, request)
            }),
        );
        net.add_door(name, 443, tls_door(net, name, tls(false)?));
    }
    net.add_door(GIT_HOST, 443, tls_door(net, GIT_HOST, tls(false)?));
    net.add_door("mtls.example.com", 443, tls_door(net, GIT_HOST, tls(true)?));
    let inside = net.clone();
    let inner = tls_door(net, GIT_HOST, tls(false)?);
    net.add_door(
        PROXY,
        PROXY_PORT,
        Arc::new(move |stream| {
            let (net, inner) = (inside.clone(), Arc::clone(&inner));
            Some(Box::pin(async move {
                // How a client ends its connection is its own affair.
                let _ = proxy(stream, &net, &inner).await;
            }))
        }),
    );
    Ok(())
}

async fn guarded(
    git: GitServer,
    expected: String,
    blocking: Blocking,
    request: Request<Bytes>,
) -> Result<Response<Body>, HttpError> {
    let given = request.headers().get(http::header::AUTHORIZATION);
    if given.is_some_and(|it| it.as_bytes() == expected.as_bytes()) {
        return git.serve(request, blocking).await;
    }
    let mut response = Response::new(edges::body_from("Authentication required\n"));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let challenge = HeaderValue::from_static("Basic realm=\"Git\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    Ok(response)
}

fn tls(clients: bool) -> io::Result<TlsAcceptor> {
    let authority = CertificateDer::from_pem_slice(CA).map_err(io::Error::other)?;
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_slice(KEY).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let builder = if clients {
        let mut roots = RootCertStore::empty();
        roots.add(authority).map_err(io::Error::other)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build();
        builder.with_client_cert_verifier(verifier.map_err(io::Error::other)?)
    } else {
        builder.with_no_client_auth()
    };
    let config = builder.with_single_cert(vec![certificate], key);
    Ok(TlsAcceptor::from(Arc::new(config.map_err(io::Error::other)?)))
}

type Door = Arc<dyn Fn(Stream) -> Option<BoxFuture<'static, ()>> + Send + Sync>;

/// TLS in front of what `host` says on port 80.
fn tls_door(net: &Network, host: &str, acceptor: TlsAcceptor) -> Door {
    let (net, base) = (net.clone(), format!("http://{host}:80"));
    Arc::new(move |stream| {
        let (acceptor, net, base) = (acceptor.clone(), net.clone(), base.clone());
        Some(Box::pin(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                wire::serve_http(Stream::new(stream), base, net).await;
            }
        }))
    })
}

/// One connection of the proxy: a tunnel, or one request that is passed on.
async fn proxy(mut stream: Stream, net: &Network, inner: &Door) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == limits::PROXY_HEAD {
            return Ok(());
        }
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let expected = format!("Basic {}", BASE64_STANDARD.encode(PROXY_USER));
    let known = head.lines().any(|line| {
        line.split_once(": ").is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("proxy-authorization") && value == expected
        })
    });
    if !known {
        let answer = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).await?;
        return stream.flush().await;
    }
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method != "CONNECT" {
        return forward(stream, net, &head, target).await;
    }
    let there = match target.rsplit_once(':') {
        Some((INNER, "443")) => wire::connect(|end| inner(end).ok_or(HttpError::Refused)),
        Some((host, port)) => net.dial(host, port.parse().unwrap_or_default()),
        None => Err(HttpError::NoSuchHost(target.to_owned())),
    };
    let Ok(mut there) = there else {
        stream
            .write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            .await?;
        return stream.flush().await;
    };
    stream
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await?;
    stream.flush().await?;
    copy_bidirectional(&mut stream, &mut there).await.map(drop)
}

/// Passes a request for plain HTTP on, with its head made that of a request to a server.
async fn forward(mut stream: Stream, net: &Network, head: &str, target: &str) -> io::Result<()> {
    let rest = target.strip_prefix("http://").unwrap_or(target);
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.split(':').next().unwrap_or_default();
    let host = if host == INNER { GIT_HOST } else { host };
    let Ok(mut there) = net.dial(host, 80) else {
        stream
            .write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            .await?;
        return stream.flush().await;
    };
    let head = head.replacen(target, &format!("/{path}"), 1);
    there.write_all(head.as_bytes()).await?;
    there.flush().await?;
    copy_bidirectional(&mut stream, &mut there).await.map(drop)
}
