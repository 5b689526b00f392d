//! A GitHub App's key becomes a token of one of its installations.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use edges::{Edges, HttpClient, HttpError, HttpOptions, TlsError};
use http::{Method, Request, StatusCode, header};
use ring::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use serde::Deserialize;

use crate::{
    auth::{Data, text},
    limits::MAX_GITHUB_ANSWER,
};

/// Why there is no token. No text repeats a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitHubError {
    #[error("app ID must be provided to use github app authentication")]
    NoApp,
    #[error("app installation owner or ID must be provided to use github app authentication")]
    NoInstallation,
    #[error("only one of app installation owner or ID must be provided to use github app authentication")]
    TwoInstallations,
    #[error("private key must be provided to use github app authentication")]
    NoKey,
    #[error("could not parse private key: {0}")]
    Key(&'static str),
    #[error("{method} {url}: {} []", .status.as_u16())]
    Status {
        method: Method,
        url: String,
        status: StatusCode,
    },
    #[error("{method} \"{url}\": {}", .source.dialed())]
    Http {
        method: Method,
        url: String,
        source: HttpError,
    },
    #[error("no installation of the app for '{0}'")]
    Owner(String),
    #[error("malformed answer of {0}")]
    Malformed(String),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("invalid API URL: {0}")]
    Url(#[from] http::Error),
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
    account: Account,
}

#[derive(Deserialize)]
struct Account {
    login: String,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

/// A fresh token: they last an hour, and a reconciliation needs one for a moment.
// DIFFERENCE: upstream keeps tokens in a cache; here every reconciliation asks for one.
pub(crate) async fn token(edges: &Edges, data: &Data, options: &HttpOptions) -> Result<String, GitHubError> {
    let (id, owner) = (
        text(data, "githubAppInstallationID"),
        text(data, "githubAppInstallationOwner"),
    );
    let app: u64 = text(data, "githubAppID")
        .trim()
        .parse()
        .map_err(|_| GitHubError::NoApp)?;
    match (id.is_empty(), owner.is_empty()) {
        (true, true) => return Err(GitHubError::NoInstallation),
        (false, false) => return Err(GitHubError::TwoInstallations),
        _ => {}
    }
    let key = text(data, "githubAppPrivateKey");
    if key.is_empty() {
        return Err(GitHubError::NoKey);
    }
    let api = Api {
        client: if *options == HttpOptions::default() {
            edges.http.clone()
        } else {
            edges.net.http(options.clone())?
        },
        base: base(&text(data, "githubAppBaseURL")),
        bearer: jwt(app, &key, edges.clock.now().as_second())?,
    };
    let id = if owner.is_empty() {
        id.trim().to_owned()
    } else {
        api.installation(&owner).await?.to_string()
    };
    let path = format!("app/installations/{id}/access_tokens");
    let token: Token = api.ask(Method::POST, &path).await?;
    Ok(token.token)
}

/// GitHub's own API, or that of an own server, which has it below a path.
fn base(url: &str) -> String {
    let url = url.trim_end_matches('/');
    if url.is_empty() {
        return "https://api.github.com/".to_owned();
    }
    let host = url
        .split("://")
        .nth(1)
        .unwrap_or(url)
        .split('/')
        .next()
        .unwrap_or_default();
    if host.starts_with("api.") || host.contains(".api.") || url.ends_with("/api/v3") {
        return format!("{url}/");
    }
    format!("{url}/api/v3/")
}

/// Proves for two minutes that the client has the app's key; half a minute is left to clocks that differ.
fn jwt(app: u64, key: &str, now: i64) -> Result<String, GitHubError> {
    let issued = now - 30;
    let claims = BTreeMap::from([
        ("iss", app.to_string().into()),
        ("iat", serde_json::Value::from(issued)),
        ("exp", serde_json::Value::from(issued + 120)),
    ]);
    let claims = serde_json::to_string(&claims).map_err(|_| GitHubError::Key("unusable claims"))?;
    let encode = |text: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(text);
    let head = encode(br#"{"alg":"RS256","typ":"JWT"}"#);
    let text = format!("{head}.{}", encode(claims.as_bytes()));
    let der = PrivateKeyDer::from_pem_slice(key.as_bytes());
    let pair = match der
        .map_err(|_| GitHubError::Key("invalid key: Key must be a PEM encoded PKCS1 or PKCS8 key"))?
    {
        PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
        _ => return Err(GitHubError::Key("key is not a valid RSA private key")),
    };
    let pair = pair.map_err(|_| GitHubError::Key("key is not a valid RSA private key"))?;
    let mut signature = vec![0; pair.public().modulus_len()];
    // PKCS#1 signatures have no chance in them; the generator only blinds the computation.
    pair.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        text.as_bytes(),
        &mut signature,
    )
    .map_err(|_| GitHubError::Key("key cannot sign"))?;
    Ok(format!("{text}.{}", encode(&signature)))
}

struct Api {
    client: HttpClient,
    base: String,
    bearer: String,
}

impl Api {
    async fn installation(&self, owner: &str) -> Result<u64, GitHubError> {
        let all: Vec<Installation> = self.ask(Method::GET, "app/installations?per_page=100").await?;
        let found = all.iter().find(|it| it.account.login == owner);
        found
            .map(|it| it.id)
            .ok_or_else(|| GitHubError::Owner(owner.to_owned()))
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
    ) -> Result<T, GitHubError> {
        let url = format!("{}{path}", self.base);
        let request = Request::builder()
            .method(method.clone())
            .uri(&url)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.bearer))
            .header(header::ACCEPT, "application/vnd.github+json")
            .header(header::USER_AGENT, "gitops")
            .body(Bytes::new())?;
        let answer = self.client.fetch(request, MAX_GITHUB_ANSWER).await;
        let answer = answer.map_err(|source| GitHubError::Http {
            method: method.clone(),
            url: url.clone(),
            source,
        })?;
        if !answer.status().is_success() {
            return Err(GitHubError::Status {
                method,
                url,
                status: answer.status(),
            });
        }
        serde_json::from_slice(answer.body()).map_err(|_| GitHubError::Malformed(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_of_ones_own_have_the_api_below_a_path() {
        for (url, expected) in [
            ("", "https://api.github.com/"),
            ("https://api.example.com/", "https://api.example.com/"),
            ("https://github.example.com", "https://github.example.com/api/v3/"),
            (
                "https://github.example.com/api/v3",
                "https://github.example.com/api/v3/",
            ),
        ] {
            assert_eq!(base(url), expected);
        }
    }

    #[test]
    fn a_key_that_is_none_is_not_repeated() {
        let error = jwt(1, "hunter2", 0).unwrap_err().to_string();
        assert!(error.starts_with("could not parse private key:") && !error.contains("hunter2"));
    }
}
