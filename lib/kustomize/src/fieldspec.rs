//! Paths that say which fields of which kinds a transformer changes, and walking them.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Error, id::Id};

/// One path of the built-in configuration, or of the user's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct FieldSpec {
    pub(crate) path: String,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) create: bool,
}

/// What a missing field is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Create {
    Map,
    Text,
    Number,
    Nothing,
}

impl Create {
    fn value(self) -> Option<Value> {
        match self {
            Self::Map => Some(Value::Object(Map::new())),
            Self::Text => Some(Value::String(String::new())),
            Self::Number => Some(Value::from(0)),
            Self::Nothing => None,
        }
    }
}

/// What is done to a field that was found.
pub(crate) type Setter<'a> = dyn FnMut(&mut Value) -> Result<(), Error> + 'a;

impl FieldSpec {
    pub(crate) fn everywhere(path: &str, create: bool) -> Self {
        Self {
            path: path.to_owned(),
            create,
            ..Self::default()
        }
    }

    /// Reads `path group version kind`, with `-` for what is absent.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let path = words.next()?.to_owned();
        let mut word = || {
            words
                .next()
                .filter(|word| *word != "-")
                .unwrap_or_default()
                .to_owned()
        };
        let (group, version, kind) = (word(), word(), word());
        Some(Self {
            path,
            group,
            version,
            kind,
            create: word() == "create",
        })
    }

    /// Whether an object of this id is meant; what the path leaves open fits everything.
    pub(crate) fn selects(&self, id: &Id) -> bool {
        let fits = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        fits(&self.group, &id.group) && fits(&self.version, &id.version) && fits(&self.kind, &id.kind)
    }

    /// As [`Self::selects`], without making an id.
    pub(crate) fn selects_object(&self, object: &Value) -> bool {
        let (group, version) = manifest::split_api_version(manifest::object::api_version(object));
        let fits = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        fits(&self.kind, manifest::object::kind(object))
            && fits(&self.group, group)
            && fits(&self.version, version)
    }

    /// `Kind.version.group`, with words in brackets for what is absent.
    pub(crate) fn gvk(&self) -> String {
        let or = |text: &str, absent: &str| {
            if text.is_empty() {
                absent.to_owned()
            } else {
                text.to_owned()
            }
        };
        let kind = or(&self.kind, "[noKind]");
        format!(
            "{kind}.{}.{}",
            or(&self.version, "[noVer]"),
            or(&self.group, "[noGrp]")
        )
    }

    /// Calls `set` on every field that the path leads to.
    pub(crate) fn apply(
        &self,
        object: &mut Value,
        create: Create,
        set: &mut Setter<'_>,
    ) -> Result<(), Error> {
        if !self.selects_object(object) {
            return Ok(());
        }
        let parts = split(&self.path);
        let parts: Vec<_> = parts.iter().map(String::as_str).collect();
        let create = if self.create { create } else { Create::Nothing };
        walk(object, &parts, create, set).map_err(|error| {
            let id = Id::of(object);
            error.within(format!("considering field '{}' of object {id}", self.path))
        })
    }
}

/// Splits a path at its slashes; `\/` is a slash inside a part.
fn split(path: &str) -> Vec<String> {
    let parts = path.replace("\\/", "\0");
    parts
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| part.replace('\0', "/"))
        .collect()
}

fn walk(here: &mut Value, path: &[&str], create: Create, set: &mut Setter<'_>) -> Result<(), Error> {
    let Some((first, rest)) = path.split_first() else {
        return set(here);
    };
    match here {
        Value::Null => Ok(()),
        Value::Array(items) => {
            for item in items {
                walk(item, path, create, set).map_err(|error| {
                    error.within(format!("visit traversal on path: [{}]", path.join(" ")))
                })?;
            }
            Ok(())
        }
        Value::Object(map) => {
            let (name, list) = first
                .strip_suffix("[]")
                .map_or((*first, false), |name| (name, true));
            let made = match create.value() {
                Some(_) if list => None,
                Some(value) if rest.is_empty() => Some(value),
                Some(_) => Some(Value::Object(Map::new())),
                None => None,
            };
            let found = match (map.get_mut(name), made) {
                (Some(field), Some(made)) => {
                    if field.is_null() {
                        *field = made;
                    }
                    field
                }
                (Some(field), None) => field,
                (None, Some(made)) => map.entry(name).or_insert(made),
                (None, None) => return Ok(()),
            };
            walk(found, rest, create, set)
        }
        _ => Err(Error::new("expected sequence or mapping node")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_create_maps_but_no_lists() {
        let mut object = json!({"kind": "X", "apiVersion": "v1", "a": [{"b": null}, {}], "c": null});
        let mut set = |value: &mut Value| {
            *value = json!("new");
            Ok(())
        };
        let spec = FieldSpec::everywhere("a/b", true);
        spec.apply(&mut object, Create::Text, &mut set).unwrap();
        FieldSpec::everywhere("c/d", true)
            .apply(&mut object, Create::Text, &mut set)
            .unwrap();
        FieldSpec::everywhere("e[]/f", true)
            .apply(&mut object, Create::Text, &mut set)
            .unwrap();
        assert_eq!(object["a"], json!([{"b": "new"}, {"b": "new"}]));
        assert_eq!(object["c"], json!({"d": "new"}));
        assert!(object.get("e").is_none());
        assert!(
            FieldSpec::everywhere("kind/x", false)
                .apply(&mut object, Create::Text, &mut set)
                .is_err()
        );
    }
}
