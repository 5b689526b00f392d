//! Structured merge and managedFields, with vectors of its own from kube-apiserver.
//!
//! [`FieldManager`] does what the API server does to `metadata.managedFields`: on every write it finds out who owns
//! which field from now on, and on apply it merges the configuration into the object, prunes what its manager gave up
//! and refuses what would overwrite others. All of it is pure: objects, schemas and the time are parameters.

mod compare;
mod error;
pub mod fields_v1;
mod filter;
mod golang;
mod last_applied;
pub mod limits;
mod managed;
mod manager;
mod merge;
mod order;
mod path;
mod prune;
mod reconcile;
mod remove;
mod scale;
mod set;
mod shape;
mod to_set;
mod updater;
mod validate;
mod versions;

pub use compare::Comparison;
pub use error::{ApplyError, Conflict};
pub use filter::{Filter, Matcher};
pub use managed::{Operation, ignore_timestamps};
pub use manager::FieldManager;
pub use path::{PathElement, display};
pub use scale::{ScaleHandler, with_entries};
pub use set::Set;
pub use updater::ResetFields;
pub use validate::{Origin, Violations};
pub use versions::{ConvertError, Typed, Versions};
