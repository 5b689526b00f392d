//! How one request travels, where that differs from the component's own way.

use std::fmt;

use http::Request;

/// How one request travels: whom it trusts, as whom it goes, through whom. It rides in the request's extensions, so
/// every [`HttpClient`](crate::HttpClient) sees it and nobody else.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Via {
    /// Certificate authorities in PEM that are trusted.
    pub authorities: Option<Vec<u8>>,
    /// Whether the system's authorities are trusted beside those.
    pub system_authorities: bool,
    /// A client certificate and its key, both in PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// Whether anybody is trusted.
    pub insecure: bool,
    /// The proxy that takes the request on.
    pub proxy: Option<Proxy>,
}

/// A proxy.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proxy {
    /// Its address: http, https or socks5.
    pub address: String,
    /// Name and password for it.
    pub credentials: Option<(String, String)>,
}

impl Via {
    /// Whether the request travels as every other one does.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Gives a request this way.
    pub fn attach<B>(&self, request: &mut Request<B>) {
        if !self.is_plain() {
            request.extensions_mut().insert(self.clone());
        }
    }

    /// The way of a request.
    pub fn of<B>(request: &Request<B>) -> Option<&Self> {
        request.extensions().get::<Self>()
    }
}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys and passwords stay out of logs.
        f.debug_struct("Via")
            .field("authorities", &self.authorities.is_some())
            .field("identity", &self.identity.is_some())
            .field("insecure", &self.insecure)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
