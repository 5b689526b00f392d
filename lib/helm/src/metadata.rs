//! `Chart.yaml`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use version::Version;

use crate::error::Error;

/// What `Chart.yaml` says.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of Chart.yaml")]
pub struct Metadata {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub home: String,
    #[serde(deserialize_with = "absent_is_default")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(deserialize_with = "absent_is_default")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    #[serde(deserialize_with = "absent_is_default")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub maintainers: Vec<Maintainer>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub icon: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tags: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub app_version: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    #[serde(deserialize_with = "absent_is_default")]
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub annotations: std::collections::BTreeMap<String, String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kube_version: String,
    #[serde(deserialize_with = "absent_is_default")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    #[serde(rename = "type")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
}

/// Who looks after a chart.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are those of Chart.yaml")]
pub struct Maintainer {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
}

/// A chart that another needs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are those of Chart.yaml")]
pub struct Dependency {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub repository: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    #[serde(deserialize_with = "absent_is_default")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub enabled: bool,
    #[serde(deserialize_with = "absent_is_default")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub import_values: Vec<Value>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alias: String,
}

pub(crate) fn absent_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Takes keys that are null for absent, and scalars for the texts that almost all fields are, as Go does.
pub(crate) fn for_texts(value: Value) -> Value {
    match value {
        Value::Object(entries) => Value::Object(
            entries
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| match key.as_str() {
                    "deprecated" | "enabled" | "import-values" => (key, value),
                    _ => (key, for_texts(value)),
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(for_texts).collect()),
        Value::Bool(_) | Value::Number(_) => Value::String(scalar_text(&value)),
        other => other,
    }
}

/// A scalar where YAML shall yield a text.
pub(crate) fn scalar_text(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => format!("{:?}", gotemplate::Value::from_json(value)),
        other => other.to_string(),
    }
}

impl Metadata {
    /// Checks what Helm checks when it loads a chart.
    pub(crate) fn validate(&mut self) -> Result<(), Error> {
        let invalid = |text: String| Err(Error::new(format!("validation: {text}")));
        let quoted = |text: &str| stdx::quote::quote(text.as_bytes());
        for text in [
            &mut self.name,
            &mut self.description,
            &mut self.home,
            &mut self.icon,
            &mut self.condition,
            &mut self.tags,
            &mut self.app_version,
            &mut self.kube_version,
        ] {
            sanitize(text);
        }
        if self.api_version.is_empty() {
            return invalid("chart.metadata.apiVersion is required".to_owned());
        }
        if self.name.is_empty() {
            return invalid("chart.metadata.name is required".to_owned());
        }
        if matches!(self.name.as_str(), "." | "..") {
            return invalid(format!(
                "chart.metadata.name {} is not allowed",
                quoted(&self.name)
            ));
        }
        if self.name.contains('/') {
            return invalid(format!("chart.metadata.name {} is invalid", quoted(&self.name)));
        }
        if self.version.is_empty() {
            return invalid("chart.metadata.version is required".to_owned());
        }
        if self.version.parse::<Version>().is_err() {
            return invalid(format!(
                "chart.metadata.version {} is invalid",
                quoted(&self.version)
            ));
        }
        if !matches!(self.kind.as_str(), "" | "application" | "library") {
            return invalid("chart.metadata.type must be application or library".to_owned());
        }
        self.validate_dependencies()
    }

    fn validate_dependencies(&mut self) -> Result<(), Error> {
        let invalid = |text: String| Err(Error::new(format!("validation: {text}")));
        let quoted = |text: &str| stdx::quote::quote(text.as_bytes());
        let mut names: Vec<&str> = Vec::new();
        for dependency in &mut self.dependencies {
            let alias = &dependency.alias;
            if !alias
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
            {
                return invalid(format!(
                    "dependency {} has disallowed characters in the alias",
                    quoted(&dependency.name)
                ));
            }
            sanitize(&mut dependency.name);
            sanitize(&mut dependency.version);
            sanitize(&mut dependency.condition);
        }
        for dependency in &self.dependencies {
            let key = if dependency.alias.is_empty() {
                &dependency.name
            } else {
                &dependency.alias
            };
            if names.contains(&key.as_str()) {
                return invalid(format!(
                    "more than one dependency with name or alias {}",
                    quoted(key)
                ));
            }
            names.push(key);
        }
        Ok(())
    }

    /// What templates see as `.Chart`, but for `Annotations`, whose type differs, and `IsRoot`.
    pub(crate) fn as_map(&self) -> Map<String, Value> {
        let maintainers = self
            .maintainers
            .iter()
            .map(|it| serde_json::json!({"Name": it.name, "Email": it.email, "URL": it.url}));
        let dependencies = self.dependencies.iter().map(|it| {
            serde_json::json!({
                "Name": it.name, "Version": it.version, "Repository": it.repository, "Condition": it.condition,
                "Tags": it.tags, "Enabled": it.enabled, "ImportValues": it.import_values, "Alias": it.alias,
            })
        });
        let all = serde_json::json!({
            "Name": self.name, "Home": self.home, "Sources": self.sources, "Version": self.version,
            "Description": self.description, "Keywords": self.keywords,
            "Maintainers": maintainers.collect::<Vec<_>>(), "Icon": self.icon, "APIVersion": self.api_version,
            "Condition": self.condition, "Tags": self.tags, "AppVersion": self.app_version,
            "Deprecated": self.deprecated, "KubeVersion": self.kube_version,
            "Dependencies": dependencies.collect::<Vec<_>>(), "Type": self.kind,
        });
        match all {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

/// Spaces become plain spaces, what cannot be printed goes.
fn sanitize(text: &mut String) {
    if text.chars().all(|c| c == ' ' || stdx::quote::is_print(c)) {
        return;
    }
    *text = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| stdx::quote::is_print(*c))
        .collect();
}
