//! Unpacking an archive that anybody may have made.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Component, Path, PathBuf},
};

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

use crate::Limits;

/// Why an archive was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UntarError {
    /// A name that would lead out of the directory.
    #[error("tar contained invalid name error {0:?}")]
    InvalidName(String),
    /// More than the limits allow.
    #[error("tar {what} exceeds the limit of {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The archive is damaged, or the disk refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Unpacks a gzipped tarball into an existing, empty directory.
///
/// Only directories and regular files are made; links and devices are skipped; of two entries of one name the later
/// one stays.
///
/// # Errors
/// On names that would lead out of `directory`, beyond the limits, or when the archive is damaged. What was unpacked
/// so far stays.
pub fn untar(gzipped: impl Read, directory: &Path, limits: Limits) -> Result<(), UntarError> {
    let mut archive = Archive::new(GzDecoder::new(gzipped));
    let mut bytes = 0;
    for (count, entry) in archive.entries()?.enumerate() {
        let mut entry = entry?;
        if count >= limits.entries {
            return Err(UntarError::TooLarge {
                what: "number of entries",
                limit: limits.entries as u64,
            });
        }
        let path = directory.join(relative(&entry.path_bytes())?);
        match entry.header().entry_type() {
            EntryType::Directory => fs::create_dir_all(path)?,
            EntryType::Regular | EntryType::Continuous => {
                bytes += entry.size();
                if bytes > limits.bytes {
                    return Err(UntarError::TooLarge {
                        what: "size",
                        limit: limits.bytes,
                    });
                }
                let executable = entry.header().mode()? & 0o111 != 0;
                write(&path, executable, &mut entry)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn write(path: &Path, executable: bool, content: &mut impl Read) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(if executable { 0o700 } else { 0o600 })
        .open(path)?;
    io::copy(content, &mut file)?;
    Ok(())
}

/// The name as a path of plain components.
fn relative(name: &[u8]) -> Result<PathBuf, UntarError> {
    let invalid = || UntarError::InvalidName(String::from_utf8_lossy(name).into_owned());
    let text = std::str::from_utf8(name).map_err(|_| invalid())?;
    if text.is_empty() || text.contains(['\\', '\0']) {
        return Err(invalid());
    }
    let mut path = PathBuf::new();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(invalid()),
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};
    use tar::{Builder, Header};

    use super::*;

    fn packed(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
        let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, kind, content) in entries {
            let mut header = Header::new_ustar();
            header.set_entry_type(*kind);
            header.set_mode(0o777);
            header.set_size(content.len() as u64);
            // Past the builder's own checks: a hostile archive has none.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            if matches!(kind, EntryType::Symlink | EntryType::Link) {
                header.set_link_name("/etc").unwrap();
            }
            header.set_cksum();
            builder.append(&header, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    // Covers: H-03.
    #[test]
    fn plain_entries_are_made_and_links_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let bytes = packed(&[
            ("./a/b", EntryType::Regular, "first"),
            ("link", EntryType::Symlink, ""),
            ("hard", EntryType::Link, ""),
            ("a/b", EntryType::Regular, "2nd"),
            ("empty", EntryType::Directory, ""),
        ]);
        untar(&bytes[..], directory.path(), Limits::default()).unwrap();
        assert_eq!(fs::read_to_string(directory.path().join("a/b")).unwrap(), "2nd");
        assert!(directory.path().join("empty").is_dir());
        assert!(fs::symlink_metadata(directory.path().join("link")).is_err());
        assert!(fs::symlink_metadata(directory.path().join("hard")).is_err());
    }

    // Covers: H-04.
    #[test]
    fn names_that_lead_out_are_refused() {
        for name in ["../a", "/a", "a/../../b", "a\\b", "a/.."] {
            let directory = tempfile::tempdir().unwrap();
            let bytes = packed(&[(name, EntryType::Regular, "x")]);
            let error = untar(&bytes[..], directory.path(), Limits::default()).unwrap_err();
            assert!(matches!(error, UntarError::InvalidName(_)), "{name}: {error}");
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        }
    }

    // Covers: H-05.
    #[test]
    fn too_much_is_refused_before_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let bytes = packed(&[
            ("a", EntryType::Regular, "12345"),
            ("b", EntryType::Regular, "67890"),
        ]);
        let small = Limits {
            bytes: 9,
            entries: 10,
        };
        assert_eq!(
            untar(&bytes[..], directory.path(), small)
                .unwrap_err()
                .to_string(),
            "tar size exceeds the limit of 9"
        );
        assert!(!directory.path().join("b").exists());
        let few = Limits {
            bytes: 100,
            entries: 1,
        };
        assert!(untar(&bytes[..], directory.path(), few).is_err());
        assert!(untar(&bytes[..bytes.len() / 2], directory.path(), Limits::default()).is_err());
    }
}
