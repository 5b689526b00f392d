//! Paths with slashes; those of the operating system are the same.

use crate::function::Type::Text;

use super::{Row, text};

pub(crate) const TABLE: &[Row] = &[
    ("base", &[Text], false, |_, args| Ok(base(&text(args, 0)).into())),
    ("dir", &[Text], false, |_, args| Ok(dir(&text(args, 0)).into())),
    (
        "clean",
        &[Text],
        false,
        |_, args| Ok(clean(&text(args, 0)).into()),
    ),
    ("ext", &[Text], false, |_, args| Ok(ext(&text(args, 0)).into())),
    ("isAbs", &[Text], false, |_, args| {
        Ok(text(args, 0).starts_with('/').into())
    }),
    (
        "osBase",
        &[Text],
        false,
        |_, args| Ok(base(&text(args, 0)).into()),
    ),
    ("osDir", &[Text], false, |_, args| Ok(dir(&text(args, 0)).into())),
    ("osClean", &[Text], false, |_, args| {
        Ok(clean(&text(args, 0)).into())
    }),
    ("osExt", &[Text], false, |_, args| Ok(ext(&text(args, 0)).into())),
    ("osIsAbs", &[Text], false, |_, args| {
        Ok(text(args, 0).starts_with('/').into())
    }),
];

/// `path.Base`
pub(crate) fn base(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return "/";
    }
    trimmed.rsplit('/').next().unwrap_or(trimmed)
}

fn dir(path: &str) -> String {
    clean(path.rfind('/').map_or("", |at| &path[..=at]))
}

fn ext(path: &str) -> &str {
    let last = path.rsplit('/').next().unwrap_or(path);
    last.rfind('.').map_or("", |at| &last[at..])
}

/// `path.Clean`
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
