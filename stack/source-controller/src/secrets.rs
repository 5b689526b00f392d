//! Secrets that sources refer to. What is in them never stands in an error.

use edges::Edges;
use flux_runtime::explain;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use oci::Keychain;

pub(crate) use crate::auth::{Data, secret as data};

const DOCKER_CONFIG: &str = ".dockerconfigjson";

/// A member as text.
pub(crate) fn text(data: &Data, key: &str) -> Option<String> {
    data.get(key)
        .map(|it| String::from_utf8_lossy(&it.0).into_owned())
}

/// Name and password, if the Secret has them; it must have both or none.
pub(crate) fn basic(data: &Data, secret: &str) -> Result<Option<(String, String)>, String> {
    let malformed = |present: &str, missing: &str| {
        Err(format!(
            "secret '{secret}': malformed basic auth - has '{present}' but missing '{missing}'"
        ))
    };
    match (text(data, "username"), text(data, "password")) {
        (None, None) => Ok(None),
        (Some(_), None) => malformed("username", "password"),
        (None, Some(_)) => malformed("password", "username"),
        (Some(username), Some(password)) => Ok(Some((username, password))),
    }
}

/// The credentials of a Secret of type `kubernetes.io/dockerconfigjson`.
pub(crate) fn keychain(keychain: &mut Keychain, data: &Data, secret: &str) -> Result<(), String> {
    let Some(config) = data.get(DOCKER_CONFIG) else {
        return Ok(());
    };
    keychain
        .add(&config.0)
        .map_err(|error| format!("secret '{secret}': {error} in '{DOCKER_CONFIG}'"))
}

/// Adds what the image pull Secrets of a ServiceAccount hold.
pub(crate) async fn pull_secrets(
    edges: &Edges,
    namespace: &str,
    account: &str,
    found: &mut Keychain,
) -> Result<(), String> {
    let accounts: Api<ServiceAccount> = Api::namespaced(edges.kube.clone(), namespace);
    let name = format!("{namespace}/{account}");
    let account = accounts.get(account).await.map_err(|error| {
        if flux_runtime::is_not_found(&error) {
            format!("serviceaccount '{name}' not found")
        } else {
            format!("failed to get serviceaccount '{name}': {}", explain(&error))
        }
    })?;
    for reference in account.image_pull_secrets.unwrap_or_default() {
        let secret = format!("{namespace}/{}", reference.name);
        let data = data(edges, namespace, &reference.name).await.map_err(|cause| {
            let cause = if cause.ends_with("not found") {
                format!("secret '{secret}' not found")
            } else {
                format!("failed to get secret '{secret}': {cause}")
            };
            format!("failed to get image pull secret for serviceaccount '{name}': {cause}")
        })?;
        keychain(found, &data, &secret)?;
    }
    Ok(())
}
