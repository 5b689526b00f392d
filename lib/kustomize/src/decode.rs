//! Values into typed fields as Go's `encoding/json` does it: names in any case, nulls as if absent, its words.

use std::fmt::Display;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Why a value does not fit, in Go's words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(String);

impl serde::de::Error for Failure {
    fn custom<T: Display>(text: T) -> Self {
        Self(format!("json: {text}"))
    }
}

/// Whether fields without a counterpart are an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    Refused,
    Ignored,
}

/// Decodes a value.
pub(crate) fn decode<T: DeserializeOwned>(value: Value, unknown: Unknown) -> Result<T, Failure> {
    T::deserialize(Decoder {
        value,
        place: Place::default(),
        unknown,
    })
}

/// Where a value stands: Go names the innermost type, and the whole path of fields.
#[derive(Debug, Clone, Default)]
struct Place {
    root: String,
    path: Vec<String>,
    /// How often a list was entered since the last field.
    elements: usize,
}

impl Place {
    fn shown(&self) -> String {
        if self.path.is_empty() {
            return "value".to_owned();
        }
        format!("struct field {}.{}", self.root, self.path.join("."))
    }

    fn field(&self, root: &str, name: &str) -> Self {
        let mut path = self.path.clone();
        path.extend(embedded(root, name).iter().map(|name| (*name).to_owned()));
        path.push(name.to_owned());
        Self {
            root: root.to_owned(),
            path,
            elements: 0,
        }
    }
}

/// The embedded Go types that a field belongs to, which its decoder names.
fn embedded(root: &str, field: &str) -> &'static [&'static str] {
    match (root, field) {
        ("ConfigMapArgs" | "SecretArgs", "literals" | "files" | "envs" | "env") => {
            &["GeneratorArgs", "KvPairSources"]
        }
        ("ConfigMapArgs" | "SecretArgs", "type") => &[],
        ("ConfigMapArgs" | "SecretArgs", _) => &["GeneratorArgs"],
        ("Selector" | "SourceSelector", "group" | "version" | "kind") => &["ResId", "Gvk"],
        ("Selector" | "SourceSelector", "name" | "namespace") => &["ResId"],
        ("FieldSpec" | "Target", "group" | "version" | "kind") => &["Gvk"],
        ("ReplacementField", "source" | "targets" | "sourceValue") => &["Replacement"],
        ("Kustomization", "kind" | "apiVersion") => &["TypeMeta"],
        _ => &[],
    }
}

/// The Go type of the elements of a list.
fn element_type(place: &Place) -> &'static str {
    match place.path.last().map_or("", String::as_str) {
        "patchesStrategicMerge" => "types.PatchStrategicMerge",
        "patchesJson6902" | "patches" => "types.Patch",
        "images" | "imageTags" => "types.Image",
        "labels" => "types.Label",
        "replicas" => "types.Replica",
        "configMapGenerator" => "types.ConfigMapArgs",
        "secretGenerator" => "types.SecretArgs",
        "replacements" => "types.ReplacementField",
        "vars" => "types.Var",
        "targets" => "*types.TargetSelector",
        "reject" => "*types.Selector",
        "fields" | "fieldSpecs" => "types.FieldSpec",
        _ => "string",
    }
}

fn integer_type(place: &Place) -> &'static str {
    match place.path.last() {
        Some(name) if name == "count" => "int64",
        _ => "int",
    }
}

fn list_type(place: &Place) -> String {
    match (place.root.as_str(), place.path.last().map_or("", String::as_str)) {
        ("TransformerConfig", "nameReference") => "builtinconfig.nbrSlice".to_owned(),
        ("TransformerConfig", _) | ("NameBackReferences", "fieldSpecs") => "types.FsSlice".to_owned(),
        _ => format!("[]{}", element_type(place)),
    }
}

struct Decoder {
    value: Value,
    place: Place,
    unknown: Unknown,
}

impl Decoder {
    fn mismatch(&self, wanted: &str) -> Failure {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        Failure(format!(
            "json: cannot unmarshal {found} into Go {} of type {wanted}",
            self.place.shown()
        ))
    }
}

impl<'de> Deserializer<'de> for Decoder {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.value.deserialize_any(visitor).map_err(Failure::custom)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value {
            Value::String(text) => visitor.visit_string(text),
            Value::Null => visitor.visit_string(String::new()),
            _ => Err(self.mismatch(match self.place.elements {
                0 => "string",
                _ => element_type(&self.place),
            })),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.value {
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Null => visitor.visit_bool(false),
            _ => Err(self.mismatch("bool")),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.value {
            Value::Number(number) => match number.as_i64() {
                Some(number) => visitor.visit_i64(number),
                None => Err(Failure(format!(
                    "json: cannot unmarshal number {number} into Go {} of type {}",
                    self.place.shown(),
                    integer_type(&self.place)
                ))),
            },
            Value::Null => visitor.visit_i64(0),
            _ => Err(self.mismatch(integer_type(&self.place))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.value.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let items = match self.value {
            Value::Array(items) => items,
            Value::Null => Vec::new(),
            _ => return Err(self.mismatch(&list_type(&self.place))),
        };
        let mut place = self.place;
        place.elements += 1;
        visitor.visit_seq(Items {
            items: items.into_iter(),
            place,
            unknown: self.unknown,
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let map = match self.value {
            Value::Object(map) => map,
            Value::Null => Map::new(),
            _ => return Err(self.mismatch("map[string]string")),
        };
        visitor.visit_map(Entries {
            entries: map.into_iter(),
            place: self.place,
            root: None,
            unknown: self.unknown,
            known: &[],
            value: None,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let map = match self.value {
            Value::Object(map) => map,
            Value::Null => Map::new(),
            _ => return Err(self.mismatch(&format!("types.{name}"))),
        };
        // One type here for two of Go's, of which only that of Secrets has a `type`.
        let (name, fields) = match (name, self.place.path.last().map(String::as_str)) {
            ("SecretArgs", Some("configMapGenerator")) => (
                "ConfigMapArgs",
                fields.split_last().map_or(fields, |(_, rest)| rest),
            ),
            _ => (name, fields),
        };
        visitor.visit_map(Entries {
            entries: map.into_iter(),
            place: self.place,
            root: Some(name),
            unknown: self.unknown,
            known: fields,
            value: None,
        })
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf unit unit_struct newtype_struct
        tuple tuple_struct enum identifier ignored_any
    }
}

struct Items {
    items: std::vec::IntoIter<Value>,
    place: Place,
    unknown: Unknown,
}

impl<'de> SeqAccess<'de> for Items {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let Some(value) = self.items.next() else {
            return Ok(None);
        };
        seed.deserialize(Decoder {
            value,
            place: self.place.clone(),
            unknown: self.unknown,
        })
        .map(Some)
    }
}

struct Entries {
    entries: serde_json::map::IntoIter,
    place: Place,
    /// The type that the fields belong to; a map of texts has none.
    root: Option<&'static str>,
    unknown: Unknown,
    known: &'static [&'static str],
    value: Option<(Value, Place)>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        for (key, value) in self.entries.by_ref() {
            let Some(root) = self.root else {
                self.value = Some((value, self.place.clone()));
                return seed
                    .deserialize(serde::de::value::StringDeserializer::new(key))
                    .map(Some);
            };
            let exact = self.known.iter().find(|name| **name == key);
            let name = exact.or_else(|| self.known.iter().find(|name| name.eq_ignore_ascii_case(&key)));
            match name {
                Some(name) if !value.is_null() => {
                    self.value = Some((value, self.place.field(root, name)));
                    return seed
                        .deserialize(serde::de::value::BorrowedStrDeserializer::new(name))
                        .map(Some);
                }
                Some(_) => {}
                None if self.unknown == Unknown::Refused => {
                    return Err(Failure(format!(
                        "json: unknown field {}",
                        crate::error::quoted(&key)
                    )));
                }
                None => {}
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let (value, place) = self.value.take().unwrap_or_default();
        seed.deserialize(Decoder {
            value,
            place,
            unknown: self.unknown,
        })
    }
}
