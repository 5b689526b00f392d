//! A tree becomes a tarball: the same tree gives the same bytes.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use crate::{Ignore, limits::MAX_DEPTH};

/// Writes the files and directories below `tree` that are not ignored as a gzipped tarball.
///
/// Entries come in lexical order and carry neither owners nor times; symbolic links and devices are left out.
///
/// # Errors
/// When the tree cannot be read or `output` cannot be written.
pub fn archive(tree: &Path, ignore: &Ignore, output: impl Write) -> io::Result<()> {
    let gzip = GzBuilder::new().mtime(0).write(output, Compression::default());
    let mut builder = Builder::new(gzip);
    append(&mut builder, Path::new("."), &directory_header(), io::empty())?;
    walk(tree, &mut |relative, metadata| {
        if ignore.excludes(relative, metadata.is_dir()) {
            return Ok(());
        }
        if metadata.is_dir() {
            append(&mut builder, relative, &directory_header(), io::empty())
        } else {
            let file = fs::File::open(tree.join(relative))?;
            append(&mut builder, relative, &file_header(metadata), file)
        }
    })?;
    builder.into_inner()?.finish()?;
    Ok(())
}

/// Visits directories (before what is in them) and regular files in lexical order, by path relative to `tree`.
pub(crate) fn walk(
    tree: &Path,
    visit: &mut dyn FnMut(&Path, &fs::Metadata) -> io::Result<()>,
) -> io::Result<()> {
    walk_below(tree, &PathBuf::new(), 0, visit)
}

fn walk_below(
    tree: &Path,
    relative: &Path,
    depth: usize,
    visit: &mut dyn FnMut(&Path, &fs::Metadata) -> io::Result<()>,
) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(io::Error::other(format!(
            "{}: directories nested too deeply",
            relative.display()
        )));
    }
    let mut names = fs::read_dir(tree.join(relative))?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    for name in names {
        let path = relative.join(name);
        let metadata = fs::symlink_metadata(tree.join(&path))?;
        if metadata.is_dir() {
            visit(&path, &metadata)?;
            walk_below(tree, &path, depth + 1, visit)?;
        } else if metadata.is_file() {
            visit(&path, &metadata)?;
        }
    }
    Ok(())
}

fn append(
    builder: &mut Builder<impl Write>,
    path: &Path,
    header: &Header,
    content: impl io::Read,
) -> io::Result<()> {
    builder.append_data(&mut header.clone(), path, content)
}

fn directory_header() -> Header {
    header(EntryType::Directory, 0o750, 0)
}

fn file_header(metadata: &fs::Metadata) -> Header {
    let executable = metadata.permissions().mode() & 0o111 != 0;
    let mode = if executable { 0o700 } else { 0o600 };
    header(EntryType::Regular, mode, metadata.len())
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use flate2::read::GzDecoder;

    use super::*;

    fn tree(order: &[&str]) -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        for name in order {
            let path = tree.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, name).unwrap();
        }
        symlink("a.yaml", tree.path().join("link")).unwrap();
        tree
    }

    fn packed(tree: &Path) -> Vec<u8> {
        let mut bytes = Vec::new();
        archive(tree, &Ignore::of_tree(tree, None).unwrap(), &mut bytes).unwrap();
        bytes
    }

    // Covers: SC-03.
    #[test]
    fn the_same_tree_gives_the_same_bytes() {
        let long = format!("{}/{}.yaml", "d".repeat(120), "f".repeat(160));
        let one = tree(&["b/c.yaml", "a.yaml", "b.yaml", &long]);
        let other = tree(&[&long, "b.yaml", "a.yaml", "b/c.yaml"]);
        fs::set_permissions(other.path().join("a.yaml"), fs::Permissions::from_mode(0o664)).unwrap();
        let bytes = packed(one.path());
        assert_eq!(bytes, packed(other.path()));

        let mut archive = tar::Archive::new(GzDecoder::new(&bytes[..]));
        let entries: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                assert_eq!((header.uid().unwrap(), header.mtime().unwrap()), (0, 0));
                (
                    entry.path().unwrap().to_string_lossy().into_owned(),
                    header.mode().unwrap(),
                )
            })
            .collect();
        let expected = [
            (".".to_owned(), 0o750),
            ("a.yaml".into(), 0o600),
            ("b".into(), 0o750),
            ("b/c.yaml".into(), 0o600),
            ("b.yaml".into(), 0o600),
            ("d".repeat(120), 0o750),
            (long, 0o600),
        ];
        assert_eq!(entries, expected);
    }

    // Covers: SC-03.
    #[test]
    fn executables_stay_executable() {
        let tree = tree(&["run"]);
        fs::set_permissions(tree.path().join("run"), fs::Permissions::from_mode(0o744)).unwrap();
        let bytes = packed(tree.path());
        let mut archive = tar::Archive::new(GzDecoder::new(&bytes[..]));
        let modes: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().header().mode().unwrap())
            .collect();
        assert_eq!(modes, [0o750, 0o700]);
    }
}
