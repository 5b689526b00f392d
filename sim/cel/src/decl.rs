//! The types of structural schemas, with what they say about sizes.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value as Json;

use crate::{limits, parser::RESERVED, types::Type};

/// Words that expressions write between underscores when a member is named so, beside the reserved ones.
const WORDS: [&str; 5] = ["true", "false", "null", "in", "while"];

/// How expressions write the name of a member; `None` if they cannot name it.
#[must_use]
pub fn escape(name: &str) -> Option<String> {
    let first = name.chars().next()?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_.-/".contains(letter);
    if first.is_ascii_digit() || !name.chars().all(plain) {
        return None;
    }
    if WORDS.contains(&name) || RESERVED.contains(&name) {
        return Some(format!("__{name}__"));
    }
    Some(
        name.replace("__", "__underscores__")
            .replace('.', "__dot__")
            .replace('-', "__dash__")
            .replace('/', "__slash__"),
    )
}

/// An object type.
#[derive(Debug)]
pub struct Decl {
    /// As errors name it.
    pub name: String,
    /// Members by their escaped names.
    pub fields: BTreeMap<String, Arc<Shape>>,
}

/// A type with its bounds.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The type itself.
    pub ty: Type,
    /// How many letters, items or members a value has at most.
    pub most: u64,
    /// How many bytes a value takes at least when written.
    pub least: i64,
    /// What a list or a map holds.
    pub inner: Option<Arc<Self>>,
}

fn flag(schema: &Json, key: &str) -> bool {
    schema.get(key).and_then(Json::as_bool).unwrap_or(false)
}

fn bound(schema: &Json, key: &str) -> Option<i64> {
    schema.get(key).and_then(Json::as_i64).map(|bound| bound.max(0))
}

fn size(bound: i64) -> u64 {
    u64::try_from(bound).unwrap_or(0)
}

impl Shape {
    fn plain(ty: Type, most: i64, least: i64) -> Self {
        Self {
            ty,
            most: size(most),
            least,
            inner: None,
        }
    }

    /// A type about whose sizes nothing is known.
    #[must_use]
    pub fn unbounded(ty: Type) -> Self {
        Self::plain(ty, limits::REQUEST, 0)
    }

    /// The type of a schema; `None` if expressions cannot see such values. The `root` of a resource always has its
    /// type and name.
    #[must_use]
    pub fn of(schema: &Json, root: bool, name: &str) -> Option<Self> {
        if flag(schema, "x-kubernetes-int-or-string") {
            let most = bound(schema, "maxLength").map_or(limits::REQUEST - 2, |most| most.saturating_mul(4));
            return Some(Self::plain(Type::Dyn, most, 1));
        }
        match schema.get("type").and_then(Json::as_str).unwrap_or_default() {
            "array" => {
                let item = Self::nested(schema.get("items")?, &format!("{name}.@idx"))?;
                let most = bound(schema, "maxItems").unwrap_or((limits::REQUEST - 2) / (item.least + 1));
                let mut list = Self::plain(Type::list(item.ty.clone()), most, 2);
                list.inner = Some(Arc::new(item));
                Some(list)
            }
            "object" => match schema.get("additionalProperties").filter(|rest| rest.is_object()) {
                Some(rest) => {
                    let value = Self::nested(rest, &format!("{name}.@elem"))?;
                    let most =
                        bound(schema, "maxProperties").unwrap_or((limits::REQUEST - 2) / (value.least + 6));
                    let mut map = Self::plain(Type::map(Type::String, value.ty.clone()), most, 2);
                    map.inner = Some(Arc::new(value));
                    Some(map)
                }
                None => Some(Self::object(schema, root, name)),
            },
            "string" => Some(Self::string(schema)),
            "boolean" => Some(Self::plain(Type::Bool, 0, 4)),
            "number" => Some(Self::plain(Type::Double, 0, 1)),
            "integer" => Some(Self::plain(Type::Int, 0, 1)),
            _ => None,
        }
    }

    fn nested(schema: &Json, name: &str) -> Option<Self> {
        Self::of(schema, flag(schema, "x-kubernetes-embedded-resource"), name)
    }

    fn object(schema: &Json, root: bool, name: &str) -> Self {
        let required = schema.get("required").and_then(Json::as_array);
        let is_required = |name: &str| required.is_some_and(|list| list.iter().any(|own| own == name));
        let mut fields = BTreeMap::new();
        let mut least = 2;
        let properties = schema.get("properties").and_then(Json::as_object);
        for (member, property) in properties.into_iter().flatten() {
            if root && ["apiVersion", "kind", "metadata"].contains(&member.as_str()) {
                continue;
            }
            let Some(shape) = Self::nested(property, &format!("{name}.{member}")) else {
                continue;
            };
            if is_required(member) && property.get("default").is_none() {
                least += i64::try_from(member.len()).unwrap_or(0) + shape.least + 4;
            }
            if let Some(escaped) = escape(member) {
                fields.insert(escaped, Arc::new(shape));
            }
        }
        if root {
            let text = || Arc::new(Self::plain(Type::String, limits::REQUEST - 2, 2));
            fields.insert("apiVersion".into(), text());
            fields.insert("kind".into(), text());
            let inner = [("name".to_owned(), text()), ("generateName".to_owned(), text())];
            let meta = Self::record(format!("{name}.metadata"), inner.into_iter().collect(), 2);
            fields.insert("metadata".into(), Arc::new(meta));
        }
        Self::record(name.to_owned(), fields, least)
    }

    /// An object with these members.
    #[must_use]
    pub fn record(name: String, fields: BTreeMap<String, Arc<Self>>, least: i64) -> Self {
        Self::plain(Type::Object(Arc::new(Decl { name, fields })), 0, least)
    }

    fn string(schema: &Json) -> Self {
        let longest = limits::REQUEST - 2;
        match schema.get("format").and_then(Json::as_str).unwrap_or_default() {
            "byte" => Self::plain(Type::Bytes, bound(schema, "maxLength").unwrap_or(longest), 2),
            "duration" => Self::plain(Type::Duration, 32, 3),
            "date" => Self::plain(Type::Timestamp, 12, 12),
            "date-time" => Self::plain(Type::Timestamp, 32, 21),
            _ => {
                let allowed = schema.get("enum").and_then(Json::as_array);
                let most = match (bound(schema, "maxLength"), allowed) {
                    (Some(most), _) => most.saturating_mul(4),
                    (None, Some(list)) if !list.is_empty() => {
                        let lengths = list.iter().filter_map(Json::as_str).map(str::len);
                        i64::try_from(lengths.max().unwrap_or(0)).unwrap_or(longest)
                    }
                    _ => longest,
                };
                Self::plain(Type::String, most, 2)
            }
        }
    }

    /// The shape of a member.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Arc<Self>> {
        match &self.ty {
            Type::Object(decl) => decl.fields.get(name),
            _ => None,
        }
    }
}
