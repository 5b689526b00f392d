//! `kustomize build` on a tree of files that is passed in.
//!
//! Objects come out in the order in which they were found, as Flux wants them. Not built here, and refused by
//! name: remote bases, `replacements`, `vars`, `crds`, `configurations`, `openapi`, `helmCharts`, and
//! generators, transformers and validators of the user's own.

pub mod envsubst;
mod error;
mod fieldspec;
mod files;
pub mod flux;
mod generate;
mod id;
mod json_patch;
mod limits;
mod load;
mod merge;
mod merge_keys;
mod patches;
mod references;
mod resource;
mod set;
mod spec;
mod target;
mod transform;

use serde_json::Value;

pub use error::Error;
pub use files::{Files, ReadError, Tree};

/// Builds a directory of the tree, the empty path being its root.
///
/// # Errors
/// [`Error`] in kustomize's words; paths in it are absolute, the root of the tree being `/`.
pub fn build(files: &dyn Files, dir: &str) -> Result<Vec<Value>, Error> {
    target::build(files, dir)
}

/// Prints objects as `kustomize build` does.
pub fn to_yaml(objects: &[Value]) -> String {
    yaml::to_documents(objects)
}
