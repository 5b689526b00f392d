//! Bodies in YAML.

use kube_schema::Document;

use crate::failure::Outcome;

/// Reads the first document of a text.
pub(crate) fn read(text: &str) -> Outcome<Document> {
    crate::wire::json(text.as_bytes())
}
