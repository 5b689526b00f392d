//! Semantic versions and ranges of them as Go's Masterminds library reads them, with vectors from it.
//!
//! Flux and Helm choose tags and charts with that library, whose ranges differ from Cargo's and npm's: a partial
//! version is a range, pre-releases count only where a range names one, `!=` and hyphens exist.

mod constraint;
mod limits;
mod semver;

pub use constraint::{Constraint, ConstraintError};
pub use semver::{Version, VersionError};
