//! Whether somebody trusted signed what the registry has.

use flux_api::{
    ConditionStatus, OciRepository,
    meta::SOURCE_VERIFIED,
    oci::{OciVerification, VerificationProvider},
    reason,
};
use flux_runtime::{Failure, Progress};
use kube::ResourceExt;
use oci::PublicKey;

use super::{OciRepositories, Resolved};
use crate::{secrets, unsupported};

/// A failed verification is found out anew; a successful one stays until the next.
pub(crate) fn forget_failure(progress: &Progress) {
    if progress
        .condition(SOURCE_VERIFIED)
        .is_some_and(|it| it.status == ConditionStatus::False)
    {
        progress.clear(SOURCE_VERIFIED);
    }
}

impl OciRepositories {
    /// Looks for a signature where the object demands one and nobody has looked yet.
    pub(super) async fn verify(
        &self,
        object: &OciRepository,
        resolved: &Resolved,
        news: bool,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let Some(wanted) = &object.spec.verify else {
            progress.clear(SOURCE_VERIFIED);
            return Ok(());
        };
        let known = progress.condition(SOURCE_VERIFIED);
        let settled = known.is_some_and(|it| {
            it.status == ConditionStatus::True && it.observed_generation == object.metadata.generation
        });
        if settled && !news {
            return Ok(());
        }
        match self.signed(object, wanted, resolved).await {
            Ok(()) => {
                let text = format!("verified signature of revision {}", resolved.revision);
                progress.set(SOURCE_VERIFIED, ConditionStatus::True, reason::SUCCEEDED, text);
                Ok(())
            }
            Err(failure) => {
                progress.set(
                    SOURCE_VERIFIED,
                    ConditionStatus::False,
                    failure.reason(),
                    failure.message(),
                );
                Err(failure)
            }
        }
    }

    async fn signed(
        &self,
        object: &OciRepository,
        wanted: &OciVerification,
        resolved: &Resolved,
    ) -> Result<(), Failure> {
        if wanted.provider == VerificationProvider::Notation {
            return Err(unsupported::failure(
                "verification by notation (spec.verify.provider)",
            ));
        }
        let Some(reference) = &wanted.secret_ref else {
            return Err(unsupported::failure(
                "keyless verification (spec.verify without secretRef)",
            ));
        };
        let refused = |error: String| {
            let text = format!("failed to verify the signature using provider 'cosign': {error}");
            Failure::retry(reason::VERIFICATION_ERROR, text)
        };
        let edges = &self.shelf.edges;
        let namespace = object.namespace().unwrap_or_default();
        let data = secrets::data(edges, &namespace, &reference.name)
            .await
            .map_err(refused)?;
        let pem = data.iter().filter(|(name, _)| name.ends_with(".pub"));
        let keys: Result<Vec<PublicKey>, _> = pem.map(|(_, pem)| PublicKey::from_pem(&pem.0)).collect();
        let keys = keys.map_err(|error| refused(error.to_string()))?;
        let scratch = edges.disk.path();
        let looked = oci::verify(&resolved.remote, &resolved.digest, &keys, scratch);
        // QUIRK: upstream takes signatures that cannot be read for none.
        if self.within(object, looked).await == Ok(true) {
            return Ok(());
        }
        let target = format!("{}@{}", resolved.repository, resolved.digest);
        Err(refused(format!(
            "no matching signatures were found for '{target}'"
        )))
    }
}
