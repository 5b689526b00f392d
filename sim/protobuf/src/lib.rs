//! Kubernetes objects from protobuf bodies (`application/vnd.kubernetes.protobuf`), as the JSON that Go would write.
//!
//! A body is `k8s\0` and a `runtime.Unknown`: the type by name and the message as bytes. What numbers and names the
//! members of a message have, and which of them are pointers in Go, is data: see [`messages`].

mod decode;
pub mod limits;
mod messages;
mod special;
mod wire;

use serde_json::Value;

pub use messages::messages;

/// What every body begins with.
pub const PREFIX: [u8; 4] = *b"k8s\0";

/// Why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing was sent.
    #[error("empty data")]
    Empty,
    /// The body does not begin with [`PREFIX`].
    #[error("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")]
    Prefix,
    /// Nothing follows the prefix.
    #[error("empty body")]
    EmptyBody,
    /// The type is not known.
    #[error("no kind {kind:?} is registered for version {api_version:?}")]
    Kind {
        /// The `apiVersion` in the body.
        api_version: String,
        /// The `kind` in the body.
        kind: String,
    },
    /// The bytes end inside a value.
    #[error("unexpected EOF")]
    Short,
    /// A member has another wire type than its message says, or one that does not exist.
    #[error("proto: wrong wireType = {wire} for field {field}")]
    WireType {
        /// The member.
        field: String,
        /// The wire type found.
        wire: u8,
    },
    /// A number that does not fit.
    #[error("proto: integer overflow")]
    Overflow,
    /// JSON inside of the message is none.
    #[error("{0}")]
    Json(String),
    /// A message nests deeper, or holds more values, than [`limits`] allow.
    #[error("proto: message exceeds the limits of this server")]
    Limit,
    /// Compressed or otherwise encoded content.
    #[error("content encoding {0:?} is not understood")]
    Encoding(String),
}

/// Reads a body: an object with its `apiVersion` and `kind`.
///
/// # Errors
/// [`Error`], if the bytes are no object of a known kind.
pub fn decode(body: &[u8]) -> Result<Value, Error> {
    if body.is_empty() {
        return Err(Error::Empty);
    }
    let message = body.strip_prefix(&PREFIX).ok_or(Error::Prefix)?;
    if message.is_empty() {
        return Err(Error::EmptyBody);
    }
    decode::unknown(message)
}
