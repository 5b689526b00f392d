//! Clients with certificates and proxies of the user's.

use edges::{Edges, HttpClient, HttpOptions, Proxy, Tls};
use flux_api::reason;
use flux_runtime::Failure;

use crate::secrets::{self, Data};

/// How an object wants its server to be reached.
pub(crate) struct Transport<'a> {
    pub(crate) edges: &'a Edges,
    pub(crate) namespace: &'a str,
    /// The Secret with certificates.
    pub(crate) certificates: Option<&'a str>,
    /// The Secret with a proxy.
    pub(crate) proxy: Option<&'a str>,
    /// Whether any certificate will do, where no Secret says which.
    pub(crate) insecure: bool,
}

impl Transport<'_> {
    /// The client; `failed` words what is wrong with certificates.
    pub(crate) async fn client(&self, failed: impl Fn(String) -> String) -> Result<HttpClient, Failure> {
        let refused = |text: String| Failure::retry(reason::AUTHENTICATION_FAILED, text);
        let proxy = match self.proxy {
            Some(name) => {
                let proxy = self.proxy(name).await;
                Some(proxy.map_err(|error| refused(format!("failed to get proxy address: {error}")))?)
            }
            None => None,
        };
        let tls = match self.certificates {
            Some(name) => self.tls(name).await.map_err(|error| refused(failed(error)))?,
            None => Tls {
                insecure: self.insecure,
                ..Tls::default()
            },
        };
        let options = HttpOptions { tls, proxy };
        if options == HttpOptions::default() {
            return Ok(self.edges.http.clone());
        }
        let client = self.edges.net.http(options);
        client.map_err(|error| refused(failed(error.to_string())))
    }

    async fn data(&self, name: &str) -> Result<Data, String> {
        let secret = format!("{}/{name}", self.namespace);
        let data = secrets::data(self.edges, self.namespace, name).await;
        data.map_err(|cause| {
            if cause.ends_with("not found") {
                format!("secret '{secret}' not found")
            } else {
                format!("failed to get secret '{secret}': {cause}")
            }
        })
    }

    async fn tls(&self, name: &str) -> Result<Tls, String> {
        let data = self.data(name).await?;
        let secret = format!("{}/{name}", self.namespace);
        let either = |one: &str, other: &str| {
            let found = [one, other]
                .into_iter()
                .filter_map(|key| data.get(key))
                .find(|it| !it.0.is_empty());
            found.map(|it| it.0.clone())
        };
        let ca = either("ca.crt", "caFile");
        let identity = match (either("tls.crt", "certFile"), either("tls.key", "keyFile")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (Some(_), None) => {
                return Err(format!(
                    "secret '{secret}' contains 'tls.crt' but missing 'tls.key'"
                ));
            }
            (None, Some(_)) => {
                return Err(format!(
                    "secret '{secret}' contains 'tls.key' but missing 'tls.crt'"
                ));
            }
            (None, None) if ca.is_none() => {
                return Err(format!(
                    "secret '{secret}' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'"
                ));
            }
            (None, None) => None,
        };
        Ok(Tls {
            ca: ca.unwrap_or_default(),
            identity,
            insecure: false,
            only_ca: false,
        })
    }

    async fn proxy(&self, name: &str) -> Result<Proxy, String> {
        let data = self.data(name).await?;
        let secret = format!("{}/{name}", self.namespace);
        let address = secrets::text(&data, "address");
        let address = address.ok_or_else(|| format!("secret '{secret}': key 'address' not found"))?;
        if address.is_empty() {
            return Err(format!("secret '{secret}': proxy address is empty"));
        }
        let proxy: Proxy = address
            .parse()
            .map_err(|error| format!("secret '{secret}': {error}"))?;
        Ok(match secrets::basic(&data, &secret)? {
            Some((username, password)) => proxy.with_credentials(&username, &password),
            None => proxy,
        })
    }
}
