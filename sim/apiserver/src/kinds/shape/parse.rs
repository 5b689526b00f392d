//! Reads `shapes.txt`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Member, Shape, Ty};

/// All shapes, sorted by name.
pub(super) fn shapes(text: &'static str) -> Vec<Shape> {
    let mut names: Vec<&'static str> = text
        .lines()
        .filter(|l| !l.starts_with([' ', '#']) && !l.is_empty())
        .collect();
    names.sort_unstable();
    let index: BTreeMap<&'static str, usize> = names.iter().enumerate().map(|(i, n)| (*n, i)).collect();
    let mut shapes: Vec<Shape> = names
        .into_iter()
        .map(|name| Shape {
            name,
            members: Vec::new(),
            names: Vec::new(),
        })
        .collect();
    let mut current = 0;
    for line in text.lines() {
        if let Some(member) = line.strip_prefix("  ") {
            shapes[current].members.extend(parse_member(member, &index));
        } else if let Some(i) = index.get(line) {
            current = *i;
        }
    }
    for shape in &mut shapes {
        shape.names = shape.members.iter().map(|member| member.name).collect();
        shape.names.sort_unstable();
    }
    shapes
}

fn parse_member(line: &'static str, index: &BTreeMap<&'static str, usize>) -> Option<Member> {
    let mut words = line.splitn(4, ' ');
    let (name, flags, ty) = (words.next()?, words.next()?, words.next()?);
    let default = words
        .next()
        .and_then(|d| serde_json::from_str(d.strip_prefix('=')?).ok());
    Some(Member {
        name,
        omit_empty: flags.contains('o'),
        omit_zero: flags.contains('z'),
        pointer: flags.contains('p'),
        ty: parse_type(ty, index),
        default: default.filter(|d: &Value| !d.is_null()),
    })
}

fn parse_type(text: &'static str, index: &BTreeMap<&'static str, usize>) -> Ty {
    if let Some(rest) = text.strip_prefix("[]") {
        return Ty::List(Box::new(parse_type(rest, index)));
    }
    if let Some(rest) = text.strip_prefix("{}") {
        return Ty::Map(Box::new(parse_type(rest, index)));
    }
    if let Some((name, rest)) = text.strip_prefix('<').and_then(|t| t.split_once('>')) {
        return Ty::Named(name, Box::new(parse_type(rest, index)));
    }
    if let Some(name) = text.strip_prefix('@') {
        return index.get(name).map_or(Ty::Raw, |i| Ty::Struct(*i));
    }
    match text {
        "string" => Ty::String,
        "bool" => Ty::Bool,
        "int32" => Ty::Int32,
        "int" | "int64" | "uint32" | "uint64" => Ty::Int64,
        "float32" | "float64" => Ty::Float,
        "bytes" => Ty::Bytes,
        "quantity" => Ty::Quantity,
        "time" => Ty::Time,
        "microtime" => Ty::MicroTime,
        "intorstring" => Ty::IntOrString,
        "schemaor" => Ty::SchemaOr,
        _ => Ty::Raw,
    }
}
