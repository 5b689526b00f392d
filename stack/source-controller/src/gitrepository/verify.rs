//! Signatures, where the object wants them.

use flux_api::{
    ConditionStatus, GitRepository, GitRepositoryStatus, Reason, meta::SOURCE_VERIFIED, reason,
    source::GitVerificationMode,
};
use flux_runtime::{Failure, Progress};
use git::{Commit, TrustedKeys};
use kube::ResourceExt;

use super::{GitRepositories, fetch::Fetched, trace};
use crate::auth::{self, Data};

const VERIFICATION_ERROR: Reason = Reason("VerificationError");
const INVALID_VERIFICATION_MODE: Reason = Reason("InvalidVerificationMode");
const INVALID_GIT_OBJECT: Reason = Reason("InvalidGitObject");
const INVALID_TAG_SIGNATURE: Reason = Reason("InvalidTagSignature");
const INVALID_COMMIT_SIGNATURE: Reason = Reason("InvalidCommitSignature");

/// The mode that the object wants, in the word of its status.
fn wanted(object: &GitRepository) -> Option<(GitVerificationMode, &'static str)> {
    let verification = object.spec.verify.as_ref()?;
    Some(match verification.mode {
        Some(GitVerificationMode::Tag) => (GitVerificationMode::Tag, "Tag"),
        Some(GitVerificationMode::TagAndHead) => (GitVerificationMode::TagAndHead, "TagAndHEAD"),
        Some(GitVerificationMode::LegacyHead) => (GitVerificationMode::Head, "head"),
        Some(GitVerificationMode::Head) | None => (GitVerificationMode::Head, "HEAD"),
    })
}

/// Whether what is stored was accepted under another rule than the present one.
pub(crate) fn is_due(object: &GitRepository, status: &GitRepositoryStatus) -> bool {
    wanted(object).is_some_and(|(_, mode)| status.source_verification_mode.as_deref() != Some(mode))
}

/// The keys of a Secret. What does not end as an SSH key counts as one of OpenPGP, as it did before there were two.
fn keys(data: &Data) -> TrustedKeys {
    let mut keys = TrustedKeys::default();
    for name in data.keys() {
        let text = auth::text(data, name);
        if name.ends_with(".sshpub") {
            keys.ssh.push(text);
        } else {
            keys.pgp.push(text);
        }
    }
    keys
}

fn unverified(progress: &Progress, failure: Failure) -> Failure {
    let message = failure.message();
    progress.set(SOURCE_VERIFIED, ConditionStatus::False, failure.reason(), message);
    failure
}

impl GitRepositories {
    /// Accepts a new tree, or not.
    pub(crate) async fn verify_signature(
        &self,
        object: &GitRepository,
        status: &mut GitRepositoryStatus,
        progress: &Progress,
        fetched: &Fetched,
    ) -> Result<(), Failure> {
        let Fetched::Tree { commit, .. } = fetched else {
            return Ok(());
        };
        let (Some(verification), Some((mode, word))) = (&object.spec.verify, wanted(object)) else {
            status.source_verification_mode = None;
            progress.clear(SOURCE_VERIFIED);
            return Ok(());
        };
        let namespace = object.namespace().unwrap_or_default();
        let data = auth::secret(&self.edges, &namespace, &verification.secret_ref.name).await;
        let data = data.map_err(|cause| {
            let failure = Failure::retry(VERIFICATION_ERROR, format!("public keys secret error: {cause}"));
            unverified(progress, failure)
        })?;
        let now = self.edges.clock.now().as_second();
        let message = judge(commit, &mode, &keys(&data), now);
        let message = message.map_err(|failure| unverified(progress, failure))?;
        status.source_verification_mode = Some(word.to_owned());
        progress.set(
            SOURCE_VERIFIED,
            ConditionStatus::True,
            reason::SUCCEEDED,
            &message,
        );
        trace(progress, reason::SUCCEEDED, message).await;
        Ok(())
    }
}

/// Who signed what, or why that does not do.
fn judge(
    commit: &Commit,
    mode: &GitVerificationMode,
    keys: &TrustedKeys,
    now: i64,
) -> Result<String, Failure> {
    let mut message = "verified signature of".to_owned();
    if matches!(mode, GitVerificationMode::Tag | GitVerificationMode::TagAndHead) {
        let tag = commit.tag.as_ref().ok_or_else(|| {
            let text = "cannot verify tag object's signature if a tag reference is not specified";
            Failure::stalled(INVALID_VERIFICATION_MODE, text)
        })?;
        if tag.signed.signature.is_empty() {
            let text = format!("cannot verify signature of tag '{tag}' since it is not signed");
            return Err(Failure::retry(INVALID_GIT_OBJECT, text));
        }
        let key = tag.signed.verify("tag", keys, now).map_err(|error| {
            let text = format!("signature verification of tag '{tag}' failed: {error}");
            Failure::retry(INVALID_TAG_SIGNATURE, text)
        })?;
        message += &format!("\n\t- tag '{tag}' with key '{key}'");
    }
    if matches!(mode, GitVerificationMode::Head | GitVerificationMode::TagAndHead) {
        let hash = &commit.hash;
        let key = commit.signed.verify("commit", keys, now).map_err(|error| {
            let text = format!("signature verification of commit '{hash}' failed: {error}");
            Failure::retry(INVALID_COMMIT_SIGNATURE, text)
        })?;
        message += &format!("\n\t- commit '{hash}' with key '{key}'");
    }
    Ok(message)
}
