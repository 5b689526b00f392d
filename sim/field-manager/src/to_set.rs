//! The paths that an object has.

use std::collections::BTreeMap;

use kube_schema::{ListKind, Schema};
use serde_json::Value;

use crate::path::PathElement;
use crate::set::{Entry, Set};
use crate::shape::{List, Members, Shape, Ty, item_element, shape};

/// Every path that whoever applies this object owns. The object must be valid.
pub(crate) fn to_set(schema: &Schema, ty: Ty, value: &Value) -> Set {
    below(schema, ty, value).1
}

/// Whether the path of the value itself is owned, and the paths below it.
fn below(schema: &Schema, ty: Ty, value: &Value) -> (bool, Set) {
    match shape(schema, ty, Some(value)) {
        Shape::Scalar(_) => (true, Set::new()),
        Shape::List(list) if *list.kind == ListKind::Atomic => (true, Set::new()),
        Shape::List(list) => (false, items(schema, list, value)),
        Shape::Map(members) if members.atomic => (true, Set::new()),
        Shape::Map(map) => (false, members(schema, map, value)),
    }
}

fn members(schema: &Schema, members: Members<'_>, value: &Value) -> Set {
    let Value::Object(map) = value else {
        return Set::new();
    };
    let mut entries = Vec::with_capacity(map.len());
    for (name, value) in map {
        let Some(ty) = members.member(name) else { continue };
        let (own, children) = below(schema, ty, value);
        // What is empty, or not declared, leaves no other trace.
        let empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
        let member = own || empty || members.declared(name).is_none();
        entries.push(Entry {
            element: PathElement::field(name),
            member,
            children,
        });
    }
    Set::from_entries(entries)
}

fn items(schema: &Schema, list: List<'_>, value: &Value) -> Set {
    let Value::Array(values) = value else {
        return Set::new();
    };
    let mut found: BTreeMap<PathElement, Option<&Value>> = BTreeMap::new();
    for item in values {
        if let Ok(element) = item_element(schema, list, item) {
            // Of an item that is repeated only the place is owned.
            found
                .entry(element)
                .and_modify(|one| *one = None)
                .or_insert(Some(item));
        }
    }
    let entry = |(element, item): (PathElement, Option<&Value>)| {
        let children = item
            .map(|item| below(schema, list.items, item).1)
            .unwrap_or_default();
        Entry {
            element,
            member: true,
            children,
        }
    };
    Set::from_entries(found.into_iter().map(entry).collect())
}
