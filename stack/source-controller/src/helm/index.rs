//! The index of a Helm repository.

use std::cmp::Reverse;

use serde_json::{Map, Value};
use version::{Constraint, Version};

/// An index: charts by name, the newest version first.
#[derive(Clone, Debug)]
pub(crate) struct Index(Value);

/// A version of a chart in an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChartVersion {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) url: Option<String>,
}

impl Index {
    /// Reads YAML or JSON; entries that are no charts are left out.
    // DIFFERENCE: upstream refuses an index with members that Helm does not know.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.is_empty() {
            return Err("empty index.yaml file".to_owned());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "yaml: invalid Unicode text")?;
        let mut index = match serde_json::from_str::<Value>(text) {
            Ok(value) => value,
            Err(_) => yaml::read(text, yaml::Dialect::Kubernetes)
                .map_err(|error| format!("error converting YAML to JSON: {error}"))?,
        };
        let members = index
            .as_object_mut()
            .ok_or("error unmarshaling JSON: while decoding JSON: json: cannot unmarshal into Go value of type v1.IndexFile")?;
        if text_of(members, "apiVersion").is_empty() {
            return Err("no API version specified".to_owned());
        }
        let entries = members
            .entry("entries")
            .or_insert_with(|| Value::Object(Map::new()));
        if entries.is_null() {
            *entries = Value::Object(Map::new());
        }
        let entries = entries
            .as_object_mut()
            .ok_or("error unmarshaling JSON: entries is no map")?;
        for versions in entries.values_mut() {
            let Some(list) = versions.as_array_mut() else {
                *versions = Value::Array(Vec::new());
                continue;
            };
            list.retain(is_chart);
            list.sort_by_cached_key(|it| Reverse(version_of(it)));
        }
        Ok(Self(index))
    }

    /// The index as it is stored.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(&self.0).unwrap_or_default()
    }

    /// The version that a user means: exactly this one, or the highest in the range.
    pub(crate) fn find(&self, name: &str, wanted: &str) -> Result<ChartVersion, String> {
        let entries = self
            .0
            .get("entries")
            .and_then(|it| it.get(name))
            .and_then(Value::as_array);
        let versions = entries.ok_or("no chart name found")?;
        if versions.is_empty() {
            return Err("no chart version found".to_owned());
        }
        let exact = versions
            .iter()
            .find(|it| !wanted.is_empty() && it["version"] == wanted);
        if let Some(exact) = exact {
            return Ok(chosen(exact));
        }
        let range = if wanted.is_empty() { "*" } else { wanted };
        let range: Constraint = range
            .parse()
            .map_err(|error: version::ConstraintError| error.to_string())?;
        let fitting = versions
            .iter()
            .filter(|it| version_of(it).is_some_and(|it| range.matches(&it)));
        let best = fitting.max_by_key(|it| (version_of(it), it["created"].as_str().map(str::to_owned)));
        let none = || format!("no '{name}' chart with version matching '{wanted}' found");
        best.map(chosen).ok_or_else(none)
    }
}

fn text_of(members: &Map<String, Value>, key: &str) -> String {
    members
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn version_of(entry: &Value) -> Option<Version> {
    entry.get("version")?.as_str()?.parse().ok()
}

fn is_chart(entry: &Value) -> bool {
    let name = entry.get("name").and_then(Value::as_str).unwrap_or_default();
    let kind = entry.get("type").and_then(Value::as_str).unwrap_or_default();
    !name.is_empty()
        && !name.contains('/')
        && matches!(kind, "" | "application" | "library")
        && version_of(entry).is_some()
}

fn chosen(entry: &Value) -> ChartVersion {
    let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    ChartVersion {
        name: text("name"),
        version: text("version"),
        url: entry["urls"][0].as_str().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "\
apiVersion: v1
entries:
  app:
  - {name: app, version: 1.2.0, urls: [app-1.2.0.tgz], created: 2024-01-01T00:00:00Z}
  - {name: app, version: 1.10.0, urls: [app-1.10.0.tgz], created: 2024-01-01T00:00:00Z}
  - {name: app, version: 2.0.0-rc.1, urls: [app-2.0.0-rc.1.tgz]}
  - {name: ../app, version: 9.0.0}
  - {name: app, version: nonsense}
  - null
  none: []
";

    #[test]
    fn versions_are_found_as_helm_finds_them() {
        let index = Index::parse(INDEX.as_bytes()).unwrap();
        let version = |wanted: &str| index.find("app", wanted).map(|it| it.version);
        assert_eq!(version("").unwrap(), "1.10.0");
        assert_eq!(version("*").unwrap(), "1.10.0");
        assert_eq!(version("1.2.0").unwrap(), "1.2.0");
        assert_eq!(version("<1.5").unwrap(), "1.2.0");
        assert_eq!(version(">=0-0").unwrap(), "2.0.0-rc.1");
        assert_eq!(
            version("3.x").unwrap_err(),
            "no 'app' chart with version matching '3.x' found"
        );
        assert_eq!(index.find("other", "*").unwrap_err(), "no chart name found");
        assert_eq!(index.find("none", "*").unwrap_err(), "no chart version found");
        let again = Index::parse(&index.to_json()).unwrap();
        assert_eq!(again.find("app", "*"), index.find("app", "*"));
    }

    #[test]
    fn what_is_no_index_is_refused() {
        for (text, error) in [
            ("", "empty index.yaml file"),
            ("entries: {}\n", "no API version specified"),
            ("- a\n", "error unmarshaling JSON"),
            ("a: [\n", "error converting YAML to JSON"),
        ] {
            let found = Index::parse(text.as_bytes()).unwrap_err();
            assert!(found.starts_with(error), "{found}");
        }
    }
}
