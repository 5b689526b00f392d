//! Charts as Helm loads and renders them.
//!
//! A chart arrives as files or as an archive ([`Chart::load`], [`Chart::load_archive`]); [`render`] does what
//! `helm template` does: it switches dependencies on and off, merges values, executes the templates and sorts what
//! came out. Nothing here touches a file, a cluster or a clock: what a template asks of them arrives as a
//! [`gotemplate::World`].

mod capabilities;
mod chart;
mod dependencies;
mod engine;
mod error;
mod files;
mod glob;
mod ignore;
mod limits;
mod load;
mod metadata;
mod order;
mod record;
mod render;
mod schema;
mod sorted;
mod strvals;
mod values;

pub use capabilities::{Capabilities, KubeVersion};
pub use chart::{Chart, File};
pub use error::Error;
pub use ignore::Ignore;
pub use metadata::{Dependency, Maintainer, Metadata};
pub use order::{INSTALL, UNINSTALL, sort_by_kind};
pub use record::{HookRecord, HookRun, Info, Record};
pub use render::{Release, Rendered, crds, render};
pub use schema::SchemaValidation;
pub use sorted::{Hook, Manifest};
pub use strvals::{parse_into, parse_json_into, parse_literal_into, parse_string_into};
pub use values::{load_values, merge_maps};
