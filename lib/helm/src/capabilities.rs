//! What the cluster and Helm can do.

use std::{any::Any, rc::Rc};

use gotemplate::{Element, Function, List, ListType, Object, Type, Value};

use crate::error::Error;

/// Kinds of the API that Helm knows without a cluster.
const API_VERSIONS: &str = include_str!("../data/api-versions.txt");

/// What the cluster and Helm can do.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// The version of Kubernetes.
    pub kube_version: KubeVersion,
    /// The versions of the API, as `group/version` and `group/version/kind`.
    pub api_versions: Vec<String>,
}

/// A version of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeVersion {
    version: String,
    normalized: String,
    major: String,
    minor: String,
}

impl Default for Capabilities {
    /// Those of Helm 4.2 without a cluster.
    fn default() -> Self {
        let version = "v1.36.0".to_owned();
        Self {
            kube_version: KubeVersion {
                normalized: version.clone(),
                version,
                major: "1".to_owned(),
                minor: "36".to_owned(),
            },
            api_versions: API_VERSIONS
                .lines()
                .filter(|line| !line.starts_with('#') && !line.is_empty())
                .map(str::to_owned)
                .collect(),
        }
    }
}

impl KubeVersion {
    /// Reads a version such as `1.30`, `v1.30.1` or `v1.30.1-gke.1`.
    ///
    /// # Errors
    /// If it does not start with two numbers.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = || {
            let quoted = stdx::quote::quote(text.as_bytes());
            Error::new(format!(
                "invalid kube version '{text}': could not parse {quoted} as version"
            ))
        };
        let numbers = text.trim_start_matches('v');
        let end = numbers
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(numbers.len());
        let mut parts = Vec::new();
        for part in numbers[..end].trim_end_matches('.').split('.') {
            let leading_zero = part.len() > 1 && part.starts_with('0');
            parts.push(
                part.parse::<u64>()
                    .ok()
                    .filter(|_| !leading_zero)
                    .ok_or_else(bad)?,
            );
        }
        let &[major, minor, ..] = parts.as_slice() else {
            return Err(bad());
        };
        let shown: Vec<String> = parts.iter().map(ToString::to_string).collect();
        Ok(Self {
            version: if text.starts_with('v') {
                text.to_owned()
            } else {
                format!("v{text}")
            },
            normalized: format!("v{}", shown.join(".")),
            major: major.to_string(),
            minor: minor.to_string(),
        })
    }

    /// The version without what a vendor adds, for ranges.
    pub(crate) fn normalized(&self) -> &str {
        &self.normalized
    }

    /// The version as it was given, with a leading `v`.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }
}

impl Object for Capabilities {
    fn type_name(&self) -> &'static str {
        "*common.Capabilities"
    }

    fn is_pointer(&self) -> bool {
        true
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "KubeVersion" => Value::Object(Rc::new(self.kube_version.clone())),
            "APIVersions" => version_set(&self.api_versions),
            "HelmVersion" => Value::Object(Rc::new(BuildInfo)),
            _ => return None,
        })
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        ["KubeVersion", "APIVersions", "HelmVersion"]
            .into_iter()
            .map(|name| (name, self.field(name).unwrap_or_default()))
            .collect()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Object for KubeVersion {
    fn type_name(&self) -> &'static str {
        "common.KubeVersion"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Version" => self.version.as_str().into(),
            "Major" => self.major.as_str().into(),
            "Minor" => self.minor.as_str().into(),
            _ => return None,
        })
    }

    fn method(&self, name: &str) -> Option<Function> {
        let value = match name {
            "GitVersion" => self.version.clone(),
            "String" => self.normalized.clone(),
            _ => return None,
        };
        Some(Function::getter(move || value.as_str().into()))
    }

    fn shown(&self) -> Option<String> {
        Some(self.normalized.clone())
    }

    fn json(&self) -> Option<Value> {
        let map = gotemplate::Map::default();
        for name in ["Version", "Major", "Minor"] {
            map.put(name, self.field(name).unwrap_or_default());
        }
        Some(map.into())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `version.BuildInfo` of the Helm that is imitated.
struct BuildInfo;

impl Object for BuildInfo {
    fn type_name(&self) -> &'static str {
        "version.BuildInfo"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(
            match name {
                "Version" => "v4.2.3",
                "GitCommit" => "43e8b7feece8beb0fcba47059ec9b522fd929a64",
                "GitTreeState" => "clean",
                "GoVersion" => "go1.26.5",
                "KubeClientVersion" => "v1.36",
                _ => return None,
            }
            .into(),
        )
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        [
            ("version", "Version"),
            ("git_commit", "GitCommit"),
            ("git_tree_state", "GitTreeState"),
            ("go_version", "GoVersion"),
            ("kube_client_version", "KubeClientVersion"),
        ]
        .into_iter()
        .map(|(json, name)| (json, self.field(name).unwrap_or_default()))
        .collect()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

static VERSION_SET: ListType = ListType {
    name: "common.VersionSet",
    element: Element::Text,
    methods: |list, name| {
        const HAS: &[Type] = &[Type::Text];
        if name != "Has" {
            return None;
        }
        let list = list.clone();
        Some(Function::method(HAS, move |_, args| {
            let wanted = args.first().and_then(Value::as_text);
            let has = list.items().iter().any(|item| item.as_text() == wanted);
            Ok(has.into())
        }))
    },
};

fn version_set(versions: &[String]) -> Value {
    let items = versions.iter().map(|it| it.as_str().into()).collect();
    Value::List(List::new(&VERSION_SET, items))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_vendors_are_normalized() {
        let version = KubeVersion::parse("v1.33.4-gke.1245000").unwrap();
        assert_eq!(version.normalized(), "v1.33.4");
        assert_eq!(version.version(), "v1.33.4-gke.1245000");
        assert_eq!(KubeVersion::parse("1.30").unwrap().normalized(), "v1.30");
        assert!(KubeVersion::parse("x").is_err() && KubeVersion::parse("1").is_err());
    }
}
