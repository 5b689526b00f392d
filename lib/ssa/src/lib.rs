//! Staged server-side apply, drift, inventory, prune and readiness.
//!
//! Works on objects as data, through discovery, so that every kind a cluster has can be applied. Nothing is
//! written when nothing differs.

mod apply;
mod changes;
mod cluster;
mod drift;
mod error;
pub mod inventory;
pub mod kstatus;
mod mask;
pub mod normalize;
mod order;
mod prune;
mod takeover;
mod wait;

pub use apply::{ApplyFailure, ApplyOptions, IgnoreRule, ResourceManager};
pub use changes::{Action, Change, ChangeSet};
pub use cluster::{Cluster, Mapping};
pub use error::ApiError;
pub use mask::mask;
pub use order::{Stage, sort, stage};
pub use prune::{DeleteFailure, DeleteOptions};
pub use takeover::Manager;
pub use wait::{StatusReader, WaitError, WaitOptions};

/// A label or annotation and the value that it has to have, compared without regard to case.
pub type Mark = (&'static str, &'static str);

/// Whether the object carries one of the marks, as label or as annotation.
pub fn is_marked(object: &serde_json::Value, marks: &[Mark]) -> bool {
    marks.iter().any(|(key, wanted)| {
        let has = |value: Option<&str>| value.is_some_and(|value| value.eq_ignore_ascii_case(wanted));
        has(manifest::object::label(object, key)) || has(manifest::object::annotation(object, key))
    })
}
