//! Who wrote what, for traces and invariants.

use jiff::Timestamp;

use crate::gvr::Gvr;

/// A finished request that was no read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was served.
    pub time: Timestamp,
    /// As whom, after impersonation.
    pub user: String,
    /// Such as `create` or `delete`.
    pub verb: &'static str,
    /// On which resource.
    pub gvr: Gvr,
    /// Empty for cluster-scoped objects.
    pub namespace: String,
    /// Empty for collections and generated names that were refused.
    pub name: String,
    /// Empty for the object itself.
    pub subresource: String,
    /// Nothing was to be written.
    pub dry_run: bool,
    /// The HTTP status of the answer.
    pub code: u16,
    /// The `resourceVersion` after it, if it moved.
    pub resource_version: Option<u64>,
}
