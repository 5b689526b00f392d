//! Git objects: their names and how they are written.

use std::{
    fmt, fs, io,
    io::Write,
    path::{Path, PathBuf},
    str::FromStr,
};

use flate2::{Compression, write::ZlibEncoder};
use sha1::{Digest, Sha1};

/// The name of an object: the SHA-1 of its content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid([u8; 20]);

/// Text that is no object name of 40 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an object name: {0:?}")]
pub struct InvalidOid(String);

impl Oid {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&stdx::hex(&self.0))
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Oid {
    type Err = InvalidOid;

    fn from_str(text: &str) -> Result<Self, InvalidOid> {
        let invalid = || InvalidOid(text.to_owned());
        let digits = text.as_bytes();
        if digits.len() != 40 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(invalid());
        }
        let mut bytes = [0; 20];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| invalid())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| invalid())?;
        }
        Ok(Self(bytes))
    }
}

/// The kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Blob,
    Tree,
    Commit,
    Tag,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Tree => "tree",
            Self::Commit => "commit",
            Self::Tag => "tag",
        }
    }
}

/// The `objects` directory of a repository.
#[derive(Clone, Debug)]
pub(crate) struct Objects(PathBuf);

impl Objects {
    pub(crate) fn at(repository: &Path) -> Self {
        Self(repository.join("objects"))
    }

    /// Writes a loose object, unless it is there already.
    pub(crate) fn write(&self, kind: Kind, content: &[u8]) -> io::Result<Oid> {
        let header = format!("{} {}\0", kind.word(), content.len());
        let mut hasher = Sha1::new();
        hasher.update(header.as_bytes());
        hasher.update(content);
        let oid = Oid(hasher.finalize().into());
        let name = oid.to_string();
        let directory = self.0.join(&name[..2]);
        let file = directory.join(&name[2..]);
        if !file.exists() {
            fs::create_dir_all(&directory)?;
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(header.as_bytes())?;
            encoder.write_all(content)?;
            fs::write(file, encoder.finish()?)?;
        }
        Ok(oid)
    }
}
