//! Values while an expression is evaluated.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use manifest::quantity::Quantity;
use serde_json::{Map as JsonMap, Value as Json};

use crate::{
    decl::escape,
    net::{Cidr, Ip},
    semver::Semver,
    url::Url,
};

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`.
    Null,
    /// A truth.
    Bool(bool),
    /// A signed whole number.
    Int(i64),
    /// An unsigned whole number.
    Uint(u64),
    /// A floating number.
    Double(f64),
    /// A text.
    String(Arc<str>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A span of time.
    Duration(SignedDuration),
    /// A point in time.
    Timestamp(Timestamp),
    /// Items in order.
    List(Arc<List>),
    /// Values by keys.
    Map(Arc<BTreeMap<Key, Value>>),
    /// Members by their escaped names.
    Object(Arc<BTreeMap<Arc<str>, Value>>),
    /// Maybe a value.
    Optional(Option<Arc<Value>>),
    /// A type, by name.
    Type(Arc<str>),
    /// A value of a library.
    Opaque(Arc<Opaque>),
}

/// Items, and what makes two of them the same.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// The items.
    pub items: Vec<Value>,
    /// Order does not matter: `x-kubernetes-list-type: set`, or `map` with the keys' members.
    pub identity: Option<Vec<String>>,
}

/// A key of a map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A truth.
    Bool(bool),
    /// A signed whole number.
    Int(i64),
    /// An unsigned whole number that no signed one equals.
    Uint(u64),
    /// A text.
    String(Arc<str>),
}

/// Values only their library looks into.
#[derive(Debug, Clone, PartialEq)]
pub enum Opaque {
    /// `kubernetes.URL`.
    Url(Url),
    /// `kubernetes.Quantity`.
    Quantity(Quantity),
    /// `net.IP`.
    Ip(Ip),
    /// `net.CIDR`.
    Cidr(Cidr),
    /// `kubernetes.Semver`.
    Semver(Semver),
    /// `kubernetes.NamedFormat`.
    Format(&'static str),
}

impl Key {
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Bool(own) => Value::Bool(*own),
            Self::Int(own) => Value::Int(*own),
            Self::Uint(own) => Value::Uint(*own),
            Self::String(own) => Value::String(Arc::clone(own)),
        }
    }
}

impl Value {
    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::String(text.into())
    }

    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(List {
            items,
            identity: None,
        }))
    }

    pub(crate) fn some(value: Self) -> Self {
        Self::Optional(Some(Arc::new(value)))
    }

    pub(crate) fn opaque(value: Opaque) -> Self {
        Self::Opaque(Arc::new(value))
    }

    pub(crate) fn key(&self) -> Option<Key> {
        Some(match self {
            Self::Bool(own) => Key::Bool(*own),
            Self::Int(own) => Key::Int(*own),
            Self::Uint(own) => i64::try_from(*own).map_or(Key::Uint(*own), Key::Int),
            Self::Double(own) if own.fract() == 0.0 && own.abs() < 9e15 => Key::Int(*own as i64),
            Self::String(own) => Key::String(Arc::clone(own)),
            _ => return None,
        })
    }

    /// The name of the value's type.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Object(_) => "object",
            Self::Optional(_) => "optional_type",
            Self::Type(_) => "type",
            Self::Opaque(opaque) => match &**opaque {
                Opaque::Url(_) => "kubernetes.URL",
                Opaque::Quantity(_) => "kubernetes.Quantity",
                Opaque::Ip(_) => "net.IP",
                Opaque::Cidr(_) => "net.CIDR",
                Opaque::Semver(_) => "kubernetes.Semver",
                Opaque::Format(_) => "kubernetes.NamedFormat",
            },
        }
    }

    /// How many letters, bytes, items or members.
    pub(crate) fn size(&self) -> Option<usize> {
        Some(match self {
            Self::String(text) => text.chars().count(),
            Self::Bytes(bytes) => bytes.len(),
            Self::List(list) => list.items.len(),
            Self::Map(map) => map.len(),
            Self::Object(members) => members.len(),
            _ => return None,
        })
    }

    /// The order of two values, if they have one.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(own), Self::Bool(other)) => Some(own.cmp(other)),
            (Self::Int(own), Self::Int(other)) => Some(own.cmp(other)),
            (Self::Uint(own), Self::Uint(other)) => Some(own.cmp(other)),
            (Self::Int(own), Self::Uint(other)) => Some(i128::from(*own).cmp(&i128::from(*other))),
            (Self::Uint(own), Self::Int(other)) => Some(i128::from(*own).cmp(&i128::from(*other))),
            (Self::Double(_), Self::Int(_) | Self::Uint(_) | Self::Double(_))
            | (Self::Int(_) | Self::Uint(_), Self::Double(_)) => self.float()?.partial_cmp(&other.float()?),
            (Self::String(own), Self::String(other)) => Some(own.cmp(other)),
            (Self::Bytes(own), Self::Bytes(other)) => Some(own.cmp(other)),
            (Self::Duration(own), Self::Duration(other)) => Some(own.cmp(other)),
            (Self::Timestamp(own), Self::Timestamp(other)) => Some(own.cmp(other)),
            _ => None,
        }
    }

    fn float(&self) -> Option<f64> {
        match self {
            Self::Int(own) => Some(*own as f64),
            Self::Uint(own) => Some(*own as f64),
            Self::Double(own) => Some(*own),
            _ => None,
        }
    }

    /// A value of JSON whose types nobody knows.
    #[must_use]
    pub fn dynamic(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(own) => Self::Bool(*own),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(own), _) => Self::Int(own),
                (None, Some(own)) => Self::Uint(own),
                _ => Self::Double(number.as_f64().unwrap_or_default()),
            },
            Json::String(text) => Self::text(text),
            Json::Array(items) => Self::list(items.iter().map(Self::dynamic).collect()),
            Json::Object(members) => Self::Map(Arc::new(
                members
                    .iter()
                    .map(|(name, member)| (Key::String(name.as_str().into()), Self::dynamic(member)))
                    .collect(),
            )),
        }
    }

    /// A value of JSON by its schema, as expressions see it.
    #[must_use]
    pub fn read(json: &Json, schema: &Json, root: bool) -> Self {
        let text = |key: &str| schema.get(key).and_then(Json::as_str).unwrap_or_default();
        match json {
            Json::Object(members) => Self::members(members, schema, root),
            Json::Array(items) => {
                let item = schema.get("items").unwrap_or(&Json::Null);
                let identity = match text("x-kubernetes-list-type") {
                    "set" => Some(Vec::new()),
                    "map" => Some(keys(schema)),
                    _ => None,
                };
                Self::List(Arc::new(List {
                    items: items
                        .iter()
                        .map(|own| Self::read(own, item, embedded(item)))
                        .collect(),
                    identity,
                }))
            }
            Json::Number(number) if text("type") == "number" => {
                Self::Double(number.as_f64().unwrap_or_default())
            }
            Json::Number(number) if text("type") == "integer" && number.is_f64() => {
                Self::Int(number.as_f64().unwrap_or_default() as i64)
            }
            Json::String(own) if text("type") == "string" => {
                formatted(own, text("format")).unwrap_or_else(|| Self::text(own))
            }
            other => Self::dynamic(other),
        }
    }

    fn members(members: &JsonMap<String, Json>, schema: &Json, root: bool) -> Self {
        if let Some(rest) = schema.get("additionalProperties").filter(|rest| rest.is_object()) {
            let read = |own: &Json| Self::read(own, rest, embedded(rest));
            return Self::Map(Arc::new(
                members
                    .iter()
                    .map(|(name, member)| (Key::String(name.as_str().into()), read(member)))
                    .collect(),
            ));
        }
        let properties = schema.get("properties").and_then(Json::as_object);
        let mut known = BTreeMap::new();
        for (name, member) in members {
            if root && ["apiVersion", "kind"].contains(&name.as_str()) {
                known.insert(name.as_str().into(), Self::dynamic(member));
            } else if root && name == "metadata" {
                let seen = ["name", "generateName"].iter().filter_map(|key| {
                    let own = member.get(key)?;
                    Some((Arc::from(*key), Self::dynamic(own)))
                });
                known.insert(name.as_str().into(), Self::Object(Arc::new(seen.collect())));
            } else if let Some(property) = properties.and_then(|properties| properties.get(name))
                && let Some(escaped) = escape(name)
            {
                known.insert(escaped.into(), Self::read(member, property, embedded(property)));
            }
        }
        Self::Object(Arc::new(known))
    }
}

fn embedded(schema: &Json) -> bool {
    schema.get("x-kubernetes-embedded-resource") == Some(&Json::Bool(true))
}

fn keys(schema: &Json) -> Vec<String> {
    let keys = schema.get("x-kubernetes-list-map-keys").and_then(Json::as_array);
    keys.into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .map(|key| escape(key).unwrap_or_else(|| key.to_owned()))
        .collect()
}

/// Texts that stand for other values.
fn formatted(text: &str, format: &str) -> Option<Value> {
    use base64::Engine;
    match format {
        "byte" => base64::engine::general_purpose::STANDARD
            .decode(text)
            .ok()
            .map(|bytes| Value::Bytes(bytes.into())),
        "duration" => crate::time::duration(text).ok().map(Value::Duration),
        "date" => format!("{text}T00:00:00Z").parse().ok().map(Value::Timestamp),
        "date-time" => text.parse().ok().map(Value::Timestamp),
        _ => None,
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::List(own), Self::List(other)) => own == other,
            (Self::Map(own), Self::Map(other)) => own == other,
            (Self::Object(own), Self::Object(other)) => Arc::ptr_eq(own, other) || own == other,
            (Self::Optional(own), Self::Optional(other)) => own == other,
            (Self::Type(own), Self::Type(other)) => own == other,
            (Self::Opaque(own), Self::Opaque(other)) => own == other,
            _ => self.compare(other) == Some(Ordering::Equal),
        }
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        if self.items.len() != other.items.len() {
            return false;
        }
        match &self.identity {
            Some(_) => self.items.iter().all(|item| other.items.contains(item)),
            None => self.items == other.items,
        }
    }
}

impl List {
    /// What tells an item from others.
    pub(crate) fn same(&self, own: &Value, other: &Value) -> bool {
        match (self.identity.as_deref(), own, other) {
            (Some(keys), Value::Object(own), Value::Object(other)) if !keys.is_empty() => keys
                .iter()
                .all(|key| own.get(key.as_str()) == other.get(key.as_str())),
            _ => own == other,
        }
    }
}
