//! Signatures of commits and tags, by OpenPGP or SSH keys.

use pgp::{
    composed::{Deserializable, DetachedSignature, SignedPublicKey},
    packet::Signature,
    types::KeyDetails,
};
use russh::keys::{HashAlg, PublicKey, ssh_key::SshSig};

use crate::limits::{MAX_KEY_RING, MAX_KEYS};

const PGP: &str = "-----BEGIN PGP SIGNATURE-----";
const SSH: &str = "-----BEGIN SSH SIGNATURE-----";
const X509: &str = "-----BEGIN SIGNED MESSAGE-----";
/// What Git's SSH signatures are made for.
const NAMESPACE: &str = "git";

/// A Git object as it was signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signed {
    /// The object without its signature.
    pub payload: Vec<u8>,
    /// The signature in its armour; empty where there is none.
    pub signature: String,
}

/// Whose signatures count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedKeys {
    /// Armoured OpenPGP key rings.
    pub pgp: Vec<String>,
    /// SSH keys, as `authorized_keys` has them.
    pub ssh: Vec<String>,
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// An OpenPGP signature, and no such keys.
    #[error("PGP signature detected but no PGP public keys found in secret (keys with .asc suffix)")]
    NoPgpKeys,
    /// An SSH signature, and no such keys.
    #[error("SSH signature detected but no SSH public keys found in secret (keys with .sshpub suffix)")]
    NoSshKeys,
    /// None, or one of another kind.
    #[error("unsupported signature type: {0}")]
    Unsupported(&'static str),
    /// None of the OpenPGP keys made it.
    #[error(
        "unable to verify Git {0}: unable to verify payload with any of the given key rings: no matching key"
    )]
    NoPgpMatch(&'static str),
    /// None of the SSH keys made it.
    #[error(
        "unable to verify Git {0} SSH signature: unable to verify payload with any of the given authorized keys: no matching key"
    )]
    NoSshMatch(&'static str),
    /// Text that is no key ring.
    #[error("unable to verify Git {0}: unable to read armored key ring")]
    KeyRing(&'static str),
    /// Text that is no list of SSH keys.
    #[error("unable to verify Git {0} SSH signature: unable to parse authorized keys")]
    AuthorizedKeys(&'static str),
}

impl Signed {
    /// Takes a tag's signature, which follows its message, apart from it.
    pub(crate) fn of_tag(content: &[u8]) -> Self {
        let text = String::from_utf8_lossy(content);
        let starts = |marker: &&str| match text.find(*marker) {
            Some(at) if at == 0 || text.as_bytes().get(at - 1) == Some(&b'\n') => Some(at),
            _ => None,
        };
        let start = [PGP, SSH, X509].iter().filter_map(starts).min();
        match start {
            // Where bytes are no text they are none of a signature either, so both are as long up to there.
            Some(at) if content.get(..at) == Some(&text.as_bytes()[..at]) => Self {
                payload: content[..at].to_vec(),
                signature: text[at..].to_owned(),
            },
            _ => Self {
                payload: content.to_vec(),
                signature: String::new(),
            },
        }
    }

    /// Says who signed this: an OpenPGP key's identifier or an SSH key's fingerprint. `what` is the object's kind, `now`
    /// the time in seconds of the epoch.
    ///
    /// # Errors
    /// When none of the trusted keys did.
    pub fn verify(&self, what: &'static str, keys: &TrustedKeys, now: i64) -> Result<String, SignatureError> {
        let signature = self.signature.trim();
        if signature.starts_with(PGP) {
            return self.verify_pgp(signature, what, &keys.pgp, now);
        }
        if signature.starts_with(SSH) {
            return self.verify_ssh(signature, what, &keys.ssh);
        }
        Err(SignatureError::Unsupported(match signature {
            "" => "empty",
            other if other.starts_with(X509) => "x509",
            _ => "unknown",
        }))
    }

    fn verify_pgp(
        &self,
        signature: &str,
        what: &'static str,
        rings: &[String],
        now: i64,
    ) -> Result<String, SignatureError> {
        if rings.is_empty() {
            return Err(SignatureError::NoPgpKeys);
        }
        let mismatch = SignatureError::NoPgpMatch(what);
        let Ok((signature, _)) = DetachedSignature::from_string(signature) else {
            return Err(mismatch);
        };
        let mut readable = false;
        for ring in rings.iter().filter(|it| it.len() <= MAX_KEY_RING) {
            let Ok((keys, _)) = SignedPublicKey::from_string_many(ring) else {
                continue;
            };
            readable = true;
            let made = |key: &SignedPublicKey| is_by(&signature, key, &self.payload, now);
            if let Some(key) = keys.flatten().take(MAX_KEYS).find(made) {
                return Ok(key.primary_key.legacy_key_id().to_string().to_uppercase());
            }
        }
        Err(if readable {
            mismatch
        } else {
            SignatureError::KeyRing(what)
        })
    }

    fn verify_ssh(
        &self,
        signature: &str,
        what: &'static str,
        lists: &[String],
    ) -> Result<String, SignatureError> {
        if lists.is_empty() {
            return Err(SignatureError::NoSshKeys);
        }
        let mismatch = SignatureError::NoSshMatch(what);
        let Ok(signature) = SshSig::from_pem(signature) else {
            return Err(mismatch);
        };
        let mut readable = false;
        for list in lists.iter().filter(|it| it.len() <= MAX_KEY_RING) {
            let Some(keys) = authorized(list) else { continue };
            readable = true;
            let made = |key: &&PublicKey| key.verify(NAMESPACE, &self.payload, &signature).is_ok();
            if let Some(key) = keys.iter().find(made) {
                return Ok(key.fingerprint(HashAlg::Sha256).to_string());
            }
        }
        Err(if readable {
            mismatch
        } else {
            SignatureError::AuthorizedKeys(what)
        })
    }
}

/// One line that is no key spoils the list: it would be a typing error that nobody notices.
fn authorized(list: &str) -> Option<Vec<PublicKey>> {
    let lines = list.lines().map(str::trim);
    let lines = lines.filter(|it| !it.is_empty() && !it.starts_with('#'));
    lines
        .take(MAX_KEYS)
        .map(|it| PublicKey::from_openssh(it).ok())
        .collect()
}

/// Whether a key, or a subkey it vouches for, made the signature and may still do so.
fn is_by(signature: &DetachedSignature, key: &SignedPublicKey, payload: &[u8], now: i64) -> bool {
    if key.verify_bindings().is_err() || !key.details.revocation_signatures.is_empty() {
        return false;
    }
    let own = key.details.users.iter().flat_map(|it| &it.signatures);
    let own = own.chain(&key.details.direct_signatures);
    if is_over(&key.primary_key, own, now) {
        return false;
    }
    let made = signature.signature.created();
    let ends = signature.signature.signature_expiration_time();
    if let (Some(made), Some(ends)) = (made, ends)
        && ends.as_secs() != 0
        && i64::from(made.as_secs()) + i64::from(ends.as_secs()) < now
    {
        return false;
    }
    if signature.verify(&key.primary_key, payload).is_ok() {
        return true;
    }
    key.public_subkeys.iter().any(|subkey| {
        subkey.signatures.iter().any(|it| it.key_flags().sign())
            && !is_over(&subkey.key, subkey.signatures.iter(), now)
            && signature.verify(&subkey.key, payload).is_ok()
    })
}

/// Whether the youngest of a key's own signatures gives it an end that has come.
fn is_over<'a>(key: &impl KeyDetails, own: impl Iterator<Item = &'a Signature>, now: i64) -> bool {
    let youngest = own.max_by_key(|it| it.created().map(|time| time.as_secs()));
    let Some(life) = youngest
        .and_then(Signature::key_expiration_time)
        .filter(|it| it.as_secs() != 0)
    else {
        return false;
    };
    i64::from(key.created_at().as_secs()) + i64::from(life.as_secs()) < now
}

#[cfg(test)]
mod tests {
    use super::*;

    // SOURCE: git 2.39.5 with GnuPG 2.2.40 and OpenSSH 9.2p1: `git commit -S`, `git tag -s`, `git cat-file`.
    const PGP_COMMIT: &str = include_str!("../vectors/pgp-ed25519.commit");
    const PGP_RSA_COMMIT: &str = include_str!("../vectors/pgp-rsa.commit");
    const PGP_TAG: &str = include_str!("../vectors/pgp-ed25519.tag");
    const SSH_COMMIT: &str = include_str!("../vectors/ssh.commit");
    const SSH_TAG: &str = include_str!("../vectors/ssh.tag");
    const UNSIGNED: &str = include_str!("../vectors/unsigned.commit");
    const KEYS: [&str; 3] = [
        include_str!("../vectors/fixture.asc"),
        include_str!("../vectors/rsa.asc"),
        include_str!("../vectors/other.asc"),
    ];
    const SSH_KEY: &str = include_str!("../vectors/signer.pub");
    const NOW: i64 = 1_800_000_000;

    /// As libgit2 takes a commit apart.
    fn commit(text: &str) -> Signed {
        let mut signed = Signed::default();
        let (mut inside, mut head) = (false, true);
        for line in text.split_inclusive('\n') {
            head &= line != "\n";
            inside = head && (line.starts_with("gpgsig ") || (inside && line.starts_with(' ')));
            if inside {
                signed.signature += line.trim_start_matches("gpgsig").get(1..).unwrap_or_default();
            } else {
                signed.payload.extend_from_slice(line.as_bytes());
            }
        }
        signed
    }

    fn pgp(keys: &[&str]) -> TrustedKeys {
        TrustedKeys {
            pgp: keys.iter().map(|it| (*it).to_owned()).collect(),
            ssh: Vec::new(),
        }
    }

    #[test]
    fn genuine_signatures_are_known_by_their_keys() {
        let verify = |signed: &Signed, keys: &TrustedKeys| signed.verify("commit", keys, NOW);
        let one = Ok("A985C63B11A2BC93".to_owned());
        assert_eq!(verify(&commit(PGP_COMMIT), &pgp(&KEYS)), one);
        assert_eq!(verify(&commit(PGP_COMMIT), &pgp(&[&KEYS.concat()])), one);
        assert_eq!(
            verify(&commit(PGP_RSA_COMMIT), &pgp(&KEYS)),
            Ok("CAE40592F5D64B38".to_owned())
        );
        assert_eq!(verify(&Signed::of_tag(PGP_TAG.as_bytes()), &pgp(&KEYS)), one);
        let ssh = TrustedKeys {
            pgp: Vec::new(),
            ssh: vec![format!("# signers\n\n{SSH_KEY}")],
        };
        let fingerprint = Ok("SHA256:RP0ZV742BQ1NX+OkSfM8FGaUBfi23nIVOUGRD9awkpY".to_owned());
        assert_eq!(verify(&commit(SSH_COMMIT), &ssh), fingerprint);
        assert_eq!(verify(&Signed::of_tag(SSH_TAG.as_bytes()), &ssh), fingerprint);
    }

    #[test]
    fn other_keys_and_changed_objects_do_not_count() {
        let verify =
            |signed: &Signed, keys: &TrustedKeys| signed.verify("commit", keys, NOW).unwrap_err().to_string();
        let mismatch = "unable to verify Git commit: unable to verify payload with any of the given key rings: no matching key";
        assert_eq!(verify(&commit(PGP_COMMIT), &pgp(&[KEYS[2]])), mismatch);
        let mut changed = commit(PGP_COMMIT);
        changed.payload.push(b'!');
        assert_eq!(verify(&changed, &pgp(&KEYS)), mismatch);
        assert_eq!(
            verify(&commit(PGP_COMMIT), &pgp(&["none"])),
            "unable to verify Git commit: unable to read armored key ring"
        );
        assert_eq!(
            verify(&commit(UNSIGNED), &pgp(&KEYS)),
            "unsupported signature type: empty"
        );
        assert_eq!(
            verify(&commit(PGP_COMMIT), &TrustedKeys::default()),
            SignatureError::NoPgpKeys.to_string()
        );
        assert_eq!(
            verify(&commit(SSH_COMMIT), &pgp(&KEYS)),
            SignatureError::NoSshKeys.to_string()
        );
        let stranger = TrustedKeys {
            pgp: Vec::new(),
            ssh: vec![include_str!("../vectors/rsa.pub").to_owned()],
        };
        assert_eq!(
            verify(&commit(SSH_COMMIT), &stranger),
            SignatureError::NoSshMatch("commit").to_string()
        );
    }

    #[test]
    fn a_tag_without_signature_stays_whole() {
        let text = b"object x\ntype commit\ntag v1\n\nSays -----BEGIN PGP SIGNATURE----- in a line\n";
        let signed = Signed::of_tag(text);
        assert_eq!(
            (signed.payload.as_slice(), signed.signature.as_str()),
            (text.as_slice(), "")
        );
    }
}
