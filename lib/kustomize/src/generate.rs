//! `configMapGenerator` and `secretGenerator`, and the hash that ends the names they make.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    Error, Files, files, go,
    resource::{Behavior, Resource},
    spec::{Generator, GeneratorOptions},
};

/// Which kind to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ConfigMap,
    Secret,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }
}

/// Makes one object.
pub(crate) fn generate(
    files: &dyn Files,
    dir: &str,
    kind: Kind,
    generator: &Generator,
    global: Option<&GeneratorOptions>,
) -> Result<Resource, Error> {
    let options = options(generator.options.clone(), global);
    if generator.name.is_empty() {
        return Err(Error::new("a configmap must have a name"));
    }
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(generator.name));
    if !generator.namespace.is_empty() {
        metadata.insert("namespace".to_owned(), json!(generator.namespace));
    }
    for (field, pairs) in [("labels", &options.labels), ("annotations", &options.annotations)] {
        if !pairs.is_empty() {
            metadata.insert(field.to_owned(), json!(pairs));
        }
    }
    let mut object = Map::new();
    object.insert("apiVersion".to_owned(), json!("v1"));
    object.insert("kind".to_owned(), json!(kind.name()));
    object.insert("metadata".to_owned(), Value::Object(metadata));
    let pairs = pairs(files, dir, generator)?;
    fill(&mut object, kind, pairs);
    if kind == Kind::Secret {
        let secret_type = Some(generator.secret_type.as_str()).filter(|text| !text.is_empty());
        object.insert("type".to_owned(), json!(secret_type.unwrap_or("Opaque")));
    }
    if options.immutable {
        object.insert("immutable".to_owned(), Value::Bool(true));
    }
    let behavior = Behavior::named(&generator.behavior);
    Ok(Resource::generated(
        Value::Object(object),
        behavior,
        !options.disable_name_suffix_hash,
    ))
}

/// The object's own options, completed by those for all.
fn options(own: Option<GeneratorOptions>, global: Option<&GeneratorOptions>) -> GeneratorOptions {
    let mut options = own.unwrap_or_default();
    let Some(global) = global else { return options };
    for (key, text) in &global.labels {
        options.labels.entry(key.clone()).or_insert_with(|| text.clone());
    }
    for (key, text) in &global.annotations {
        options
            .annotations
            .entry(key.clone())
            .or_insert_with(|| text.clone());
    }
    options.disable_name_suffix_hash |= global.disable_name_suffix_hash;
    options.immutable |= global.immutable;
    options
}

fn fill(object: &mut Map<String, Value>, kind: Kind, pairs: BTreeMap<String, Vec<u8>>) {
    if kind == Kind::Secret {
        let data: Map<_, _> = pairs
            .into_iter()
            .map(|(key, bytes)| (key, json!(base64_lines(&bytes))))
            .collect();
        object.insert("data".to_owned(), Value::Object(data));
        return;
    }
    for (key, bytes) in pairs {
        let (field, value) = match String::from_utf8(bytes) {
            Ok(text) => ("data", text),
            Err(error) => ("binaryData", base64_lines(error.as_bytes())),
        };
        let map = object.entry(field).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(map) = map {
            map.insert(key, Value::String(value));
        }
    }
}

/// Base64 in lines of 70 characters once there is more than one line.
fn base64_lines(bytes: &[u8]) -> String {
    const LINE: usize = 70;
    let text = STANDARD.encode(bytes);
    if text.len() < LINE {
        return text;
    }
    let mut lines = String::new();
    for (at, c) in text.chars().enumerate() {
        if at > 0 && at % LINE == 0 {
            lines.push('\n');
        }
        lines.push(c);
    }
    lines.push('\n');
    lines
}

fn pairs(files: &dyn Files, dir: &str, generator: &Generator) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    let loading = |error: Error| error.within("loading KV pairs");
    let shown = |list: &[String]| format!("[{}]", list.join(" "));
    for path in &generator.envs {
        let lines = env_file(files, dir, path);
        let within =
            |error: Error| loading(error.within(format!("env source files: {}", shown(&generator.envs))));
        all.extend(lines.map_err(within)?);
    }
    for literal in &generator.literals {
        let within =
            |error: Error| loading(error.within(format!("literal sources {}", shown(&generator.literals))));
        let (key, text) = literal_source(literal).map_err(within)?;
        all.push((key, text.into_bytes()));
    }
    for source in &generator.files {
        let within =
            |error: Error| loading(error.within(format!("file sources: {}", shown(&generator.files))));
        let (key, path) = file_source(source).map_err(within)?;
        let content = files::load(files, dir, path).map_err(within)?;
        all.push((key.to_owned(), content));
    }
    let mut map = BTreeMap::new();
    for (key, value) in all {
        if map.contains_key(&key) {
            let name = &generator.name;
            return Err(Error::new(format!(
                "configmap {name} illegally repeats the key `{key}`"
            )));
        }
        map.insert(key, value);
    }
    Ok(map)
}

fn env_file(files: &dyn Files, dir: &str, path: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let content = files::load(files, dir, path)?;
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content);
    let mut all = Vec::new();
    for line in content.split(|byte| *byte == b'\n') {
        let line = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line))
            .map_err(|_| Error::new(format!("line {line:?} has invalid utf8 bytes")))?;
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if !key.is_empty() {
            all.push((key.to_owned(), value.as_bytes().to_vec()));
        }
    }
    Ok(all)
}

fn literal_source(source: &str) -> Result<(String, String), Error> {
    let invalid = || Error::new(format!("invalid literal source {source}, expected key=value"));
    let (key, value) = source
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(invalid)?;
    let unquoted = ['"', '\''].into_iter().find_map(|quote| {
        let inner = value.strip_prefix(quote)?;
        inner.strip_suffix(quote)
    });
    Ok((key.to_owned(), unquoted.unwrap_or(value).to_owned()))
}

/// `path`, or `key=path`.
fn file_source(source: &str) -> Result<(&str, &str), Error> {
    let Some((key, path)) = source.split_once('=') else {
        let base = source.trim_end_matches('/').rsplit('/').next().unwrap_or(source);
        return Ok((base, source));
    };
    if path.contains('=') {
        return Err(Error::new(format!(
            "source {source:?} key name or file path contains '='"
        )));
    }
    if key.is_empty() {
        return Err(Error::new(format!(
            "missing key name for file path {path:?} in source {source:?}"
        )));
    }
    if path.is_empty() {
        return Err(Error::new(format!(
            "missing file path for key name {key:?} in source {source:?}"
        )));
    }
    Ok((key, path))
}

/// The hash of an object's content that ends its name.
///
/// QUIRK: of ConfigMaps and Secrets the name is always hashed as empty.
pub(crate) fn hash(object: &Value) -> String {
    let kind = manifest::object::kind(object);
    let data = |field: &str| object.get(field).cloned().unwrap_or_else(|| json!(""));
    let hashed = match kind {
        "ConfigMap" => {
            let mut hashed = json!({"kind": kind, "name": "", "data": data("data")});
            if let Some(binary) = object.get("binaryData").filter(|value| value.is_object()) {
                hashed["binaryData"] = binary.clone();
            }
            hashed
        }
        "Secret" => {
            let mut hashed = json!({"kind": kind, "type": data("type"), "name": "", "data": data("data")});
            if let Some(strings) = object.get("stringData").filter(|value| value.is_object()) {
                hashed["stringData"] = strings.clone();
            }
            hashed
        }
        _ => object.clone(),
    };
    let digest = Sha256::digest(go::json(&hashed).as_bytes());
    let hex = digest.iter().take(5).flat_map(|byte| [byte >> 4, byte & 15]);
    hex.map(|digit| b"gh2k456789mbcdtf"[usize::from(digit)] as char)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_secrets_are_broken_into_lines() {
        assert_eq!(base64_lines(b"hello"), "aGVsbG8=");
        let long = base64_lines(&[b'a'; 60]);
        assert_eq!(long.lines().map(str::len).collect::<Vec<_>>(), [70, 10]);
        assert!(long.ends_with('\n'));
    }

    #[test]
    fn sources_have_a_key() {
        assert_eq!(
            literal_source("a='b=c'").unwrap(),
            ("a".to_owned(), "b=c".to_owned())
        );
        assert!(literal_source("=b").is_err() && literal_source("b").is_err());
        assert_eq!(file_source("dir/a.txt").unwrap(), ("a.txt", "dir/a.txt"));
        assert_eq!(file_source("k=dir/a.txt").unwrap(), ("k", "dir/a.txt"));
        assert!(file_source("a=b=c").is_err());
    }
}
