//! A fixture directory becomes a tree object.

use std::{
    fs, io,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
};

use crate::{
    limits::MAX_DEPTH,
    object::{Kind, Objects, Oid},
};

/// One line of a tree object.
struct Entry {
    name: Vec<u8>,
    mode: &'static str,
    oid: Oid,
}

const DIRECTORY: &str = "40000";

impl Entry {
    /// Git sorts a directory as if its name ended with a slash.
    fn sort_key(&self) -> Vec<u8> {
        let mut key = self.name.clone();
        if self.mode == DIRECTORY {
            key.push(b'/');
        }
        key
    }
}

/// Writes the whole directory; an empty one gives the empty tree. `submodules` are added at paths relative to
/// `directory`, in directories that it has.
pub(crate) fn write(objects: &Objects, directory: &Path, submodules: &[(&str, Oid)]) -> io::Result<Oid> {
    let content = entries(objects, directory, submodules, 0)?;
    objects.write(Kind::Tree, &encode(content))
}

fn entries(
    objects: &Objects,
    directory: &Path,
    submodules: &[(&str, Oid)],
    depth: usize,
) -> io::Result<Vec<Entry>> {
    if depth > MAX_DEPTH {
        return Err(io::Error::other(format!(
            "{}: nested too deeply",
            directory.display()
        )));
    }
    let mut found = Vec::new();
    let mut below = Vec::new();
    for (path, oid) in submodules {
        match path.split_once('/') {
            Some((first, rest)) => below.push((first, rest, *oid)),
            None => found.push(Entry {
                name: path.as_bytes().to_vec(),
                mode: "160000",
                oid: *oid,
            }),
        }
    }
    for item in fs::read_dir(directory)? {
        let item = item?;
        let name = item.file_name().as_bytes().to_vec();
        if name == b".git" {
            continue;
        }
        let kind = item.file_type()?;
        let (mode, oid) = if kind.is_symlink() {
            let target = fs::read_link(item.path())?;
            (
                "120000",
                objects.write(Kind::Blob, target.as_os_str().as_bytes())?,
            )
        } else if kind.is_dir() {
            let here = below.iter().filter(|(first, ..)| first.as_bytes() == name);
            let here: Vec<_> = here.map(|(_, rest, oid)| (*rest, *oid)).collect();
            let below = entries(objects, &item.path(), &here, depth + 1)?;
            if below.is_empty() {
                continue; // Git knows no empty directories.
            }
            (DIRECTORY, objects.write(Kind::Tree, &encode(below))?)
        } else {
            let executable = item.metadata()?.permissions().mode() & 0o100 != 0;
            let mode = if executable { "100755" } else { "100644" };
            (mode, objects.write(Kind::Blob, &fs::read(item.path())?)?)
        };
        found.push(Entry { name, mode, oid });
    }
    Ok(found)
}

fn encode(mut entries: Vec<Entry>) -> Vec<u8> {
    entries.sort_by_cached_key(Entry::sort_key);
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend_from_slice(entry.mode.as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(&entry.name);
        bytes.push(0);
        bytes.extend_from_slice(entry.oid.bytes());
    }
    bytes
}
