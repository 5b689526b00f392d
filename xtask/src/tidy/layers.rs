//! Laws L1 to L10: which crate may name which, and what only the edges may do.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Result;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use super::{Finding, Source, relative};

/// Crates whose answer depends on their parameters alone (L2).
const PURE: [&str; 8] = [
    "manifest",
    "yaml",
    "version",
    "gotemplate",
    "kustomize",
    "helm",
    "sops",
    "field-manager",
];

/// What a pure crate may not depend on.
const IMPURE: [&str; 8] = [
    "tokio", "kube", "reqwest", "hyper", "git2", "tempfile", "fastrand", "edges",
];

/// What of `lib` the world may name (L4).
const SHARED: [&str; 5] = ["stdx", "edges", "manifest", "yaml", "flux-api"];

/// Heavy dependencies and their one owner (L8).
const OWNED: [(&str, &str); 3] = [("cel", "kustomize-controller"), ("git2", "git"), ("imbl", "apiserver")];

/// Crates that may not be in the tree at all (L8).
const BANNED: [&str; 4] = ["openssl", "openssl-sys", "aws-lc-sys", "aws-lc-rs"];

/// Ways around the edges (L10), as written in code.
const BYPASSES: [&str; 7] = [
    "std::net::",
    "tokio::net::",
    "std::env::",
    "Timestamp::now(",
    "SystemTime",
    "fastrand::",
    "std::process::",
];

pub(crate) fn check(root: &Path, sources: &[Source]) -> Result<Vec<Finding>> {
    let metadata = MetadataCommand::new().current_dir(root).no_deps().exec()?;
    let mut findings = dependencies(root, &metadata);
    findings.extend(lock(&fs::read_to_string(root.join("Cargo.lock"))?));
    let names: Vec<String> = metadata
        .packages
        .iter()
        .map(|package| package.name.replace('-', "_"))
        .collect();
    findings.extend(
        sources
            .iter()
            .filter(|source| source.is_rust())
            .flat_map(|source| text(source, &names)),
    );
    Ok(findings)
}

fn dependencies(root: &Path, metadata: &Metadata) -> Vec<Finding> {
    let role = |package: &Package| {
        let path = relative(root, package.manifest_path.as_std_path());
        path.split('/').next().unwrap_or_default().to_owned()
    };
    let roles: BTreeMap<&str, String> = metadata
        .packages
        .iter()
        .map(|package| (package.name.as_str(), role(package)))
        .collect();
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let place = relative(root, package.manifest_path.as_std_path());
        let from = roles[package.name.as_str()].as_str();
        for dependency in &package.dependencies {
            let to = roles.get(dependency.name.as_str()).map(String::as_str);
            let edge = Edge {
                from,
                package: &package.name,
                to,
                name: &dependency.name,
                dev: dependency.kind == DependencyKind::Development,
            };
            findings.extend(edge.broken_law().map(|law| Finding::new(&place, law)));
        }
        if !package.features.is_empty() {
            findings.push(Finding::new(
                &place,
                "L9: a crate of the workspace has no Cargo features",
            ));
        }
        findings.extend(manifest(
            &place,
            &fs::read_to_string(&package.manifest_path).unwrap_or_default(),
        ));
        if package.description.as_deref().unwrap_or_default().is_empty() {
            findings.push(Finding::new(&place, "a description says why the crate is one"));
        }
    }
    findings
}

struct Edge<'a> {
    from: &'a str,
    package: &'a str,
    /// The role of the crate named, if it is one of ours.
    to: Option<&'a str>,
    name: &'a str,
    dev: bool,
}

impl Edge<'_> {
    fn broken_law(&self) -> Option<String> {
        let Self {
            from,
            package,
            to,
            name,
            dev,
        } = *self;
        let law = match (from, to) {
            ("lib", Some("stack" | "sim" | "harness")) if !dev => {
                "L1: lib names neither stack nor sim nor harness"
            }
            ("sim", Some("stack" | "harness")) => "L4: the world names neither the product nor the judge",
            ("sim", Some("lib")) if !SHARED.contains(&name) => {
                "L4: of lib the world names only its plainest crates"
            }
            ("stack", Some("stack")) if package != "extension" => {
                "L3: only stack/extension composes controllers"
            }
            ("stack", Some("sim")) if !dev => "L5: the product names the world in dev-dependencies only",
            ("stack", Some("harness")) => "L5: the product does not name the judge",
            ("harness", Some("stack")) if name != "extension" => "L6: the judge names no controller crate",
            ("xtask", Some(_)) => "L7: xtask names no crate of the workspace",
            _ if PURE.contains(&package) && IMPURE.contains(&name) && !dev => {
                "L2: a pure crate has no such dependency"
            }
            _ => match OWNED.iter().find(|(heavy, _)| *heavy == name) {
                Some((_, owner)) if *owner != package && !dev => "L8: this dependency has another owner",
                _ => return None,
            },
        };
        Some(format!("{law} (here: {name})"))
    }
}

fn manifest(place: &str, text: &str) -> Option<Finding> {
    let inherits = text.contains("[lints]\nworkspace = true");
    (!inherits).then(|| {
        Finding::new(
            place,
            "inherits the workspace's lints: add `[lints]` with `workspace = true`",
        )
    })
}

fn lock(text: &str) -> Vec<Finding> {
    let named = |name: &&&str| text.contains(&format!("name = \"{name}\"\n"));
    let finding = |name: &&str| Finding::new("Cargo.lock", format!("L8: {name} may not be in the tree"));
    BANNED.iter().filter(named).map(finding).collect()
}

fn text(source: &Source, crates: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let role = source.path.split('/').next().unwrap_or_default();
    let product = (role == "lib" && !source.path.starts_with("lib/edges/")) || role == "stack";
    let own_tests = source.path.contains("/tests/") || source.path.contains("/benches/");
    let pure = PURE
        .iter()
        .any(|name| source.path.starts_with(&format!("lib/{name}/")));
    for (number, line) in source.code().enumerate() {
        let place = format!("{}:{}", source.path, number + 1);
        let code = line.split("//").next().unwrap_or_default();
        if product && !own_tests && !source.path.contains("/bin/") {
            let found = BYPASSES.iter().find(|bypass| code.contains(**bypass));
            findings.extend(
                found.map(|bypass| Finding::new(&place, format!("L10: {bypass} bypasses the edges"))),
            );
        }
        if pure && !own_tests && code.contains("std::fs") {
            findings.push(Finding::new(&place, "L2: a pure crate touches no files"));
        }
        let judge_outside_target = role == "harness" && !source.path.starts_with("harness/src/target");
        if judge_outside_target
            && !own_tests
            && (code.contains("extension::") || code.contains("_controller::"))
        {
            findings.push(Finding::new(&place, "L6: only target/ names the product"));
        }
        if let Some(rest) = code.trim_start().strip_prefix("pub use ") {
            let first = rest
                .trim_start_matches("::")
                .split([':', ';', ' ', '{'])
                .next()
                .unwrap_or_default();
            if crates.iter().any(|name| name == first) {
                findings.push(Finding::new(
                    &place,
                    format!("L9: {first} is named at home, not re-exported"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn law(from: &str, package: &str, to: Option<&str>, name: &str) -> Option<String> {
        Edge {
            from,
            package,
            to,
            name,
            dev: false,
        }
        .broken_law()
    }

    #[test]
    fn each_law_is_found() {
        for (from, package, to, name, expected) in [
            ("lib", "git", Some("sim"), "world", "L1"),
            ("lib", "yaml", None, "tokio", "L2"),
            (
                "stack",
                "source-controller",
                Some("stack"),
                "kustomize-controller",
                "L3",
            ),
            ("sim", "world", Some("lib"), "git", "L4"),
            ("stack", "extension", Some("sim"), "world", "L5"),
            ("harness", "harness", Some("stack"), "source-controller", "L6"),
            ("xtask", "xtask", Some("lib"), "stdx", "L7"),
            ("lib", "artifact", None, "git2", "L8"),
        ] {
            let found = law(from, package, to, name).unwrap_or_default();
            assert!(found.starts_with(expected), "{expected}: {found}");
        }
        assert_eq!(
            law("stack", "extension", Some("stack"), "source-controller"),
            None
        );
        assert_eq!(law("sim", "world", Some("lib"), "edges"), None);
        assert_eq!(law("lib", "git", None, "git2"), None);
    }

    #[test]
    fn ways_around_the_edges_are_found() {
        let source = |path: &str, text: &str| Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        let crates = vec!["stdx".to_owned()];
        assert_eq!(
            text(&source("lib/git/src/a.rs", "let t = Timestamp::now();"), &crates).len(),
            1
        );
        assert_eq!(
            text(
                &source("lib/edges/src/a.rs", "let t = Timestamp::now();"),
                &crates
            )
            .len(),
            0
        );
        assert_eq!(
            text(&source("lib/git/src/a.rs", "pub use stdx::hex;"), &crates).len(),
            1
        );
        assert_eq!(
            text(&source("harness/src/run.rs", "extension::run()"), &crates).len(),
            1
        );
        assert_eq!(
            text(
                &source("lib/git/src/a.rs", "#[cfg(test)]\nTimestamp::now();"),
                &crates
            )
            .len(),
            0
        );
        assert_eq!(lock("name = \"openssl-sys\"\n").len(), 1);
        assert!(manifest("x", "[package]").is_some());
    }
}
