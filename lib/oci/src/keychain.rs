//! Credentials by registry, as Docker keeps them.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;

use crate::Credentials;

/// What Docker calls its own registry.
const DOCKER: [&str; 2] = ["index.docker.io", "docker.io"];

/// Credentials by registry.
#[derive(Clone, Debug, Default)]
pub struct Keychain(Vec<(String, Credentials)>);

/// A configuration that is none. Nothing of it is in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid docker configuration")]
pub struct InvalidConfig;

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
struct Entry {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    auth: String,
    #[serde(default)]
    registrytoken: String,
    #[serde(default)]
    identitytoken: String,
}

impl Keychain {
    /// Adds what a `.dockerconfigjson` holds.
    ///
    /// # Errors
    /// When it is none.
    pub fn add(&mut self, config: &[u8]) -> Result<(), InvalidConfig> {
        let config: Config = serde_json::from_slice(config).map_err(|_| InvalidConfig)?;
        for (name, entry) in config.auths {
            self.0.push((normal(&name), entry.credentials()?));
        }
        Ok(())
    }

    /// Adds credentials for a registry.
    pub fn insert(&mut self, registry: &str, credentials: Credentials) {
        self.0.push((normal(registry), credentials));
    }

    /// The credentials for a repository: those of the longest name that leads to it.
    pub fn find(&self, registry: &str, path: &str) -> Credentials {
        let registry = normal(registry);
        let full = format!("{registry}/{path}");
        let fits = |name: &str| match name.split_once('/') {
            None => matches_host(name, &registry),
            Some(_) => full == *name || full.starts_with(&format!("{name}/")),
        };
        let found = self.0.iter().filter(|(name, _)| fits(name));
        let best = found.max_by_key(|(name, _)| name.len());
        best.map_or(Credentials::Anonymous, |(_, credentials)| credentials.clone())
    }
}

/// A host, in which `*` stands for one label or a part of one.
fn matches_host(pattern: &str, host: &str) -> bool {
    let (patterns, labels): (Vec<&str>, Vec<&str>) =
        (pattern.split('.').collect(), host.split('.').collect());
    patterns.len() == labels.len()
        && patterns
            .iter()
            .zip(labels)
            .all(|(pattern, label)| match pattern.split_once('*') {
                None => *pattern == label,
                Some((before, after)) => {
                    label.len() >= before.len() + after.len()
                        && label.starts_with(before)
                        && label.ends_with(after)
                }
            })
}

/// `https://index.docker.io/v1/` is Docker's own registry, and so is `docker.io`.
fn normal(name: &str) -> String {
    let name = name.trim_start_matches("https://").trim_start_matches("http://");
    let name = name
        .trim_end_matches('/')
        .trim_end_matches("/v1")
        .trim_end_matches("/v2");
    match name.split_once('/') {
        None if DOCKER.contains(&name) => DOCKER[0].to_owned(),
        _ => name.to_owned(),
    }
}

impl Entry {
    fn credentials(self) -> Result<Credentials, InvalidConfig> {
        if !self.registrytoken.is_empty() {
            return Ok(Credentials::Bearer(self.registrytoken));
        }
        if !self.identitytoken.is_empty() {
            return Ok(Credentials::Identity(self.identitytoken));
        }
        let (username, password) = if self.auth.is_empty() {
            (self.username, self.password)
        } else {
            let bytes = BASE64_STANDARD
                .decode(self.auth.trim())
                .map_err(|_| InvalidConfig)?;
            let text = String::from_utf8(bytes).map_err(|_| InvalidConfig)?;
            let (username, password) = text.split_once(':').ok_or(InvalidConfig)?;
            (username.to_owned(), password.trim_end_matches('\0').to_owned())
        };
        if username.is_empty() && password.is_empty() {
            return Ok(Credentials::Anonymous);
        }
        Ok(Credentials::Basic { username, password })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_name_wins() {
        let mut keychain = Keychain::default();
        let config = br#"{"auths": {
            "registry.example.com": {"username": "a", "password": "1"},
            "registry.example.com/org": {"auth": "YjoyOjM="},
            "https://index.docker.io/v1/": {"username": "c", "password": "4"},
            "*.azurecr.io": {"identitytoken": "t"}
        }}"#;
        keychain.add(config).unwrap();
        let name = |registry: &str, path: &str| match keychain.find(registry, path) {
            Credentials::Basic { username, password } => format!("{username}:{password}"),
            Credentials::Identity(_) => "identity".to_owned(),
            Credentials::Bearer(_) => "bearer".to_owned(),
            Credentials::Anonymous => "none".to_owned(),
        };
        assert_eq!(name("registry.example.com", "other/app"), "a:1");
        assert_eq!(name("registry.example.com", "org/app"), "b:2:3");
        assert_eq!(name("registry.example.com", "organ"), "a:1");
        assert_eq!(name("docker.io", "library/app"), "c:4");
        assert_eq!(name("x.azurecr.io", "app"), "identity");
        assert_eq!(name("y.x.azurecr.io", "app"), "none");
        assert_eq!(name("registry.example.com:5000", "app"), "none");
        for broken in [
            &b"{"[..],
            br#"{"auths": {"a": {"auth": "!"}}}"#,
            br#"{"auths": {"a": {"auth": "YQ=="}}}"#,
        ] {
            assert_eq!(Keychain::default().add(broken), Err(InvalidConfig));
        }
    }
}
