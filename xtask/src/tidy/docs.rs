//! Every Rust file says in its first line what it is, and the map (ARCHITECTURE.md) names every crate.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::Result;

use super::{Finding, Source};

const MAP: &str = "ARCHITECTURE.md";

pub(crate) fn check(root: &Path, sources: &[Source]) -> Result<Vec<Finding>> {
    let map = fs::read_to_string(root.join(MAP))?;
    let mut findings = silent(sources);
    findings.extend(unmapped(&map, sources));
    Ok(findings)
}

/// Crates under a role's folder that the map does not name.
fn unmapped(map: &str, sources: &[Source]) -> Vec<Finding> {
    let folder = |source: &Source| {
        let mut parts = source.path.split('/');
        match (parts.next(), parts.next()) {
            (Some(role @ ("lib" | "sim" | "stack")), Some(name)) => Some(format!("{role}/{name}")),
            _ => None,
        }
    };
    let folders: BTreeSet<String> = sources.iter().filter_map(folder).collect();
    let missing = folders
        .into_iter()
        .filter(|folder| !map.contains(&format!("`{folder}`")));
    missing
        .map(|folder| Finding::new(MAP, format!("section 4 has nothing about `{folder}`")))
        .collect()
}

fn silent(sources: &[Source]) -> Vec<Finding> {
    let silent = |source: &&Source| source.is_rust() && !source.text.starts_with("//!");
    let finding = |source: &Source| {
        Finding::new(
            &source.path,
            "starts with a `//!` line that says what the file is",
        )
    };
    sources.iter().filter(silent).map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_file_is_found() {
        let source = |text: &str| Source {
            path: "lib/a/src/b.rs".to_owned(),
            text: text.to_owned(),
        };
        assert_eq!(silent(&[source("use x;")]).len(), 1);
        assert_eq!(silent(&[source("//! B.\nuse x;")]).len(), 0);
        assert_eq!(unmapped("`lib/b`", &[source("")]).len(), 1);
        assert_eq!(unmapped("- `lib/a`: text", &[source("")]).len(), 0);
    }
}
