//! Charts out of files and archives.

use std::{collections::BTreeMap, io::Read as _};

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use yaml::Dialect;

use crate::{
    chart::{Chart, File},
    error::Error,
    limits::{MAX_CHART, MAX_DEPTH, MAX_FILE, MAX_FILES},
    metadata::{Metadata, for_texts},
    values::load_values,
};

impl Chart {
    /// Loads a chart from its files, whose names are paths inside it.
    ///
    /// # Errors
    /// What Helm says is wrong with them.
    pub fn load(files: Vec<File>) -> Result<Self, Error> {
        from_files(files, 0)
    }

    /// Loads a chart from a compressed archive.
    ///
    /// # Errors
    /// If it is none, if it is too large, if it names files outside itself, or what is wrong with its files.
    pub fn load_archive(bytes: &[u8]) -> Result<Self, Error> {
        from_files(unpack(bytes)?, 0)
    }
}

fn metadata_of(value: Value, file: &str) -> Result<Metadata, Error> {
    match for_texts(value) {
        Value::Null => Ok(Metadata::default()),
        value => serde_json::from_value(value).map_err(|error| {
            Error::new(format!(
                "cannot load {file}: error unmarshaling JSON: while decoding JSON: json: {error}"
            ))
        }),
    }
}

fn yaml_of(file: &File) -> Result<Value, Error> {
    yaml::read(&String::from_utf8_lossy(&file.data), Dialect::Kubernetes).map_err(|error| {
        Error::new(format!(
            "cannot load {}: error converting YAML to JSON: {error}",
            file.name
        ))
    })
}

fn from_files(files: Vec<File>, depth: usize) -> Result<Chart, Error> {
    if depth > MAX_DEPTH {
        return Err(Error::new(format!(
            "charts are nested too deeply (max {MAX_DEPTH})"
        )));
    }
    let mut chart = Chart::default();
    let Some(first) = files.iter().find(|file| file.name == "Chart.yaml") else {
        return Err(Error::new("Chart.yaml file is missing"));
    };
    chart.metadata = metadata_of(yaml_of(first)?, "Chart.yaml")?;
    if chart.metadata.api_version.is_empty() {
        chart.metadata.api_version = "v1".to_owned();
    }
    let mut inner: BTreeMap<String, Vec<File>> = BTreeMap::new();
    for mut file in files {
        match file.name.as_str() {
            "Chart.yaml" | "Chart.lock" => {}
            "values.yaml" => {
                let text = String::from_utf8_lossy(&file.data);
                chart.values = load_values(&text).map_err(|it| it.context("cannot load values.yaml"))?;
            }
            "values.schema.json" => chart.schema = Some(file.data),
            "requirements.yaml" | "requirements.lock" => {
                if file.name == "requirements.yaml" {
                    let more = metadata_of(yaml_of(&file)?, "requirements.yaml")?;
                    chart.metadata.dependencies = more.dependencies;
                }
                if chart.metadata.api_version == "v1" {
                    chart.files.push(file);
                }
            }
            name if name.starts_with("templates/") => chart.templates.push(file),
            name if name.starts_with("charts/") && !name.ends_with(".prov") => {
                let name = name["charts/".len()..].to_owned();
                let folder = name.split('/').next().unwrap_or_default().to_owned();
                file.name = name;
                inner.entry(folder).or_default().push(file);
            }
            _ => chart.files.push(file),
        }
    }
    chart.metadata.validate()?;
    // DIFFERENCE: Helm keeps the charts of charts/ in random order; here they are sorted by name.
    for (name, files) in inner {
        if name.starts_with(['_', '.']) {
            continue;
        }
        let loaded = subchart(&name, files, depth)
            .map_err(|error| error.context(format!("error unpacking subchart {name} in {}", chart.name())))?;
        chart.dependencies.push(loaded);
    }
    Ok(chart)
}

fn subchart(name: &str, files: Vec<File>, depth: usize) -> Result<Chart, Error> {
    if name.ends_with(".tgz") {
        return match files.first() {
            Some(file) if file.name == name => from_files(unpack(&file.data)?, depth + 1),
            Some(file) => Err(Error::new(format!("expected {name}, got {}", file.name))),
            None => Err(Error::new("no files in chart archive")),
        };
    }
    let own = files.into_iter().filter_map(|file| {
        let (_, rest) = file.name.split_once('/')?;
        Some(File {
            name: rest.to_owned(),
            data: file.data,
        })
    });
    from_files(own.collect(), depth + 1)
}

/// The files of a compressed archive, without the folder that all stand in.
fn unpack(bytes: &[u8]) -> Result<Vec<File>, Error> {
    let broken = |error: std::io::Error| Error::new(error.to_string());
    let mut archive = tar::Archive::new(MultiGzDecoder::new(bytes).take(MAX_CHART * 2));
    let mut files = Vec::new();
    let mut remaining = MAX_CHART;
    for entry in archive.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() || kind.is_pax_local_extensions() {
            continue;
        }
        let full = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = inner_name(&full)?;
        let size = entry.size();
        let too_large = || {
            Error::new(format!(
                "decompressed chart is larger than the maximum size {MAX_CHART}"
            ))
        };
        if size > remaining {
            return Err(too_large());
        }
        if size > MAX_FILE {
            return Err(Error::new(format!(
                "decompressed chart file {} is larger than the maximum file size {MAX_FILE}",
                stdx::quote::quote(full.as_bytes())
            )));
        }
        let mut data = Vec::new();
        entry.take(remaining).read_to_end(&mut data).map_err(broken)?;
        remaining -= (data.len() as u64).min(remaining);
        if (data.len() as u64) < size || remaining == 0 {
            return Err(too_large());
        }
        if data.starts_with(b"\xef\xbb\xbf") {
            data.drain(..3);
        }
        files.push(File { name, data });
        if files.len() > MAX_FILES {
            return Err(Error::new(format!("chart has more than {MAX_FILES} files")));
        }
    }
    if files.is_empty() {
        return Err(Error::new("no files in chart archive"));
    }
    Ok(files)
}

fn inner_name(full: &str) -> Result<String, Error> {
    let delimiter = if full.contains('\\') { '\\' } else { '/' };
    let (first, rest) = full.split_once(delimiter).unwrap_or((full, ""));
    let rest = rest.replace(delimiter, "/");
    if rest.starts_with('/') {
        return Err(Error::new("chart illegally contains absolute paths"));
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.pop().is_none() => {
                return Err(Error::new("chart illegally references parent directory"));
            }
            ".." => {}
            _ => parts.push(part),
        }
    }
    let name = parts.join("/");
    if name.is_empty() {
        return Err(Error::new(format!(
            "chart illegally contains content outside the base directory: {}",
            stdx::quote::quote(full.as_bytes())
        )));
    }
    let drive = matches!(name.as_bytes(), [letter, b':', b'/', ..] if letter.is_ascii_alphabetic());
    if drive {
        return Err(Error::new("chart contains illegally named files"));
    }
    if first == "Chart.yaml" {
        return Err(Error::new("chart yaml not in base directory"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        assert_eq!(inner_name("c/templates/a.yaml").unwrap(), "templates/a.yaml");
        assert_eq!(inner_name("c\\templates\\a.yaml").unwrap(), "templates/a.yaml");
        for bad in ["c/../../x", "c//x", "c", "c/C:/x", "Chart.yaml/x"] {
            assert!(inner_name(bad).is_err(), "{bad}");
        }
    }
}
