//! The laws of the project that no compiler knows. Each rule is a file; each finding names a place and a remedy.

mod catalogue;
mod docs;
mod layers;
mod parity;
mod sizes;
mod vectors;
mod words;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Something to mend.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    place: String,
    text: String,
}

impl Finding {
    fn new(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            text: text.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// A text file of the project.
pub(crate) struct Source {
    /// From the project's folder, with forward slashes.
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The lines before the file's test module.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.text
            .lines()
            .take_while(|line| !line.starts_with("#[cfg(test)]"))
    }
}

const FOLDERS: [&str; 8] = [
    "harness",
    "lib",
    "sim",
    "stack",
    "xtask",
    "docs",
    "scenarios",
    "fixtures",
];

/// All text files of the project's folders, in order of their names.
fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut all = Vec::new();
    for folder in FOLDERS {
        let walk = walkdir::WalkDir::new(root.join(folder)).sort_by_file_name();
        for entry in walk {
            let Ok(entry) = entry else { continue };
            if !entry.file_type().is_file() {
                continue;
            }
            let bytes =
                fs::read(entry.path()).with_context(|| format!("cannot read {}", entry.path().display()))?;
            let Ok(text) = String::from_utf8(bytes) else {
                continue;
            };
            all.push(Source {
                path: relative(root, entry.path()),
                text,
            });
        }
    }
    Ok(all)
}

fn relative(root: &Path, path: &Path) -> String {
    let path: PathBuf = path.strip_prefix(root).unwrap_or(path).to_owned();
    path.to_string_lossy().replace('\\', "/")
}

/// Everything that is not as it should be.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let sources = sources(root)?;
    let mut findings = layers::check(root, &sources)?;
    findings.extend(docs::check(root, &sources)?);
    findings.extend(sizes::check(root, &sources)?);
    findings.extend(vectors::check(root)?);
    findings.extend(words::check(&sources));
    findings.extend(catalogue::check(root, &sources)?);
    findings.extend(parity::check(root, &sources)?);
    findings.sort();
    Ok(findings)
}

/// Writes the generated pages; answers which.
pub(crate) fn write(root: &Path) -> Result<Vec<String>> {
    let sources = sources(root)?;
    let mut pages = catalogue::pages(root, &sources)?;
    pages.extend(parity::pages(root, &sources)?);
    let mut written = Vec::new();
    for (path, text) in pages {
        let full = root.join(&path);
        if fs::read_to_string(&full).is_ok_and(|present| present == text) {
            continue;
        }
        if let Some(folder) = full.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&full, text).with_context(|| format!("cannot write {path}"))?;
        written.push(path);
    }
    Ok(written)
}

/// Findings for generated pages that do not say what they should.
fn stale(root: &Path, pages: Vec<(String, String)>) -> Vec<Finding> {
    let differs = |(path, text): &(String, String)| {
        fs::read_to_string(root.join(path)).map_or(true, |present| present != *text)
    };
    let remedy =
        |(path, _): (String, String)| Finding::new(path, "is out of date: run `cargo xtask tidy --write`");
    pages.into_iter().filter(differs).map(remedy).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_tidy() {
        let findings = check(&crate::shell::root().unwrap()).unwrap();
        let text: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert!(text.is_empty(), "{}", text.join("\n"));
    }
}
