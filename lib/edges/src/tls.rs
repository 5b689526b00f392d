//! TLS with certificates of the user's choice.

use std::{fmt, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio_rustls::TlsConnector;

use crate::{HttpError, Net, Stream};

/// Whom a client trusts and how it proves itself, all in PEM.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Authorities to trust beside everybody's.
    pub ca: Vec<u8>,
    /// Whether those authorities are trusted alone.
    pub only_ca: bool,
    /// The client's certificate chain and key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// Whether any certificate will do.
    pub insecure: bool,
}

impl fmt::Debug for Tls {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// Certificates or keys that are none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// No certificate in the CA's text.
    #[error("failed to append CA certificate: invalid PEM data")]
    Ca,
    /// The client's certificate and key do not go together or are none.
    #[error("failed to load client certificate: {0}")]
    Identity(String),
    /// The library refuses to begin.
    #[error("tls: {0}")]
    Other(String),
}

pub(crate) fn config(net: &Net, tls: &Tls) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    if !tls.only_ca {
        roots.add_parsable_certificates(net.roots().iter().cloned());
    }
    if !tls.ca.is_empty() {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&tls.ca).flatten().collect();
        if roots.add_parsable_certificates(certificates).0 == 0 {
            return Err(TlsError::Ca);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let other = |error: rustls::Error| TlsError::Other(error.to_string());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(other)?;
    let builder = if tls.insecure {
        let anyone = Arc::new(anyone::Anyone(provider));
        builder.dangerous().with_custom_certificate_verifier(anyone)
    } else {
        builder.with_root_certificates(roots)
    };
    let config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let chain: Vec<_> = CertificateDer::pem_slice_iter(chain).flatten().collect();
            let key = PrivateKeyDer::from_pem_slice(key)
                .map_err(|_| TlsError::Identity("failed to find any PEM data in key input".into()))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| TlsError::Identity(error.to_string()))?
        }
    };
    Ok(Arc::new(config))
}

/// Speaks TLS over a connection.
pub(crate) async fn secure(
    config: Arc<ClientConfig>,
    host: &str,
    stream: Stream,
) -> Result<Stream, HttpError> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| HttpError::Other(format!("tls: invalid server name {host:?}").into()))?;
    let connected = TlsConnector::from(config).connect(name, stream).await;
    connected
        .map(Stream::new)
        .map_err(|error| match error.get_ref().and_then(|it| it.downcast_ref()) {
            Some(error) => HttpError::Other(explain(error, host).into()),
            None => HttpError::Cut,
        })
}

/// A failed handshake in Go's words.
fn explain(error: &rustls::Error, host: &str) -> String {
    let untrusted = |text: &str| format!("tls: failed to verify certificate: x509: {text}");
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => untrusted("certificate signed by unknown authority"),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => untrusted("certificate has expired or is not yet valid"),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => untrusted(&format!("certificate is not valid for {host}")),
        rustls::Error::AlertReceived(alert) => format!("remote error: tls: {alert:?}"),
        other => format!("tls: {other}"),
    }
}

mod anyone {
    //! Trust in whoever answers, where the user asks for it.

    use std::sync::Arc;

    use rustls::{
        DigitallySignedStruct, Error, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, ServerName, UnixTime},
    };

    #[derive(Debug)]
    pub(super) struct Anyone(pub(super) Arc<CryptoProvider>);

    impl ServerCertVerifier for Anyone {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(
                message,
                certificate,
                signature,
                &self.0.signature_verification_algorithms,
            )
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(
                message,
                certificate,
                signature,
                &self.0.signature_verification_algorithms,
            )
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
