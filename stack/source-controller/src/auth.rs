//! From a Secret to credentials.

use std::collections::BTreeMap;

use edges::Edges;
use flux_api::{GitRepository, reason, source::GitProvider};
use flux_runtime::{Failure, explain};
use git::Credentials;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, ResourceExt};

use crate::unsupported;

type Data = BTreeMap<String, ByteString>;

const TLS_KEYS: [&str; 6] = ["ca.crt", "tls.crt", "tls.key", "caFile", "certFile", "keyFile"];

/// The credentials that the object's Secret holds.
pub(crate) async fn credentials(edges: &Edges, object: &GitRepository) -> Result<Credentials, Failure> {
    let github = object.spec.provider == Some(GitProvider::GitHub);
    let Some(reference) = &object.spec.secret_ref else {
        if github {
            return Err(Failure::stalled(
                reason::INVALID_PROVIDER_CONFIGURATION,
                "secretRef with github app data must be specified when provider is set to github",
            ));
        }
        return of_data(&object.spec.url, &Data::new());
    };
    let namespace = object.namespace().unwrap_or_default();
    let name = format!("{namespace}/{}", reference.name);
    let secrets: Api<Secret> = Api::namespaced(edges.kube.clone(), &namespace);
    let secret = secrets.get(&reference.name).await.map_err(|error| {
        let text = format!("failed to get secret '{name}': {}", explain(&error));
        Failure::retry(reason::AUTHENTICATION_FAILED, text)
    })?;
    let data = secret.data.unwrap_or_default();
    let app = data.contains_key("githubAppID");
    if github && !app {
        return Err(Failure::retry(
            reason::INVALID_PROVIDER_CONFIGURATION,
            "secretRef with github app data must be specified when provider is set to github",
        ));
    }
    if app && !github {
        return Err(Failure::retry(
            reason::INVALID_PROVIDER_CONFIGURATION,
            format!("secretRef '{name}' has github app data but provider is not set to github"),
        ));
    }
    of_data(&object.spec.url, &data)
}

fn of_data(url: &str, data: &Data) -> Result<Credentials, Failure> {
    let text = |key: &str| {
        let value = data
            .get(key)
            .map(|it| String::from_utf8_lossy(&it.0).into_owned());
        value.unwrap_or_default()
    };
    let scheme = url.split("://").next().unwrap_or_default();
    let invalid = |what: &str| {
        let text =
            format!("failed to configure authentication options: invalid '{scheme}' auth option: {what}");
        Failure::retry(reason::AUTHENTICATION_FAILED, text)
    };
    if scheme == "ssh" {
        return match ["identity", "known_hosts"]
            .into_iter()
            .find(|key| text(key).is_empty())
        {
            Some(key) => Err(invalid(&format!("'{key}' is required"))),
            None => Ok(Credentials::Anonymous),
        };
    }
    if scheme == "https" && TLS_KEYS.iter().any(|key| data.contains_key(*key)) {
        return Err(unsupported::failure(
            "TLS configuration in the Secret of spec.secretRef",
        ));
    }
    let (username, password, token) = (text("username"), text("password"), text("bearerToken"));
    let basic = !username.is_empty() || !password.is_empty();
    match (basic, token.is_empty()) {
        (true, false) => Err(invalid(
            "basic auth and bearer token cannot be set at the same time",
        )),
        (true, true) if username.is_empty() => Err(invalid("'password' requires 'username' to be set")),
        (true, true) => Ok(Credentials::Basic { username, password }),
        (false, false) => Ok(Credentials::Bearer(token)),
        (false, true) => Ok(Credentials::Anonymous),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(url: &str, keys: &[(&str, &str)]) -> String {
        let entry = |(key, value): &(&str, &str)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec()));
        match of_data(url, &keys.iter().map(entry).collect()) {
            Ok(credentials) => format!("{credentials:?}"),
            Err(failure) => failure.message(),
        }
    }

    // Covers: SC-11.
    #[test]
    fn keys_make_credentials() {
        let prefix = "failed to configure authentication options: invalid";
        type Keys<'a> = &'a [(&'a str, &'a str)];
        let cases: [(&str, Keys<'_>, String); 8] = [
            ("https://x/y", &[], "Anonymous".into()),
            (
                "http://x/y",
                &[("username", "u"), ("password", "p")],
                "Basic".into(),
            ),
            ("https://x/y", &[("bearerToken", "t")], "Bearer".into()),
            (
                "https://x/y",
                &[("username", "u"), ("bearerToken", "t")],
                format!(
                    "{prefix} 'https' auth option: basic auth and bearer token cannot be set at the same time"
                ),
            ),
            (
                "http://x/y",
                &[("password", "p")],
                format!("{prefix} 'http' auth option: 'password' requires 'username' to be set"),
            ),
            (
                "ssh://x/y",
                &[],
                format!("{prefix} 'ssh' auth option: 'identity' is required"),
            ),
            (
                "ssh://x/y",
                &[("identity", "i")],
                format!("{prefix} 'ssh' auth option: 'known_hosts' is required"),
            ),
            (
                "https://x/y",
                &[("ca.crt", "c")],
                "TLS configuration in the Secret of spec.secretRef is not implemented by this controller"
                    .into(),
            ),
        ];
        for (url, keys, expected) in cases {
            assert_eq!(message(url, keys), expected);
        }
    }
}
