//! The `continue` tokens of lists.

use base64::{
    Engine as _, alphabet,
    engine::{
        DecodePaddingMode,
        general_purpose::{GeneralPurpose, GeneralPurposeConfig},
    },
};
use kube_schema::Document;

use crate::{
    failure::{Failure, Outcome},
    store::Key,
};

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// `None`: whatever is there now.
    pub(super) revision: Option<u64>,
    /// The last key of the page before.
    pub(super) after: Key,
}

/// Bits after the last byte do not matter to Go's decoder.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

const VERSION: &str = "meta.k8s.io/v1";

impl Page {
    /// Reads a token of a list in a namespace, or of all.
    pub(super) fn read(token: &str, namespace: &str) -> Outcome<Self> {
        Self::decode(token, namespace).map_err(|problem| {
            Failure::bad_request(format!(
                "invalid continue token: continue key is not valid: {problem}"
            ))
        })
    }

    fn decode(token: &str, namespace: &str) -> Result<Self, String> {
        let raw = ENGINE.decode(token).map_err(|_| not_base64(token))?;
        let document = Document::parse(&raw).map_err(|error| error.to_string())?;
        let version = text(&document, "v", "string")?;
        let revision = text(&document, "rv", "int64")?;
        let start = text(&document, "start", "string")?;
        if version != VERSION {
            return Err(format!(
                "server does not recognize this encoded version {version}"
            ));
        }
        let revision: i64 = revision.parse().unwrap_or(0);
        if revision == 0 {
            return Err(format!(
                "incorrect encoded start resourceVersion (version {VERSION})"
            ));
        }
        if start.is_empty() {
            return Err(format!("encoded start key empty (version {VERSION})"));
        }
        let start = start.trim_start_matches('/');
        if start.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(start.to_owned());
        }
        let after = start.trim_end_matches('\0');
        Ok(Self {
            revision: u64::try_from(revision).ok(),
            after: if namespace.is_empty() {
                Key::from_text(after)
            } else {
                Key::new(namespace, after)
            },
        })
    }

    /// The token of a page. Without a revision its list goes on with what is there then.
    pub(super) fn token(&self, namespace: &str) -> String {
        let after = if namespace.is_empty() {
            self.after.as_str()
        } else {
            self.after.name()
        };
        let revision = self
            .revision
            .map_or_else(|| "-1".to_owned(), |revision| revision.to_string());
        let start = serde_json::Value::String(format!("{after}\0"));
        ENGINE.encode(format!(
            "{{\"v\":\"{VERSION}\",\"rv\":{revision},\"start\":{start}}}"
        ))
    }
}

/// A member of a token as text.
fn text(document: &Document, key: &str, wanted: &str) -> Result<String, String> {
    let found = match document.get(key) {
        None | Some(Document::Null) => return Ok(String::new()),
        Some(found) => found,
    };
    match (found, wanted) {
        (Document::String(text), "string") => Ok(text.clone()),
        (Document::Number(text), "int64") => Ok(text.clone()),
        (other, _) => Err(format!(
            "json: cannot unmarshal {} into Go struct field continueToken.{key} of type {wanted}",
            crate::wire::go_type(&other.to_value())
        )),
    }
}

/// Go's complaint about a text that is no base64.
fn not_base64(token: &str) -> String {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let at = token
        .bytes()
        .position(|byte| !known(byte))
        .unwrap_or(token.len().saturating_sub(1));
    format!("illegal base64 data at input byte {at}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_they_are_written() {
        for (page, namespace) in [
            (
                Page {
                    revision: Some(361),
                    after: Key::new("n", "a.b"),
                },
                "n",
            ),
            (
                Page {
                    revision: None,
                    after: Key::new("n", "a"),
                },
                "",
            ),
        ] {
            assert_eq!(Page::read(&page.token(namespace), namespace).unwrap(), page);
        }
        let page = Page {
            revision: Some(361),
            after: Key::new("", "admin"),
        };
        let raw = ENGINE.decode(page.token("")).unwrap();
        assert_eq!(
            String::from_utf8(raw).unwrap(),
            r#"{"v":"meta.k8s.io/v1","rv":361,"start":"admin\u0000"}"#
        );
    }

    #[test]
    fn refusals_have_the_genuine_words() {
        let refusal = |token: &str| Page::decode(token, "").unwrap_err();
        assert_eq!(refusal("e30"), "server does not recognize this encoded version ");
        assert_eq!(
            refusal("garbage"),
            "invalid character '\\u0081' looking for beginning of value"
        );
        assert_eq!(refusal("a!"), "illegal base64 data at input byte 1");
        let token = |text: &str| ENGINE.encode(text);
        assert_eq!(
            refusal(&token(r#"{"v":"meta.k8s.io/v1","rv":5}"#)),
            "encoded start key empty (version meta.k8s.io/v1)"
        );
        assert_eq!(
            refusal(&token(r#"{"v":"meta.k8s.io/v1","rv":5,"start":"../x"}"#)),
            "../x"
        );
        assert_eq!(
            refusal(&token(r#"{"v":"meta.k8s.io/v1","start":"x"}"#)),
            "incorrect encoded start resourceVersion (version meta.k8s.io/v1)"
        );
    }
}
