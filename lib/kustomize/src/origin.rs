//! `buildMetadata`: where objects come from and what has changed them, in annotations.

use serde_json::{Value, json};

use crate::{files, resource::Resource, set::Set};

const ORIGIN: &str = "config.kubernetes.io/origin";
const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

/// The way to a directory or file from the first directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) path: String,
}

impl Origin {
    pub(crate) fn below(&self, path: &str) -> Self {
        Self {
            path: files::way(&self.path, path),
        }
    }

    /// Notes that an object was read from here.
    pub(crate) fn mark(&self, resource: &mut Resource) {
        set(resource, ORIGIN, &json!({ "path": self.path }));
    }
}

/// A built-in generator or transformer, and the file that asks for it.
pub(crate) struct Stamp(String);

impl Stamp {
    pub(crate) fn builtin(kind: &str, file: &str) -> Self {
        Self(format!(
            "configuredIn: {file}\nconfiguredBy:\n  apiVersion: builtin\n  kind: {kind}\n"
        ))
    }

    /// Notes that an object was made by this.
    pub(crate) fn mark(&self, resource: &mut Resource) {
        resource.annotate(ORIGIN, &self.0);
    }

    /// Notes that all objects were changed by this; an object of unknown origin counts as made by it.
    pub(crate) fn note(&self, set: &mut Set) {
        for resource in &mut set.0 {
            if resource.is_deleted() {
                continue;
            }
            if annotation(resource, ORIGIN).is_none() {
                self.mark(resource);
                continue;
            }
            let mut all = annotation(resource, TRANSFORMATIONS)
                .unwrap_or_default()
                .to_owned();
            for (at, line) in self.0.lines().enumerate() {
                all.push_str(if at == 0 { "- " } else { "  " });
                all.push_str(line);
                all.push('\n');
            }
            resource.annotate(TRANSFORMATIONS, &all);
        }
    }
}

/// The origin of an object that another takes the place of.
pub(crate) fn keep(from: &Resource, to: &mut Resource) {
    if let Some(origin) = annotation(from, ORIGIN) {
        to.annotate(ORIGIN, origin);
    }
}

/// Takes the notes away that were not asked for.
pub(crate) fn clean(resource: &mut Resource, asked: &[String]) {
    for (option, key) in [
        ("originAnnotations", ORIGIN),
        ("transformerAnnotations", TRANSFORMATIONS),
    ] {
        if !asked.iter().any(|other| other == option)
            && let Some(Value::Object(annotations)) = resource.value.pointer_mut("/metadata/annotations")
        {
            annotations.remove(key);
        }
    }
}

fn annotation<'a>(resource: &'a Resource, key: &str) -> Option<&'a str> {
    manifest::object::annotation(&resource.value, key)
}

fn set(resource: &mut Resource, key: &str, value: &Value) {
    resource.annotate(key, &yaml::to_string(value));
}
