//! Values in the form of the server's internal types, in which some messages print them: other member names, their
//! own order, and zeros where the API has nothing.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::{at::At, diff};
use crate::kinds::shape::{self, Shape, Ty};

static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| shape::parse_all(include_str!("../internal.txt")));

/// A tree whose members are in order.
enum Tree {
    Leaf(String),
    List(Vec<Tree>),
    Members(Vec<(String, Tree)>),
}

/// A value in one line, as the internal type of this name.
pub(super) fn show(name: &str, value: &Value) -> String {
    let mut out = String::new();
    compact(&tree(name, value), &mut out);
    out
}

/// The difference between two values, as the internal type of this name.
pub(super) fn difference(name: &str, old: &At<'_>, new: &At<'_>) -> String {
    let text = |value: &Value| {
        let mut out = String::new();
        pretty(&tree(name, value), 0, &mut out);
        out
    };
    diff::unified(&text(old.value()), &text(new.value()))
}

fn tree(name: &str, value: &Value) -> Tree {
    let index = SHAPES.binary_search_by(|s| s.name.cmp(name)).ok();
    index.map_or_else(|| Tree::Leaf(value.to_string()), |i| members(&SHAPES[i], value))
}

fn members(shape: &Shape, value: &Value) -> Tree {
    let empty = Map::new();
    let given = value.as_object().unwrap_or(&empty);
    let moved = (shape.name == "core.PodSpec").then(|| host_settings(given));
    let mut out = Vec::new();
    for member in &shape.members {
        let inside = || {
            given
                .get("metadata")
                .filter(|_| member.omit_empty)
                .and_then(|m| m.get(member.name))
        };
        let found = given.get(member.name).or_else(inside).or_else(|| {
            given
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(member.name))
                .map(|(_, v)| v)
        });
        let found = match (&moved, member.name) {
            (Some(settings), "SecurityContext") => Some(settings),
            _ => found,
        };
        let found = found.filter(|v| !v.is_null());
        let is_struct = matches!(
            member.ty,
            Ty::Struct(_) | Ty::Time | Ty::Quantity | Ty::IntOrString
        );
        if found.is_none() && (member.omit_zero || (member.omit_empty && (member.pointer || !is_struct))) {
            continue;
        }
        let tree = match found {
            None if member.pointer => Tree::Leaf("null".into()),
            found => leaf(&member.ty, found.unwrap_or(&Value::Null)),
        };
        out.push((member.name.to_owned(), tree));
    }
    Tree::Members(out)
}

/// The internal security context holds what the API has beside it.
fn host_settings(spec: &Map<String, Value>) -> Value {
    let mut out = spec
        .get("securityContext")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    for name in [
        "hostNetwork",
        "hostPID",
        "hostIPC",
        "shareProcessNamespace",
        "hostUsers",
    ] {
        if let Some(value) = spec.get(name) {
            out.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(out)
}

fn leaf(ty: &Ty, value: &Value) -> Tree {
    match (ty, value) {
        (Ty::Struct(index), _) => members(&SHAPES[*index], value),
        (Ty::List(item), Value::Array(items)) => Tree::List(items.iter().map(|v| leaf(item, v)).collect()),
        (Ty::Map(item), Value::Object(map)) => Tree::Members(
            map.iter()
                .map(|(name, v)| (name.clone(), leaf(item, v)))
                .collect(),
        ),
        (Ty::String, Value::Null) => Tree::Leaf("\"\"".into()),
        (Ty::Bool, Value::Null) => Tree::Leaf("false".into()),
        (Ty::Int32 | Ty::Int64 | Ty::Float | Ty::IntOrString, Value::Null) => Tree::Leaf("0".into()),
        (Ty::Quantity, Value::Null) => Tree::Leaf("\"0\"".into()),
        _ => Tree::Leaf(value.to_string()),
    }
}

fn compact(tree: &Tree, out: &mut String) {
    match tree {
        Tree::Leaf(text) => out.push_str(text),
        Tree::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                compact(item, out);
            }
            out.push(']');
        }
        Tree::Members(members) => {
            out.push('{');
            for (i, (name, member)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&format!("{}:", Value::from(name.as_str())));
                compact(member, out);
            }
            out.push('}');
        }
    }
}

/// One space a level, as the differences have it.
fn pretty(tree: &Tree, depth: usize, out: &mut String) {
    let (open, close, count) = match tree {
        Tree::Leaf(text) => return out.push_str(text),
        Tree::List(items) => ('[', ']', items.len()),
        Tree::Members(members) => ('{', '}', members.len()),
    };
    out.push(open);
    if count == 0 {
        return out.push(close);
    }
    let inner = " ".repeat(depth + 1);
    for i in 0..count {
        out.push_str(if i == 0 { "\n" } else { ",\n" });
        out.push_str(&inner);
        match tree {
            Tree::List(items) => pretty(&items[i], depth + 1, out),
            Tree::Members(members) => {
                out.push_str(&format!("{}: ", Value::from(members[i].0.as_str())));
                pretty(&members[i].1, depth + 1, out);
            }
            Tree::Leaf(_) => {}
        }
    }
    out.push('\n');
    out.push_str(&" ".repeat(depth));
    out.push(close);
}
