//! Outgoing connections over sockets.

use std::io;

use edges::{HttpError, Net, Stream};
use tokio::{net::TcpStream, time::timeout};

use crate::limits;

/// Connections of this machine, which trusts whom its system trusts.
pub(crate) fn net() -> Net {
    // What cannot be read is missing, and then nobody is trusted by it.
    let roots = rustls_native_certs::load_native_certs().certs;
    Net::new(
        |host, port| Box::pin(async move { dial(&host, port).await }),
        roots,
    )
}

async fn dial(host: &str, port: u16) -> Result<Stream, HttpError> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((name, port)).await;
    let addresses: Vec<_> = found.map(Iterator::collect).unwrap_or_default();
    if addresses.is_empty() {
        return Err(HttpError::NoSuchHost(host.to_owned()));
    }
    match timeout(limits::CONNECT, TcpStream::connect(addresses.as_slice())).await {
        Ok(Ok(stream)) => {
            // Git's conversation is many small questions.
            let _ = stream.set_nodelay(true);
            Ok(Stream::new(stream))
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(HttpError::Refused),
        Ok(Err(error)) => Err(HttpError::Other(format!("connect: {error}").into())),
        Err(_) => Err(HttpError::Other("i/o timeout".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn failures_to_connect_are_told_apart() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let free = taken.local_addr().unwrap().port();
        assert!(dial("127.0.0.1", free).await.is_ok());
        drop(taken);
        assert!(matches!(dial("127.0.0.1", free).await, Err(HttpError::Refused)));
        let unknown = dial("nowhere.invalid", 22).await.unwrap_err();
        assert_eq!(unknown.dialed(), "dial tcp: lookup nowhere.invalid: no such host");
    }
}
