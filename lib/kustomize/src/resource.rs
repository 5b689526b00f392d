//! An object during a build, with what kustomize remembers about it.

use serde_json::{Map, Value};

use crate::{Error, id::Id};

/// What a generator does with an object that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Behavior {
    #[default]
    Unspecified,
    Create,
    Merge,
    Replace,
}

impl Behavior {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "create" => Self::Create,
            "merge" => Self::Merge,
            "replace" => Self::Replace,
            _ => Self::Unspecified,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Create => "create",
            Self::Merge => "merge",
            Self::Replace => "replace",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Previous {
    namespace: String,
    name: String,
    kind: String,
}

/// An object and its history.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resource {
    pub(crate) value: Value,
    previous: Vec<Previous>,
    pub(crate) prefixes: Vec<String>,
    pub(crate) suffixes: Vec<String>,
    pub(crate) behavior: Behavior,
    /// Its name gets a hash of its content at the end.
    pub(crate) hashed: bool,
    pub(crate) allow_name_change: bool,
    pub(crate) allow_kind_change: bool,
    /// The variables that are read from it.
    pub(crate) vars: Vec<String>,
}

impl Resource {
    pub(crate) fn new(value: Value) -> Self {
        Self {
            value,
            previous: Vec::new(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            behavior: Behavior::Unspecified,
            hashed: false,
            allow_name_change: false,
            allow_kind_change: false,
            vars: Vec::new(),
        }
    }

    pub(crate) fn generated(value: Value, behavior: Behavior, hashed: bool) -> Self {
        Self {
            behavior,
            hashed,
            ..Self::new(value)
        }
    }

    pub(crate) fn id(&self) -> Id {
        Id::of(&self.value)
    }

    pub(crate) fn previous_ids(&self) -> Vec<Id> {
        let now = self.id();
        let ids = self.previous.iter().map(|previous| Id {
            kind: previous.kind.clone(),
            name: previous.name.clone(),
            namespace: previous.namespace.clone(),
            cluster_scoped: false,
            ..now.clone()
        });
        ids.collect()
    }

    /// The first of its ids.
    pub(crate) fn original_id(&self) -> Id {
        self.previous_ids()
            .into_iter()
            .next()
            .unwrap_or_else(|| self.id())
    }

    pub(crate) fn any_id(&self, matches: impl Fn(&Id) -> bool) -> bool {
        self.previous_ids().iter().any(&matches) || matches(&self.id())
    }

    /// Remembers the id it has now.
    pub(crate) fn remember(&mut self) {
        let id = self.id();
        self.previous.push(Previous {
            namespace: id.effective_namespace().to_owned(),
            name: id.name,
            kind: id.kind,
        });
    }

    pub(crate) fn metadata(&mut self) -> &mut Map<String, Value> {
        manifest::object::map_at(&mut self.value, &["metadata"])
    }

    pub(crate) fn set_name(&mut self, name: &str) {
        self.metadata()
            .insert("name".to_owned(), Value::String(name.to_owned()));
    }

    pub(crate) fn set_namespace(&mut self, namespace: &str) {
        if namespace.is_empty() {
            self.metadata().remove("namespace");
        } else {
            let namespace = Value::String(namespace.to_owned());
            self.metadata().insert("namespace".to_owned(), namespace);
        }
    }

    pub(crate) fn set_kind(&mut self, kind: &str) {
        if let Value::Object(map) = &mut self.value {
            map.insert("kind".to_owned(), Value::String(kind.to_owned()));
        }
    }

    /// Gone: a patch has deleted it.
    pub(crate) fn is_deleted(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::Object(map) => map.is_empty(),
            _ => false,
        }
    }

    /// Takes over identity, labels and annotations of the object that this generated one replaces.
    pub(crate) fn inherit(&mut self, old: &Self) {
        for field in ["labels", "annotations"] {
            let mut merged = strings(&old.value, field);
            merged.append(&mut strings(&self.value, field));
            if merged.is_empty() {
                self.metadata().remove(field);
            } else {
                self.metadata().insert(field.to_owned(), Value::Object(merged));
            }
        }
        self.set_name(manifest::object::name(&old.value));
        self.set_namespace(manifest::object::namespace(&old.value));
        self.previous.clone_from(&old.previous);
        self.prefixes.clone_from(&old.prefixes);
        self.suffixes.clone_from(&old.suffixes);
        self.behavior = old.behavior;
        self.hashed &= old.hashed;
    }

    /// Adds the entries of `data` and `binaryData` that only the old object has.
    pub(crate) fn merge_data(&mut self, old: &Self) {
        crate::origin::keep(old, self);
        for field in ["data", "binaryData"] {
            let mut merged = map_of(&old.value, field);
            merged.append(&mut map_of(&self.value, field));
            if let Value::Object(map) = &mut self.value {
                if merged.is_empty() {
                    map.remove(field);
                } else {
                    map.insert(field.to_owned(), Value::Object(merged));
                }
            }
        }
    }

    pub(crate) fn annotate(&mut self, key: &str, text: &str) {
        let annotations = manifest::object::map_at(&mut self.value, &["metadata", "annotations"]);
        annotations.insert(key.to_owned(), Value::String(text.to_owned()));
    }

    /// The finished object.
    ///
    /// QUIRK: upstream keeps its notes in annotations: an empty map of them is gone afterwards, and all values
    /// have become texts.
    pub(crate) fn finish(mut self) -> Value {
        if let Some(Value::Object(annotations)) = self.value.pointer_mut("/metadata/annotations") {
            for value in annotations.values_mut() {
                if let Value::Bool(_) | Value::Number(_) = value {
                    *value = Value::String(value.to_string());
                }
            }
            if annotations.is_empty() {
                self.metadata().remove("annotations");
            }
        }
        self.value
    }

    /// Whether names of the two were changed by the same prefixes and suffixes, seen from the outside in.
    pub(crate) fn same_affixes(&self, other: &Self, empty_matches: bool) -> bool {
        let same = |a: &[String], b: &[String]| {
            (empty_matches && (a.is_empty() || b.is_empty())) || same_ending(a, b)
        };
        same(&self.prefixes, &other.prefixes) && same(&self.suffixes, &other.suffixes)
    }

    /// The object as one line of JSON, for messages.
    pub(crate) fn json(&self) -> String {
        self.value.to_string()
    }

    pub(crate) fn labels_match(&self, selector: &str) -> Result<bool, Error> {
        matches(selector, manifest::object::labels(&self.value))
    }

    pub(crate) fn annotations_match(&self, selector: &str) -> Result<bool, Error> {
        matches(selector, manifest::object::annotations(&self.value))
    }
}

fn matches(selector: &str, labels: Option<&Map<String, Value>>) -> Result<bool, Error> {
    let selector =
        manifest::labels::Selector::parse(selector).map_err(|error| Error::new(error.to_string()))?;
    Ok(selector.matches(labels))
}

fn same_ending(a: &[String], b: &[String]) -> bool {
    if a.is_empty() || b.is_empty() {
        return a.is_empty() && b.is_empty();
    }
    a.iter().rev().zip(b.iter().rev()).all(|(x, y)| x == y)
}

fn map_of(value: &Value, field: &str) -> Map<String, Value> {
    value
        .get(field)
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}

fn strings(value: &Value, field: &str) -> Map<String, Value> {
    value
        .get("metadata")
        .map(|metadata| map_of(metadata, field))
        .unwrap_or_default()
}
