//! `known_hosts` as sshd(8) describes it: names, patterns, ports, hashed names, revoked keys.

use base64::{Engine, prelude::BASE64_STANDARD};
use russh::keys::{Algorithm, PublicKey};
use sha1::{Digest, Sha1};

use crate::limits::MAX_KNOWN_HOSTS;

/// The port that a name without one stands for.
const SSH_PORT: u16 = 22;

/// Why a server's key is not accepted, in the words of Go's library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostKeyError {
    /// Nothing is known of the host.
    #[error("knownhosts: key is unknown")]
    Unknown,
    /// The host is known by other keys.
    #[error("knownhosts: key mismatch")]
    Mismatch,
    /// The key is marked as revoked.
    #[error("knownhosts: key is revoked")]
    Revoked,
}

/// A text that is no `known_hosts`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("knownhosts: {0}")]
pub struct InvalidKnownHosts(String);

#[derive(Debug, PartialEq, Eq)]
enum Marker {
    None,
    Authority,
    Revoked,
}

#[derive(Debug)]
enum Hosts {
    Patterns(Vec<Pattern>),
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
}

#[derive(Debug)]
struct Pattern {
    negated: bool,
    host: String,
    port: u16,
}

#[derive(Debug)]
struct Entry {
    marker: Marker,
    hosts: Hosts,
    key: PublicKey,
}

/// The keys that hosts are known by.
#[derive(Debug)]
pub(crate) struct KnownHosts(Vec<Entry>);

impl KnownHosts {
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidKnownHosts> {
        if text.len() > MAX_KNOWN_HOSTS {
            return Err(InvalidKnownHosts("the text is too long".to_owned()));
        }
        let mut entries = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = entry(line).ok_or_else(|| {
                // The line itself stays out: people paste private keys into the wrong member.
                InvalidKnownHosts(format!("line {}: invalid entry", number + 1))
            })?;
            entries.push(entry);
        }
        Ok(Self(entries))
    }

    /// The kinds of keys that a host is known by, in the order of their first appearance.
    pub(crate) fn algorithms(&self, host: &str, port: u16) -> Vec<Algorithm> {
        let mut found = Vec::new();
        let fits = |entry: &&Entry| entry.marker == Marker::None && entry.hosts.include(host, port);
        for entry in self.0.iter().filter(fits) {
            let algorithm = entry.key.algorithm();
            if !found.contains(&algorithm) {
                found.push(algorithm);
            }
        }
        found
    }

    /// Whether a host may show this key.
    pub(crate) fn check(&self, host: &str, port: u16, key: &PublicKey) -> Result<(), HostKeyError> {
        let same = |entry: &Entry| entry.key.key_data() == key.key_data();
        let (mut known, mut accepted) = (false, false);
        for entry in &self.0 {
            match entry.marker {
                Marker::Revoked if same(entry) => return Err(HostKeyError::Revoked),
                Marker::None if entry.hosts.include(host, port) => {
                    known = true;
                    accepted |= same(entry);
                }
                Marker::None | Marker::Authority | Marker::Revoked => {}
            }
        }
        match (accepted, known) {
            (true, _) => Ok(()),
            (false, true) => Err(HostKeyError::Mismatch),
            (false, false) => Err(HostKeyError::Unknown),
        }
    }
}

fn entry(line: &str) -> Option<Entry> {
    let mut words = line.split_whitespace();
    let mut hosts = words.next()?;
    let marker = match hosts {
        "@cert-authority" => Marker::Authority,
        "@revoked" => Marker::Revoked,
        _ => Marker::None,
    };
    if marker != Marker::None {
        hosts = words.next()?;
    }
    let (kind, data) = (words.next()?, words.next()?);
    let key = PublicKey::from_openssh(&format!("{kind} {data}")).ok()?;
    Some(Entry {
        marker,
        hosts: parse_hosts(hosts)?,
        key,
    })
}

fn parse_hosts(text: &str) -> Option<Hosts> {
    if let Some(hashed) = text.strip_prefix("|1|") {
        let (salt, hash) = hashed.split_once('|')?;
        return Some(Hosts::Hashed {
            salt: BASE64_STANDARD.decode(salt).ok()?,
            hash: BASE64_STANDARD.decode(hash).ok()?,
        });
    }
    let patterns: Option<Vec<_>> = text.split(',').map(pattern).collect();
    Some(Hosts::Patterns(patterns?))
}

fn pattern(text: &str) -> Option<Pattern> {
    let (negated, text) = match text.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            let port = match rest {
                "" => SSH_PORT,
                rest => rest.strip_prefix(':')?.parse().ok()?,
            };
            (host, port)
        }
        None => (text, SSH_PORT),
    };
    (!host.is_empty()).then(|| Pattern {
        negated,
        host: host.to_ascii_lowercase(),
        port,
    })
}

impl Hosts {
    fn include(&self, host: &str, port: u16) -> bool {
        let host = host.to_ascii_lowercase();
        match self {
            Self::Patterns(patterns) => {
                let matching = || {
                    patterns
                        .iter()
                        .filter(|it| it.port == port && glob(&it.host, &host))
                };
                matching().next().is_some() && !matching().any(|it| it.negated)
            }
            Self::Hashed { salt, hash } => {
                let name = if port == SSH_PORT {
                    host
                } else {
                    format!("[{host}]:{port}")
                };
                hmac_sha1(salt, name.as_bytes()) == **hash
            }
        }
    }
}

/// RFC 2104; the file format knows no other hash.
fn hmac_sha1(key: &[u8], message: &[u8]) -> [u8; 20] {
    const BLOCK: usize = 64;
    let mut padded = [0; BLOCK];
    if key.len() > BLOCK {
        padded[..20].copy_from_slice(&Sha1::digest(key));
    } else {
        padded[..key.len()].copy_from_slice(key);
    }
    let inner = Sha1::new()
        .chain_update(padded.map(|it| it ^ 0x36))
        .chain_update(message);
    let outer = Sha1::new()
        .chain_update(padded.map(|it| it ^ 0x5c))
        .chain_update(inner.finalize());
    outer.finalize().into()
}

/// `*` stands for any text, `?` for one character; dots are nothing special.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut next, mut retry) = (0, 0, None);
    while next < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at + 1, next + 1));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[next] => {
                at += 1;
                next += 1;
            }
            _ => match retry {
                Some((after, later)) => {
                    (at, next) = (after, later);
                    retry = Some((after, later + 1));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|it| *it == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAeRVvMMNQMFy3groGmjNnC5YW16R7gTf4Gi4uBM2QbC";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIaugitqIRNCgiVfAEuqtjTt1yar5moPcBUa2qSN6U6V";

    fn check(text: &str, host: &str, port: u16) -> Result<(), HostKeyError> {
        let key = PublicKey::from_openssh(ONE).unwrap();
        KnownHosts::parse(text).unwrap().check(host, port, &key)
    }

    #[test]
    fn names_ports_and_patterns() {
        let unknown = Err(HostKeyError::Unknown);
        for (hosts, host, port, expected) in [
            ("git.example.com", "git.example.com", 22, Ok(())),
            ("GIT.example.com", "git.EXAMPLE.com", 22, Ok(())),
            ("git.example.com", "git.example.com", 2222, unknown),
            ("[git.example.com]:2222", "git.example.com", 2222, Ok(())),
            ("[git.example.com]:2222", "git.example.com", 22, unknown),
            ("a,git.example.com,b", "git.example.com", 22, Ok(())),
            ("*.example.com", "git.example.com", 22, Ok(())),
            ("git.*.c?m", "git.example.com", 22, Ok(())),
            ("*.example.com,!git.example.com", "git.example.com", 22, unknown),
            ("*.example.org", "git.example.com", 22, unknown),
        ] {
            assert_eq!(
                check(&format!("{hosts} {ONE} comment"), host, port),
                expected,
                "{hosts}"
            );
        }
    }

    /// SOURCE: OpenSSH 9.2p1, `ssh-keygen -H` on lines for `git.example.com` and `[git.example.com]:2222`.
    const HASHED: [(&str, u16); 2] = [
        ("|1|91vGNItfow1ecANYu8u/WPSzRhE=|O97bDKS/D5VrBzPB3i4jR/CSuOE=", 22),
        (
            "|1|r6XTINJxMt5BQgSX6SVGqyElyOs=|93GFzZCuMS/eMrlwOmQtVfNVQDo=",
            2222,
        ),
    ];

    #[test]
    fn hashed_names() {
        for (name, port) in HASHED {
            let line = format!("{name} {ONE}");
            assert_eq!(check(&line, "git.example.com", port), Ok(()));
            assert_eq!(check(&line, "git.example.com", 23), Err(HostKeyError::Unknown));
            assert_eq!(check(&line, "example.com", port), Err(HostKeyError::Unknown));
        }
    }

    #[test]
    fn changed_and_revoked_keys() {
        let text = format!("# keys\n\ngit.example.com {OTHER}\n");
        assert_eq!(check(&text, "git.example.com", 22), Err(HostKeyError::Mismatch));
        let both = format!("{text}git.example.com {ONE}\n");
        assert_eq!(check(&both, "git.example.com", 22), Ok(()));
        let revoked = format!("{both}@revoked * {ONE}\n");
        assert_eq!(check(&revoked, "git.example.com", 22), Err(HostKeyError::Revoked));
        let authority = format!("@cert-authority * {ONE}\n");
        assert_eq!(
            check(&authority, "git.example.com", 22),
            Err(HostKeyError::Unknown)
        );
    }

    #[test]
    fn what_is_no_entry_is_refused_without_repeating_it() {
        let error = KnownHosts::parse("git.example.com hunter2")
            .unwrap_err()
            .to_string();
        assert_eq!(error, "knownhosts: line 1: invalid entry");
        assert!(KnownHosts::parse(&"#\n".repeat(MAX_KNOWN_HOSTS)).is_err());
    }
}
