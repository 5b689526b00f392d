//! A chart as files: read from an archive or a directory, changed, packaged.

mod ignored;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Component, Path},
};

use flate2::{Compression, GzBuilder, read::GzDecoder};
use serde_json::{Map, Value};
use tar::{Archive, Builder, EntryType, Header};
use version::Version;

use crate::limits;
use ignored::Rules;

pub(crate) const CHART_YAML: &str = "Chart.yaml";
pub(crate) const VALUES_YAML: &str = "values.yaml";

/// A chart's files by their path below the chart's directory, and what its Chart.yaml says.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    files: BTreeMap<String, Vec<u8>>,
    metadata: Value,
}

impl Chart {
    /// Reads a packaged chart.
    pub(crate) fn of_archive(gzipped: impl Read) -> Result<Self, String> {
        let mut archive = Archive::new(GzDecoder::new(gzipped).take(limits::CHART as u64 * 20));
        let mut files = BTreeMap::new();
        let mut total = 0;
        for entry in archive.entries().map_err(|error| error.to_string())? {
            let mut entry = entry.map_err(|error| error.to_string())?;
            if !matches!(
                entry.header().entry_type(),
                EntryType::Regular | EntryType::Continuous
            ) {
                continue;
            }
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let Some(path) = below(&name)? else { continue };
            total += entry.size();
            check_size(&path, entry.size(), total, files.len())?;
            let mut content = Vec::new();
            entry
                .read_to_end(&mut content)
                .map_err(|error| error.to_string())?;
            files.insert(path, content);
        }
        Self::of_files(files)
    }

    /// Reads a chart's directory, without what its `.helmignore` leaves out.
    pub(crate) fn of_directory(directory: &Path) -> Result<Self, String> {
        let rules = match fs::read(directory.join(".helmignore")) {
            Ok(text) => Rules::parse(&String::from_utf8_lossy(&text))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Rules::parse("")?,
            Err(error) => return Err(error.to_string()),
        };
        let mut files = BTreeMap::new();
        let mut total = 0;
        walk(directory, "", 0, &rules, &mut |path, size| {
            total += size;
            check_size(path, size, total, files.len())?;
            let content = fs::read(directory.join(path)).map_err(|error| error.to_string())?;
            files.insert(path.to_owned(), content);
            Ok(())
        })?;
        Self::of_files(files)
    }

    fn of_files(files: BTreeMap<String, Vec<u8>>) -> Result<Self, String> {
        let text = files
            .get(CHART_YAML)
            .ok_or_else(|| format!("no '{CHART_YAML}' found"))?;
        let text =
            std::str::from_utf8(text).map_err(|error| format!("cannot load '{CHART_YAML}': {error}"))?;
        let metadata = yaml::read(text, yaml::Dialect::Kubernetes)
            .map_err(|error| format!("cannot load '{CHART_YAML}': {error}"))?;
        Ok(Self { files, metadata })
    }

    /// Looks whether the chart says what every chart must say.
    pub(crate) fn validate(&self) -> Result<(), String> {
        let invalid = |text: &str| Err(format!("validation: {text}"));
        if self.text("apiVersion").is_empty() {
            return invalid("chart.metadata.apiVersion is required");
        }
        let name = self.text("name");
        if name.is_empty() {
            return invalid("chart.metadata.name is required");
        }
        if name.contains(['/', '\\']) || name == "." || name == ".." {
            return invalid(&format!("chart.metadata.name {name:?} is invalid"));
        }
        let version = self.text("version");
        if version.is_empty() {
            return invalid("chart.metadata.version is required");
        }
        if version.parse::<Version>().is_err() || version.contains('/') {
            return invalid(&format!("chart.metadata.version {version:?} is invalid"));
        }
        if !matches!(self.text("type").as_str(), "" | "application" | "library") {
            return invalid("chart.metadata.type must be application or library");
        }
        Ok(())
    }

    fn text(&self, key: &str) -> String {
        self.metadata
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    pub(crate) fn name(&self) -> String {
        self.text("name")
    }

    pub(crate) fn version(&self) -> String {
        self.text("version")
    }

    /// The charts that this one wants: of Chart.yaml, or of requirements.yaml in charts of the first version.
    pub(crate) fn dependencies(&self) -> Result<Vec<Value>, String> {
        let own = self.metadata.get("dependencies").and_then(Value::as_array);
        if let Some(own) = own {
            return Ok(own.clone());
        }
        let Some(text) = self.files.get("requirements.yaml") else {
            return Ok(Vec::new());
        };
        let text = String::from_utf8_lossy(text);
        let value = yaml::read(&text, yaml::Dialect::Kubernetes)
            .map_err(|error| format!("cannot load 'requirements.yaml': {error}"))?;
        Ok(value
            .get("dependencies")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default())
    }

    /// Whether a chart of this name lies among the chart's own.
    pub(crate) fn holds(&self, name: &str) -> bool {
        let directory = format!("charts/{name}/{CHART_YAML}");
        let archive = format!("charts/{name}-");
        let packed = |path: &String| {
            path.strip_prefix(&archive)
                .and_then(|it| it.strip_suffix(".tgz"))
                .is_some_and(|it| !it.contains('/'))
        };
        self.files.contains_key(&directory) || self.files.keys().any(packed)
    }

    /// Puts a chart among the chart's own.
    pub(crate) fn add(&mut self, dependency: Self) {
        let name = dependency.name();
        for (path, content) in dependency.files {
            self.files.insert(format!("charts/{name}/{path}"), content);
        }
    }

    /// A file's content as YAML; nothing if there is no such file.
    pub(crate) fn values(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// Changes the chart's version.
    pub(crate) fn set_version(&mut self, version: &str) {
        if self.version() == version {
            return;
        }
        if let Some(members) = self.metadata.as_object_mut() {
            members.insert("version".to_owned(), Value::String(version.to_owned()));
        }
        self.files.insert(
            CHART_YAML.to_owned(),
            yaml::to_string(&self.metadata).into_bytes(),
        );
    }

    /// Puts other values in the place of the chart's; whether that changed anything.
    pub(crate) fn set_values(&mut self, values: &Map<String, Value>) -> Result<bool, String> {
        if values.is_empty() {
            return Ok(false);
        }
        let old = self.files.get(VALUES_YAML);
        let old = old.ok_or_else(|| format!("failed to locate values file: {VALUES_YAML}"))?;
        let new = yaml::to_string(&Value::Object(values.clone())).into_bytes();
        if *old == new {
            return Ok(false);
        }
        self.files.insert(VALUES_YAML.to_owned(), new);
        Ok(true)
    }

    /// Packages the chart: the same chart gives the same bytes.
    pub(crate) fn package(&self) -> Result<Vec<u8>, String> {
        let broken = |error: io::Error| format!("failed to package chart: {error}");
        let name = self.name();
        let mut builder = Builder::new(
            GzBuilder::new()
                .mtime(0)
                .write(Vec::new(), Compression::default()),
        );
        // Programs that read charts want to see Chart.yaml first.
        let first = |path: &&String| (path.as_str() != CHART_YAML, path.starts_with("charts/"));
        let mut paths: Vec<&String> = self.files.keys().collect();
        paths.sort_by_key(|path| first(path));
        for path in paths {
            let content = self.files.get(path).map(Vec::as_slice).unwrap_or_default();
            let mut header = Header::new_ustar();
            header.set_entry_type(EntryType::Regular);
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            builder
                .append_data(&mut header, format!("{name}/{path}"), content)
                .map_err(broken)?;
        }
        builder
            .into_inner()
            .and_then(flate2::write::GzEncoder::finish)
            .map_err(broken)
    }
}

fn check_size(path: &str, size: u64, total: u64, count: usize) -> Result<(), String> {
    if size > limits::CHART_FILE {
        return Err(format!(
            "size of '{path}' exceeds '{}' bytes limit",
            limits::CHART_FILE
        ));
    }
    if total > limits::CHART as u64 * 10 || count >= limits::CHART_FILES {
        return Err(format!(
            "chart exceeds '{}' bytes or '{}' files limit",
            limits::CHART * 10,
            limits::CHART_FILES
        ));
    }
    Ok(())
}

/// The path below the archive's one directory; nothing for what lies beside it.
fn below(name: &str) -> Result<Option<String>, String> {
    let name = name.replace('\\', "/");
    if name.starts_with('/') || name.as_bytes().get(1) == Some(&b':') {
        return Err("chart illegally contains absolute paths".to_owned());
    }
    let mut parts = Vec::new();
    for component in Path::new(&name).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::CurDir => {}
            _ => return Err("chart illegally references parent directory".to_owned()),
        }
    }
    if parts.len() < 2 {
        return Ok(None);
    }
    Ok(Some(parts.split_off(1).join("/")))
}

fn walk(
    root: &Path,
    prefix: &str,
    depth: usize,
    rules: &Rules,
    visit: &mut dyn FnMut(&str, u64) -> Result<(), String>,
) -> Result<(), String> {
    if depth > limits::DEPTH {
        return Err("directories nested too deeply".to_owned());
    }
    let broken = |error: io::Error| error.to_string();
    let entries = fs::read_dir(root.join(prefix)).map_err(broken)?;
    let mut entries = entries.collect::<io::Result<Vec<_>>>().map_err(broken)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        let kind = entry.file_type().map_err(broken)?;
        if rules.ignores(&path, kind.is_dir()) {
            continue;
        }
        if kind.is_dir() {
            walk(root, &path, depth + 1, rules, visit)?;
        } else if kind.is_file() {
            visit(&path, entry.metadata().map_err(broken)?.len())?;
        }
    }
    Ok(())
}

/// Values over values: maps are merged, anything else is replaced.
pub(crate) fn merge(base: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => merge(below, above),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// A file of values.
pub(crate) fn read_values(content: &[u8], path: &str) -> Result<Map<String, Value>, String> {
    let text = String::from_utf8_lossy(content);
    let failed = |error: &dyn std::fmt::Display| format!("unmarshaling values from '{path}' failed: {error}");
    match yaml::read(&text, yaml::Dialect::Kubernetes).map_err(|error| failed(&error))? {
        Value::Object(values) => Ok(values),
        Value::Null => Ok(Map::new()),
        _ => Err(failed(&"error unmarshaling JSON: the values are no map")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chart(files: &[(&str, &str)]) -> Chart {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Chart::of_directory(directory.path()).unwrap()
    }

    const YAML: &str = "apiVersion: v2\nname: app\nversion: 1.0.0\n";

    #[test]
    fn a_chart_survives_its_package() {
        let mut chart = chart(&[
            (CHART_YAML, YAML),
            (VALUES_YAML, "a: 1\n"),
            ("templates/a.yaml", "x"),
            ("charts/b/Chart.yaml", "name: b\n"),
            (".helmignore", "*.bak\nsecret/\n"),
            ("x.bak", ""),
            ("secret/y", ""),
        ]);
        chart.validate().unwrap();
        assert!(chart.holds("b") && !chart.holds("app"));
        chart.set_version("1.0.0+abc");
        let values = json!({"b": {"c": 2}});
        assert!(chart.set_values(values.as_object().unwrap()).unwrap());
        let bytes = chart.package().unwrap();
        assert_eq!(bytes, chart.package().unwrap());
        let again = Chart::of_archive(&bytes[..]).unwrap();
        assert_eq!(
            (again.name(), again.version()),
            ("app".into(), "1.0.0+abc".into())
        );
        assert_eq!(again.values(VALUES_YAML).unwrap(), b"b:\n  c: 2\n");
        let paths: Vec<&String> = again.files.keys().collect();
        assert_eq!(
            paths,
            [
                ".helmignore",
                CHART_YAML,
                "charts/b/Chart.yaml",
                "templates/a.yaml",
                VALUES_YAML
            ]
        );
    }

    #[test]
    fn values_are_merged_deeply() {
        let mut base = json!({"a": {"b": 1, "c": [1]}, "d": 1})
            .as_object()
            .unwrap()
            .clone();
        let over = json!({"a": {"c": [2]}, "e": null}).as_object().unwrap().clone();
        merge(&mut base, over);
        assert_eq!(
            Value::Object(base),
            json!({"a": {"b": 1, "c": [2]}, "d": 1, "e": null})
        );
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        assert!(below("/app/x").is_err());
        assert!(below("app/../../x").is_err());
        assert!(below("C:\\x").is_err());
        assert_eq!(below("app/./x/y").unwrap().as_deref(), Some("x/y"));
        assert_eq!(below("x").unwrap(), None);
    }
}
