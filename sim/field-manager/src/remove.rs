//! Taking paths out of an object, or keeping nothing but them.

use kube_schema::{ListKind, Schema};
use serde_json::{Map, Value};

use crate::path::PathElement;
use crate::set::{Entry, Set};
use crate::shape::{List, Members, Shape, Ty, item_element, shape};

/// The object without these paths. What loses all its parts stays, empty.
pub(crate) fn remove(schema: &Schema, ty: Ty, value: &Value, paths: &Set) -> Value {
    Walker {
        schema,
        extract: false,
    }
    .visit(ty, value, paths)
}

/// The parts of the object that these paths name.
pub(crate) fn extract(schema: &Schema, ty: Ty, value: &Value, paths: &Set) -> Value {
    Walker {
        schema,
        extract: true,
    }
    .visit(ty, value, paths)
}

struct Walker<'a> {
    schema: &'a Schema,
    extract: bool,
}

impl Walker<'_> {
    fn visit(&self, ty: Ty, value: &Value, paths: &Set) -> Value {
        match (shape(self.schema, ty, Some(value)), value) {
            (Shape::Scalar(_), _) => value.clone(),
            (Shape::List(list), Value::Array(items)) => {
                if items.is_empty() || *list.kind == ListKind::Atomic {
                    return self.whole(value);
                }
                let items = self.items(list, items, paths);
                if items.is_empty() {
                    Value::Null
                } else {
                    Value::Array(items)
                }
            }
            (Shape::Map(members), Value::Object(map)) => {
                if map.is_empty() || members.atomic {
                    return self.whole(value);
                }
                let map = self.members(members, map, paths);
                if map.is_empty() {
                    Value::Null
                } else {
                    Value::Object(map)
                }
            }
            _ => Value::Null,
        }
    }

    /// Goes on inside a part that is not named itself.
    ///
    /// DIFFERENCE: structured-merge-diff 6.3, which Kubernetes 1.36 has, leaves an emptied part empty, as here; 6.4 makes
    /// it null again.
    fn inside(&self, ty: Option<Ty>, value: &Value, below: &Set) -> Value {
        let kept = ty.map_or(Value::Null, |ty| self.visit(ty, value, below));
        match value {
            Value::Object(_) if kept.is_null() && !self.extract => Value::Object(Map::new()),
            Value::Array(_) if kept.is_null() && !self.extract => Value::Array(Vec::new()),
            _ => kept,
        }
    }

    /// An empty or atomic container is kept or dropped as one.
    fn whole(&self, value: &Value) -> Value {
        if self.extract { value.clone() } else { Value::Null }
    }

    fn items(&self, list: List<'_>, items: &[Value], paths: &Set) -> Vec<Value> {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            let Ok(element) = item_element(self.schema, list, item) else {
                continue;
            };
            let (exact, below) = parts(paths.get(&element));
            match (below, exact) {
                (_, true) if !self.extract => {}
                (Some(below), _) => out.push(self.inside(Some(list.items), item, below)),
                (None, exact) if exact == self.extract => out.push(item.clone()),
                _ => {}
            }
        }
        out
    }

    fn members(&self, members: Members<'_>, map: &Map<String, Value>, paths: &Set) -> Map<String, Value> {
        let mut out = Map::new();
        for (name, value) in map {
            let (exact, below) = parts(paths.get_field(name));
            let ty = members.member(name);
            let kept = match (below, exact) {
                (_, true) if self.extract => {
                    // QUIRK: what is named as a whole is searched with the paths of its parent.
                    ty.map_or(Value::Null, |ty| self.visit(ty, value, paths))
                }
                (_, true) => continue,
                (Some(below), _) => self.inside(ty, value, below),
                (None, _) if self.extract => continue,
                _ => value.clone(),
            };
            out.insert(name.clone(), kept);
        }
        out
    }
}

fn parts(entry: Option<&Entry>) -> (bool, Option<&Set>) {
    let below = entry.map(|e| &e.children).filter(|set| !set.is_empty());
    (entry.is_some_and(|e| e.member), below)
}

/// The set with every declared member as a path of its own that has paths below it.
pub(crate) fn with_declared(schema: &Schema, ty: Option<Ty>, set: &Set) -> Set {
    let known = ty.map(|ty| (ty, shape(schema, ty, None)));
    let entry = |entry: &Entry| {
        if entry.children.is_empty() {
            return entry.clone();
        }
        let (below, declared) = match (known, &entry.element) {
            (Some((_, Shape::Map(members))), PathElement::Field(name)) => {
                (members.member(name), members.declared(name).is_some())
            }
            (Some((_, Shape::List(list))), PathElement::Key(_)) => (Some(list.items), false),
            _ => (None, false),
        };
        Entry {
            element: entry.element.clone(),
            member: entry.member || declared,
            children: with_declared(schema, below, &entry.children),
        }
    };
    Set::from_entries(set.entries().iter().map(entry).collect())
}
