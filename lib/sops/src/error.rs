//! Why a document is not decrypted.

use crate::Format;

/// Why a document is not decrypted, in the words of upstream's controller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no document of this format, or says too little of its encryption.
    #[error("failed to load encrypted {format} data: {why}")]
    Load {
        /// The format it was read in.
        format: Format,
        /// What is wrong.
        why: String,
    },
    /// No key at hand decrypts it; the text says of each key why.
    #[error("cannot get sops data key: {0}")]
    DataKey(String),
    /// A value is damaged.
    #[error("error decrypting sops tree: Error walking tree: {0}")]
    Tree(String),
    /// Values were added, taken away or changed since it was encrypted.
    ///
    /// DIFFERENCE: upstream prints both authentication codes, which are digests of the secrets.
    #[error("failed to verify sops data integrity: {0}")]
    Integrity(String),
    /// It has values that the other format cannot hold.
    #[error("failed to emit encrypted {from} file as decrypted {to}: {why}")]
    Emit {
        /// The format it was read in.
        from: Format,
        /// The format it was to be printed in.
        to: Format,
        /// What is wrong.
        why: String,
    },
}
