//! What a process sees as its file system.
//!
//! With namespaces: a root of its own, through which the host's programs and libraries are seen, with private `/run`,
//! `/tmp` and home directories and the pod's volumes. Without: the host's, and the volumes below `$POD_ROOT`.

use std::{
    fs, io,
    os::{
        fd::AsRawFd,
        unix::fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::{Component, Path, PathBuf},
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    unistd,
};

use crate::{
    sandbox::{Isolation, Spec},
    volumes::Mount,
};

/// Where the image's program is found inside.
const IMAGE: &str = "/.image";
/// What of the host no pod sees.
const PRIVATE: [&str; 4] = ["run", "tmp", "root", "home"];

/// Moves this thread into a root made for the pod; the answer is where the image's program is there.
pub(crate) fn enter(spec: &Spec, isolation: &Isolation) -> io::Result<PathBuf> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    let root = spec.directory.join("root");
    fs::create_dir_all(&root)?;
    mount(
        Some("tmpfs"),
        &root,
        Some("tmpfs"),
        MsFlags::empty(),
        Some("mode=755"),
    )?;
    show_host(&root)?;
    let name = spec.image.file_name().unwrap_or_default();
    let image = Path::new(IMAGE).join(name);
    place(&root, &spec.image, &image)?;
    for mount in isolation.files.iter().chain(&spec.mounts) {
        place(&root, &mount.source, &mount.target)?;
    }
    unistd::chroot(&root)?;
    unistd::chdir("/")?;
    Ok(image)
}

fn show_host(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir("/")? {
        let entry = entry?;
        let (name, inside) = (entry.file_name(), root.join(entry.file_name()));
        let kind = entry.file_type()?;
        if PRIVATE.iter().any(|private| name == *private) && kind.is_dir() {
            fs::create_dir(&inside)?;
        } else {
            show(&entry.path(), &inside)?;
        }
    }
    let tmp = root.join("tmp");
    if tmp.is_dir() {
        fs::set_permissions(&tmp, fs::Permissions::from_mode(0o1777))?;
    }
    Ok(())
}

/// Makes one entry of the host appear at a path that is not there yet.
fn show(source: &Path, inside: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(source)?.file_type();
    if kind.is_symlink() {
        return symlink(fs::read_link(source)?, inside);
    }
    if kind.is_dir() {
        fs::create_dir(inside)?;
    } else {
        fs::File::create(inside)?;
    }
    bind(source, inside)
}

fn bind(source: &Path, inside: &Path) -> io::Result<()> {
    let none: Option<&str> = None;
    mount(
        Some(source),
        inside,
        none,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        none,
    )
    .map_err(|error| {
        let error = io::Error::from(error);
        io::Error::new(error.kind(), format!("mount {}: {error}", inside.display()))
    })
}

/// Makes a directory or file of the host appear at `target`, which need not exist.
fn place(root: &Path, source: &Path, target: &Path) -> io::Result<()> {
    let mut at = root.to_owned();
    let parts: Vec<_> = target
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect();
    for (depth, part) in parts.iter().enumerate() {
        let next = follow(root, &at.join(part))?;
        let last = depth + 1 == parts.len();
        if fs::symlink_metadata(&next).is_err() {
            if !is_ours(root, &at)? {
                mirror(&at)?;
            }
            if last && !source.is_dir() {
                fs::File::create(&next)?;
            } else {
                fs::create_dir_all(&next)?;
            }
        }
        at = next;
    }
    bind(source, &at)
}

/// The path behind a symbolic link, which is meant as the pod sees it. One that leads nowhere is what it would name.
fn follow(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..40 {
        let Ok(link) = fs::read_link(&path) else {
            return Ok(path);
        };
        let base = if link.is_absolute() {
            PathBuf::new()
        } else {
            let parent = path.parent().unwrap_or(root);
            parent.strip_prefix(root).unwrap_or(parent).to_owned()
        };
        let mut next = root.to_owned();
        for part in base.join(link).components() {
            match part {
                Component::Normal(part) => next.push(part),
                Component::ParentDir if next != root => drop(next.pop()),
                _ => {}
            }
        }
        if let Some(parent) = next.parent().filter(|parent| !parent.exists()) {
            fs::create_dir_all(parent)?;
        }
        path = next;
    }
    Err(io::Error::other(format!("{}: too many links", path.display())))
}

/// Whether a directory is part of the pod's own root and not the host's seen through it.
fn is_ours(root: &Path, path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(root)?.dev() == fs::metadata(path)?.dev())
}

/// Puts a directory of ours in the place of one of the host, with the same entries.
fn mirror(path: &Path) -> io::Result<()> {
    let behind = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    // The host's entries stay reachable through an open directory while the new one covers them.
    let host = fs::File::open(path)?;
    mount(
        Some("tmpfs"),
        path,
        Some("tmpfs"),
        MsFlags::empty(),
        Some("mode=755"),
    )?;
    for entry in behind {
        let source = PathBuf::from(format!("/proc/self/fd/{}", host.as_raw_fd())).join(entry.file_name());
        show(&source, &path.join(entry.file_name()))?;
    }
    Ok(())
}

/// Without namespaces: the volumes below a directory that stands for the root.
pub(crate) fn imitate(directory: &Path, mounts: &[Mount]) -> io::Result<()> {
    let root = directory.join("root");
    fs::create_dir_all(root.join("tmp"))?;
    for mount in mounts {
        let relative = mount.target.strip_prefix("/").unwrap_or(&mount.target);
        let link = root.join(relative);
        if fs::symlink_metadata(&link).is_ok_and(|known| known.is_symlink()) {
            continue;
        }
        if let Some(parent) = link.parent() {
            fs::create_dir_all(parent)?;
        }
        let _ = fs::remove_dir(&link);
        symlink(&mount.source, &link)?;
    }
    Ok(())
}
