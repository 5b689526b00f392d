//! Connections by way of a proxy: HTTP `CONNECT` and SOCKS5 with names resolved by the proxy.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderValue, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    HttpError, Net, Stream,
    limits::MAX_PROXY_HEAD,
    tls::{self, Tls},
};

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
    Socks5,
}

/// A proxy, parsed from its address.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    scheme: Scheme,
    host: String,
    port: u16,
    credentials: Option<(String, String)>,
}

/// An address that is none of a proxy. The text does not repeat it: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProxy {
    /// Not a URL.
    #[error("failed to parse proxy address")]
    Url,
    /// Another scheme than `http`, `https` or `socks5`.
    #[error("unsupported proxy scheme '{0}': expected http, https or socks5")]
    Scheme(String),
}

impl FromStr for Proxy {
    type Err = InvalidProxy;

    fn from_str(address: &str) -> Result<Self, InvalidProxy> {
        let uri: Uri = address.trim().parse().map_err(|_| InvalidProxy::Url)?;
        let (scheme, port) = match uri.scheme_str() {
            Some("http") => (Scheme::Http, 80),
            Some("https") => (Scheme::Https, 443),
            Some("socks5") => (Scheme::Socks5, 1080),
            Some(other) => return Err(InvalidProxy::Scheme(other.to_owned())),
            None => return Err(InvalidProxy::Url),
        };
        let authority = uri.authority().ok_or(InvalidProxy::Url)?.as_str();
        let credentials = authority.rsplit_once('@').map(|(user, _)| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            (name.to_owned(), password.to_owned())
        });
        Ok(Self {
            scheme,
            host: uri.host().ok_or(InvalidProxy::Url)?.to_owned(),
            port: uri.port_u16().unwrap_or(port),
            credentials,
        })
    }
}

impl Proxy {
    /// The proxy, with these credentials instead of those in its address.
    #[must_use]
    pub fn with_credentials(mut self, username: &str, password: &str) -> Self {
        self.credentials = Some((username.to_owned(), password.to_owned()));
        self
    }

    /// Whether requests for plain HTTP go to the proxy as they are.
    pub(crate) fn forwards_http(&self) -> bool {
        self.scheme != Scheme::Socks5
    }

    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        let (username, password) = self.credentials.as_ref()?;
        let pair = BASE64_STANDARD.encode(format!("{username}:{password}"));
        let mut value = HeaderValue::from_str(&format!("Basic {pair}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// A connection to the proxy itself.
    pub(crate) async fn reach(&self, net: &Net) -> Result<Stream, HttpError> {
        let stream = Box::pin(net.connect(&self.host, self.port, None)).await?;
        if self.scheme != Scheme::Https {
            return Ok(stream);
        }
        let config = tls::config(net, &Tls::default()).map_err(|error| HttpError::Other(error.into()))?;
        tls::secure(config, &self.host, stream).await
    }
}

impl fmt::Debug for Proxy {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({}:{})", self.scheme, self.host, self.port)
    }
}

fn said(text: impl Into<String>) -> HttpError {
    HttpError::Other(text.into().into())
}

fn cut(_: std::io::Error) -> HttpError {
    HttpError::Cut
}

pub(crate) async fn connect(net: &Net, by: &Proxy, host: &str, port: u16) -> Result<Stream, HttpError> {
    let stream = by.reach(net).await?;
    match by.scheme {
        Scheme::Socks5 => socks5(stream, by, host, port).await,
        Scheme::Http | Scheme::Https => tunnel(stream, by, host, port).await,
    }
}

async fn tunnel(mut stream: Stream, by: &Proxy, host: &str, port: u16) -> Result<Stream, HttpError> {
    let mut head = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some(value) = by.authorization().as_ref().and_then(|it| it.to_str().ok()) {
        head += &format!("Proxy-Authorization: {value}\r\n");
    }
    head += "\r\n";
    stream.write_all(head.as_bytes()).await.map_err(cut)?;
    stream.flush().await.map_err(cut)?;
    let mut answer = Vec::new();
    // Byte by byte: what follows the head belongs to whoever is behind the proxy.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() == MAX_PROXY_HEAD {
            return Err(said("the proxy's answer is too long"));
        }
        answer.push(stream.read_u8().await.map_err(cut)?);
    }
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.lines().next().unwrap_or_default();
    match status.split_once(' ') {
        Some((_, status)) if status.starts_with("200") => Ok(stream),
        // Go says the words behind the number.
        Some((_, status)) => Err(said(status.split_once(' ').map_or(status, |(_, words)| words))),
        None => Err(said("malformed HTTP response of the proxy")),
    }
}

async fn socks5(mut stream: Stream, by: &Proxy, host: &str, port: u16) -> Result<Stream, HttpError> {
    const VERSION: u8 = 5;
    let method = if by.credentials.is_some() { 2 } else { 0 };
    stream.write_all(&[VERSION, 1, method]).await.map_err(cut)?;
    stream.flush().await.map_err(cut)?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await.map_err(cut)?;
    if chosen != [VERSION, method] {
        return Err(said("socks connect: no acceptable authentication methods"));
    }
    if let Some((username, password)) = &by.credentials {
        let mut login = vec![1];
        for text in [username, password] {
            let length = u8::try_from(text.len());
            login.push(length.map_err(|_| said("socks connect: invalid username/password"))?);
            login.extend_from_slice(text.as_bytes());
        }
        stream.write_all(&login).await.map_err(cut)?;
        stream.flush().await.map_err(cut)?;
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).await.map_err(cut)?;
        if answer[1] != 0 {
            return Err(said("socks connect: username/password authentication failed"));
        }
    }
    let length = u8::try_from(host.len()).map_err(|_| said("socks connect: FQDN too long"))?;
    let mut ask = vec![VERSION, 1, 0, 3, length];
    ask.extend_from_slice(host.as_bytes());
    ask.extend_from_slice(&port.to_be_bytes());
    stream.write_all(&ask).await.map_err(cut)?;
    stream.flush().await.map_err(cut)?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.map_err(cut)?;
    let [_, code, _, kind] = answer;
    if code != 0 {
        return Err(said(format!("socks connect: {}", socks_error(code))));
    }
    let address = match kind {
        1 => 4,
        4 => 16,
        _ => usize::from(stream.read_u8().await.map_err(cut)?),
    };
    let mut bound = vec![0; address + 2];
    stream.read_exact(&mut bound).await.map_err(cut)?;
    Ok(stream)
}

/// RFC 1928's reply codes in the words of Go's client.
fn socks_error(code: u8) -> &'static str {
    match code {
        2 => "connection not allowed by ruleset",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "general SOCKS server failure",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_never_repeated() {
        let proxy: Proxy = "http://user:hunter2@proxy.example.com:3128".parse().unwrap();
        assert_eq!(format!("{proxy:?}"), "Http(proxy.example.com:3128)");
        let expected = BASE64_STANDARD.encode("user:hunter2");
        assert_eq!(
            proxy.authorization().unwrap(),
            format!("Basic {expected}").as_str()
        );
        let socks: Proxy = "socks5://proxy.example.com".parse().unwrap();
        assert_eq!((socks.port, socks.forwards_http()), (1080, false));
        let error = "ftp://user:hunter2@x".parse::<Proxy>().unwrap_err().to_string();
        assert_eq!(
            error,
            "unsupported proxy scheme 'ftp': expected http, https or socks5"
        );
        assert!(
            !"://user:hunter2"
                .parse::<Proxy>()
                .unwrap_err()
                .to_string()
                .contains("hunter2")
        );
    }

    fn answering(script: Vec<(usize, Vec<u8>)>) -> Net {
        Net::new(
            move |_, _| {
                let script = script.clone();
                Box::pin(async move {
                    let (here, mut there) = tokio::io::duplex(1024);
                    let mut tasks = tokio::task::JoinSet::new();
                    tasks.spawn(async move {
                        for (length, answer) in script {
                            let mut asked = vec![0; length];
                            there.read_exact(&mut asked).await.unwrap();
                            there.write_all(&answer).await.unwrap();
                        }
                    });
                    tasks.detach_all();
                    Ok(Stream::new(here))
                })
            },
            Vec::new(),
        )
    }

    #[tokio::test]
    async fn a_tunnel_ends_with_the_head() {
        let proxy: Proxy = "http://p".parse().unwrap();
        let asked = "CONNECT a:22 HTTP/1.1\r\nHost: a:22\r\n\r\n".len();
        let net = answering(vec![(asked, b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nSSH".to_vec())]);
        let mut stream = net.connect("a", 22, Some(&proxy)).await.unwrap();
        let mut banner = [0; 3];
        stream.read_exact(&mut banner).await.unwrap();
        assert_eq!(&banner, b"SSH");
        let net = answering(vec![(
            asked,
            b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n".to_vec(),
        )]);
        let error = net.connect("a", 22, Some(&proxy)).await.unwrap_err();
        assert_eq!(error.to_string(), "Proxy Authentication Required");
    }

    #[tokio::test]
    async fn socks_logs_in_and_asks_by_name() {
        let proxy: Proxy = "socks5://u:p@p".parse().unwrap();
        let bound = [5, 0, 0, 1, 127, 0, 0, 1, 0, 22];
        let net = answering(vec![(3, vec![5, 2]), (5, vec![1, 0]), (8, bound.to_vec())]);
        assert!(net.connect("a", 22, Some(&proxy)).await.is_ok());
        let net = answering(vec![(3, vec![5, 2]), (5, vec![1, 1])]);
        let error = net.connect("a", 22, Some(&proxy)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "socks connect: username/password authentication failed"
        );
    }
}
