//! The tokens controller: Secrets that ask for a token of a ServiceAccount get one that never ends.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use manifest::object;
use serde_json::{Value, json};

use super::{accounts, act::Actor};
use crate::{
    access::tokens,
    core::Core,
    names,
    store::{Key, in_namespace},
};

pub(super) const SECRETS: &str = "secrets";
const TYPE: &str = "kubernetes.io/service-account-token";
const NAME: &str = "kubernetes.io/service-account.name";
const UID: &str = "kubernetes.io/service-account.uid";

/// Whether a Secret asks for a token.
pub(super) fn asks(secret: &Value) -> bool {
    secret.get("type").and_then(Value::as_str) == Some(TYPE)
}

/// Fills a Secret that lacks its token, or deletes it if its ServiceAccount is not there.
pub(super) fn fill(core: &mut Core, now: Timestamp, key: &Key) {
    let Some(secret) = core.stored(SECRETS, key).filter(|secret| asks(secret)) else {
        return;
    };
    if !object::deletion_timestamp(&secret).is_empty() {
        return;
    }
    let annotation = |name| object::annotation(&secret, name).unwrap_or_default();
    let account = core
        .stored(
            names::SERVICE_ACCOUNTS,
            &Key::new(key.namespace(), annotation(NAME)),
        )
        .filter(|account| annotation(UID).is_empty() || annotation(UID) == object::uid(account));
    let actor = Actor::manager(now);
    let Some(account) = account else {
        if let Some(resource) = core.resource_of_table(SECRETS) {
            actor.delete(core, &resource, &secret, "Background");
        }
        return;
    };
    let held = |name: &str| secret.get("data").and_then(|data| data.get(name));
    let ca = json!(STANDARD.encode(core.ca.as_deref().unwrap_or(accounts::CA)));
    let complete = held("token").is_some() && held("namespace").is_some() && held("ca.crt") == Some(&ca);
    if complete && !annotation(UID).is_empty() {
        return;
    }
    let mut next = (*secret).clone();
    let data = object::map_at(&mut next, &["data"]);
    data.insert("ca.crt".to_owned(), ca);
    data.insert("namespace".to_owned(), json!(STANDARD.encode(key.namespace())));
    if !data.contains_key("token") {
        let Ok(token) = tokens::sign(core, &tokens::endless(&account, key.name())) else {
            return;
        };
        data.insert("token".to_owned(), json!(STANDARD.encode(token)));
    }
    object::map_at(&mut next, &["metadata", "annotations"])
        .insert(UID.to_owned(), json!(object::uid(&account)));
    let path = format!("/api/v1/namespaces/{}/secrets/{}", key.namespace(), key.name());
    actor.replace(core, &path, &next);
}

/// The Secrets with tokens of a namespace.
pub(super) fn of_namespace(core: &Core, namespace: &str) -> Vec<Key> {
    let table = core.table(SECRETS);
    in_namespace(&table, namespace)
        .filter(|(_, secret)| asks(secret))
        .map(|(key, _)| key.clone())
        .collect()
}
