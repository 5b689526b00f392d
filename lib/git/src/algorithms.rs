//! Which algorithms are offered to an SSH server.

use std::borrow::Cow;

use russh::{
    Preferred, kex,
    keys::{Algorithm, EcdsaCurve, HashAlg},
};

/// Which algorithms the client offers; empty lists stand for its own choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshAlgorithms {
    /// Algorithms of host keys, such as `rsa-sha2-512`.
    pub host_keys: Vec<String>,
    /// Key exchanges, such as `curve25519-sha256`.
    pub key_exchanges: Vec<String>,
}

const RSA_SHA2: [Algorithm; 2] = [
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha512),
    },
    Algorithm::Rsa {
        hash: Some(HashAlg::Sha256),
    },
];

/// The host key algorithms to offer, and what a message should call them.
fn host_keys(wanted: &[String], known: Vec<Algorithm>) -> (Vec<Algorithm>, Vec<String>) {
    if wanted.is_empty() {
        // As upstream: those of the keys that the host is known by, and all if there are none.
        // DIFFERENCE: a known RSA key never makes the client accept SHA-1 (`ssh-rsa`), which upstream offers last; the
        // flag `--ssh-hostkey-algos` can still name it.
        let known = known.into_iter().flat_map(|it| match it {
            Algorithm::Rsa { .. } => RSA_SHA2.to_vec(),
            other => vec![other],
        });
        let mut offered: Vec<_> = known.collect();
        if offered.is_empty() {
            offered = Preferred::default().key.into_owned();
        }
        let names = offered.iter().map(ToString::to_string).collect();
        return (offered, names);
    }
    let usable = |it: &Algorithm| {
        matches!(
            it,
            Algorithm::Ed25519
                | Algorithm::Rsa { .. }
                | Algorithm::Ecdsa {
                    curve: EcdsaCurve::NistP256 | EcdsaCurve::NistP384 | EcdsaCurve::NistP521
                }
        )
    };
    let offered = wanted
        .iter()
        .filter_map(|it| Algorithm::new(it).ok())
        .filter(usable);
    (offered.collect(), wanted.to_vec())
}

fn key_exchanges(wanted: &[String]) -> Vec<kex::Name> {
    let known = wanted
        .iter()
        .filter_map(|it| kex::Name::try_from(it.as_str()).ok());
    known.filter(|it| *it != kex::NONE).collect()
}

/// What to offer a host that is known by keys of these kinds, and what messages call the host key algorithms.
pub(crate) fn preferred(wanted: &SshAlgorithms, known: Vec<Algorithm>) -> (Preferred, Vec<String>) {
    let (mut offered, names) = host_keys(&wanted.host_keys, known);
    if offered.is_empty() {
        // Nothing that this client has: what no server takes lets the server's list be learnt.
        offered.push(Algorithm::Dsa);
    }
    let mut preferred = Preferred {
        key: Cow::Owned(offered),
        compression: Cow::Borrowed(&[russh::compression::NONE]),
        ..Preferred::default()
    };
    if !wanted.key_exchanges.is_empty() {
        let mut names = key_exchanges(&wanted.key_exchanges);
        if names.is_empty() {
            names.push(kex::NONE);
        }
        // What guards the handshake and names signatures is no exchange and stays.
        names.extend([
            kex::EXTENSION_SUPPORT_AS_CLIENT,
            kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
        ]);
        preferred.kex = Cow::Owned(names);
    }
    (preferred, names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known_hosts::KnownHosts;

    fn names(wanted: &[&str], known: &str) -> (Vec<String>, Vec<String>) {
        let wanted: Vec<_> = wanted.iter().map(|it| (*it).to_owned()).collect();
        let known = KnownHosts::parse(known).unwrap().algorithms("h", 22);
        let (offered, names) = host_keys(&wanted, known);
        (offered.iter().map(ToString::to_string).collect(), names)
    }

    #[test]
    fn what_is_offered_follows_the_flag_or_the_known_keys() {
        let rsa = format!("h {}", include_str!("../vectors/rsa.pub"));
        let sha2 = vec!["rsa-sha2-512".to_owned(), "rsa-sha2-256".to_owned()];
        assert_eq!(names(&[], &rsa), (sha2.clone(), sha2));
        let other = rsa.replacen('h', "other", 1);
        assert!(names(&[], &other).0.contains(&"ssh-ed25519".to_owned()));
        let (offered, named) = names(&["ssh-rsa", "sk-nonsense"], &rsa);
        assert_eq!(offered, ["ssh-rsa"]);
        assert_eq!(named, ["ssh-rsa", "sk-nonsense"]);
        let (offered, named) = names(&["nonsense"], &rsa);
        assert!(offered.is_empty());
        assert_eq!(named, ["nonsense"]);
    }
}
