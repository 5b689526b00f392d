//! SOPS documents decrypted.
//!
//! A document holds, beside its values, how its data key was encrypted, and for whom. [`decrypt`] finds the data key
//! with the [`Keys`] at hand, decrypts every value that the document's rules say is encrypted, and prints the document
//! as the genuine program does, in the same format or another one.
//!
//! - `tree`: documents as data; `store`: the formats they are read from and printed in;
//! - `metadata`: what a document says of its encryption; `groups`, `shamir`: from it to the data key;
//! - `cipher`: single values.

mod cipher;
mod error;
mod groups;
mod keys;
mod limits;
mod metadata;
mod shamir;
mod store;
mod tree;

pub use error::Error;
pub use keys::{ImportError, Keys};
pub use store::Format;

/// Whether a document has to be as whoever encrypted it left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Integrity {
    /// The document's authentication code has to fit all its values.
    Checked,
    /// Values may have been added or changed since, as kustomize does.
    Ignored,
}

/// Decrypts a document in format `from` and prints it in format `to`.
///
/// # Errors
/// [`Error`] when the document cannot be read, no key decrypts it, a value is damaged, its integrity does not hold, or
/// it cannot be printed in that format. No text of an error has a decrypted value or a key.
pub fn decrypt(
    data: &[u8],
    from: Format,
    to: Format,
    keys: &Keys,
    integrity: Integrity,
) -> Result<Vec<u8>, Error> {
    let load = |why: String| Error::Load { format: from, why };
    if data.len() > limits::MAX_BYTES {
        return Err(load(format!("document exceeds {} bytes", limits::MAX_BYTES)));
    }
    let branches = store::read(data, from).map_err(load)?;
    let (mut branches, metadata) = metadata::extract(branches, from).map_err(load)?;
    let key = groups::data_key(&metadata, keys).map_err(Error::DataKey)?;
    let code = tree::decrypt(&mut branches, &metadata, &key).map_err(Error::Tree)?;
    if integrity == Integrity::Checked {
        let stored =
            cipher::decrypt(&metadata.mac, &key, &metadata.last_modified).map_err(Error::Integrity)?;
        if stored.bytes() != code.as_bytes() {
            return Err(Error::Integrity("MAC mismatch".to_owned()));
        }
    }
    store::print(&branches, to).map_err(|why| Error::Emit { from, to, why })
}
