//! What templates print, split into objects: those to install, and hooks.

use std::collections::BTreeMap;

use serde_json::Value;
use yaml::Dialect;

use crate::{
    error::Error,
    metadata,
    order::{INSTALL, sort_by_kind},
};

/// An object of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The template that printed it.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its kind; empty where it has none.
    pub kind: String,
}

/// An object that is made around an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The template that printed it.
    pub path: String,
    /// Its text.
    pub text: String,
    /// When: `pre-install`, `test` and so on.
    pub events: Vec<String>,
    /// Lighter ones come first.
    pub weight: i64,
    /// When it is deleted: `hook-succeeded` and so on.
    pub delete_policies: Vec<String>,
    /// When its logs are printed.
    pub log_policies: Vec<String>,
}

const EVENTS: [&str; 9] = [
    "pre-install",
    "post-install",
    "pre-delete",
    "post-delete",
    "pre-upgrade",
    "post-upgrade",
    "pre-rollback",
    "post-rollback",
    "test",
];

/// Splits a text at three dashes at the start of a line, and the space around them.
pub(crate) fn split(text: &str) -> Vec<&str> {
    let text = text.trim_start();
    // QUIRK: a separator takes the line break after it along, so that another one right below is none.
    let mut rest = text.strip_prefix("---").map_or(text, str::trim_start);
    let mut parts = Vec::new();
    while let Some(at) = rest.find("\n---") {
        parts.push(rest[..at].trim_end());
        rest = rest[at + "\n---".len()..].trim_start();
    }
    parts.push(rest);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// Splits and sorts what the templates printed.
pub(crate) fn sort(files: &BTreeMap<String, String>) -> Result<(Vec<Hook>, Vec<Manifest>), Error> {
    let (mut hooks, mut manifests) = (Vec::new(), Vec::new());
    for (path, text) in files {
        for part in split(text) {
            let failed = |text: String| Error::new(format!("YAML parse error on {path}: {text}"));
            let head = yaml::read(part, Dialect::Kubernetes)
                .map_err(|error| failed(format!("error converting YAML to JSON: {error}")))?;
            let head = Head::of(&head).map_err(failed)?;
            let Some(hook_types) = head.annotations.get("helm.sh/hook") else {
                manifests.push(Manifest {
                    path: path.clone(),
                    text: part.to_owned(),
                    kind: head.kind,
                });
                continue;
            };
            let events: Vec<String> = hook_types
                .split(',')
                .map(|it| it.trim().to_lowercase())
                .map(|it| {
                    if it == "test-success" {
                        "test".to_owned()
                    } else {
                        it
                    }
                })
                .collect();
            // A hook of an unknown kind is dropped.
            if events.iter().all(|it| EVENTS.contains(&it.as_str())) {
                hooks.push(head.hook(path, part, events));
            }
        }
    }
    sort_by_kind(&mut hooks, &INSTALL, |hook| &hook.kind);
    sort_by_kind(&mut manifests, &INSTALL, |manifest| &manifest.kind);
    Ok((hooks, manifests))
}

/// The part of an object that says what to do with it.
#[derive(Default)]
struct Head {
    kind: String,
    name: String,
    annotations: BTreeMap<String, String>,
}

impl Head {
    fn of(value: &Value) -> Result<Self, String> {
        let wrong = |found: &Value, place: &str, wanted: &str| {
            let kind = match found {
                Value::Bool(_) => "bool",
                Value::Number(_) => "number",
                Value::String(_) => "string",
                Value::Array(_) => "array",
                _ => "object",
            };
            format!(
                "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {kind} into Go {place} of type \
                 {wanted}"
            )
        };
        let mut head = Self::default();
        let object = match value {
            Value::Object(object) => object,
            Value::Null => return Ok(head),
            other => return Err(wrong(other, "value", "util.SimpleHead")),
        };
        let text = |value: Option<&Value>, field: &str| match value {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(scalar @ (Value::Bool(_) | Value::Number(_))) => Ok(metadata::scalar_text(scalar)),
            Some(other) => Err(wrong(other, &format!("struct field {field}"), "string")),
        };
        text(object.get("apiVersion"), "SimpleHead.apiVersion")?;
        head.kind = text(object.get("kind"), "SimpleHead.kind")?;
        if let Some(Value::Object(metadata)) = object.get("metadata") {
            head.name = text(metadata.get("name"), "SimpleHead.metadata.name")?;
            if let Some(Value::Object(annotations)) = metadata.get("annotations") {
                for (key, value) in annotations {
                    let value = text(Some(value), "SimpleHead.metadata.annotations")?;
                    head.annotations.insert(key.clone(), value);
                }
            }
        }
        Ok(head)
    }

    fn hook(self, path: &str, text: &str, events: Vec<String>) -> Hook {
        let list = |name: &str| match self.annotations.get(name) {
            None => Vec::new(),
            Some(values) => values.split(',').map(|it| it.trim().to_lowercase()).collect(),
        };
        let weight = self.annotations.get("helm.sh/hook-weight");
        Hook {
            delete_policies: list("helm.sh/hook-delete-policy"),
            log_policies: list("helm.sh/hook-output-log-policy"),
            weight: weight.and_then(|it| it.parse().ok()).unwrap_or_default(),
            path: path.to_owned(),
            text: text.to_owned(),
            events,
            kind: self.kind,
            name: self.name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_split_at_dashes() {
        assert_eq!(split("\n---\na: 1\n\n---   \nb: 2\n"), ["a: 1", "b: 2\n"]);
        assert_eq!(split("---a: 1\n  ---\nb"), ["a: 1\n  ---\nb"]);
        assert_eq!(split("\n  \n"), Vec::<&str>::new());
    }
}
