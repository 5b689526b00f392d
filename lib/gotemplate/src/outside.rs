//! What templates read from outside: it arrives as a parameter.

use serde_json::Value as Json;

/// Time, chance, the cluster and keys.
pub trait World {
    /// Seconds since 1970 and nanoseconds.
    fn now(&mut self) -> (i64, u32);

    /// Fills with random bytes.
    fn random(&mut self, bytes: &mut [u8]);

    /// An object of the cluster, all of them if the name is empty; an empty map where there is none.
    ///
    /// # Errors
    /// What keeps the cluster from answering.
    fn lookup(&mut self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Json, String>;

    /// An address of a host, nothing where names may not be asked for.
    fn host(&mut self, name: &str) -> String;

    /// A private key as PEM; `algorithm` is `rsa`, `dsa`, `ecdsa` or `ed25519`.
    ///
    /// # Errors
    /// What keeps the key from being made.
    fn private_key(&mut self, algorithm: &str) -> Result<String, String>;

    /// A certificate and its key as PEM.
    ///
    /// # Errors
    /// What is wrong with the request.
    fn certificate(&mut self, request: &CertificateRequest) -> Result<(String, String), String>;
}

/// What a certificate shall say.
#[derive(Clone, Debug, Default)]
pub struct CertificateRequest {
    /// The common name of the subject.
    pub common_name: String,
    /// Addresses it is for.
    pub addresses: Vec<String>,
    /// Host names it is for.
    pub names: Vec<String>,
    /// From now on.
    pub days: i64,
    /// Whether it may sign others.
    pub authority: bool,
    /// Its key as PEM; a new one if absent.
    pub key: Option<String>,
    /// The certificate and key that sign it as PEM; its own key if absent.
    pub issuer: Option<(String, String)>,
}

/// A world where it is always 1970, nothing is random and nothing exists.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl World for Nowhere {
    fn now(&mut self) -> (i64, u32) {
        (0, 0)
    }

    fn random(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }

    fn lookup(&mut self, _: &str, _: &str, _: &str, _: &str) -> Result<Json, String> {
        Ok(Json::Object(serde_json::Map::new()))
    }

    fn host(&mut self, _: &str) -> String {
        String::new()
    }

    fn private_key(&mut self, _: &str) -> Result<String, String> {
        Err("no keys are made here".to_owned())
    }

    fn certificate(&mut self, _: &CertificateRequest) -> Result<(String, String), String> {
        Err("no certificates are made here".to_owned())
    }
}
