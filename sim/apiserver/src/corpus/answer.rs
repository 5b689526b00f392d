//! Answers as they are compared.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::compare::Bindings;
use crate::{dispatch::Reply, encode, media::Encoding};

/// An answer as it is compared.
pub(super) struct Answer {
    code: u16,
    content_type: String,
    warnings: Vec<String>,
    headers: Map<String, Value>,
    pub(super) body: Option<Value>,
    text: Bytes,
}

impl Answer {
    pub(super) fn new(reply: Reply) -> Self {
        match reply {
            Reply::Object {
                code,
                object,
                warnings,
                encoding,
            } => Self::object(code, object, &warnings, encoding),
            Reply::Watch { warnings, .. } => Self {
                code: 200,
                content_type: "application/json".to_owned(),
                warnings: quoted(&warnings),
                headers: Map::new(),
                body: None,
                text: Bytes::new(),
            },
            Reply::Raw {
                code,
                content_type,
                body,
                headers,
            } => Self {
                code,
                body: content_type
                    .starts_with("application/json")
                    .then(|| serde_json::from_slice(&body).ok())
                    .flatten(),
                content_type,
                warnings: Vec::new(),
                headers: headers
                    .into_iter()
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.into()))
                    .collect(),
                text: body,
            },
        }
    }

    fn object(code: u16, object: Arc<Value>, warnings: &[String], encoding: Encoding) -> Self {
        let retry = object
            .pointer("/details/retryAfterSeconds")
            .map(|seconds| ("retry-after".to_owned(), seconds.to_string().into()));
        let (media, text) = match encoding {
            Encoding::Json => ("application/json", encode::json(&object)),
            Encoding::Yaml => ("application/yaml", encode::yaml(&object)),
        };
        Self {
            code,
            content_type: media.to_owned(),
            warnings: quoted(warnings),
            headers: retry.into_iter().collect(),
            body: (encoding == Encoding::Json).then(|| Arc::unwrap_or_clone(object)),
            text: text.into(),
        }
    }

    /// The first difference from a recorded response.
    pub(super) fn compare(&self, expected: &Value, bindings: &mut Bindings) -> Result<(), String> {
        let code = expected["code"].as_u64().unwrap_or(200);
        if code != u64::from(self.code) {
            let message = self
                .body
                .as_ref()
                .map(|body| body["message"].to_string())
                .unwrap_or_default();
            let wanted = expected["body"]["message"].to_string();
            return Err(format!(
                " code: want {code} {wanted}, have {} {message}",
                self.code
            ));
        }
        self.compare_headers(expected, bindings)?;
        if let Some(body) = expected.get("body") {
            let Some(own) = &self.body else {
                let text = String::from_utf8_lossy(&self.text);
                return Err(format!(" body: want {body}, have text {text}"));
            };
            bindings.document(body, own, "")?;
        }
        if let Some(text) = expected.get("bodyText") {
            let own = String::from_utf8_lossy(&self.text).into_owned();
            bindings.document(text, &Value::String(own), " text")?;
        }
        self.compare_stand_ins(expected, bindings)
    }

    fn compare_headers(&self, expected: &Value, bindings: &mut Bindings) -> Result<(), String> {
        let Some(headers) = expected.get("headers").and_then(Value::as_object) else {
            return Ok(());
        };
        let wanted = headers
            .get("Content-Type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if wanted != self.content_type {
            return Err(format!(
                " content type: want {wanted}, have {}",
                self.content_type
            ));
        }
        let warnings: Vec<Value> = self.warnings.iter().map(|text| text.as_str().into()).collect();
        let wanted = headers
            .get("Warning")
            .cloned()
            .unwrap_or_else(|| Value::Array(Vec::new()));
        bindings.document(&wanted, &Value::Array(warnings), " warnings")?;
        for (name, value) in headers
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "Content-Type" | "Warning"))
        {
            match self.headers.get(&name.to_ascii_lowercase()) {
                Some(own) => bindings.document(value, own, &format!(" header {name}"))?,
                None => return Err(format!(" header {name}: want {value}, have nothing")),
            }
        }
        Ok(())
    }

    /// What stands for bodies that were not kept, and for tokens.
    fn compare_stand_ins(&self, expected: &Value, bindings: &mut Bindings) -> Result<(), String> {
        let null = Value::Null;
        let body = self.body.as_ref().unwrap_or(&null);
        for (member, own) in [
            ("bodyPaths", keys(body.get("paths"))),
            ("bodySchemas", keys(body.pointer("/components/schemas"))),
            ("jwt", claims(body).unwrap_or(Value::Null)),
            ("bodyBytes", self.text.len().into()),
            (
                "bodySha256",
                format!("{:x}", HexDigest(&Sha256::digest(&self.text))).into(),
            ),
        ] {
            if let Some(wanted) = expected.get(member) {
                bindings.document(wanted, &own, &format!(" {member}"))?;
            }
        }
        Ok(())
    }
}

struct HexDigest<'a>(&'a [u8]);

impl std::fmt::LowerHex for HexDigest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn quoted(warnings: &[String]) -> Vec<String> {
    let quoted = warnings
        .iter()
        .map(|text| format!("299 - {}", encode::warning(text)));
    quoted.collect()
}

fn keys(members: Option<&Value>) -> Value {
    let members = members.and_then(Value::as_object).into_iter().flatten();
    let mut keys: Vec<&String> = members.map(|(key, _)| key).collect();
    keys.sort();
    json!(keys)
}

/// Header and claims of the token that an answer brings: times count from its issue, the key's name is masked.
fn claims(body: &Value) -> Option<Value> {
    let mut parts = body.pointer("/status/token")?.as_str()?.split('.');
    let mut part = || -> Option<Value> {
        let raw = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        serde_json::from_slice(&raw).ok()
    };
    let (mut header, mut claims) = (part()?, part()?);
    if header.get("kid").is_some() {
        header["kid"] = "<kid>".into();
    }
    let issued = claims.get("iat")?.as_i64()?;
    for time in ["exp", "iat", "nbf"] {
        if let Some(seconds) = claims.get(time).and_then(Value::as_i64) {
            claims[time] = format!("<iat+{}>", seconds - issued).into();
        }
    }
    Some(json!({"header": header, "claims": claims}))
}
