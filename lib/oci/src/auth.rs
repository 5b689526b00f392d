//! Who asks, and how a registry wants to be told.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};
use serde::Deserialize;

/// Who asks.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// A user with a password.
    Basic {
        /// The user's name.
        username: String,
        /// The password.
        password: String,
    },
    /// Whoever holds this token.
    Bearer(String),
    /// Whoever may exchange this token for others.
    Identity(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic { .. } => "Basic",
            Self::Bearer(_) => "Bearer",
            Self::Identity(_) => "Identity",
        })
    }
}

/// The header that says so; nothing where a header cannot hold it.
pub(crate) fn basic(username: &str, password: &str) -> Option<HeaderValue> {
    let text = BASE64_STANDARD.encode(format!("{username}:{password}"));
    sensitive(&format!("Basic {text}"))
}

pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    sensitive(&format!("Bearer {token}"))
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// How a registry wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// By name and password with each request.
    Basic,
    /// By a token that somebody else gives.
    Bearer { realm: String, service: String },
}

impl Challenge {
    /// The first challenge that can be met.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let texts = headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|it| it.to_str().ok());
        let mut all: Vec<Self> = texts.filter_map(Self::parse).collect();
        all.sort_by_key(|it| matches!(it, Self::Basic));
        all.into_iter().next()
    }

    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let value = |name: &str| parameter(rest, name).unwrap_or_default();
        Some(Self::Bearer {
            realm: parameter(rest, "realm")?,
            service: value("service"),
        })
    }
}

/// `name="value"` of a list of them.
fn parameter(list: &str, wanted: &str) -> Option<String> {
    let mut rest = list;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_start_matches([',', ' ']).trim();
        let after = after.trim_start();
        let (value, tail) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value.to_owned());
        }
        rest = tail;
    }
    None
}

/// What a token's giver answers.
#[derive(Deserialize)]
pub(crate) struct Token {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
}

impl Token {
    pub(crate) fn text(self) -> Option<String> {
        [self.token, self.access_token]
            .into_iter()
            .find(|it| !it.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let of = |text: &str| Challenge::parse(text);
        assert_eq!(of("Basic realm=\"x\""), Some(Challenge::Basic));
        assert_eq!(
            of(
                r#"Bearer realm="https://auth.example.com/token",service="registry, one",scope="a:b:pull,push""#
            ),
            Some(Challenge::Bearer {
                realm: "https://auth.example.com/token".into(),
                service: "registry, one".into(),
            })
        );
        assert_eq!(
            of("bearer service=s, realm=http://a/t"),
            Some(Challenge::Bearer {
                realm: "http://a/t".into(),
                service: "s".into()
            })
        );
        assert_eq!(of("Bearer service=\"x\""), None);
        assert_eq!(of("Negotiate abc"), None);
    }

    #[test]
    fn secrets_are_not_printed() {
        let secret = Credentials::Basic {
            username: "u".into(),
            password: "p4ss".into(),
        };
        assert!(!format!("{secret:?}").contains("p4ss"));
    }
}
