//! JSON patch, merge patch and strategic merge patch as the API server applies them.
//!
//! The server applies JSON patches and merge patches to the text of an object, and quotes the patched text when it
//! cannot be read back. These two therefore also come in a form on [`kube_schema::Document`], which keeps the order of
//! members.

mod error;
mod json;
pub mod limits;
mod merge;
mod strategic;

pub use error::PatchError;
pub use json::{Operation, json_patch, operations, operations_ignoring, patch_document};
pub use merge::{merge_document, merge_patch, read_merge_patch, read_merge_patch_ignoring};
pub use strategic::{Patched, Validation, strategic_merge, strategic_merge_changing, strategic_patch};
