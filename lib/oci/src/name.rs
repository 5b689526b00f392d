//! Names of repositories and of what is in them.

use std::{fmt, net::Ipv4Addr};

/// The registry of names without one.
const DEFAULT_REGISTRY: &str = "index.docker.io";
const REPOSITORY: &str = "abcdefghijklmnopqrstuvwxyz0123456789_-./";

/// A name that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// No name at all.
    #[error("a repository name must be specified")]
    Empty,
    /// Too short or too long.
    #[error("{what} must be between {min} and {max} characters in length: {text}")]
    Length {
        /// What it was to be.
        what: &'static str,
        /// The least number of characters.
        min: usize,
        /// The greatest number of characters.
        max: usize,
        /// The text.
        text: String,
    },
    /// Characters that do not belong there.
    #[error("{what} can only contain the characters `{allowed}`: {text}")]
    Characters {
        /// What it was to be.
        what: &'static str,
        /// The characters that do.
        allowed: &'static str,
        /// The text.
        text: String,
    },
    /// No host.
    #[error("registries must be valid RFC 3986 URI authorities: {0}")]
    Registry(String),
}

/// A repository of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    registry: String,
    path: String,
}

/// Something in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// What a tag names.
    Tag(String),
    /// What has a digest.
    Digest(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, ":{tag}"),
            Self::Digest(digest) => write!(f, "@{digest}"),
        }
    }
}

impl Target {
    /// The word that stands for it in a registry's addresses.
    pub fn word(&self) -> &str {
        match self {
            Self::Tag(word) | Self::Digest(word) => word,
        }
    }
}

impl Repository {
    /// Reads `host[:port]/path`; without a host it is one of Docker's.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        if text.is_empty() {
            return Err(InvalidName::Empty);
        }
        let (registry, path) = match text.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) => (first, rest),
            _ => ("", text),
        };
        check("repository", path, REPOSITORY, 2, 255)?;
        let authority: Option<http::uri::Authority> = registry.parse().ok();
        let plain = |it: &http::uri::Authority| it.as_str() == registry && !registry.contains('@');
        if !registry.is_empty() && !authority.as_ref().is_some_and(plain) {
            return Err(InvalidName::Registry(registry.to_owned()));
        }
        let registry = match registry {
            "" | "docker.io" => DEFAULT_REGISTRY,
            given => given,
        };
        let path = if registry == DEFAULT_REGISTRY && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        Ok(Self {
            registry: registry.to_owned(),
            path,
        })
    }

    /// The registry's host and port.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The name within the registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the registry may be spoken to by plain HTTP without anybody having said so.
    pub fn is_local(&self) -> bool {
        let name = self.registry.as_str();
        let host = match name.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|it| it.is_ascii_digit()) => host,
            _ => name,
        };
        let private = host.parse().is_ok_and(|it: Ipv4Addr| it.is_private());
        private
            || name.starts_with("localhost:")
            || host.ends_with(".localhost")
            || name.contains("127.0.0.1")
            || name.contains("::1")
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

fn check(
    what: &'static str,
    text: &str,
    allowed: &'static str,
    min: usize,
    max: usize,
) -> Result<(), InvalidName> {
    let text = text.to_owned();
    if !(min..=max).contains(&text.chars().count()) {
        return Err(InvalidName::Length { what, min, max, text });
    }
    if text.chars().any(|it| !allowed.contains(it)) {
        return Err(InvalidName::Characters { what, allowed, text });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SOURCE: go-containerregistry 0.21.6, `name.NewRepository` and `Registry.Scheme`.
    #[test]
    fn names_are_read_as_go_reads_them() {
        for (text, name, local) in [
            ("ghcr.io/org/app", "ghcr.io/org/app", false),
            ("registry:5000/app", "registry:5000/app", false),
            (
                "registry.apps.svc.cluster.local:5000/org/app",
                "registry.apps.svc.cluster.local:5000/org/app",
                false,
            ),
            ("10.0.0.1:5000/app", "10.0.0.1:5000/app", true),
            ("127.0.0.1:5000/app", "127.0.0.1:5000/app", true),
            ("localhost:5000/app", "localhost:5000/app", true),
            ("8.8.8.8/app", "8.8.8.8/app", false),
            ("app", "index.docker.io/library/app", false),
            ("org/app", "index.docker.io/org/app", false),
            ("docker.io/org/app", "index.docker.io/org/app", false),
        ] {
            let repository = Repository::parse(text).unwrap();
            assert_eq!(
                (repository.to_string(), repository.is_local()),
                (name.to_owned(), local),
                "{text}"
            );
        }
        for (text, error) in [
            ("", "a repository name must be specified"),
            (
                "ghcr.io/a",
                "repository must be between 2 and 255 characters in length: a",
            ),
            (
                "ghcr.io/org/app:v1",
                "repository can only contain the characters `abcdefghijklmnopqrstuvwxyz0123456789_-./`: org/app:v1",
            ),
            (
                "ghcr.io/Org/app",
                "repository can only contain the characters `abcdefghijklmnopqrstuvwxyz0123456789_-./`: Org/app",
            ),
            (
                "a b.c/org/app",
                "registries must be valid RFC 3986 URI authorities: a b.c",
            ),
        ] {
            assert_eq!(Repository::parse(text).unwrap_err().to_string(), error);
        }
    }
}
