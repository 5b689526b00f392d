//! What the schema says about one value: leaf, list or map, and how its parts are told apart.

use kube_schema::{ListKind, Map, Node, Scalar, Schema, TypeId};
use serde_json::Value;

use crate::path::PathElement;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ty {
    /// A node of the schema.
    Node(TypeId),
    /// Whatever the value is: maps are granular, lists atomic.
    Deduced,
    /// Whatever the value is, and atomic.
    Atomic,
}

/// What to do with a value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape<'s> {
    Scalar(Scalar),
    List(List<'s>),
    Map(Members<'s>),
}

/// A list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List<'s> {
    pub(crate) items: Ty,
    pub(crate) kind: &'s ListKind,
}

/// A struct or map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Members<'s> {
    map: Option<&'s Map>,
    pub(crate) atomic: bool,
    /// The type of members that are not declared.
    pub(crate) values: Option<Ty>,
}

impl<'s> Members<'s> {
    fn of(map: &'s Map) -> Self {
        let undeclared = map.preserve_unknown.then_some(Ty::Deduced);
        Self {
            map: Some(map),
            atomic: map.atomic,
            values: map.values.map(Ty::Node).or(undeclared),
        }
    }

    fn deduced(values: Ty) -> Self {
        Self {
            map: None,
            atomic: values == Ty::Atomic,
            values: Some(values),
        }
    }

    /// The type of a declared member.
    pub(crate) fn declared(&self, name: &str) -> Option<Ty> {
        self.map?.fields.get(name).map(|field| Ty::Node(field.ty))
    }

    /// The type of any member.
    pub(crate) fn member(&self, name: &str) -> Option<Ty> {
        self.declared(name).or(self.values)
    }

    /// Whether nothing is declared and anything may be inside.
    pub(crate) fn is_untyped(&self, schema: &Schema) -> bool {
        if self.map.is_some_and(|map| !map.fields.is_empty()) {
            return false;
        }
        match self.values {
            Some(Ty::Deduced) => true,
            Some(Ty::Node(id)) => {
                matches!(
                    schema.node(id),
                    Node::Any | Node::Scalar(Scalar::Untyped | Scalar::IntOrString)
                )
            }
            _ => false,
        }
    }
}

/// Whether a value of this type may be anything.
///
/// QUIRK: an `IntOrString` has no type in the published schema, so merging takes any value for one.
pub(crate) fn is_any(schema: &Schema, ty: Ty) -> bool {
    match ty {
        Ty::Node(id) => matches!(schema.node(id), Node::Any | Node::Scalar(Scalar::IntOrString)),
        Ty::Deduced | Ty::Atomic => true,
    }
}

/// The shape of a value of this type. A value that is absent or null has the shape of a map if any is possible.
pub(crate) fn shape<'s>(schema: &'s Schema, ty: Ty, value: Option<&Value>) -> Shape<'s> {
    let below = match ty {
        Ty::Node(id) => match schema.node(id) {
            _ if is_any(schema, ty) => Ty::Deduced,
            Node::Scalar(scalar) => return Shape::Scalar(*scalar),
            Node::List(list) => {
                return Shape::List(List {
                    items: Ty::Node(list.items),
                    kind: &list.kind,
                });
            }
            Node::Map(map) => return Shape::Map(Members::of(map)),
            Node::Any => Ty::Deduced,
        },
        deduced => deduced,
    };
    match value {
        Some(Value::Array(_)) => Shape::List(List {
            items: Ty::Atomic,
            kind: &ListKind::Atomic,
        }),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => Shape::Scalar(Scalar::Untyped),
        Some(Value::Object(_) | Value::Null) | None => Shape::Map(Members::deduced(below)),
    }
}

/// Whether two values of a deduced type have to be treated by different shapes.
pub(crate) fn differs(schema: &Schema, ty: Ty, left: &Value, right: &Value) -> bool {
    if !is_any(schema, ty) {
        return false;
    }
    let class = |value: &Value| match value {
        Value::Null => 0,
        Value::Array(_) => 1,
        Value::Object(_) => 2,
        _ => 3,
    };
    class(left) != class(right)
}

/// The element by which an item of a set or keyed list is found.
pub(crate) fn item_element(schema: &Schema, list: List<'_>, item: &Value) -> Result<PathElement, String> {
    match list.kind {
        ListKind::Map(keys) => keyed_element(schema, list.items, keys, item),
        ListKind::Set => set_element(item),
        ListKind::Atomic => Err("invalid indexing of non-associative list".to_owned()),
    }
}

fn set_element(item: &Value) -> Result<PathElement, String> {
    match item {
        Value::Object(_) => Err("associative list without keys has an element that's a map type".to_owned()),
        Value::Array(_) => Err("not supported: associative list with lists as elements".to_owned()),
        Value::Null => Err("associative list without keys has an element that's an explicit null".to_owned()),
        scalar => Ok(PathElement::Value(Box::new(scalar.clone()))),
    }
}

fn keyed_element(schema: &Schema, items: Ty, keys: &[String], item: &Value) -> Result<PathElement, String> {
    let map = match item {
        Value::Object(map) => map,
        Value::Null => return Err("associative list with keys may not have a null element".to_owned()),
        _ => return Err("associative list with keys may not have non-map elements".to_owned()),
    };
    let mut fields: Vec<(Box<str>, Value)> = Vec::with_capacity(keys.len());
    for key in keys {
        // A key without value or default is left out: the item is another one than with any value.
        let value = match map.get(key) {
            Some(value) => Some(value.clone()),
            None => key_default(schema, items, key)?,
        };
        fields.extend(value.map(|value| (key.as_str().into(), value)));
    }
    if fields.is_empty() && !keys.is_empty() {
        let keys: Vec<_> = keys.iter().map(|k| kube_schema::gotext::quote(k)).collect();
        return Err(format!(
            "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
            keys.join(" ")
        ));
    }
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(PathElement::Key(fields.into()))
}

fn key_default(schema: &Schema, items: Ty, key: &str) -> Result<Option<Value>, String> {
    match shape(schema, items, None) {
        Shape::Map(Members { map, .. }) => Ok(map
            .and_then(|map| map.fields.get(key))
            .and_then(|field| field.default.clone())),
        _ => Err(format!(
            "couldn't find default value for {key}: associative list may not have non-map types"
        )),
    }
}
