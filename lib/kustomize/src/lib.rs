//! `kustomize build` on a tree of files that is passed in.
//!
//! Objects come out in the order in which they were found, as Flux wants them, or in that of `kubectl kustomize`:
//! see [`Options`]. Not built here, and refused by name: remote bases, `helmCharts`, and generators, transformers
//! and validators of the user's own.

mod config;
mod crds;
mod decode;
pub mod envsubst;
mod error;
mod fieldpath;
mod fieldspec;
mod files;
pub mod flux;
mod generate;
mod go;
mod id;
mod json_patch;
mod limits;
mod load;
mod merge;
mod merge_keys;
mod openapi;
mod order;
mod origin;
mod patches;
mod references;
mod replacements;
mod resource;
mod set;
mod spec;
mod target;
mod transform;
mod transformers;
mod vars;

use serde_json::Value;

pub use error::Error;
pub use files::{Files, ReadError, RootOnly, Tree};

/// The order of objects when no kustomization says one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As they were found, as Flux has them.
    #[default]
    AsFound,
    /// What others need comes first, as `kubectl kustomize` has them.
    ByKind,
}

/// How to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// The order of objects when no kustomization says one.
    pub order: Order,
}

/// Builds a directory of the tree, the empty path being its root.
///
/// # Errors
/// [`Error`] in kustomize's words; paths in it are absolute, the root of the tree being `/`.
pub fn build(files: &dyn Files, dir: &str) -> Result<Vec<Value>, Error> {
    build_noting(files, dir, Options::default(), &mut Vec::new())
}

/// Builds a directory as [`build`] does, and notes what kustomize would warn of.
///
/// # Errors
/// As [`build`]; there may be warnings all the same.
pub fn build_noting(
    files: &dyn Files,
    dir: &str,
    options: Options,
    warnings: &mut Vec<String>,
) -> Result<Vec<Value>, Error> {
    target::build(files, dir, options, warnings)
}

/// Prints objects as `kustomize build` does.
pub fn to_yaml(objects: &[Value]) -> String {
    yaml::to_documents(objects)
}
