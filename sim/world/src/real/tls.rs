//! The world's own certificate authority, and what it signs.

use std::{io, net::IpAddr, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, SecureRandom, ring},
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// Names under which the API server is found inside the cluster.
const NAMES: [&str; 5] = [
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// What clients verify the API server by, and what it proves itself with.
pub(super) struct Identity {
    /// The authority's certificate, PEM.
    pub(super) ca: String,
    pub(super) server: Arc<ServerConfig>,
}

/// An authority made for this world, and a server certificate for these addresses.
pub(super) fn identity(addresses: &[IpAddr]) -> io::Result<Identity> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "world-ca");
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let authority = CertifiedIssuer::self_signed(authority, key).map_err(io::Error::other)?;

    let addresses = addresses.iter().map(IpAddr::to_string);
    let names: Vec<String> = NAMES.map(str::to_owned).into_iter().chain(addresses).collect();
    let mut leaf = CertificateParams::new(names).map_err(io::Error::other)?;
    leaf.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate = leaf.signed_by(&key, &authority).map_err(io::Error::other)?;

    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut server = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone(), authority.der().clone()], key)
        .map_err(io::Error::other)?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Identity {
        ca: authority.pem(),
        server: Arc::new(server),
    })
}

fn provider() -> CryptoProvider {
    ring::default_provider()
}

/// A bearer token that nobody guesses.
pub(super) fn token() -> io::Result<String> {
    let random: &dyn SecureRandom = provider().secure_random;
    let mut bytes = [0; 16];
    random
        .fill(&mut bytes)
        .map_err(|_| io::Error::other("no randomness"))?;
    Ok(stdx::hex(&bytes))
}

/// The file with which kubectl and every other client get in.
pub(super) fn kubeconfig(server: &str, ca: &str, token: &str) -> String {
    let ca = BASE64_STANDARD.encode(ca);
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         current-context: world\n\
         clusters:\n\
         - name: world\n  cluster:\n    server: {server}\n    certificate-authority-data: {ca}\n\
         users:\n\
         - name: admin\n  user:\n    token: {token}\n\
         contexts:\n\
         - name: world\n  context:\n    cluster: world\n    user: admin\n    namespace: default\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_worlds_share_neither_authority_nor_token() {
        let address = [IpAddr::from([127, 0, 0, 1])];
        assert_ne!(identity(&address).unwrap().ca, identity(&address).unwrap().ca);
        assert_ne!(token().unwrap(), token().unwrap());
    }
}
