//! What users may ask for and this controller does not do yet: said in the status, never passed over.

use flux_api::{GitRepositorySpec, Reason, source::GitProvider};
use flux_runtime::Failure;

// DIFFERENCE: upstream does all of this and has no such reason.
const NOT_IMPLEMENTED: Reason = Reason("NotImplemented");

/// A failure that stays until the user changes the object.
pub(crate) fn failure(what: &str) -> Failure {
    Failure::stalled(
        NOT_IMPLEMENTED,
        format!("{what} is not implemented by this controller"),
    )
}

/// Refuses an object that asks for something else than what would be done.
pub(crate) fn check(spec: &GitRepositorySpec) -> Result<(), Failure> {
    let provider = spec
        .provider
        .filter(|it| matches!(it, GitProvider::Aws | GitProvider::Azure));
    let asked = [(provider.is_some(), "authentication by a provider (spec.provider)")];
    match asked.into_iter().find(|(asked, _)| *asked) {
        Some((_, what)) => Err(failure(what)),
        None => Ok(()),
    }
}
