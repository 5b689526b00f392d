//! The order of merged lists: as the patch wants it, with the items only the server has at their old places.

use super::{Failure, MAP, Members, has_directive};
use kube_schema::gotext::display;
use serde_json::Value;
use std::cmp::Ordering;

/// What the items of a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elements {
    /// Maps, identified by a key.
    Maps,
    /// Scalars.
    Scalars,
}

impl Elements {
    /// All items of both lists must be of one type.
    pub(super) fn of(one: &[Value], other: &[Value]) -> Result<Self, Failure> {
        let mut first: Option<&Value> = None;
        for item in one.iter().chain(other) {
            match first {
                None if item.is_array() => {
                    return Err(Failure::Unprocessable("lists of lists are not supported"));
                }
                None => first = Some(item),
                Some(known) if super::go_type(known) == super::go_type(item) => {}
                Some(_) => {
                    let lists = Value::Array(vec![Value::from(one.to_vec()), Value::from(other.to_vec())]);
                    return Err(Failure::Other(format!(
                        "list element types are not identical: {}",
                        display(&lists)
                    )));
                }
            }
        }
        match first {
            None => Err(Failure::Other(
                "no elements in any of the given slices".to_owned(),
            )),
            Some(Value::Object(_)) => Ok(Self::Maps),
            Some(_) => Ok(Self::Scalars),
        }
    }
}

/// The first item with this key.
pub(super) fn find(items: &[Value], key: &str, wanted: &Value) -> Result<Option<usize>, Failure> {
    for (at, item) in items.iter().enumerate() {
        let Value::Object(members) = item else {
            return Err(Failure::Other(format!("value for key {at} is not a map")));
        };
        if members.get(key) == Some(wanted) {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn members(item: &Value) -> Result<&Members, Failure> {
    item.as_object().ok_or_else(|| Failure::bad_type(MAP, item))
}

fn same(one: &Value, other: &Value, key: &str) -> Result<bool, Failure> {
    if key.is_empty() {
        return Ok(one == other);
    }
    let (one, other) = (members(one)?, members(other)?);
    let one = one.get(key).ok_or_else(|| Failure::no_merge_key(one, key))?;
    let other = other.get(key).ok_or_else(|| Failure::no_merge_key(other, key))?;
    Ok(one == other)
}

/// The patch's items must come in the order that the patch itself asks for.
pub(super) fn check(patch: &[Value], wanted: &[Value], key: &str) -> Result<(), Failure> {
    if patch.is_empty() || wanted.is_empty() {
        return Ok(());
    }
    let mut kept = Vec::new();
    for item in patch {
        let deleted =
            !key.is_empty() && members(item)?.get(super::DIRECTIVE).and_then(Value::as_str) == Some("delete");
        if !deleted {
            kept.push(item);
        }
    }
    let (mut at, mut order) = (0, 0);
    while at < kept.len() && order < wanted.len() {
        if has_directive(kept[at]) {
            at += 1;
            continue;
        }
        if same(kept[at], &wanted[order], key)? {
            at += 1;
        }
        order += 1;
    }
    if at < kept.len() && order >= wanted.len() {
        return Err(Failure::Other(format!(
            "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
            display(&Value::Array(patch.to_vec())),
            display(&Value::Array(wanted.to_vec()))
        )));
    }
    Ok(())
}

/// Items that are in a list, and those that are not.
pub(super) fn partition(
    items: Vec<Value>,
    by: &[Value],
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), Failure> {
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for item in items {
        let found = if key.is_empty() {
            by.contains(&item)
        } else {
            let members = members(&item)?;
            let wanted = members
                .get(key)
                .ok_or_else(|| Failure::no_merge_key(members, key))?;
            find(by, key, wanted)?.is_some()
        };
        if found {
            inside.push(item)
        } else {
            outside.push(item)
        }
    }
    Ok((inside, outside))
}

/// Each scalar once. A repeated one is replaced by the last, as upstream does it.
pub(super) fn deduplicate(mut items: Vec<Value>) -> Vec<Value> {
    let mut at = 0;
    while at < items.len() {
        let mut other = at + 1;
        while other < items.len() {
            if items[at] == items[other] {
                items.swap_remove(other);
            } else {
                other += 1;
            }
        }
        at += 1;
    }
    items
}

fn place(list: &[Value], item: &Value, key: &str, elements: Elements) -> Option<usize> {
    match elements {
        Elements::Maps => {
            let wanted = item.get(key);
            list.iter().position(|other| other.get(key) == wanted)
        }
        Elements::Scalars => list.iter().position(|other| other == item),
    }
}

fn sorted(mut items: Vec<Value>, by: &[Value], key: &str, elements: Elements) -> Result<Vec<Value>, Failure> {
    let mut deleted = Vec::new();
    if elements == Elements::Maps {
        for item in items.iter().chain(by) {
            let members = members(item)?;
            if !members.contains_key(key) {
                return Err(Failure::no_merge_key(members, key));
            }
        }
        (deleted, items) = items
            .into_iter()
            .partition(|item| item.get(super::DIRECTIVE).and_then(Value::as_str) == Some("delete"));
    }
    items.sort_by(
        |one, other| match (place(by, one, key, elements), place(by, other, key, elements)) {
            (Some(one), Some(other)) => one.cmp(&other),
            _ => Ordering::Equal,
        },
    );
    items.extend(deleted);
    Ok(items)
}

/// Puts items only the server has between those of the patch, each before the first that came after it.
pub(super) fn interleave(
    patch: Vec<Value>,
    server: Vec<Value>,
    patch_order: &[Value],
    server_order: &[Value],
    key: &str,
    elements: Elements,
) -> Result<Vec<Value>, Failure> {
    let patch = sorted(patch, patch_order, key, elements)?;
    let server = sorted(server, server_order, key, elements)?;
    let place = |item: &Value| place(server_order, item, key, elements);
    let mut merged = Vec::with_capacity(patch.len() + server.len());
    let (mut patch, mut server) = (patch.into_iter().peekable(), server.into_iter().peekable());
    loop {
        let from_server = match (server.peek(), patch.peek()) {
            (None, None) => break,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(server), Some(patch)) => {
                matches!((place(server), place(patch)), (Some(server), Some(patch)) if server < patch)
            }
        };
        merged.extend(if from_server { server.next() } else { patch.next() });
    }
    Ok(merged)
}
