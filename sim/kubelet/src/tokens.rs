//! Secrets of type `kubernetes.io/service-account-token` get their token.

use manifest::object;
use serde_json::{Value, json};

use crate::{
    actor::Actor,
    owned,
    resources::{CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS},
};

const KIND: &str = "kubernetes.io/service-account-token";
const NAME: &str = "kubernetes.io/service-account.name";
const UID: &str = "kubernetes.io/service-account.uid";

/// Fills a token Secret in, or deletes one whose ServiceAccount is gone.
pub(crate) fn reconcile(actor: &Actor, secret: &Value) {
    if owned::text(secret, "/type") != KIND || owned::is_deleting(secret) {
        return;
    }
    let namespace = object::namespace(secret);
    let Some(name) = object::annotation(secret, NAME) else {
        return;
    };
    let wanted = object::annotation(secret, UID).unwrap_or_default();
    let account = actor
        .find(SERVICE_ACCOUNTS, namespace, name)
        .filter(|account| wanted.is_empty() || object::uid(account) == wanted);
    let Some(account) = account else {
        actor.delete(SECRETS, secret, None);
        return;
    };
    let has = |key: &str| !owned::text(secret, &format!("/data/{key}")).is_empty();
    if has("token") && has("namespace") && has("ca.crt") && !wanted.is_empty() {
        return;
    }
    let authority = actor
        .find(CONFIG_MAPS, namespace, "kube-root-ca.crt")
        .map(|map| owned::text(&map, "/data/ca.crt").to_owned())
        .unwrap_or_default();
    let token = actor.api.token_for(namespace, name);
    let uid = object::uid(&account).to_owned();
    let _ = actor.update(SECRETS, secret, |body| {
        object::map_at(body, &["metadata", "annotations"]).insert(UID.to_owned(), json!(uid));
        let data = object::map_at(body, &["data"]);
        for (key, value) in [
            ("token", &token),
            ("namespace", &namespace.to_owned()),
            ("ca.crt", &authority),
        ] {
            if !data.contains_key(key) {
                data.insert(key.to_owned(), json!(base64(value.as_bytes())));
            }
        }
    });
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let part = |at: usize| u32::from(chunk.get(at).copied().unwrap_or_default());
        let bits = (part(0) << 16) | (part(1) << 8) | part(2);
        for place in 0..4 {
            if place <= chunk.len() {
                let at = (bits >> (18 - 6 * place)) & 63;
                out.push(char::from(LETTERS[at as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_become_letters() {
        for (bytes, expected) in [("", ""), ("v", "dg=="), ("ab", "YWI="), ("abc", "YWJj")] {
            assert_eq!(super::base64(bytes.as_bytes()), expected);
        }
    }
}
