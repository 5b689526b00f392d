//! Who offers the bucket, and what opens it.

use bucket::{Azure, Key, Keys, S3, Store};
use flux_api::{
    Bucket,
    bucket::{BucketProvider, StsProvider},
    reason,
};
use flux_runtime::Failure;
use kube::ResourceExt;

use super::Buckets;
use crate::{
    secrets::{self, Data},
    transport::Transport,
    unsupported,
};

impl Buckets {
    /// The store that the object means.
    pub(super) async fn open(&self, object: &Bucket) -> Result<Store, Failure> {
        let spec = &object.spec;
        let namespace = object.namespace().unwrap_or_default();
        let refused = |text: String| Failure::retry(reason::AUTHENTICATION_FAILED, text);
        let provider = spec.provider.unwrap_or(BucketProvider::Generic);
        if has(spec.service_account_name.as_ref()) {
            return Err(Failure::stalled(
                reason::FEATURE_GATE_DISABLED,
                "to use spec.serviceAccountName for provider authentication please enable the ObjectLevelWorkloadIdentity feature gate in the controller",
            ));
        }
        if let Some(sts) = &spec.sts {
            let wanted = match provider {
                BucketProvider::Generic => StsProvider::Ldap,
                _ => StsProvider::Aws,
            };
            if sts.provider != wanted {
                let text = format!(
                    "STS provider '{}' is not supported for '{provider}' bucket provider",
                    sts.provider
                );
                return Err(Failure::stalled(reason::INVALID_STS_CONFIGURATION, text));
            }
            return Err(unsupported::failure("an exchange of credentials (spec.sts)"));
        }
        let mut data = Data::new();
        let mut name = String::new();
        if let Some(reference) = &spec.secret_ref {
            name = format!("{namespace}/{}", reference.name);
            let found = secrets::data(&self.shelf.edges, &namespace, &reference.name).await;
            data = found.map_err(|error| refused(format!("failed to get secret '{name}': {error}")))?;
        }
        let transport = Transport {
            edges: &self.shelf.edges,
            namespace: &namespace,
            certificates: spec.cert_secret_ref.as_ref().map(|it| it.name.as_str()),
            proxy: spec.proxy_secret_ref.as_ref().map(|it| it.name.as_str()),
            insecure: false,
        };
        let http = transport
            .client(|cause| format!("failed to create TLS config: {cause}"))
            .await?;
        let clock = self.shelf.edges.clock;
        let known = spec.secret_ref.is_some();
        match provider {
            BucketProvider::Gcp => Err(unsupported::failure("Google Cloud storage (spec.provider)")),
            BucketProvider::Aws if !known => Err(unsupported::failure(
                "authentication by a provider (spec.provider)",
            )),
            BucketProvider::Azure => Ok(Store::Azure(Azure {
                http,
                clock,
                endpoint: spec.endpoint.clone(),
                key: azure_key(&data, known, &name)?,
            })),
            BucketProvider::Generic | BucketProvider::Aws => Ok(Store::S3(S3 {
                http,
                clock,
                endpoint: spec.endpoint.clone(),
                insecure: spec.insecure == Some(true),
                region: spec.region.clone(),
                keys: if known { Some(keys(&data, &name)?) } else { None },
            })),
        }
    }
}

fn has(text: Option<&String>) -> bool {
    text.is_some_and(|it| !it.is_empty())
}

fn keys(data: &Data, name: &str) -> Result<Keys, Failure> {
    let value = |key: &str| secrets::text(data, key).filter(|it| !it.is_empty());
    match (value("accesskey"), value("secretkey")) {
        (Some(access), Some(secret)) => Ok(Keys {
            access,
            secret,
            token: None,
        }),
        _ => {
            let name = name.rsplit('/').next().unwrap_or_default();
            let text = format!("invalid '{name}' secret data: required fields 'accesskey' and 'secretkey'");
            Err(Failure::retry(reason::AUTHENTICATION_FAILED, text))
        }
    }
}

fn azure_key(data: &Data, known: bool, name: &str) -> Result<Key, Failure> {
    let value = |key: &str| secrets::text(data, key).filter(|it| !it.is_empty());
    if let Some(key) = value("accountKey") {
        return Ok(Key::Account(key));
    }
    if let Some(signature) = value("sasKey") {
        return Ok(Key::Signature(signature));
    }
    if ["tenantId", "clientId"].iter().any(|it| value(it).is_some()) {
        return Err(unsupported::failure(
            "an identity of Azure in the Secret of spec.secretRef",
        ));
    }
    if known {
        let name = name.rsplit('/').next().unwrap_or_default();
        let text = format!(
            "invalid '{name}' secret data: requires a 'clientId' or 'accountKey' field, a combination of 'tenantId', 'clientId' and 'clientSecret', or 'tenantId', 'clientId' and 'clientCertificate'"
        );
        return Err(Failure::retry(reason::AUTHENTICATION_FAILED, text));
    }
    // DIFFERENCE: upstream then looks for an identity in its own environment first.
    Ok(Key::None)
}
