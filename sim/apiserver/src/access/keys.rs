//! The key that signs the tokens of ServiceAccounts.
//!
//! Looking for primes would take a simulated cluster longer than everything else it does, so the seed chooses two of
//! a few kept ones (`data/signing-primes.bin`: 1024 bits each, the two highest set, no multiple of 65537 below any).
//! Nothing rests on their being secret: the cluster and its tokens are simulated.

use std::sync::OnceLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use edges::Rng;
use num_bigint::BigUint;
use ring::{
    rand::SystemRandom,
    rsa::{KeyPair, KeyPairComponents, PublicKeyComponents},
    signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

static PRIMES: &[u8] = include_bytes!("../../data/signing-primes.bin");
/// Bytes of a prime.
const SIZE: usize = 128;
const EXPONENT: [u8; 3] = [1, 0, 1];

/// Signs and checks tokens. Most clusters never issue one, so the key is made when it is asked for.
pub(crate) struct Signer {
    rng: Rng,
    key: OnceLock<Option<Key>>,
}

struct Key {
    pair: KeyPair,
    modulus: Vec<u8>,
    id: String,
}

impl Signer {
    /// A signer whose key follows from a stream of chance, which it leaves as it is.
    pub(crate) fn new(rng: &Rng) -> Self {
        Self {
            rng: rng.clone(),
            key: OnceLock::new(),
        }
    }

    fn key(&self) -> Option<&Key> {
        self.key.get_or_init(|| Key::choose(self.rng.clone())).as_ref()
    }

    /// The name of the key in headers.
    pub(crate) fn id(&self) -> Option<&str> {
        self.key().map(|key| key.id.as_str())
    }

    /// RS256 over a text.
    pub(crate) fn sign(&self, text: &str) -> Option<Vec<u8>> {
        let key = self.key()?;
        let mut signature = vec![0; key.pair.public().modulus_len()];
        // This padding draws nothing from the generator: equal texts have equal signatures.
        key.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signature,
            )
            .ok()?;
        Some(signature)
    }

    /// Whether this key signed the text.
    pub(crate) fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        self.key().is_some_and(|key| {
            PublicKeyComponents {
                n: &key.modulus,
                e: &EXPONENT[..].to_vec(),
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, text.as_bytes(), signature)
            .is_ok()
        })
    }

    /// The key set that verifiers read.
    pub(crate) fn key_set(&self) -> Value {
        let keys: Vec<Value> = self
            .key()
            .into_iter()
            .map(|key| {
                json!({
                    "use": "sig", "kty": "RSA", "kid": key.id, "alg": "RS256",
                    "n": URL_SAFE_NO_PAD.encode(&key.modulus), "e": URL_SAFE_NO_PAD.encode(EXPONENT),
                })
            })
            .collect();
        json!({ "keys": keys })
    }
}

impl Key {
    fn choose(mut rng: Rng) -> Option<Self> {
        let count = PRIMES.len() / SIZE;
        let prime = |at: u64| {
            let at = usize::try_from(at).ok()? * SIZE;
            Some(BigUint::from_bytes_be(PRIMES.get(at..at + SIZE)?))
        };
        let all = u64::try_from(count).ok()?;
        let first = rng.below(all);
        let second = (first + 1 + rng.below(all - 1)) % all;
        let (one, other) = (prime(first)?, prime(second)?);
        let (p, q) = if one > other { (one, other) } else { (other, one) };
        let unit = BigUint::from(1_u8);
        let exponent = BigUint::from_bytes_be(&EXPONENT);
        let (below_p, below_q) = (&p - &unit, &q - &unit);
        let modulus = (&p * &q).to_bytes_be();
        let pair = KeyPair::from_components(&KeyPairComponents {
            public_key: PublicKeyComponents {
                n: modulus.clone(),
                e: EXPONENT.to_vec(),
            },
            d: exponent.modinv(&(&below_p * &below_q))?.to_bytes_be(),
            p: p.to_bytes_be(),
            q: q.to_bytes_be(),
            dP: exponent.modinv(&below_p)?.to_bytes_be(),
            dQ: exponent.modinv(&below_q)?.to_bytes_be(),
            qInv: q.modinv(&p)?.to_bytes_be(),
        })
        .ok()?;
        let id = id(&modulus);
        Some(Self { pair, modulus, id })
    }
}

/// The digest of the public key in its X.509 form.
fn id(modulus: &[u8]) -> String {
    // A sequence of the algorithm (rsaEncryption, no parameters) and a bit string of the sequence of both numbers.
    const HEAD: [u8; 33] = [
        0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
        0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00,
    ];
    let mut digest = Sha256::new();
    digest.update(HEAD);
    digest.update(modulus);
    digest.update([0x02, 0x03]);
    digest.update(EXPONENT);
    URL_SAFE_NO_PAD.encode(digest.finalize())
}

#[cfg(test)]
mod tests {
    use edges::Seed;

    use super::*;

    #[test]
    fn a_seed_has_one_key() {
        let signer = |seed| Signer::new(&Seed(seed).rng());
        let (one, again, other) = (signer(1), signer(1), signer(2));
        let signature = one.sign("text").unwrap();
        assert_eq!(signature, again.sign("text").unwrap());
        assert!(again.verifies("text", &signature));
        assert!(!again.verifies("texts", &signature));
        assert!(!other.verifies("text", &signature));
        assert_eq!(one.key_set(), again.key_set());
    }

    #[test]
    fn every_kept_number_makes_keys() {
        // The checks of a key fail unless both numbers are prime.
        let count = PRIMES.len() / SIZE;
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..(count as u64 * 8) {
            let signer = Signer::new(&Seed(seed).rng());
            let signature = signer.sign("text").unwrap();
            assert!(signer.verifies("text", &signature));
            seen.insert(signer.id().unwrap().to_owned());
        }
        assert!(seen.len() > count);
    }
}
