//! `gitops-conformance build chart`: what `helm template` prints.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use edges::{Clock, Rng, Seed};
use gotemplate::{CertificateRequest, World};
use helm::{Capabilities, Chart, File, Ignore, KubeVersion, Release, SchemaValidation};
use serde_json::{Map, Value};

/// What to render, and with what.
#[derive(Debug, Args)]
pub(super) struct ChartArgs {
    /// A folder or an archive.
    chart: PathBuf,
    /// A file with values; later ones override.
    #[arg(short = 'f', long = "values", value_name = "FILE")]
    values: Vec<PathBuf>,
    /// Values such as a.b[0]=c,d={e,f}.
    #[arg(long, value_name = "VALUES")]
    set: Vec<String>,
    /// Values that are texts.
    #[arg(long, value_name = "VALUES")]
    set_string: Vec<String>,
    /// Values that are JSON.
    #[arg(long, value_name = "VALUES")]
    set_json: Vec<String>,
    /// A value that is taken as it stands.
    #[arg(long, value_name = "VALUE")]
    set_literal: Vec<String>,
    /// The release's name.
    #[arg(long, default_value = "release-name")]
    name: String,
    /// The release's namespace.
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// The version of Kubernetes that templates see.
    #[arg(long, value_name = "VERSION")]
    kube_version: Option<String>,
    /// Versions of the API that templates see besides Helm's own.
    #[arg(short, long, value_name = "VERSION", value_delimiter = ',')]
    api_versions: Vec<String>,
    /// Prints what stands in crds/ too.
    #[arg(long)]
    include_crds: bool,
    /// Does not hold the values against values.schema.json.
    #[arg(long)]
    skip_schema_validation: bool,
}

/// The text, or what Helm says after `Error: `.
pub(super) fn rendered(args: &ChartArgs) -> Result<String, String> {
    let say = |error: helm::Error| error.shown();
    let values = values(args)?;
    let chart = load(&args.chart)?;
    let capabilities = capabilities(args.kube_version.as_deref(), &args.api_versions)?;
    let release = Release {
        name: args.name.clone(),
        namespace: args.namespace.clone(),
        ..Release::default()
    };
    let mut world = Offline::here();
    let validation = match args.skip_schema_validation {
        true => SchemaValidation::Skip,
        false => SchemaValidation::Enforce,
    };
    let rendered =
        helm::render(&chart, &values, &release, &capabilities, validation, &mut world).map_err(say)?;
    Ok(rendered.text(args.include_crds))
}

/// Helm's own, with another version and with more of the API.
pub(super) fn capabilities(
    kube_version: Option<&str>,
    api_versions: &[String],
) -> Result<Capabilities, String> {
    let mut capabilities = Capabilities::default();
    if let Some(version) = kube_version {
        capabilities.kube_version = KubeVersion::parse(version).map_err(|error| error.shown())?;
    }
    capabilities.api_versions.extend(api_versions.iter().cloned());
    Ok(capabilities)
}

fn values(args: &ChartArgs) -> Result<Map<String, Value>, String> {
    let mut values = Map::new();
    for path in &args.values {
        let text = fs::read_to_string(path).map_err(|error| format!("open {}: {error}", path.display()))?;
        let more = helm::load_values(&text)
            .map_err(|error| format!("failed to parse {}: {}", path.display(), error.shown()))?;
        values = helm::merge_maps(values, more);
    }
    for text in &args.set_json {
        if text.trim().starts_with('{') {
            match serde_json::from_str(text) {
                Ok(Value::Object(more)) => values = helm::merge_maps(values, more),
                _ => return Err(format!("failed parsing --set-json data JSON: {text}")),
            }
            continue;
        }
        helm::parse_json_into(text, &mut values)
            .map_err(|_| format!("failed parsing --set-json data {text}"))?;
    }
    type Parse = fn(&str, &mut Map<String, Value>) -> Result<(), helm::Error>;
    let flags: [(&str, &[String], Parse); 3] = [
        ("--set", &args.set, helm::parse_into),
        ("--set-string", &args.set_string, helm::parse_string_into),
        ("--set-literal", &args.set_literal, helm::parse_literal_into),
    ];
    for (flag, texts, parse) in flags {
        for text in texts {
            parse(text, &mut values)
                .map_err(|error| format!("failed parsing {flag} data: {}", error.shown()))?;
        }
    }
    Ok(values)
}

/// Loads a folder or an archive.
pub(super) fn load(path: &Path) -> Result<Chart, String> {
    let failed = |error: std::io::Error| format!("path {} not found: {error}", path.display());
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Chart::load_archive(&fs::read(path).map_err(failed)?).map_err(|error| error.shown());
    }
    let rules = match fs::read_to_string(path.join(".helmignore")) {
        Ok(text) => Ignore::parse(&text).map_err(|error| error.shown())?,
        Err(_) => Ignore::default(),
    };
    let mut files = Vec::new();
    collect(path, "", &rules, &mut files, 0)?;
    Chart::load(files).map_err(|error| error.shown())
}

/// Folders within folders of a chart.
const MAX_DEPTH: usize = 64;

fn collect(
    root: &Path,
    below: &str,
    rules: &Ignore,
    files: &mut Vec<File>,
    depth: usize,
) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err(format!(
            "folders of the chart are nested too deeply (max {MAX_DEPTH})"
        ));
    }
    let failed = |path: &str, error: std::io::Error| format!("error reading {path}: {error}");
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(below)).map_err(|error| failed(below, error))? {
        let entry = entry.map_err(|error| failed(below, error))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    for name in names {
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        let full = root.join(&path);
        let is_dir = full.is_dir();
        if rules.ignores(&path, is_dir) {
            continue;
        }
        if is_dir {
            collect(root, &path, rules, files, depth + 1)?;
            continue;
        }
        let mut data = fs::read(&full).map_err(|error| failed(&path, error))?;
        if data.starts_with(b"\xef\xbb\xbf") {
            data.drain(..3);
        }
        files.push(File { name: path, data });
    }
    Ok(())
}

/// This machine's time and chance, and no cluster.
pub(super) struct Offline {
    clock: Clock,
    rng: Rng,
}

impl Offline {
    pub(super) fn here() -> Self {
        Self {
            clock: Clock::system(),
            rng: Seed::random().rng(),
        }
    }
}

impl World for Offline {
    fn now(&mut self) -> (i64, u32) {
        let now = self.clock.now();
        (now.as_second(), now.subsec_nanosecond().unsigned_abs())
    }

    fn random(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.rng.number().to_le_bytes();
            chunk
                .iter_mut()
                .zip(drawn)
                .for_each(|(byte, drawn)| *byte = drawn);
        }
    }

    fn lookup(&mut self, _: &str, _: &str, _: &str, _: &str) -> Result<Value, String> {
        Ok(Value::Object(Map::new()))
    }

    fn host(&mut self, _: &str) -> String {
        String::new()
    }

    fn private_key(&mut self, _: &str) -> Result<String, String> {
        Err("this command makes no keys".to_owned())
    }

    fn certificate(&mut self, _: &CertificateRequest) -> Result<(String, String), String> {
        Err("this command makes no certificates".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_rendered_without_what_helmignore_names() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
            (".helmignore", "*.bak\n"),
            ("templates/a.yaml", "kind: {{ .Values.kind }}\n"),
            ("templates/b.yaml.bak", "kind: Never\n"),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let args = ChartArgs {
            chart: folder.path().to_owned(),
            values: Vec::new(),
            set: vec!["kind=Some".to_owned()],
            set_string: Vec::new(),
            set_json: Vec::new(),
            set_literal: Vec::new(),
            name: "r".to_owned(),
            namespace: "n".to_owned(),
            kube_version: None,
            api_versions: Vec::new(),
            include_crds: false,
            skip_schema_validation: false,
        };
        assert_eq!(
            rendered(&args).unwrap(),
            "---\n# Source: c/templates/a.yaml\nkind: Some\n"
        );
        let wrong = ChartArgs {
            set: vec!["a".to_owned()],
            ..args
        };
        assert_eq!(
            rendered(&wrong).unwrap_err(),
            "failed parsing --set data: key \"a\" has no value"
        );
        let schema = r#"{"properties": {"kind": {"maxLength": 3}}}"#;
        fs::write(folder.path().join("values.schema.json"), schema).unwrap();
        let checked = ChartArgs {
            set: vec!["kind=Some".to_owned()],
            ..wrong
        };
        assert_eq!(
            rendered(&checked).unwrap_err(),
            "values don't meet the specifications of the schema(s) in the following chart(s):\nc:\n- at '/kind': \
             maxLength: got 4, want 3\n"
        );
        let skipped = ChartArgs {
            skip_schema_validation: true,
            ..checked
        };
        assert!(rendered(&skipped).unwrap().ends_with("kind: Some\n"));
    }
}
