//! Promises and scenarios agree: every scenario names promises and features that exist, every feature has a scenario,
//! and the page of promises says which scenarios and tests cover which. A test says so in a line above it,
//! `// Covers: KC-19, RT-10.`

mod tests_covering;

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Finding, Source, stale};
use tests_covering::CoveringTest;

const PAGE: &str = "docs/conformance/requirements.md";

#[derive(Debug, Default, Deserialize)]
struct Scenario {
    #[serde(default)]
    requirements: Vec<String>,
    #[serde(default)]
    features: Vec<String>,
}

/// How much a claim of conformance depends on a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Level {
    Core,
    Extended,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Extended => "extended",
        }
    }
}

/// A promise; only those about upstream's behaviour have a grade.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Promise {
    Plain(String),
    Graded(Graded),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Graded {
    level: Level,
    promise: String,
}

impl Promise {
    fn text(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Graded(graded) => &graded.promise,
        }
    }

    fn level(&self) -> Option<Level> {
        match self {
            Self::Plain(_) => None,
            Self::Graded(graded) => Some(graded.level),
        }
    }
}

struct Catalogue {
    requirements: BTreeMap<String, Promise>,
    features: Vec<String>,
    /// By path without `scenarios/` and `.yaml`.
    scenarios: BTreeMap<String, Scenario>,
    tests: Vec<CoveringTest>,
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
        tests: tests_covering::read(sources).0,
    })
}

pub(crate) fn check(root: &Path, sources: &[Source]) -> Result<Vec<Finding>> {
    let catalogue = read(root, sources)?;
    let mut findings = catalogue.findings();
    findings.extend(tests_covering::read(sources).1);
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
        for test in &self.tests {
            let unknown = test
                .covers
                .iter()
                .filter(|id| !self.requirements.contains_key(*id));
            findings.extend(
                unknown.map(|id| {
                    Finding::new(&test.path, format!("{id} is not in scenarios/requirements.yaml"))
                }),
            );
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

    /// The scenarios and tests that cover a promise, as the page shows them.
    fn covering(&self, id: &str) -> Vec<String> {
        let scenarios = self.scenarios.iter();
        let scenarios = scenarios.filter(|(_, scenario)| scenario.requirements.iter().any(|one| one == id));
        let scenarios = scenarios.map(|(name, _)| format!("`{name}`"));
        let tests = self
            .tests
            .iter()
            .filter(|test| test.covers.iter().any(|one| one == id));
        let tests = tests.map(|test| format!("test `{}` in `{}`", test.name, test.path));
        scenarios.chain(tests).collect()
    }

    /// How many promises of this grade there are, and how many are covered.
    fn count(&self, level: Option<Level>) -> (usize, usize) {
        let all = self
            .requirements
            .iter()
            .filter(|(_, promise)| promise.level() == level);
        let covered = all.clone().filter(|(id, _)| !self.covering(id).is_empty());
        (all.count(), covered.count())
    }

    fn page(&self) -> String {
        let mut page =
            "# Requirements\n\nWritten by `cargo xtask tidy --write` from `scenarios/` and from the lines \
                        `// Covers:` above tests; do not edit.\n\n"
                .to_owned();
        let kinds = [
            (None, "promises in users' words"),
            (Some(Level::Core), "core assertions about upstream's behaviour"),
            (Some(Level::Extended), "extended assertions"),
        ];
        for (level, what) in kinds {
            let (all, covered) = self.count(level);
            let _ = writeln!(page, "- {covered} of {all} {what} have a scenario or a test.");
        }
        page.push_str("\n| id | level | promise | scenarios and tests |\n|---|---|---|---|\n");
        for (id, promise) in &self.requirements {
            let _ = writeln!(
                page,
                "| {id} | {} | {} | {} |",
                promise.level().map_or("", Level::word),
                promise.text().replace('|', "\\|"),
                self.covering(id).join("<br>")
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
        let graded = |text: &str| {
            Promise::Graded(Graded {
                level: Level::Core,
                promise: text.to_owned(),
            })
        };
        let catalogue = Catalogue {
            requirements: BTreeMap::from([
                ("F-1".to_owned(), Promise::Plain("It works.".to_owned())),
                ("K-1".to_owned(), graded("It holds.")),
                ("K-2".to_owned(), graded("Nobody looks.")),
            ]),
            features: vec!["a".to_owned(), "b".to_owned()],
            scenarios: BTreeMap::from([
                ("x/good".to_owned(), scenario(&["F-1"], &["a"])),
                ("x/bad".to_owned(), scenario(&["F-2"], &["c"])),
                ("x/none".to_owned(), scenario(&[], &[])),
            ]),
            tests: vec![CoveringTest {
                path: "lib/a/src/b.rs".to_owned(),
                name: "holds".to_owned(),
                covers: vec!["K-1".to_owned(), "K-9".to_owned()],
            }],
        };
        let found: Vec<String> = catalogue.findings().iter().map(Finding::to_string).collect();
        assert_eq!(
            found,
            [
                "scenarios/x/bad.yaml: F-2 is not in scenarios/requirements.yaml",
                "scenarios/x/bad.yaml: c is not in scenarios/features.yaml",
                "scenarios/x/none.yaml: names no requirement",
                "lib/a/src/b.rs: K-9 is not in scenarios/requirements.yaml",
                "scenarios/features.yaml: b has no scenario",
            ]
        );
        let page = catalogue.page();
        for line in [
            "- 1 of 1 promises in users' words have a scenario or a test.",
            "- 1 of 2 core assertions about upstream's behaviour have a scenario or a test.",
            "| F-1 |  | It works. | `x/good` |",
            "| K-1 | core | It holds. | test `holds` in `lib/a/src/b.rs` |",
            "| K-2 | core | Nobody looks. |  |",
        ] {
            assert!(page.contains(line), "{line}\n{page}");
        }
    }
}
