//! Field sets that were written when the schema was another.

use kube_schema::{ListKind, Schema};

use crate::path::PathElement;
use crate::set::Set;
use crate::shape::{Shape, Ty, is_any, shape};

/// The set as it has to be now: where a list or map has become atomic, only its own path stays. `None` if that
/// changes nothing. A list or map that is no longer atomic is left alone.
pub(crate) fn reconcile(schema: &Schema, ty: Ty, set: &Set) -> Option<Set> {
    let mut walker = Walker {
        schema,
        path: Vec::new(),
        collapsed: Set::new(),
    };
    walker.visit(ty, Some(set), false);
    if walker.collapsed.is_empty() {
        return None;
    }
    Some(
        set.recursive_difference(&walker.collapsed)
            .union(&walker.collapsed),
    )
}

struct Walker<'a> {
    schema: &'a Schema,
    path: Vec<&'a PathElement>,
    /// Paths of what became atomic.
    collapsed: Set,
}

impl<'a> Walker<'a> {
    fn collapse(&mut self) {
        let path: Vec<_> = self.path.iter().map(|&element| element.clone()).collect();
        self.collapsed.insert(&path);
    }

    /// `whole` says that the path is owned and nothing below it.
    fn visit(&mut self, ty: Ty, set: Option<&'a Set>, whole: bool) {
        let (schema, shape) = (self.schema, shape(self.schema, ty, None));
        if is_any(schema, ty) {
            return;
        }
        match shape {
            Shape::Scalar(_) => {}
            Shape::List(list) if *list.kind == ListKind::Atomic => {
                if !whole {
                    self.collapse();
                }
            }
            Shape::List(list) => self.below(set, |_| Some(list.items)),
            Shape::Map(members) if members.is_untyped(schema) => {}
            Shape::Map(members) if members.atomic => {
                if !whole && set.is_some_and(|set| !set.is_empty()) {
                    self.collapse();
                }
            }
            Shape::Map(members) => self.below(set, |element| match element {
                PathElement::Field(name) => members.member(name),
                _ => members.values,
            }),
        }
    }

    fn below(&mut self, set: Option<&'a Set>, ty: impl Fn(&PathElement) -> Option<Ty>) {
        for entry in set.into_iter().flat_map(Set::entries) {
            let Some(ty) = ty(&entry.element) else { continue };
            let children = Some(&entry.children).filter(|set| !set.is_empty());
            self.path.push(&entry.element);
            self.visit(ty, children, entry.member && children.is_none());
            self.path.pop();
        }
    }
}
