//! Which files of a tree stay out of its archive: `.sourceignore` files and `spec.ignore`.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::limits::{MAX_DEPTH, MAX_IGNORE_FILE};

const IGNORE_FILE: &str = ".sourceignore";

/// Always.
const VERSION_CONTROL: &[&str] = &[".git/", ".gitignore", ".gitmodules", ".gitattributes"];

/// Where nobody gave a pattern of their own.
const DEFAULT: &[&str] = &[
    "*.jpg",
    "*.jpeg",
    "*.gif",
    "*.png",
    "*.wmv",
    "*.flv",
    "*.tar.gz",
    "*.zip",
    ".github/",
    ".circleci/",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
    "**/.goreleaser.yml",
    "**/.sops.yaml",
    "**/.flux.yaml",
];

/// One pattern and the directory it was written for, relative to the tree.
///
/// Every pattern is a matcher of its own: the last pattern that matches a path or a directory above it decides,
/// so `/*` followed by `!/deploy` keeps everything in `deploy`. Git itself, and a matcher of all patterns at once,
/// would let the match of a file win over a later match of its directory.
#[derive(Clone, Debug)]
struct Pattern {
    domain: PathBuf,
    matcher: Gitignore,
}

/// The patterns of one tree.
#[derive(Clone, Debug)]
pub struct Ignore(Vec<Pattern>);

impl Ignore {
    /// The patterns of the `.sourceignore` files at any depth, then those of `spec.ignore`.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn of_tree(tree: &Path, spec: Option<&str>) -> io::Result<Self> {
        let mut custom = Self(Vec::new());
        custom.load(tree, &PathBuf::new(), 0)?;
        custom.read(Path::new(""), spec.unwrap_or_default());
        let mut all = Self(Vec::new());
        all.read(Path::new(""), &VERSION_CONTROL.join("\n"));
        if custom.0.is_empty() {
            all.read(Path::new(""), &DEFAULT.join("\n"));
        }
        all.0.extend(custom.0);
        Ok(all)
    }

    /// The patterns of texts that hold for the root, and no others.
    pub fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Self::nothing();
        for text in texts {
            all.read(Path::new(""), text);
        }
        all
    }

    /// Patterns that leave nothing out.
    pub fn nothing() -> Self {
        Self(Vec::new())
    }

    /// Whether a path, relative to the tree, stays out.
    pub fn excludes(&self, relative: &Path, is_directory: bool) -> bool {
        for pattern in self.0.iter().rev() {
            let Ok(path) = relative.strip_prefix(&pattern.domain) else {
                continue;
            };
            if path.as_os_str().is_empty() {
                continue;
            }
            let verdict = pattern.matcher.matched_path_or_any_parents(path, is_directory);
            if !verdict.is_none() {
                return verdict.is_ignore();
            }
        }
        false
    }

    fn load(&mut self, tree: &Path, directory: &Path, depth: usize) -> io::Result<()> {
        if depth > MAX_DEPTH {
            return Err(io::Error::other("directories nested too deeply"));
        }
        let file = tree.join(directory).join(IGNORE_FILE);
        if fs::symlink_metadata(&file).is_ok_and(|it| it.is_file()) {
            let mut bytes = Vec::new();
            fs::File::open(file)?
                .take(MAX_IGNORE_FILE)
                .read_to_end(&mut bytes)?;
            self.read(directory, &String::from_utf8_lossy(&bytes));
        }
        let mut below = Vec::new();
        for entry in fs::read_dir(tree.join(directory))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() && entry.file_name() != ".git" {
                below.push(directory.join(entry.file_name()));
            }
        }
        below.sort();
        for directory in below {
            // Nothing in a directory that is left out brings itself back.
            if !self.excludes(&directory, true) {
                self.load(tree, &directory, depth + 1)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, domain: &Path, text: &str) {
        for line in text.lines() {
            let mut builder = GitignoreBuilder::new("");
            // A pattern that cannot be read matches nothing, as in Git.
            if builder.add_line(None, line).is_err() {
                continue;
            }
            if let Ok(matcher) = builder.build()
                && !matcher.is_empty()
            {
                self.0.push(Pattern {
                    domain: domain.to_owned(),
                    matcher,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(files: &[(&str, &str)], spec: Option<&str>) -> Vec<String> {
        let tree = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = tree.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let ignore = Ignore::of_tree(tree.path(), spec).unwrap();
        let mut kept = Vec::new();
        crate::archive::walk(tree.path(), &mut |path, metadata| {
            if metadata.is_file() && !ignore.excludes(path, false) {
                kept.push(path.to_string_lossy().into_owned());
            }
            Ok(())
        })
        .unwrap();
        kept
    }

    #[test]
    fn defaults_hold_until_somebody_gives_patterns() {
        let files = [
            (".git/config", ""),
            (".gitignore", "*"),
            (".github/workflows/ci.yaml", ""),
            ("a.yaml", ""),
            ("docs/logo.png", ""),
            ("docs/.sops.yaml", ""),
        ];
        assert_eq!(kept(&files, None), ["a.yaml"]);
        assert_eq!(
            kept(&files, Some("# only this\na.yaml\n")),
            [".github/workflows/ci.yaml", "docs/.sops.yaml", "docs/logo.png"]
        );
        // A comment is no pattern.
        assert_eq!(kept(&files, Some("# nothing\n\n")), ["a.yaml"]);
    }

    #[test]
    fn the_last_match_of_a_path_or_its_directory_decides() {
        let files = [("deploy/a.yaml", ""), ("deploy/b/c.yaml", ""), ("README.md", "")];
        assert_eq!(
            kept(&files, Some("/*\n!/deploy\n")),
            ["deploy/a.yaml", "deploy/b/c.yaml"]
        );
        assert_eq!(
            kept(&files, Some("/*\n!/deploy\n/deploy/b/\n")),
            ["deploy/a.yaml"]
        );
    }

    // Covers: SC-16.
    #[test]
    fn patterns_of_a_directory_stay_in_it_and_the_spec_comes_last() {
        let files = [
            (".sourceignore", "*.txt\n"),
            ("a.txt", ""),
            ("b/.sourceignore", "!keep.txt\n/c\n"),
            ("b/keep.txt", ""),
            ("b/c", ""),
            ("c", ""),
            ("keep.txt", ""),
        ];
        assert_eq!(
            kept(&files, None),
            [".sourceignore", "b/.sourceignore", "b/keep.txt", "c"]
        );
        assert_eq!(
            kept(&files, Some("keep.txt\n")),
            [".sourceignore", "b/.sourceignore", "c"]
        );
    }
}
