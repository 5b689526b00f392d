//! A configuration laid over an object.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use kube_schema::{ListKind, Schema};
use serde_json::{Map, Value};

use crate::order;
use crate::path::PathElement;
use crate::shape::{List, Members, Shape, Ty, item_element, shape};

/// The object with the configuration laid over it. Both must be valid, and the configuration without repeated items.
pub(crate) fn merge(schema: &Schema, ty: Ty, live: &Value, config: &Value) -> Value {
    match shape(schema, ty, Some(config)) {
        Shape::Scalar(_) => config.clone(),
        Shape::List(list) => {
            let (l, c) = (items(live), items(config));
            if *list.kind == ListKind::Atomic || (l.is_empty() && c.is_empty()) {
                return config.clone();
            }
            Value::Array(merge_items(schema, list, l, c))
        }
        Shape::Map(map) => {
            let (l, c) = (live.as_object(), config.as_object());
            if map.atomic || (l.is_none_or(Map::is_empty) && c.is_none_or(Map::is_empty)) {
                return config.clone();
            }
            Value::Object(merge_members(schema, map, l, c))
        }
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn merge_members(
    schema: &Schema,
    members: Members<'_>,
    live: Option<&Map<String, Value>>,
    config: Option<&Map<String, Value>>,
) -> Map<String, Value> {
    let mut out = live.cloned().unwrap_or_default();
    for (name, value) in config.into_iter().flatten() {
        let merged = match (live.and_then(|live| live.get(name)), members.member(name)) {
            (Some(live), Some(ty)) => merge(schema, ty, live, value),
            _ => value.clone(),
        };
        out.insert(name.clone(), merged);
    }
    out
}

/// Items by element, where `None` stands for an item that is repeated, and the elements in order.
fn index<'v>(
    schema: &Schema,
    list: List<'_>,
    values: &'v [Value],
) -> (Vec<PathElement>, BTreeMap<PathElement, Option<&'v Value>>) {
    let mut order = Vec::with_capacity(values.len());
    let mut found = BTreeMap::new();
    for value in values {
        if let Ok(element) = item_element(schema, list, value) {
            found
                .entry(element.clone())
                .and_modify(|one| *one = None)
                .or_insert(Some(value));
            order.push(element);
        }
    }
    (order, found)
}

/// Items keep the order of the configuration; those that only the object has stay behind the item they stood behind.
fn merge_items(schema: &Schema, list: List<'_>, live: &[Value], config: &[Value]) -> Vec<Value> {
    let (live_order, live_items) = index(schema, list, live);
    let (config_order, config_items) = index(schema, list, config);
    let mut shared: VecDeque<&PathElement> = config_order
        .iter()
        .filter(|e| live_items.contains_key(*e))
        .collect();
    let mut next_shared = shared.pop_front();
    let mut merged: BTreeSet<&PathElement> = BTreeSet::new();
    let mut out = Vec::with_capacity(live.len().max(config.len()));
    let merge_one = |element: &PathElement| match (live_items.get(element), config_items.get(element)) {
        (Some(Some(l)), Some(Some(c))) => merge(schema, list.items, l, c),
        (_, Some(Some(c))) => (*c).clone(),
        _ => Value::Null,
    };
    let (mut l, mut c) = (0, 0);
    while l < live_order.len() || c < config_order.len() {
        if let (Some(element), Some(wanted)) = (live_order.get(l), config_order.get(c)) {
            if element == wanted {
                merged.insert(element);
                out.push(merge_one(element));
                (l, c) = (l + 1, c + 1);
                next_shared = shared.pop_front();
                continue;
            }
            if config_items.contains_key(element) && next_shared.is_some_and(|next| next != element) {
                // Shared, but its turn comes later.
                l += 1;
                continue;
            }
        }
        if let Some(element) = live_order.get(l) {
            if !config_items.contains_key(element) {
                out.push(live[l].clone());
                l += 1;
                continue;
            }
            if merged.contains(element) {
                l += 1;
            }
        }
        if let Some(element) = config_order.get(c) {
            merged.insert(element);
            out.push(merge_one(element));
            c += 1;
            if next_shared == Some(element) {
                next_shared = shared.pop_front();
            }
        }
    }
    out
}

/// Whether laying the configuration over the object surely changes nothing. Answers `false` when it is not sure.
pub(crate) fn covers(schema: &Schema, ty: Ty, live: &Value, config: &Value) -> bool {
    match shape(schema, ty, Some(config)) {
        Shape::Map(map) if !map.atomic => match (live, config) {
            (Value::Object(live), Value::Object(config)) => config.iter().all(|(name, value)| {
                let ty = map.member(name);
                live.get(name)
                    .zip(ty)
                    .is_some_and(|(live, ty)| covers(schema, ty, live, value))
            }),
            _ => live == config,
        },
        Shape::List(list) if *list.kind != ListKind::Atomic => match (live, config) {
            (Value::Array(live), Value::Array(config)) => covers_items(schema, list, live, config),
            _ => live == config,
        },
        _ => order::equal(live, config),
    }
}

fn covers_items(schema: &Schema, list: List<'_>, live: &[Value], config: &[Value]) -> bool {
    if live.is_empty() || config.is_empty() {
        return live.is_empty() == config.is_empty() || !live.is_empty();
    }
    if *list.kind == ListKind::Set {
        let mut rest = live.iter();
        return distinct(live)
            && config
                .iter()
                .all(|value| rest.any(|live| order::equal(live, value)));
    }
    let element = |value: &Value| item_element(schema, list, value).ok();
    let elements: Vec<_> = live.iter().map(element).collect();
    let unique: BTreeSet<_> = elements.iter().flatten().collect();
    if unique.len() != elements.len() {
        return false;
    }
    let mut from = 0;
    config.iter().all(|value| {
        let wanted = element(value);
        let place = elements[from..].iter().position(|e| e.is_some() && *e == wanted);
        place.is_some_and(|place| {
            from += place + 1;
            covers(schema, list.items, &live[from - 1], value)
        })
    })
}

fn distinct(values: &[Value]) -> bool {
    let mut sorted: Vec<_> = values.iter().collect();
    sorted.sort_by(|a, b| order::compare(a, b));
    sorted
        .windows(2)
        .all(|pair| order::compare(pair[0], pair[1]).is_ne())
}
