//! The keys at hand, and what they decrypt.

use std::io::Read;

use age::armor::ArmoredReader;
use pgp::{
    composed::{Deserializable, Message, SignedSecretKey},
    types::Password,
};

use crate::limits::{MAX_DATA_KEY, MAX_KEYS};

/// Keys that documents may be encrypted for. They are never printed.
#[derive(Default)]
pub struct Keys {
    age: Vec<Box<dyn age::Identity + Send + Sync>>,
    pgp: Vec<SignedSecretKey>,
}

/// Key material that is none. The text has nothing of the material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ImportError(String);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("age", &self.age.len())
            .field("pgp", &self.pgp.len())
            .finish()
    }
}

impl Keys {
    /// Adds age identities, one a line; lines with `#` are comments.
    ///
    /// DIFFERENCE: identities of plugins and post-quantum ones are refused.
    ///
    /// # Errors
    /// When a line is no identity.
    pub fn import_age(&mut self, text: &str) -> Result<(), ImportError> {
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines {
            let identity = identity(line)
                .map_err(|why| ImportError(format!("failed to parse and add to age identities: {why}")))?;
            self.age.push(identity);
        }
        Ok(())
    }

    /// Adds the armored private keys of OpenPGP in a file; they must have no passphrase.
    ///
    /// # Errors
    /// When there are none.
    pub fn import_pgp(&mut self, armored: &[u8]) -> Result<(), ImportError> {
        let failed =
            || ImportError("failed to import armored key data: no valid OpenPGP data found".to_owned());
        let (found, _) = SignedSecretKey::from_armor_many(armored).map_err(|_| failed())?;
        let found: Vec<_> = found
            .take(MAX_KEYS)
            .collect::<Result<_, _>>()
            .map_err(|_| failed())?;
        if found.is_empty() {
            return Err(failed());
        }
        self.pgp.extend(found);
        Ok(())
    }

    /// Decrypts an armored age file.
    pub(crate) fn open_age(&self, armored: &str) -> Result<Vec<u8>, String> {
        if self.age.is_empty() {
            return Err("failed to load age identities".to_owned());
        }
        let failed = |error: &age::DecryptError| {
            let why = match error {
                age::DecryptError::NoMatchingKeys => {
                    "identity did not match any of the recipients: incorrect identity for recipient block"
                        .to_owned()
                }
                other => other.to_string(),
            };
            format!("failed to create reader for decrypting sops data key with age: {why}")
        };
        let armored = ArmoredReader::new(armored.as_bytes());
        let decryptor = age::Decryptor::new_buffered(armored).map_err(|error| failed(&error))?;
        let identities = self.age.iter().map(|identity| &**identity as &dyn age::Identity);
        let reader = decryptor.decrypt(identities).map_err(|error| failed(&error))?;
        read(reader).map_err(|why| format!("failed to copy age decrypted data into bytes.Buffer: {why}"))
    }

    /// Decrypts an armored message of OpenPGP.
    pub(crate) fn open_pgp(&self, armored: &str) -> Result<Vec<u8>, String> {
        let failed = |why: &str| format!("could not decrypt data key with PGP key: {why}");
        for key in &self.pgp {
            let Ok((message, _)) = Message::from_string(armored) else {
                return Err(failed("no valid OpenPGP data found"));
            };
            // A key that the message is not for fails as one that it is for and that has a passphrase.
            let Ok(mut message) = message.decrypt(&Password::empty(), key) else {
                continue;
            };
            if message.is_compressed() {
                message = message.decompress().map_err(|_| failed("decompression failed"))?;
            }
            return read(message).map_err(|why| failed(&why));
        }
        Err(failed("decryption failed: No secret key"))
    }
}

fn identity(line: &str) -> Result<Box<dyn age::Identity + Send + Sync>, &'static str> {
    if line.starts_with("AGE-PLUGIN-") || line.starts_with("AGE-SECRET-KEY-PQ-1") {
        return Err("plugin and post-quantum identities are not supported");
    }
    if !line.starts_with("AGE-SECRET-KEY-1") {
        return Err("unknown identity type");
    }
    let identity: age::x25519::Identity = line.trim_end().parse().map_err(|_| "malformed secret key")?;
    Ok(Box::new(identity))
}

/// A data key is short; whatever is longer is none.
fn read(reader: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_DATA_KEY).unwrap_or(u64::MAX);
    reader
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() > MAX_DATA_KEY {
        return Err(format!("data key exceeds {MAX_DATA_KEY} bytes"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        for text in ["AGE-SECRET-KEY-1HUNTER2", "HUNTER2", "AGE-SECRET-KEY-PQ-1HUNTER2"] {
            let error = Keys::default().import_age(text).unwrap_err().to_string();
            assert!(!error.contains("HUNTER2"), "{error}");
        }
        assert!(Keys::default().import_age("# nothing\n\n").is_ok());
        assert!(Keys::default().import_pgp(b"hunter2").is_err());
    }
}
