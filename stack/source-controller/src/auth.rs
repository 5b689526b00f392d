//! From Secrets to the way into a repository.

use std::collections::BTreeMap;

use edges::{Edges, HttpOptions, Proxy, Tls};
use flux_api::{GitRepository, reason, source::GitProvider};
use flux_runtime::{Failure, explain};
use git::{Credentials, SshAlgorithms, SshKey};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, ResourceExt};

use crate::github;

pub(crate) type Data = BTreeMap<String, ByteString>;

/// How a repository is reached.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) credentials: Credentials,
    pub(crate) options: HttpOptions,
}

const NO_APP: &str = "secretRef with github app data must be specified when provider is set to github";

/// What the object's Secrets say.
pub(crate) async fn access(
    edges: &Edges,
    object: &GitRepository,
    ssh: &SshAlgorithms,
) -> Result<Access, Failure> {
    let namespace = object.namespace().unwrap_or_default();
    let proxy = match &object.spec.proxy_secret_ref {
        Some(reference) => Some(proxy(edges, &namespace, &reference.name).await?),
        None => None,
    };
    let github = object.spec.provider == Some(GitProvider::GitHub);
    let Some(reference) = &object.spec.secret_ref else {
        if github {
            return Err(Failure::stalled(reason::INVALID_PROVIDER_CONFIGURATION, NO_APP));
        }
        return of_data(&object.spec.url, &Data::new(), ssh, "", proxy);
    };
    let name = format!("{namespace}/{}", reference.name);
    let data = secret(edges, &namespace, &reference.name)
        .await
        .map_err(|cause| {
            // Upstream wraps the same words twice.
            let text = format!("failed to get secret '{name}': {cause}");
            Failure::retry(reason::AUTHENTICATION_FAILED, text)
        })?;
    let mut access = of_data(&object.spec.url, &data, ssh, &name, proxy)?;
    let app = data.get("githubAppID").is_some_and(|it| !it.0.is_empty());
    match (github, app) {
        (true, false) => Err(Failure::retry(reason::INVALID_PROVIDER_CONFIGURATION, NO_APP)),
        (false, true) => Err(Failure::retry(
            reason::INVALID_PROVIDER_CONFIGURATION,
            format!("secretRef '{name}' has github app data but provider is not set to github"),
        )),
        (false, false) => Ok(access),
        (true, true) => {
            let token = github::token(edges, &data, &access.options)
                .await
                .map_err(|error| {
                    let text = format!("failed to configure authentication options: {error}");
                    Failure::retry(reason::AUTHENTICATION_FAILED, text)
                })?;
            access.credentials = Credentials::Basic {
                username: "x-access-token".to_owned(),
                password: token,
            };
            Ok(access)
        }
    }
}

/// A Secret's data, or the server's words why not.
pub(crate) async fn secret(edges: &Edges, namespace: &str, name: &str) -> Result<Data, String> {
    let secrets: Api<Secret> = Api::namespaced(edges.kube.clone(), namespace);
    match secrets.get(name).await {
        Ok(secret) => Ok(secret.data.unwrap_or_default()),
        Err(error) => Err(explain(&error)),
    }
}

async fn proxy(edges: &Edges, namespace: &str, name: &str) -> Result<Proxy, Failure> {
    let failed = |cause: &str| {
        let text = format!("failed to configure proxy options: {cause}");
        Failure::retry(reason::AUTHENTICATION_FAILED, text)
    };
    let data = secret(edges, namespace, name)
        .await
        .map_err(|cause| failed(&format!("failed to get secret '{namespace}/{name}': {cause}")))?;
    let address = text(&data, "address");
    if address.is_empty() {
        return Err(failed(&format!(
            "secret '{namespace}/{name}': key 'address' not found"
        )));
    }
    let proxy: Proxy = address
        .parse()
        .map_err(|error| failed(&format!("secret '{namespace}/{name}': {error}")))?;
    let (username, password) = (text(&data, "username"), text(&data, "password"));
    Ok(if username.is_empty() && password.is_empty() {
        proxy
    } else {
        proxy.with_credentials(&username, &password)
    })
}

/// A member as text, empty if it is not there.
pub(crate) fn text(data: &Data, key: &str) -> String {
    String::from_utf8_lossy(bytes(data, key)).into_owned()
}

fn bytes<'a>(data: &'a Data, key: &str) -> &'a [u8] {
    data.get(key).map_or(&[], |it| it.0.as_slice())
}

fn of_data(
    url: &str,
    data: &Data,
    ssh: &SshAlgorithms,
    name: &str,
    proxy: Option<Proxy>,
) -> Result<Access, Failure> {
    let scheme = url.split("://").next().unwrap_or_default();
    let failed = |what: String| Failure::retry(reason::AUTHENTICATION_FAILED, what);
    let invalid = |what: &str| {
        failed(format!(
            "failed to configure authentication options: invalid '{scheme}' auth option: {what}"
        ))
    };
    if scheme == "ssh" {
        let missing = ["identity", "known_hosts"]
            .into_iter()
            .find(|key| bytes(data, key).is_empty());
        if let Some(key) = missing {
            return Err(invalid(&format!("'{key}' is required")));
        }
        let key = SshKey {
            identity: text(data, "identity"),
            passphrase: Some(text(data, "password")).filter(|it| !it.is_empty()),
            known_hosts: text(data, "known_hosts"),
            algorithms: ssh.clone(),
        };
        if key.passphrase.is_none() && key.is_encrypted() {
            return Err(failed(format!(
                "SSH identity key is encrypted but no 'password' field was provided in the secret '{name}'"
            )));
        }
        return Ok(Access {
            credentials: Credentials::Ssh(Box::new(key)),
            options: HttpOptions {
                proxy,
                ..HttpOptions::default()
            },
        });
    }
    let token = text(data, "bearerToken");
    let (username, password) = (text(data, "username"), text(data, "password"));
    let basic = !username.is_empty() || !password.is_empty();
    let credentials = match (basic, token.is_empty()) {
        (true, false) => {
            return Err(invalid(
                "basic auth and bearer token cannot be set at the same time",
            ));
        }
        (true, true) if username.is_empty() => {
            return Err(invalid("'password' requires 'username' to be set"));
        }
        (true, true) => Credentials::Basic { username, password },
        (false, false) => Credentials::Bearer(token),
        (false, true) => Credentials::Anonymous,
    };
    Ok(Access {
        credentials,
        options: HttpOptions {
            tls: tls(scheme, data),
            proxy,
        },
    })
}

/// `ca.crt` goes before the older `caFile`; plain HTTP has no use for certificates.
fn tls(scheme: &str, data: &Data) -> Tls {
    if scheme != "https" {
        return Tls::default();
    }
    let either = |one: &str, other: &str| match bytes(data, one) {
        [] => bytes(data, other).to_vec(),
        found => found.to_vec(),
    };
    let (chain, key) = (either("tls.crt", "certFile"), either("tls.key", "keyFile"));
    Tls {
        ca: either("ca.crt", "caFile"),
        identity: (!chain.is_empty() && !key.is_empty()).then_some((chain, key)),
        insecure: false,
        only_ca: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Keys<'a> = &'a [(&'a str, &'a str)];

    fn made(url: &str, keys: Keys<'_>) -> Result<Access, Failure> {
        let entry = |(key, value): &(&str, &str)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec()));
        let data = keys.iter().map(entry).collect();
        of_data(url, &data, &SshAlgorithms::default(), "apps/auth", None)
    }

    fn message(url: &str, keys: Keys<'_>) -> String {
        match made(url, keys) {
            Ok(access) => format!("{:?}", access.credentials),
            Err(failure) => failure.message(),
        }
    }

    // Covers: SC-11.
    #[test]
    fn keys_make_credentials() {
        let prefix = "failed to configure authentication options: invalid";
        let cases: [(&str, Keys<'_>, String); 9] = [
            ("https://x/y", &[], "Anonymous".into()),
            ("http://x/y", &[("username", "u"), ("password", "p")], "Basic".into()),
            ("https://x/y", &[("bearerToken", "t")], "Bearer".into()),
            (
                "https://x/y",
                &[("username", "u"), ("bearerToken", "t")],
                format!("{prefix} 'https' auth option: basic auth and bearer token cannot be set at the same time"),
            ),
            (
                "http://x/y",
                &[("password", "p")],
                format!("{prefix} 'http' auth option: 'password' requires 'username' to be set"),
            ),
            ("ssh://x/y", &[], format!("{prefix} 'ssh' auth option: 'identity' is required")),
            (
                "ssh://x/y",
                &[("identity", "i")],
                format!("{prefix} 'ssh' auth option: 'known_hosts' is required"),
            ),
            ("ssh://x/y", &[("identity", "i"), ("known_hosts", "k")], "Ssh".into()),
            (
                "ssh://x/y",
                &[("identity", "-----BEGIN ENCRYPTED PRIVATE KEY-----"), ("known_hosts", "k")],
                "SSH identity key is encrypted but no 'password' field was provided in the secret 'apps/auth'"
                    .into(),
            ),
        ];
        for (url, keys, expected) in cases {
            assert_eq!(message(url, keys), expected);
        }
    }

    #[test]
    fn certificates_are_for_https() {
        let keys = [
            ("caFile", "old"),
            ("ca.crt", "new"),
            ("tls.crt", "c"),
            ("tls.key", "k"),
        ];
        let tls = made("https://x/y", &keys).unwrap().options.tls;
        assert_eq!(
            (tls.ca, tls.identity),
            (b"new".to_vec(), Some((b"c".to_vec(), b"k".to_vec())))
        );
        assert_eq!(made("http://x/y", &keys).unwrap().options, HttpOptions::default());
    }
}
