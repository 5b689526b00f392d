//! Metadata that a flat format holds: `age__list_0__map_enc` is `age[0].enc`.

use std::collections::BTreeMap;

use crate::{
    limits::{MAX_DEPTH, MAX_KEYS},
    tree::{Branch, Item, Value},
};

const MAP: &str = "__map_";
const LIST: &str = "__list_";

#[derive(Default)]
struct Node {
    value: Option<String>,
    members: BTreeMap<String, Node>,
    elements: BTreeMap<usize, Node>,
}

/// Brings flat pairs back into maps and lists.
pub(crate) fn unflatten(pairs: impl Iterator<Item = (String, String)>) -> Result<Branch, String> {
    let mut root = Node::default();
    for (path, value) in pairs {
        let mut here = &mut root;
        for (depth, step) in steps(&path).into_iter().enumerate() {
            if depth > MAX_DEPTH {
                return Err("metadata is nested too deeply".to_owned());
            }
            here = match step {
                Step::Member(key) => here.members.entry(key).or_default(),
                Step::Element(place) => here.elements.entry(place).or_default(),
            };
        }
        if here.value.replace(value).is_some() {
            return Err(format!("Error while unflattening {path:?}: Duplicate value"));
        }
    }
    match value(root)? {
        Value::Map(map) => Ok(map),
        _ => Err("Internal error: cannot find root".to_owned()),
    }
}

enum Step {
    Member(String),
    Element(usize),
}

fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path;
    let mut in_list = false;
    loop {
        let ends = [
            rest.find(MAP).map(|at| (at, MAP)),
            rest.find(LIST).map(|at| (at, LIST)),
        ];
        let end = ends.into_iter().flatten().min();
        let text = end.map_or(rest, |(at, _)| rest.get(..at).unwrap_or_default());
        steps.push(if in_list {
            Step::Element(text.parse().unwrap_or_default())
        } else {
            Step::Member(text.to_owned())
        });
        let Some((at, separator)) = end else {
            return steps;
        };
        in_list = separator == LIST;
        rest = rest.get(at + separator.len()..).unwrap_or_default();
    }
}

fn value(node: Node) -> Result<Value, String> {
    let Node {
        value: scalar,
        members,
        elements,
    } = node;
    match (scalar, members.is_empty(), elements.is_empty()) {
        (Some(text), true, true) => Ok(Value::Text(text)),
        (None, _, true) => {
            let pairs = members
                .into_iter()
                .map(|(key, node)| Ok(Item::Pair(key, value(node)?)));
            Ok(Value::Map(pairs.collect::<Result<_, String>>()?))
        }
        (None, true, false) => {
            let whole = elements.len() <= MAX_KEYS && elements.keys().copied().eq(0..elements.len());
            if !whole {
                return Err("Error while unflattening: Incomplete list".to_owned());
            }
            let list = elements.into_values().map(value);
            Ok(Value::List(list.collect::<Result<_, _>>()?))
        }
        _ => Err("Error while unflattening: Type mismatch".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(pairs: &[(&str, &str)]) -> Result<Branch, String> {
        unflatten(
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn paths_become_maps_and_lists() {
        let pair = |key: &str, value| Item::Pair(key.to_owned(), value);
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(
            flat(&[("age__list_0__map_enc", "x"), ("mac", "y")]).unwrap(),
            [
                pair("age", Value::List(vec![Value::Map(vec![pair("enc", text("x"))])])),
                pair("mac", text("y")),
            ]
        );
    }

    #[test]
    fn contradictions_are_refused() {
        for pairs in [
            [("a", "1"), ("a", "2")],
            [("a", "1"), ("a__map_b", "2")],
            [("a__list_0", "1"), ("a__list_2", "2")],
            [("a__list_0", "1"), ("a__map_b", "2")],
        ] {
            assert!(flat(&pairs).is_err(), "{pairs:?}");
        }
    }
}
