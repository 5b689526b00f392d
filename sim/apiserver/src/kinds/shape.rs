//! The shapes of the genuine server's own types, which decide what it prints: a member that is always there even
//! if zero, a member that is dropped when empty, a member that is a pointer and so may hold a zero.
//!
//! `shapes.txt` holds these facts, one type a block. Decoding to such a type and encoding it again is [`settle`].

mod mismatch;
mod parse;
mod settle;

pub use mismatch::mismatch;
pub(super) use settle::{settle, store};

use std::sync::LazyLock;

use serde_json::Value;

use super::Kind;

/// The type of a member.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ty {
    String,
    Bool,
    Int32,
    Int64,
    Float,
    Bytes,
    Quantity,
    Time,
    MicroTime,
    IntOrString,
    /// Anything, kept as it is.
    Raw,
    /// A JSON schema, a list of them, or a boolean.
    SchemaOr,
    List(Box<Ty>),
    Map(Box<Ty>),
    Struct(usize),
    /// A type with a name of its own in messages, such as `v1.SecretType`.
    Named(&'static str, Box<Ty>),
}

impl Ty {
    /// The type without its names.
    pub(super) fn plain(&self) -> &Self {
        match self {
            Self::Named(_, inner) => inner.plain(),
            other => other,
        }
    }
}

/// A member of a [`Shape`].
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) omit_empty: bool,
    pub(super) omit_zero: bool,
    pub(super) pointer: bool,
    pub(super) ty: Ty,
    pub(super) default: Option<Value>,
}

/// A type with members.
#[derive(Debug)]
pub(super) struct Shape {
    /// Such as `core/v1.PodSpec`.
    pub(super) name: &'static str,
    pub(super) members: Vec<Member>,
    /// The members' names, sorted.
    names: Vec<&'static str>,
}

impl Shape {
    fn has(&self, name: &str) -> bool {
        self.names.binary_search(&name).is_ok()
    }
}

static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| parse::shapes(include_str!("shapes.txt")));

/// The shape at an index.
pub(super) fn shape(index: usize) -> &'static Shape {
    &SHAPES[index]
}

/// The shape with this name.
pub(super) fn by_name(name: &str) -> Option<usize> {
    SHAPES.binary_search_by(|s| s.name.cmp(name)).ok()
}

/// The shapes of a text of this form, sorted by name.
pub(super) fn parse_all(text: &'static str) -> Vec<Shape> {
    parse::shapes(text)
}

/// A value of this shape in the member order of its type.
pub(super) fn print(index: usize, value: &Value) -> String {
    text(&Ty::Struct(index), value)
}

fn text(ty: &Ty, value: &Value) -> String {
    match (ty.plain(), value) {
        (Ty::Struct(index), Value::Object(map)) => {
            let members = shape(*index)
                .members
                .iter()
                .filter_map(|m| Some((m, map.get(m.name)?)));
            let members: Vec<String> = members
                .map(|(m, v)| format!("{}:{}", Value::from(m.name), text(&m.ty, v)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        (Ty::List(item), Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|v| text(item, v)).collect();
            format!("[{}]", items.join(","))
        }
        _ => value.to_string(),
    }
}

/// The shape of a kind's objects.
pub(super) fn of(kind: &Kind) -> Option<usize> {
    let group = if kind.group.is_empty() {
        "core"
    } else {
        kind.group.split('.').next().unwrap_or_default()
    };
    by_name(&format!("{group}/{}.{}", kind.version, kind.kind))
}
