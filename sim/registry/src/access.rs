//! Whom the server lets in.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use edges::{Body, body_from};
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use serde_json::json;
use stdx::sha256_hex;

/// Whom the server lets in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    #[default]
    Open,
    /// Who gives this name and password with each request.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
    /// Who brings a token, which the server's own `/token` gives for this name and password.
    Token {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
    /// Nobody, whatever they bring.
    Closed,
}

impl Access {
    fn pair(&self) -> Option<(&str, &str)> {
        match self {
            Self::Basic { username, password } | Self::Token { username, password } => {
                Some((username, password))
            }
            Self::Open | Self::Closed => None,
        }
    }

    fn basic(&self) -> Option<String> {
        let (username, password) = self.pair()?;
        Some(format!(
            "Basic {}",
            BASE64_STANDARD.encode(format!("{username}:{password}"))
        ))
    }

    /// The one token there is: it tells nothing about the password.
    fn token(&self) -> Option<String> {
        let (username, password) = self.pair()?;
        Some(sha256_hex(format!("{username}\n{password}").as_bytes()))
    }

    /// The refusal of a request, if it is refused.
    pub(crate) fn refusal(&self, request: &Request<Bytes>) -> Option<Response<Body>> {
        let given = request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|it| it.to_str().ok());
        let wanted = match self {
            Self::Open => return None,
            Self::Closed => {
                return Some(error(
                    StatusCode::FORBIDDEN,
                    "DENIED",
                    "requested access to the resource is denied",
                ));
            }
            Self::Basic { .. } => self.basic(),
            Self::Token { .. } => self.token().map(|it| format!("Bearer {it}")),
        };
        if given.is_some() && given == wanted.as_deref() {
            return None;
        }
        let mut refusal = error(
            StatusCode::UNAUTHORIZED,
            "UNAUTHORIZED",
            "authentication required",
        );
        let challenge = match self {
            Self::Token { .. } => {
                let scheme = request.uri().scheme_str().unwrap_or("http");
                let host = request.uri().authority().map(ToString::to_string);
                let header = request
                    .headers()
                    .get(http::header::HOST)
                    .and_then(|it| it.to_str().ok());
                let host = host.or(header.map(str::to_owned)).unwrap_or_default();
                format!("Bearer realm=\"{scheme}://{host}/token\",service=\"{host}\"")
            }
            _ => "Basic realm=\"registry\"".to_owned(),
        };
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            refusal.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        Some(refusal)
    }

    /// The answer of the token's giver.
    pub(crate) fn give_token(&self, request: &Request<Bytes>) -> Response<Body> {
        let given = request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|it| it.to_str().ok());
        match self
            .token()
            .filter(|_| given.is_some() && given == self.basic().as_deref())
        {
            Some(token) => Response::new(body_from(json!({"token": token, "expires_in": 300}).to_string())),
            // As Docker's: whoever is nobody gets a token for what everybody may read, which here is nothing.
            None if given.is_none() => Response::new(body_from(json!({"token": "anonymous"}).to_string())),
            None => error(
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "incorrect username or password",
            ),
        }
    }
}

/// A refusal in the form of the distribution's API.
pub(crate) fn error(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let body = json!({"errors": [{"code": code, "message": message}]});
    let mut response = Response::new(body_from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}
