//! A chart and the charts inside it.

use serde_json::{Map, Value};

use crate::metadata::Metadata;

/// A file of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path inside the chart, with slashes.
    pub name: String,
    /// What it holds.
    pub data: Vec<u8>,
}

/// A chart and the charts inside it.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// What `Chart.yaml` says.
    pub metadata: Metadata,
    /// What `values.yaml` says.
    pub values: Map<String, Value>,
    /// `values.schema.json`
    pub schema: Option<Vec<u8>>,
    /// What stands under `templates/`.
    pub templates: Vec<File>,
    /// Everything else.
    pub files: Vec<File>,
    /// What stands under `charts/`.
    pub dependencies: Vec<Chart>,
}

impl Chart {
    /// Its name, or the alias it goes by.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    pub(crate) fn is_library(&self) -> bool {
        self.metadata.kind.eq_ignore_ascii_case("library")
    }

    /// The files of `crds/`, with their full paths, those of the charts inside last.
    pub fn crds(&self) -> Vec<File> {
        let mut found = Vec::new();
        self.collect_crds(self.name(), &mut found);
        found
    }

    fn collect_crds(&self, path: &str, found: &mut Vec<File>) {
        for file in &self.files {
            let lower = file.name.to_ascii_lowercase();
            let manifest = [".yaml", ".yml", ".json"].iter().any(|it| lower.ends_with(it));
            if file.name.starts_with("crds/") && manifest {
                found.push(File {
                    name: format!("{path}/{}", file.name),
                    data: file.data.clone(),
                });
            }
        }
        for inner in &self.dependencies {
            inner.collect_crds(&format!("{path}/charts/{}", inner.name()), found);
        }
    }
}
