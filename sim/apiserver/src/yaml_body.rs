//! Bodies in YAML.

use crate::{
    failure::{Failure, Outcome},
    wire::Parsed,
};

/// Reads the first document of a text.
pub(crate) fn read(text: &str) -> Outcome<Parsed> {
    crate::wire::json(text.as_bytes()).map_err(|error| Failure::bad_request(error.message))
}
