//! Custom objects in other versions.
//!
//! DIFFERENCE: conversion webhooks are never called: nothing listens where they point. Whoever needs one gets the error
//! of a connection that is refused.

use manifest::object;
use serde_json::Value;

use super::Definition;
use crate::failure::{Failure, Outcome};

/// Where a definition's conversion webhook would be, and why it does not answer.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    url: String,
    why: String,
}

impl Webhook {
    pub(super) fn read(spec: &Value) -> Option<Self> {
        let conversion = spec.get("conversion")?;
        if conversion.get("strategy")? != "Webhook" {
            return None;
        }
        let client = conversion.pointer("/webhook/clientConfig")?;
        if let Some(url) = client.get("url").and_then(Value::as_str) {
            let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
            let host = authority.split('/').next().unwrap_or_default();
            let (name, port) = match host.rsplit_once(':') {
                Some((name, port)) => (name, port),
                None => (host, "443"),
            };
            let numeric = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
            let why = if numeric {
                format!("dial tcp {name}:{port}: connect: connection refused")
            } else {
                format!("dial tcp: lookup {name}: no such host")
            };
            return Some(Self {
                url: url.to_owned(),
                why,
            });
        }
        let service = client.get("service")?;
        let text = |key: &str| service.get(key).and_then(Value::as_str).unwrap_or_default();
        let port = service.get("port").and_then(Value::as_i64).unwrap_or(443);
        Some(Self {
            url: format!(
                "https://{}.{}.svc:{port}{}",
                text("name"),
                text("namespace"),
                text("path")
            ),
            why: format!("service {:?} not found", text("name")),
        })
    }
}

/// Refuses to bring an object into another version if that takes a webhook.
pub(crate) fn convertible(definition: &Definition, own: &Value, wanted: &str) -> Outcome<()> {
    let version = object::api_version(own);
    match &definition.webhook {
        Some(webhook) if version != wanted => Err(Failure::plain(format!(
            "conversion webhook for {version}, Kind={} failed: Post \"{}?timeout=30s\": {}",
            definition.kind, webhook.url, webhook.why
        ))),
        _ => Ok(()),
    }
}
