//! Clients of buckets: S3 with its signature (version 4), and Azure Blob storage with an account's key or a shared
//! access signature.
//!
//! They ask what a source needs: is the bucket there, what is in it, the objects. No client that can be bought lets
//! every request go through [`edges::HttpClient`] at a price worth paying, which simulated time and per-object trust need.

mod answer;
mod azure;
mod limits;
mod s3;
mod sign;
mod uri;

use std::{fs::File, path::Path};

pub use answer::Error;
pub use azure::{Azure, Key};
pub use limits::OBJECT as MAX_OBJECT;
pub use s3::{Keys, S3};

/// An object of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub key: String,
    /// What changes with its content.
    pub etag: String,
}

/// A bucket, or whoever offers it.
#[derive(Debug)]
pub enum Store {
    /// S3.
    S3(S3),
    /// Azure.
    Azure(Azure),
}

impl Store {
    /// Whether there is such a bucket.
    ///
    /// # Errors
    /// When the server does not tell.
    pub async fn exists(&self, bucket: &str) -> Result<bool, Error> {
        match self {
            Self::S3(it) => it.exists(bucket).await,
            Self::Azure(it) => it.exists(bucket).await,
        }
    }

    /// Every object whose name begins with a prefix.
    ///
    /// # Errors
    /// When the server does not tell.
    pub async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<Object>, Error> {
        match self {
            Self::S3(it) => it.list(bucket, prefix).await,
            Self::Azure(it) => it.list(bucket, prefix).await,
        }
    }

    /// An object's content in a file of its own below `directory`; nothing if there is no such object.
    ///
    /// # Errors
    /// When the server does not give it whole, or it is too large.
    pub async fn get(&self, bucket: &str, key: &str, directory: &Path) -> Result<Option<File>, Error> {
        match self {
            Self::S3(it) => it.get(bucket, key, directory).await,
            Self::Azure(it) => it.get(bucket, key, directory).await,
        }
    }
}
