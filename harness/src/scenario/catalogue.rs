//! Finds and reads every scenario below `scenarios/`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Scenario,
    diagnostic::{Diagnostic, Place},
    lint,
    registry::{self, Features, Requirements},
};

/// How the features begin that only clusters of OpenShift have.
pub(crate) const OPENSHIFT: &str = "openshift.";

/// Where the data of the suite is.
#[derive(Debug, Clone)]
pub struct Roots {
    /// The folder that holds `scenarios/` and `fixtures/`.
    pub root: PathBuf,
}

impl Roots {
    /// The suite in `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The suite in `start` or the nearest folder above it.
    pub fn above(start: &Path) -> Option<Self> {
        start
            .ancestors()
            .find(|folder| folder.join("scenarios/requirements.yaml").is_file())
            .map(Self::at)
    }

    pub(crate) fn scenarios(&self) -> PathBuf {
        self.root.join("scenarios")
    }

    pub(crate) fn fixtures(&self) -> PathBuf {
        self.root.join("fixtures/repos")
    }

    pub(crate) fn snapshots(&self) -> PathBuf {
        self.scenarios().join("snapshots")
    }

    /// The file's name as people see it: relative to the root, with slashes.
    fn shown(&self, path: &Path) -> String {
        let relative = path.strip_prefix(&self.root).unwrap_or(path);
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        parts.join("/")
    }
}

/// A scenario and the file it was read from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name: the path below `scenarios/` without the ending.
    pub name: String,
    /// Its file, relative to the root.
    pub file: String,
    /// The file's text, for snippets.
    pub text: String,
    /// What it says.
    pub scenario: Scenario,
}

impl Source {
    /// Whether the scenario is about clusters of OpenShift.
    pub(crate) fn needs_openshift(&self) -> bool {
        let mut features = self.scenario.features.iter();
        features.any(|feature| feature.value.starts_with(OPENSHIFT))
    }
}

/// Every scenario, read and checked.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// Where it was read from.
    pub roots: Roots,
    /// The scenarios, ordered by name.
    pub scenarios: Vec<Source>,
    /// What is wrong.
    pub findings: Vec<Diagnostic>,
}

impl Catalogue {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// When a folder or file cannot be read; what is wrong inside the files are findings.
    pub fn read(roots: Roots) -> io::Result<Self> {
        let mut catalogue = Self {
            scenarios: Vec::new(),
            findings: Vec::new(),
            roots,
        };
        let requirements: Requirements = catalogue.registry("requirements.yaml")?;
        let features: Features = catalogue.registry("features.yaml")?;
        let folder = catalogue.roots.scenarios();
        for path in files(&folder)? {
            let below = path.strip_prefix(&folder).unwrap_or(&path).to_owned();
            if below.components().count() > 1 && !below.starts_with("snapshots") {
                catalogue.add(&path, &below)?;
            }
        }
        catalogue.scenarios.sort_by(|a, b| a.name.cmp(&b.name));
        let found = lint::check(&catalogue, &requirements, &features);
        catalogue.findings.extend(found);
        catalogue.findings.sort_by(|a, b| a.place.cmp(&b.place));
        Ok(catalogue)
    }

    /// Reads one scenario by its exact name, without the rest of the catalogue.
    ///
    /// # Errors
    /// When the file cannot be read, or what is wrong in it.
    pub fn read_one(roots: &Roots, name: &str) -> io::Result<Result<Source, Diagnostic>> {
        let path = roots.scenarios().join(format!("{name}.yaml"));
        let text = fs::read_to_string(&path)?;
        Ok(parse(roots.shown(&path), name.to_owned(), text))
    }

    fn registry<T: for<'de> serde::Deserialize<'de> + Default>(&mut self, name: &str) -> io::Result<T> {
        let path = self.roots.scenarios().join(name);
        let text = fs::read_to_string(&path).map_err(|error| at(&path, &error))?;
        match registry::read(&self.roots.shown(&path), &text) {
            Ok(entries) => Ok(entries),
            Err(finding) => {
                self.findings.push(finding);
                Ok(T::default())
            }
        }
    }

    fn add(&mut self, path: &Path, below: &Path) -> io::Result<()> {
        let file = self.roots.shown(path);
        let text = fs::read_to_string(path).map_err(|error| at(path, &error))?;
        if below.extension().is_none_or(|ending| ending != "yaml") {
            let place = Place {
                file,
                line: 1,
                column: 1,
            };
            let finding = Diagnostic::new(place, &text, "not a scenario: the name must end in .yaml");
            self.findings
                .push(finding.help("rename it, or move it out of scenarios/"));
            return Ok(());
        }
        let name: Vec<_> = below
            .with_extension("")
            .iter()
            .map(|p| p.to_string_lossy().into_owned())
            .collect();
        match parse(file, name.join("/"), text) {
            Ok(source) => self.scenarios.push(source),
            Err(finding) => self.findings.push(finding),
        }
        Ok(())
    }
}

/// Reads the text of one scenario file.
pub(crate) fn parse(file: String, name: String, text: String) -> Result<Source, Diagnostic> {
    let options = serde_saphyr::options! { with_snippet: false };
    match serde_saphyr::from_str_with_options::<Scenario>(&text, options) {
        Ok(scenario) => Ok(Source {
            name,
            file,
            text,
            scenario,
        }),
        Err(error) => Err(Diagnostic::from_yaml(&file, &text, &error)),
    }
}

/// Every file below `folder`, ordered.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).map_err(|error| at(folder, &error))?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
