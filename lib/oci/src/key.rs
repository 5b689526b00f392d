//! Public keys in PEM, and what they sign.

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};

/// A key that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Not PEM.
    #[error("PEM decoding failed")]
    Pem,
    /// Not a public key.
    #[error("unknown Public key PEM file type")]
    Kind,
    /// A key of another algorithm.
    #[error("unsupported public key algorithm")]
    Algorithm,
}

/// A key that verifies signatures over SHA-256.
pub struct PublicKey {
    algorithm: &'static dyn VerificationAlgorithm,
    bytes: Vec<u8>,
}

// The contents of the object identifiers.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EDWARDS: &[u8] = &[0x2b, 0x65, 0x70];

const SEQUENCE: u8 = 0x30;
const OBJECT: u8 = 0x06;
const BITS: u8 = 0x03;

impl PublicKey {
    /// Reads a `PUBLIC KEY` in PEM.
    ///
    /// # Errors
    /// When it is none, or of an algorithm other than ECDSA on P-256, RSA and Ed25519.
    // DIFFERENCE: upstream also takes ECDSA on P-384 and P-521, with SHA-256, which ring does not combine.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidKey> {
        let text = std::str::from_utf8(pem).map_err(|_| InvalidKey::Pem)?;
        let (_, rest) = text.split_once("-----BEGIN ").ok_or(InvalidKey::Pem)?;
        let (kind, rest) = rest.split_once("-----").ok_or(InvalidKey::Pem)?;
        let (body, _) = rest.split_once("-----END ").ok_or(InvalidKey::Pem)?;
        if kind != "PUBLIC KEY" {
            return Err(InvalidKey::Kind);
        }
        let body: String = body.split_whitespace().collect();
        let der = BASE64_STANDARD.decode(body).map_err(|_| InvalidKey::Pem)?;
        Self::from_der(&der).ok_or(InvalidKey::Algorithm)
    }

    /// Reads a SubjectPublicKeyInfo.
    fn from_der(der: &[u8]) -> Option<Self> {
        let (info, _) = element(der, SEQUENCE)?;
        let (algorithm, rest) = element(info, SEQUENCE)?;
        let (bits, _) = element(rest, BITS)?;
        let (name, parameters) = element(algorithm, OBJECT)?;
        let (unused, bytes) = bits.split_first()?;
        if *unused != 0 {
            return None;
        }
        let curve = || element(parameters, OBJECT).map(|(curve, _)| curve);
        let algorithm: &'static dyn VerificationAlgorithm = match name {
            EC if curve()? == P256 => &ECDSA_P256_SHA256_ASN1,
            RSA => &RSA_PKCS1_2048_8192_SHA256,
            EDWARDS => &ED25519,
            _ => return None,
        };
        Some(Self {
            algorithm,
            bytes: bytes.to_vec(),
        })
    }

    /// Whether the key's owner signed a message.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(self.algorithm, &self.bytes)
            .verify(message, signature)
            .is_ok()
    }
}

/// The content of the first element, which must have this tag, and what comes after it.
fn element(der: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    if *tag != wanted {
        return None;
    }
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(*first & 0x7f))?;
        if bytes.len() > 3 {
            return None;
        }
        (
            bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
            rest,
        )
    };
    rest.split_at_checked(length)
}
