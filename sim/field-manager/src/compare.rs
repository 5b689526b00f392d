//! What changed between two versions of an object.

use std::collections::BTreeMap;

use kube_schema::{ListKind, Schema};
use serde_json::{Map, Value};

use crate::filter::Filter;
use crate::order;
use crate::path::PathElement;
use crate::set::Set;
use crate::shape::{List, Members, Shape, Ty, differs, item_element, shape};

/// The paths that changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Only the new object has them.
    pub added: Set,
    /// Both have them, with different values.
    pub modified: Set,
    /// Only the old object has them.
    pub removed: Set,
}

impl Comparison {
    /// Whether nothing changed.
    pub fn is_same(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    pub(crate) fn filter(self, filter: Option<&Filter>) -> Self {
        let Some(filter) = filter else { return self };
        Self {
            added: filter.apply(&self.added),
            modified: filter.apply(&self.modified),
            removed: filter.apply(&self.removed),
        }
    }
}

/// Compares two valid objects.
pub(crate) fn compare(schema: &Schema, ty: Ty, old: &Value, new: &Value) -> Comparison {
    let mut walker = Walker {
        schema,
        path: Vec::new(),
        out: Comparison::default(),
    };
    if old != new {
        walker.visit(ty, Some(old), Some(new));
    }
    walker.out
}

struct Walker<'a> {
    schema: &'a Schema,
    path: Vec<PathElement>,
    out: Comparison,
}

impl Walker<'_> {
    fn visit(&mut self, ty: Ty, old: Option<&Value>, new: Option<&Value>) {
        let leaf = match (old, new) {
            (Some(o), Some(n)) if differs(self.schema, ty, o, n) => {
                let as_old = shape(self.schema, ty, old);
                self.visit_as(as_old, old, new);
                self.visit_as(shape(self.schema, ty, new), old, new)
            }
            _ => self.visit_as(shape(self.schema, ty, new.or(old)), old, new),
        };
        if leaf {
            return;
        }
        match (old, new) {
            (None, _) => self.out.added.insert(&self.path),
            (_, None) => self.out.removed.insert(&self.path),
            _ => {}
        }
    }

    /// Returns whether the value was compared as a whole.
    fn visit_as(&mut self, shape: Shape<'_>, old: Option<&Value>, new: Option<&Value>) -> bool {
        match shape {
            Shape::Scalar(_) => self.leaf(old, new),
            Shape::List(list) => {
                let (o, n) = (items(old), items(new));
                if *list.kind == ListKind::Atomic || (o.is_empty() && n.is_empty()) {
                    return self.leaf(old, new);
                }
                self.items(list, o, n);
                false
            }
            Shape::Map(members) => {
                let (o, n) = (old.and_then(Value::as_object), new.and_then(Value::as_object));
                if members.atomic || (o.is_none_or(Map::is_empty) && n.is_none_or(Map::is_empty)) {
                    return self.leaf(old, new);
                }
                self.members(members, o, n);
                false
            }
        }
    }

    fn leaf(&mut self, old: Option<&Value>, new: Option<&Value>) -> bool {
        match (old, new) {
            (None, _) => self.out.added.insert(&self.path),
            (_, None) => self.out.removed.insert(&self.path),
            (Some(o), Some(n)) if !order::equal(o, n) => self.out.modified.insert(&self.path),
            _ => {}
        }
        true
    }

    fn members(
        &mut self,
        members: Members<'_>,
        old: Option<&Map<String, Value>>,
        new: Option<&Map<String, Value>>,
    ) {
        let only_new = new
            .into_iter()
            .flatten()
            .filter(|(name, _)| old.is_none_or(|old| !old.contains_key(*name)));
        let only_new: Vec<_> = only_new.map(|(name, value)| (name, None, Some(value))).collect();
        let of_old = old.into_iter().flatten();
        let of_old = of_old.map(|(name, value)| (name, Some(value), new.and_then(|new| new.get(name))));
        for (name, old, new) in of_old.chain(only_new) {
            let Some(ty) = members.member(name) else { continue };
            if old.is_some() && old == new {
                continue;
            }
            self.path.push(PathElement::field(name));
            self.visit(ty, old, new);
            self.path.pop();
        }
    }

    fn index<'v>(&self, list: List<'_>, values: &'v [Value]) -> BTreeMap<PathElement, Vec<&'v Value>> {
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for value in values {
            if let Ok(element) = item_element(self.schema, list, value) {
                found.entry(element).or_default().push(value);
            }
        }
        found
    }

    fn items(&mut self, list: List<'_>, old: &[Value], new: &[Value]) {
        let old = self.index(list, old);
        let mut new = self.index(list, new);
        for (element, olds) in old {
            let news = new.remove(&element).unwrap_or_default();
            self.item(list, element, &olds, &news);
        }
        for (element, news) in new {
            self.item(list, element, &[], &news);
        }
    }

    /// Compares what both lists have under one element. Repeated items are compared as a whole.
    fn item(&mut self, list: List<'_>, element: PathElement, old: &[&Value], new: &[&Value]) {
        self.path.push(element);
        match (old, new) {
            ([] | [_], [] | [_]) => self.visit(list.items, old.first().copied(), new.first().copied()),
            ([_, _, ..], [_, _, ..]) => {
                let same = old.len() == new.len() && old.iter().zip(new).all(|(o, n)| order::equal(o, n));
                if !same {
                    self.out.modified.insert(&self.path);
                }
            }
            (_, [] | [_]) => {
                if let Some(new) = new.first() {
                    self.visit(list.items, None, Some(new));
                }
                self.out.removed.insert(&self.path);
            }
            _ => {
                if let Some(old) = old.first() {
                    self.visit(list.items, Some(old), None);
                }
                self.out.added.insert(&self.path);
            }
        }
        self.path.pop();
    }
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
