//! Charts come out as `helm template` prints them, errors included; see the SOURCE of the vectors.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use gotemplate::{CertificateRequest, World};
use helm::{Capabilities, Chart, File, Ignore, KubeVersion, Release, SchemaValidation};
use serde_json::{Map, Value};

/// Cases where this crate says something else on purpose, each with the reason.
const DIFFERENCES: &[(&str, &str)] = &[
    ("err-block", "lib/yaml reports another of the text's mistakes"),
    ("err-unicode", "lib/yaml words it otherwise"),
    (
        "err-doc",
        "lib/yaml takes an end of document where go-yaml does not",
    ),
    ("nochart", "the folder's name is not known here"),
    ("format draft-07", "the validator words it otherwise"),
    ("format date draft-07", "the validator words it otherwise"),
    ("bad pattern", "the validator words it otherwise"),
    ("pattern lookahead", "the validator words it otherwise"),
    ("bad schema", "the validator resolves no such address"),
    ("ref file", "no file of the machine is read"),
];

/// A cluster that has nothing, at a fixed time.
struct Offline;

impl World for Offline {
    fn now(&mut self) -> (i64, u32) {
        (1_700_000_000, 0)
    }

    fn random(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }

    fn lookup(&mut self, _: &str, _: &str, _: &str, _: &str) -> Result<Value, String> {
        Ok(Value::Object(Map::new()))
    }

    fn host(&mut self, _: &str) -> String {
        String::new()
    }

    fn private_key(&mut self, _: &str) -> Result<String, String> {
        Err("none".to_owned())
    }

    fn certificate(&mut self, _: &CertificateRequest) -> Result<(String, String), String> {
        Err("none".to_owned())
    }
}

fn fixture(name: &str) -> Vec<File> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/charts")
        .join(name);
    let rules = fs::read_to_string(root.join(".helmignore")).map(|text| Ignore::parse(&text).unwrap());
    let mut files = Vec::new();
    collect(&root, "", &rules.unwrap_or_default(), &mut files);
    files
}

fn collect(root: &Path, below: &str, rules: &Ignore, files: &mut Vec<File>) {
    let mut names: Vec<String> = fs::read_dir(root.join(below))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in names {
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        let full = root.join(&path);
        if rules.ignores(&path, full.is_dir()) {
            continue;
        }
        if full.is_dir() {
            collect(root, &path, rules, files);
        } else {
            let data = fs::read(full).unwrap();
            files.push(File { name: path, data });
        }
    }
}

fn texts(case: &Value, key: &str) -> Vec<String> {
    let list = case[key].as_array().into_iter().flatten();
    list.map(|it| it.as_str().unwrap().to_owned()).collect()
}

fn template(case: &Value) -> Result<String, String> {
    let say = |error: helm::Error| error.shown();
    let mut values = Map::new();
    for text in texts(case, "values") {
        values = helm::merge_maps(values, helm::load_values(&text).map_err(say)?);
    }
    type Parse = fn(&str, &mut Map<String, Value>) -> Result<(), helm::Error>;
    let flags: [(&str, &str, Parse); 4] = [
        ("set_json", "--set-json", helm::parse_json_into),
        ("set", "--set", helm::parse_into),
        ("set_string", "--set-string", helm::parse_string_into),
        ("set_literal", "--set-literal", helm::parse_literal_into),
    ];
    let mut capabilities = Capabilities::default();
    if let Some(version) = case["kube_version"].as_str() {
        capabilities.kube_version = KubeVersion::parse(version).map_err(say)?;
    }
    capabilities.api_versions.extend(texts(case, "api_versions"));
    for (key, flag, parse) in flags {
        for text in texts(case, key) {
            if key == "set_json" && text.trim().starts_with('{') {
                let json: Value = serde_json::from_str(&text)
                    .map_err(|_| format!("failed parsing --set-json data JSON: {text}"))?;
                if let Value::Object(json) = json {
                    values = helm::merge_maps(values, json);
                }
                continue;
            }
            parse(&text, &mut values).map_err(|error| match key {
                "set_json" => format!("failed parsing {flag} data {text}"),
                _ => format!("failed parsing {flag} data: {}", say(error)),
            })?;
        }
    }
    let files = match case["files"].as_object() {
        None => fixture(case["chart"].as_str().unwrap()),
        Some(files) => {
            let file = |(name, text): (&String, &Value)| File {
                name: name.clone(),
                data: text.as_str().unwrap().as_bytes().to_vec(),
            };
            files.iter().map(file).collect()
        }
    };
    let chart = Chart::load(files).map_err(say)?;
    let mut release = Release::default();
    if let Some(name) = case["name"].as_str() {
        name.clone_into(&mut release.name);
    }
    if let Some(namespace) = case["namespace"].as_str() {
        namespace.clone_into(&mut release.namespace);
    }
    let validation = match case["skip_schema_validation"] == true {
        true => SchemaValidation::Skip,
        false => SchemaValidation::Enforce,
    };
    let world = &mut Offline;
    let rendered = helm::render(&chart, &values, &release, &capabilities, validation, world).map_err(say)?;
    Ok(rendered.text(case["include_crds"] == true))
}

/// Without the lines of YAML errors, where go-yaml often names the one before.
fn masked(text: &str) -> String {
    let mut parts = text.split("yaml: line ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("yaml: line N");
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}

#[test]
fn renders_as_helm_template() {
    agrees(include_str!("../vectors/template.json"), 200);
}

#[test]
fn holds_values_against_schemas_as_helm_template() {
    agrees(include_str!("../vectors/schema.json"), 100);
}

fn agrees(vectors: &str, least: usize) {
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() > least);
    let mut wrong = Vec::new();
    for case in cases {
        let name = case["label"].as_str().or(case["chart"].as_str()).unwrap();
        let ours = template(case).unwrap_or_else(|error| format!("Error: {error}"));
        let expected = case["out"].as_str().or(case["error"].as_str()).unwrap();
        let listed = DIFFERENCES.iter().any(|(other, _)| *other == name);
        if (masked(&ours) != masked(expected)) != listed {
            let same = expected
                .lines()
                .zip(ours.lines())
                .take_while(|(a, b)| a == b)
                .count();
            let rest = |text: &str| text.lines().skip(same).take(5).collect::<Vec<_>>().join("\n    ");
            wrong.push(format!("{name}\n  - {}\n  + {}", rest(expected), rest(&ours)));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n{} of {} wrong",
        wrong.join("\n"),
        wrong.len(),
        cases.len()
    );
}
