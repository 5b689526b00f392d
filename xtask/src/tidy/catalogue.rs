//! Promises and scenarios agree: every scenario names promises and features that exist, every feature has a scenario,
//! and the page of promises says which scenarios cover which.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Finding, Source, stale};

const PAGE: &str = "docs/conformance/requirements.md";

#[derive(Debug, Default, Deserialize)]
struct Scenario {
    #[serde(default)]
    requirements: Vec<String>,
    #[serde(default)]
    features: Vec<String>,
}

struct Catalogue {
    requirements: BTreeMap<String, String>,
    features: Vec<String>,
    /// By path without `scenarios/` and `.yaml`.
    scenarios: BTreeMap<String, Scenario>,
}

fn read(root: &Path, sources: &[Source]) -> Result<Catalogue> {
    let file = |name: &str| {
        let path = root.join("scenarios").join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let requirements =
        serde_saphyr::from_str(&file("requirements.yaml")?).context("scenarios/requirements.yaml")?;
    #[derive(Deserialize)]
    struct Anything {}
    let features: BTreeMap<String, Anything> =
        serde_saphyr::from_str(&file("features.yaml")?).context("scenarios/features.yaml")?;
    let mut scenarios = BTreeMap::new();
    for source in sources {
        let Some(name) = source
            .path
            .strip_prefix("scenarios/")
            .and_then(|path| path.strip_suffix(".yaml"))
        else {
            continue;
        };
        if !name.contains('/') || name.starts_with("snapshots/") {
            continue;
        }
        let scenario = serde_saphyr::from_str(&source.text).with_context(|| source.path.clone())?;
        scenarios.insert(name.to_owned(), scenario);
    }
    Ok(Catalogue {
        requirements,
        features: features.into_keys().collect(),
        scenarios,
    })
}

pub(crate) fn check(root: &Path, sources: &[Source]) -> Result<Vec<Finding>> {
    let catalogue = read(root, sources)?;
    let mut findings = catalogue.findings();
    findings.extend(stale(root, vec![(PAGE.to_owned(), catalogue.page())]));
    Ok(findings)
}

pub(crate) fn pages(root: &Path, sources: &[Source]) -> Result<Vec<(String, String)>> {
    Ok(vec![(PAGE.to_owned(), read(root, sources)?.page())])
}

impl Catalogue {
    fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (name, scenario) in &self.scenarios {
            let place = format!("scenarios/{name}.yaml");
            if scenario.requirements.is_empty() {
                findings.push(Finding::new(&place, "names no requirement"));
            }
            for id in scenario
                .requirements
                .iter()
                .filter(|id| !self.requirements.contains_key(*id))
            {
                findings.push(Finding::new(
                    &place,
                    format!("{id} is not in scenarios/requirements.yaml"),
                ));
            }
            for id in scenario.features.iter().filter(|id| !self.features.contains(id)) {
                findings.push(Finding::new(
                    &place,
                    format!("{id} is not in scenarios/features.yaml"),
                ));
            }
        }
        let unused = |feature: &&String| {
            !self
                .scenarios
                .values()
                .any(|scenario| scenario.features.contains(feature))
        };
        let text =
            |feature: &String| Finding::new("scenarios/features.yaml", format!("{feature} has no scenario"));
        findings.extend(self.features.iter().filter(unused).map(text));
        findings
    }

    fn page(&self) -> String {
        let covering = |id: &str| -> Vec<&str> {
            let names = self
                .scenarios
                .iter()
                .filter(|(_, scenario)| scenario.requirements.iter().any(|one| one == id));
            names.map(|(name, _)| name.as_str()).collect()
        };
        let covered = self
            .requirements
            .keys()
            .filter(|id| !covering(id).is_empty())
            .count();
        let mut page = format!(
            "# Requirements\n\nWritten by `cargo xtask tidy --write` from `scenarios/`; do not edit.\n\n\
             {covered} of {} promises have a scenario.\n\n| id | promise | scenarios |\n|---|---|---|\n",
            self.requirements.len(),
        );
        for (id, text) in &self.requirements {
            let names: Vec<String> = covering(id).iter().map(|name| format!("`{name}`")).collect();
            let _ = writeln!(
                page,
                "| {id} | {} | {} |",
                text.replace('|', "\\|"),
                names.join("<br>")
            );
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_and_orphans_are_found() {
        let scenario = |requirements: &[&str], features: &[&str]| Scenario {
            requirements: requirements.iter().map(|id| (*id).to_owned()).collect(),
            features: features.iter().map(|id| (*id).to_owned()).collect(),
        };
        let catalogue = Catalogue {
            requirements: BTreeMap::from([("F-1".to_owned(), "It works.".to_owned())]),
            features: vec!["a".to_owned(), "b".to_owned()],
            scenarios: BTreeMap::from([
                ("x/good".to_owned(), scenario(&["F-1"], &["a"])),
                ("x/bad".to_owned(), scenario(&["F-2"], &["c"])),
                ("x/none".to_owned(), scenario(&[], &[])),
            ]),
        };
        let found: Vec<String> = catalogue.findings().iter().map(Finding::to_string).collect();
        assert_eq!(
            found,
            [
                "scenarios/x/bad.yaml: F-2 is not in scenarios/requirements.yaml",
                "scenarios/x/bad.yaml: c is not in scenarios/features.yaml",
                "scenarios/x/none.yaml: names no requirement",
                "scenarios/features.yaml: b has no scenario",
            ]
        );
        assert!(catalogue.page().contains("| F-1 | It works. | `x/good` |"));
    }
}
