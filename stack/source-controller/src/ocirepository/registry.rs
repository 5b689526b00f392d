//! How an object's registry is reached, and as whom.

use flux_api::{OciRepository, oci::OciProvider, reason};
use flux_runtime::Failure;
use kube::ResourceExt;
use oci::{Client, Keychain};

use super::OciRepositories;
use crate::{secrets, transport::Transport, unsupported};

impl OciRepositories {
    /// The credentials of the object's Secret and of its ServiceAccount's pull Secrets.
    pub(super) async fn keychain(&self, object: &OciRepository) -> Result<Keychain, Failure> {
        let edges = &self.shelf.edges;
        let namespace = object.namespace().unwrap_or_default();
        let refused = |error: String| {
            Failure::retry(
                reason::AUTHENTICATION_FAILED,
                format!("failed to get credential: {error}"),
            )
        };
        let mut keychain = Keychain::default();
        if let Some(reference) = &object.spec.secret_ref {
            let name = format!("{namespace}/{}", reference.name);
            let data = secrets::data(edges, &namespace, &reference.name).await;
            let data = data.map_err(|error| refused(format!("failed to get secret '{name}': {error}")))?;
            secrets::keychain(&mut keychain, &data, &name).map_err(refused)?;
        }
        let cloud = object.spec.provider.is_some_and(|it| it != OciProvider::Generic);
        if let Some(account) = object
            .spec
            .service_account_name
            .as_ref()
            .filter(|it| !it.is_empty())
        {
            secrets::pull_secrets(edges, &namespace, account, &mut keychain)
                .await
                .map_err(refused)?;
        }
        if cloud && object.spec.secret_ref.is_none() {
            return Err(unsupported::failure(
                "authentication by a provider (spec.provider)",
            ));
        }
        Ok(keychain)
    }

    /// A client with the object's certificates and proxy.
    pub(super) async fn client(&self, object: &OciRepository) -> Result<Client, Failure> {
        let insecure = object.spec.insecure == Some(true);
        let spec = &object.spec;
        let transport = Transport {
            edges: &self.shelf.edges,
            namespace: &object.namespace().unwrap_or_default(),
            certificates: spec.cert_secret_ref.as_ref().map(|it| it.name.as_str()),
            proxy: spec.proxy_secret_ref.as_ref().map(|it| it.name.as_str()),
            insecure,
        };
        let http =
            transport.client(|cause| format!("failed to generate transport for '{}': {cause}", spec.url));
        Ok(Client {
            http: http.await?,
            insecure,
        })
    }
}
