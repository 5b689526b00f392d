//! Why a registry did not give what was asked for.

use std::fmt::Write as _;

use bytes::Bytes;
use edges::HttpError;
use http::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::limits::SHOWN;

/// Why a registry did not give what was asked for. Texts are those of Go's client; no secret is in them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error("{method} \"{url}\": {source}")]
    Transport {
        /// `Get` or `Head`.
        method: &'static str,
        /// The address without its query.
        url: String,
        /// What happened.
        source: HttpError,
    },
    /// An answer that says no.
    #[error("{method} {url}: {text}")]
    Refused {
        /// The method.
        method: Method,
        /// The address without its query.
        url: String,
        /// The answer's status.
        status: StatusCode,
        /// The registry's words.
        text: String,
    },
    /// An answer that is none.
    #[error("{0}")]
    Malformed(String),
    /// Content that is not what its digest says.
    #[error("error verifying sha256 checksum after reading {read} bytes; got {actual:?}, want {expected:?}")]
    Digest {
        /// How much there was.
        read: u64,
        /// What it is.
        actual: String,
        /// What it was to be.
        expected: String,
    },
    /// Content that ends early or late.
    #[error("error verifying size; got {actual}, want {expected}")]
    Size {
        /// How much there was.
        actual: u64,
        /// How much there was to be.
        expected: u64,
    },
    /// Too much.
    #[error("{what} exceeds the limit of {limit} bytes")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The content cannot be kept.
    #[error("failed to create temp file: {0}")]
    Disk(#[from] std::io::Error),
    /// No address can be made of the names.
    #[error("{0}")]
    Address(#[from] http::Error),
}

impl Error {
    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    pub(crate) fn transport(method: &Method, url: &str, source: HttpError) -> Self {
        Self::Transport {
            method: if *method == Method::HEAD { "Head" } else { "Get" },
            url: without_query(url),
            source,
        }
    }

    pub(crate) fn refused(method: &Method, url: &str, response: &Response<Bytes>) -> Self {
        Self::Refused {
            method: method.clone(),
            url: without_query(url),
            status: response.status(),
            text: words(method, response.status(), response.body()),
        }
    }
}

// DIFFERENCE: upstream keeps the query, with REDACTED in the place of values: they hold tokens and signatures.
fn without_query(url: &str) -> String {
    url.split('?').next().unwrap_or_default().to_owned()
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<Diagnostic>,
}

#[derive(Deserialize)]
struct Diagnostic {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    detail: Value,
}

impl Diagnostic {
    fn text(&self) -> String {
        let mut text = format!("{}: {}", self.code, self.message);
        if !self.detail.is_null() {
            let _ = write!(text, "; {}", go(&self.detail));
        }
        text
    }
}

fn words(method: &Method, status: StatusCode, body: &[u8]) -> String {
    let known = serde_json::from_slice::<Errors>(body).ok().map(|it| it.errors);
    let code = format!(
        "unexpected status code {} {}",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default()
    );
    match known.as_deref() {
        Some([one]) => one.text(),
        Some(several @ [_, ..]) => {
            let texts: Vec<String> = several.iter().map(Diagnostic::text).collect();
            format!("multiple errors returned: {}", texts.join("; "))
        }
        _ if !body.is_empty() => {
            let shown: String = String::from_utf8_lossy(body).chars().take(SHOWN).collect();
            format!("{code}: {shown}")
        }
        _ if *method == Method::HEAD => {
            format!("{code} (HEAD responses have no body, use GET for details)")
        }
        _ => code,
    }
}

/// A value as Go's `%v` prints it.
fn go(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(members) => {
            let mut members: Vec<String> = members
                .iter()
                .map(|(key, value)| format!("{key}:{}", go(value)))
                .collect();
            members.sort();
            format!("map[{}]", members.join(" "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// SOURCE: go-containerregistry 0.21.6, `transport.CheckError` of the same answers, asked without a query.
    #[test]
    fn refusals_read_as_gos() {
        let body = |value: Value| Bytes::from(value.to_string());
        for (method, status, body, text) in [
            (
                Method::GET,
                404,
                body(
                    json!({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown", "detail": {"Tag": "v9"}}]}),
                ),
                "GET https://r/v2/app/manifests/v9: MANIFEST_UNKNOWN: manifest unknown; map[Tag:v9]",
            ),
            (
                Method::GET,
                401,
                body(json!({"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]})),
                "GET https://r/v2/app/manifests/v9: UNAUTHORIZED: authentication required",
            ),
            (
                Method::GET,
                400,
                body(json!({"errors": [{"code": "A", "message": "a"}, {"code": "B", "message": "b"}]})),
                "GET https://r/v2/app/manifests/v9: multiple errors returned: A: a; B: b",
            ),
            (
                Method::GET,
                503,
                Bytes::from("down"),
                "GET https://r/v2/app/manifests/v9: unexpected status code 503 Service Unavailable: down",
            ),
            (
                Method::HEAD,
                404,
                Bytes::new(),
                "HEAD https://r/v2/app/manifests/v9: unexpected status code 404 Not Found (HEAD responses have no body, use GET for details)",
            ),
        ] {
            let mut response = Response::new(body);
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            let error = Error::refused(&method, "https://r/v2/app/manifests/v9?token=secret", &response);
            assert_eq!(error.to_string(), text);
        }
    }
}
