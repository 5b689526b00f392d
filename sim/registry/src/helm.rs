//! A Helm repository: charts, and an index of them.

use std::{collections::BTreeMap, io::Read};

use bytes::Bytes;
use edges::Body;
use flate2::read::GzDecoder;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::{Error, RegistryServer, access::error, serve::content};

/// The largest Chart.yaml.
const MAX_CHART_FILE: u64 = 1 << 20;

impl RegistryServer {
    /// Adds a packaged chart. Returns its name and version.
    ///
    /// # Errors
    /// When the tarball is no chart.
    pub fn add_chart(&self, tarball: impl Into<Bytes>) -> Result<(String, String), Error> {
        let tarball = tarball.into();
        let chart = chart_yaml(&tarball)?;
        let text = |key: &str| chart.get(key).and_then(Value::as_str).map(str::to_owned);
        let name = text("name").ok_or(Error::Chart("Chart.yaml has no name"))?;
        let version = text("version").ok_or(Error::Chart("Chart.yaml has no version"))?;
        self.state()
            .charts
            .insert(format!("{name}-{version}.tgz"), tarball);
        Ok((name, version))
    }

    /// Puts other content under a file's name.
    pub fn set_chart_file(&self, name: &str, bytes: impl Into<Bytes>) {
        self.state().charts.insert(name.to_owned(), bytes.into());
    }

    /// Removes a chart.
    pub fn remove_chart(&self, name: &str, version: &str) -> bool {
        self.state()
            .charts
            .remove(&format!("{name}-{version}.tgz"))
            .is_some()
    }

    /// Puts an index in the place of the one that is made of the charts; nothing brings that one back.
    pub fn set_index(&self, index: Option<Bytes>) {
        self.state().index = index;
    }

    pub(crate) fn chart_file(&self, name: &str) -> Response<Body> {
        if name == "index.yaml" {
            let given = self.state().index.clone();
            let index = given.unwrap_or_else(|| self.index());
            return content(index, "application/x-yaml", "");
        }
        match self.state().charts.get(name) {
            Some(file) => content(file.clone(), "application/gzip", ""),
            None => error(StatusCode::NOT_FOUND, "NOT_FOUND", "404 page not found"),
        }
    }

    fn index(&self) -> Bytes {
        let mut entries: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (file, tarball) in &self.state().charts {
            let Ok(mut chart) = chart_yaml(tarball) else {
                continue;
            };
            chart["urls"] = json!([file]);
            chart["digest"] = json!(stdx::sha256_hex(tarball));
            chart["created"] = json!("2024-01-01T00:00:00Z");
            let name = chart["name"].as_str().unwrap_or_default().to_owned();
            entries.entry(name).or_default().push(chart);
        }
        let index = json!({"apiVersion": "v1", "generated": "2024-01-01T00:00:00Z", "entries": entries});
        yaml::to_string(&index).into()
    }
}

/// The Chart.yaml at the top of a packaged chart.
fn chart_yaml(tarball: &[u8]) -> Result<Value, Error> {
    let mut archive = tar::Archive::new(GzDecoder::new(tarball));
    for entry in archive.entries()? {
        let entry = entry?;
        let path = entry.path_bytes().into_owned();
        let path = String::from_utf8_lossy(&path).into_owned();
        if path.split('/').count() == 2 && path.ends_with("/Chart.yaml") {
            let mut text = String::new();
            entry.take(MAX_CHART_FILE).read_to_string(&mut text)?;
            return yaml::read(&text, yaml::Dialect::Kubernetes)
                .map_err(|_| Error::Chart("Chart.yaml is no YAML"));
        }
    }
    Err(Error::Chart("no Chart.yaml"))
}
