//! Tokens of ServiceAccounts: what they say, and whether it still holds.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jiff::Timestamp;
use manifest::object;
use serde_json::{Value, json};

use crate::{
    core::Core,
    failure::{Failure, Outcome},
    names,
    store::Key,
    user::User,
};

/// Who issues tokens unless the cluster says otherwise; also their default audience.
pub(crate) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// The claim about the cluster's objects.
const PRIVATE: &str = "kubernetes.io";
/// Clocks may differ this much.
const LEEWAY: i64 = 60;

/// A token with these claims.
pub(crate) fn sign(core: &Core, claims: &Value) -> Outcome<String> {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = core.signer.id().and_then(|id| {
        let text = format!("{}.{}", part(&json!({"alg": "RS256", "kid": id})), part(claims));
        let signature = core.signer.sign(&text)?;
        Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    });
    signed.ok_or_else(|| Failure::internal("failed to generate token: no signing key"))
}

/// Who issues the tokens that Secrets hold.
const LEGACY: &str = "kubernetes/serviceaccount";

/// The claims of a token that lives as long as the Secret that holds it.
pub(crate) fn endless(account: &Value, secret: &str) -> Value {
    let (namespace, name) = (object::namespace(account), object::name(account));
    let mut claims = json!({"iss": LEGACY, "sub": format!("system:serviceaccount:{namespace}:{name}")});
    for (key, value) in [
        ("namespace", namespace),
        ("secret.name", secret),
        ("service-account.name", name),
        ("service-account.uid", object::uid(account)),
    ] {
        claims[format!("{LEGACY_CLAIM}{key}")] = value.into();
    }
    claims
}

const LEGACY_CLAIM: &str = "kubernetes.io/serviceaccount/";

/// The user of a token that a Secret holds: the Secret and the ServiceAccount must be there.
fn held(core: &Core, token: &str, claims: &Value, now: Timestamp) -> Result<User, String> {
    const INVALIDATED: &str = "service account token has been invalidated";
    let text = |key: &str| {
        claims[format!("{LEGACY_CLAIM}{key}")]
            .as_str()
            .unwrap_or_default()
    };
    let (namespace, name) = (text("namespace"), text("service-account.name"));
    let secret = core
        .stored("secrets", &Key::new(namespace, text("secret.name")))
        .filter(|secret| !ended(secret, now));
    let own = secret
        .as_deref()
        .and_then(|secret| secret.pointer("/data/token")?.as_str());
    let own = own.and_then(|own| STANDARD.decode(own).ok());
    if own.as_deref() != Some(token.as_bytes()) {
        return Err(INVALIDATED.to_owned());
    }
    let account = core
        .stored(names::SERVICE_ACCOUNTS, &Key::new(namespace, name))
        .filter(|account| !ended(account, now))
        .ok_or_else(|| INVALIDATED.to_owned())?;
    let claimed = text("service-account.uid");
    if object::uid(&account) != claimed {
        return Err(format!(
            "service account UID ({}) does not match claim ({claimed})",
            object::uid(&account)
        ));
    }
    let mut user = User::service_account(namespace, name);
    claimed.clone_into(&mut user.uid);
    Ok(user)
}

/// The user of a token for one of these audiences, and which of them it is for; `None` if no ServiceAccount's token.
pub(crate) fn user(
    core: &Core,
    token: &str,
    audiences: &[String],
    now: Timestamp,
) -> Result<Option<(User, Vec<String>)>, String> {
    let parts: Vec<&str> = token.split('.').collect();
    let [_, payload, signature] = parts.as_slice() else {
        return Ok(None);
    };
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let Some(claims) = decoded(payload).and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()) else {
        return Ok(None);
    };
    let legacy = claims["iss"] == LEGACY;
    if !legacy && claims["iss"] != core.issuer.as_str() {
        return Ok(None);
    }
    let text = &token[..token.len() - signature.len() - 1];
    if !decoded(signature).is_some_and(|signature| core.signer.verifies(text, &signature)) {
        return Err("go-jose/go-jose: error in cryptographic primitive".to_owned());
    }
    if legacy {
        // Such a token is for the server itself.
        let ours: Vec<String> = audiences
            .iter()
            .filter(|wanted| **wanted == core.issuer)
            .cloned()
            .collect();
        return held(core, token, &claims, now).map(|user| (!ours.is_empty()).then_some((user, ours)));
    }
    let own: Vec<String> = claims["aud"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let common: Vec<String> = audiences
        .iter()
        .filter(|wanted| own.contains(wanted))
        .cloned()
        .collect();
    if common.is_empty() {
        let list = |values: &[String]| {
            let quoted: Vec<String> = values
                .iter()
                .map(|value| kube_schema::gotext::quote(value))
                .collect();
            format!("[{}]", quoted.join(" "))
        };
        return Err(format!(
            "token audiences {} is invalid for the target audiences {}",
            list(&own),
            list(audiences)
        ));
    }
    validate(core, &claims, now).map(|user| Some((user, common)))
}

fn validate(core: &Core, claims: &Value, now: Timestamp) -> Result<User, String> {
    let second = now.as_second();
    let at = |key: &str| claims[key].as_i64();
    if at("exp").is_some_and(|end| second - LEEWAY > end) {
        return Err("service account token has expired".to_owned());
    }
    if at("nbf").is_some_and(|start| second + LEEWAY < start) {
        return Err(
            "service account token claims could not be validated due to validation error: go-jose/go-jose/jwt: validation failed, token not valid yet (nbf)".to_owned(),
        );
    }
    let private = &claims[PRIVATE];
    let text = |pointer: &str| {
        private
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (namespace, name) = (text("/namespace"), text("/serviceaccount/name"));
    let stands = |table: &str, key: Key, claimed: &str, what: &str| {
        let found = core.stored(table, &key).filter(|found| !ended(found, now));
        match found {
            None => Err("service account token has been invalidated".to_owned()),
            Some(found) if !claimed.is_empty() && object::uid(&found) != claimed => Err(format!(
                "{} UID ({}) does not match service account {what} ref claim ({claimed})",
                what,
                object::uid(&found)
            )),
            Some(_) => Ok(()),
        }
    };
    let account = core
        .stored(names::SERVICE_ACCOUNTS, &Key::new(namespace, name))
        .ok_or_else(|| format!("serviceaccounts {name:?} not found"))?;
    if ended(&account, now) {
        return Err("service account token has been invalidated".to_owned());
    }
    let claimed = text("/serviceaccount/uid");
    if object::uid(&account) != claimed {
        return Err(format!(
            "service account UID ({}) does not match claim ({claimed})",
            object::uid(&account)
        ));
    }
    for (what, table) in [("secret", "secrets"), ("pod", "pods")] {
        if let Some(bound) = private.get(what) {
            let key = Key::new(namespace, bound["name"].as_str().unwrap_or_default());
            stands(table, key, bound["uid"].as_str().unwrap_or_default(), what)?;
        }
    }
    if let (Some(node), None) = (private.get("node"), private.get("pod")) {
        let key = Key::new("", node["name"].as_str().unwrap_or_default());
        stands("nodes", key, node["uid"].as_str().unwrap_or_default(), "node")?;
    }
    Ok(identity(claims, namespace, name, claimed))
}

/// Whether an object's deletion has been due for longer than clocks may differ.
fn ended(object: &Value, now: Timestamp) -> bool {
    let due = object::deletion_timestamp(object).parse::<Timestamp>();
    due.is_ok_and(|due| due.as_second() < now.as_second() - LEEWAY)
}

fn identity(claims: &Value, namespace: &str, name: &str, uid: &str) -> User {
    let mut user = User::service_account(namespace, name);
    uid.clone_into(&mut user.uid);
    let mut add = |key: &str, value: &str| {
        if !value.is_empty() {
            let key = format!("authentication.kubernetes.io/{key}");
            user.extra.insert(key, vec![value.to_owned()]);
        }
    };
    let text = |pointer: &str| {
        claims
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    if let Some(id) = claims["jti"].as_str() {
        add("credential-id", &format!("JTI={id}"));
    }
    for (key, pointer) in [
        ("node-name", "/kubernetes.io/node/name"),
        ("node-uid", "/kubernetes.io/node/uid"),
        ("pod-name", "/kubernetes.io/pod/name"),
        ("pod-uid", "/kubernetes.io/pod/uid"),
    ] {
        add(key, text(pointer));
    }
    user
}
