//! Flux API types, CRDs, conditions and reasons; named by the stack and by the world.
//!
//! The types are the source of the CRDs ([`crds`]); groups, versions, fields, defaults and validation are those of
//! Flux 2.9, the descriptions are ours.

pub mod bucket;
mod crd;
pub mod external;
pub mod helm;
pub mod helm_release;
pub mod kustomization;
pub mod meta;
pub mod oci;
pub mod reason;
pub mod source;

pub use self::bucket::{Bucket, BucketStatus};
pub use self::helm::{HelmChart, HelmChartStatus, HelmRepository, HelmRepositoryStatus};
pub use self::oci::{OciRepository, OciRepositoryStatus};
pub use crd::crds;
pub use external::ExternalArtifact;
pub use helm_release::{HelmRelease, HelmReleaseStatus};
pub use kustomization::{Kustomization, KustomizationSpec, KustomizationStatus};
pub use meta::{Artifact, Condition, ConditionStatus, Time};
pub use reason::Reason;
pub use source::{GitRepository, GitRepositorySpec, GitRepositoryStatus};
