//! Digests in the form `<algorithm>:<hex>`.

use std::{fmt, io, io::Read, str::FromStr};

use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// How a digest is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    fn word(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// A hasher that is fed piece by piece.
    pub(crate) fn hasher(self) -> Hasher {
        match self {
            Self::Sha256 => Hasher::Sha256(Sha256::new()),
            Self::Sha384 => Hasher::Sha384(Sha384::new()),
            Self::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }

    /// The digest of everything in a reader.
    ///
    /// # Errors
    /// When the reader fails.
    pub fn digest(self, mut reader: impl Read) -> io::Result<Digest> {
        let mut hasher = self.hasher();
        io::copy(&mut reader, &mut hasher)?;
        Ok(hasher.finish())
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Algorithm {
    type Err = InvalidDigest;

    // DIFFERENCE: upstream also knows blake3.
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        [Self::Sha256, Self::Sha384, Self::Sha512]
            .into_iter()
            .find(|it| it.word() == text)
            .ok_or_else(|| InvalidDigest::Algorithm(text.to_owned()))
    }
}

pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(it) => it.update(bytes),
            Self::Sha384(it) => it.update(bytes),
            Self::Sha512(it) => it.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Digest {
        let (algorithm, hex) = match self {
            Self::Sha256(it) => (Algorithm::Sha256, stdx::hex(&it.finalize())),
            Self::Sha384(it) => (Algorithm::Sha384, stdx::hex(&it.finalize())),
            Self::Sha512(it) => (Algorithm::Sha512, stdx::hex(&it.finalize())),
        };
        Digest { algorithm, hex }
    }
}

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A checksum and how it was computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// How.
    pub algorithm: Algorithm,
    /// The checksum in lower-case hexadecimal.
    pub hex: String,
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.hex)
    }
}

/// Text that is no digest this crate can check.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDigest {
    /// No text at all.
    #[error("empty digest")]
    Empty,
    /// No colon, or a checksum of the wrong form.
    #[error("invalid checksum digest format: {0:?}")]
    Format(String),
    /// Another algorithm.
    #[error("unsupported digest algorithm: {0:?}")]
    Algorithm(String),
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        if text.is_empty() {
            return Err(InvalidDigest::Empty);
        }
        let format = || InvalidDigest::Format(text.to_owned());
        let (algorithm, hex) = text.split_once(':').ok_or_else(format)?;
        let algorithm: Algorithm = algorithm.parse()?;
        let digits = match algorithm {
            Algorithm::Sha256 => 64,
            Algorithm::Sha384 => 96,
            Algorithm::Sha512 => 128,
        };
        if hex.len() != digits || !hex.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(format());
        }
        Ok(Self {
            algorithm,
            hex: hex.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SOURCE: coreutils 9.1 `sha256sum`, `sha384sum`, `sha512sum` of the three bytes `abc`.
    const ABC: [(&str, &str); 2] = [
        (
            "sha256",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            "sha384",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
    ];

    #[test]
    fn digests_are_computed_and_read() {
        for (algorithm, hex) in ABC {
            let digest = algorithm
                .parse::<Algorithm>()
                .unwrap()
                .digest(&b"abc"[..])
                .unwrap();
            assert_eq!(digest.to_string(), format!("{algorithm}:{hex}"));
            assert_eq!(digest.to_string().parse(), Ok(digest));
        }
        assert_eq!("".parse::<Digest>(), Err(InvalidDigest::Empty));
        for text in [
            "sha256",
            "sha256:",
            "sha256:abc",
            "md5:900150983cd24fb0d6963f7d28e17f72",
        ] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
