//! Sets of paths: who owns what.

use std::cmp::Ordering;

use crate::path::PathElement;

/// A set of paths, kept as a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Set {
    entries: Vec<Entry>,
}

/// One element of a level of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) element: PathElement,
    /// Whether the path that ends here is in the set.
    pub(crate) member: bool,
    /// The paths that go on from here.
    pub(crate) children: Set,
}

impl Entry {
    fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }
}

impl Set {
    /// A set of nothing.
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// A set of paths of field names.
    pub fn of_fields(paths: &[&[&str]]) -> Self {
        let mut set = Self::new();
        for path in paths {
            let path: Vec<_> = path.iter().map(|name| PathElement::field(name)).collect();
            set.insert(&path);
        }
        set
    }

    /// A set from entries in any order, which must not repeat an element.
    pub(crate) fn from_entries(mut entries: Vec<Entry>) -> Self {
        entries.retain(|e| !e.is_empty());
        if !entries.is_sorted_by(|a, b| a.element < b.element) {
            entries.sort_by(|a, b| a.element.cmp(&b.element));
            entries.dedup_by(|later, first| {
                let same = later.element == first.element;
                if same {
                    first.member |= later.member;
                    first.children = first.children.union(&later.children);
                }
                same
            });
        }
        Self { entries }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether there are no paths.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many paths there are.
    pub fn len(&self) -> usize {
        self.entries
            .iter()
            .map(|e| usize::from(e.member) + e.children.len())
            .sum()
    }

    fn find(&self, element: &PathElement) -> Result<usize, usize> {
        self.entries.binary_search_by(|e| e.element.cmp(element))
    }

    pub(crate) fn get(&self, element: &PathElement) -> Option<&Entry> {
        self.find(element).ok().map(|i| &self.entries[i])
    }

    /// The entry of a field, found without building an element.
    pub(crate) fn get_field(&self, name: &str) -> Option<&Entry> {
        let place = self.entries.binary_search_by(|e| match &e.element {
            PathElement::Field(field) => (**field).cmp(name),
            _ => Ordering::Greater,
        });
        place.ok().map(|i| &self.entries[i])
    }

    /// Adds a path. The empty path stands for the whole object, which nobody owns.
    pub fn insert(&mut self, path: &[PathElement]) {
        let Some((first, rest)) = path.split_first() else {
            return;
        };
        let place = self.find(first).unwrap_or_else(|place| {
            let entry = Entry {
                element: first.clone(),
                member: false,
                children: Self::new(),
            };
            self.entries.insert(place, entry);
            place
        });
        if rest.is_empty() {
            self.entries[place].member = true;
        } else {
            self.entries[place].children.insert(rest);
        }
    }

    /// Whether this very path is in the set.
    pub fn has(&self, path: &[PathElement]) -> bool {
        match path {
            [] => false,
            [last] => self.get(last).is_some_and(|e| e.member),
            [first, rest @ ..] => self.get(first).is_some_and(|e| e.children.has(rest)),
        }
    }

    /// Every path, members of a level before what lies deeper.
    pub fn paths(&self) -> Vec<Vec<PathElement>> {
        let mut out = Vec::new();
        self.collect(&mut Vec::new(), &mut out);
        out
    }

    fn collect(&self, prefix: &mut Vec<PathElement>, out: &mut Vec<Vec<PathElement>>) {
        for entry in self.entries.iter().filter(|e| e.member) {
            prefix.push(entry.element.clone());
            out.push(prefix.clone());
            prefix.pop();
        }
        for entry in self.entries.iter().filter(|e| !e.children.is_empty()) {
            prefix.push(entry.element.clone());
            entry.children.collect(prefix, out);
            prefix.pop();
        }
    }

    /// Paths of either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut entries = Vec::with_capacity(self.entries.len().max(other.entries.len()));
        self.zip(other, |left, right| match (left, right) {
            (Some(l), Some(r)) => entries.push(Entry {
                element: l.element.clone(),
                member: l.member || r.member,
                children: l.children.union(&r.children),
            }),
            (Some(one), None) | (None, Some(one)) => entries.push(one.clone()),
            (None, None) => {}
        });
        Self { entries }
    }

    /// Paths of both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut entries = Vec::new();
        self.zip(other, |left, right| {
            if let (Some(l), Some(r)) = (left, right) {
                let children = l.children.intersection(&r.children);
                entries.push(Entry {
                    element: l.element.clone(),
                    member: l.member && r.member,
                    children,
                });
            }
        });
        Self::from_entries(entries)
    }

    /// Paths of this set that the other has not.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        self.minus(other, |l, r| l.children.difference(&r.children))
    }

    /// Takes the paths of a small set out of this one, in place.
    pub(crate) fn subtract(&mut self, other: &Self) {
        for gone in &other.entries {
            let Ok(place) = self.find(&gone.element) else {
                continue;
            };
            let entry = &mut self.entries[place];
            entry.member &= !gone.member;
            entry.children.subtract(&gone.children);
            if entry.is_empty() {
                self.entries.remove(place);
            }
        }
    }

    /// Paths of this set that the other has not, nor has a path above them.
    #[must_use]
    pub fn recursive_difference(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        self.minus(other, |l, r| {
            if r.member {
                Self::new()
            } else {
                l.children.recursive_difference(&r.children)
            }
        })
    }

    fn minus(&self, other: &Self, below: impl Fn(&Entry, &Entry) -> Self) -> Self {
        let mut entries = Vec::with_capacity(self.entries.len());
        self.zip(other, |left, right| match (left, right) {
            (Some(l), Some(r)) => {
                entries.push(Entry {
                    element: l.element.clone(),
                    member: l.member && !r.member,
                    children: below(l, r),
                });
            }
            (Some(l), None) => entries.push(l.clone()),
            _ => {}
        });
        Self::from_entries(entries)
    }

    /// Whether the other set has every path of this one.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.entries.iter().all(|e| {
            other
                .get(&e.element)
                .is_some_and(|o| (!e.member || o.member) && e.children.is_subset(&o.children))
        })
    }

    /// Whether the sets have a path in common.
    pub fn intersects(&self, other: &Self) -> bool {
        let mut found = false;
        self.zip(other, |left, right| {
            if let (Some(l), Some(r)) = (left, right) {
                found = found || (l.member && r.member) || l.children.intersects(&r.children);
            }
        });
        found
    }

    /// Paths below which there are no others.
    #[must_use]
    pub fn leaves(&self) -> Self {
        let leaf = |e: &Entry| Entry {
            element: e.element.clone(),
            member: e.member && e.children.is_empty(),
            children: e.children.leaves(),
        };
        Self {
            entries: self.entries.iter().map(leaf).collect(),
        }
    }

    /// Walks two levels in order, pairing equal elements.
    fn zip<'a>(&'a self, other: &'a Self, mut visit: impl FnMut(Option<&'a Entry>, Option<&'a Entry>)) {
        let (mut left, mut right) = (self.entries.iter().peekable(), other.entries.iter().peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (Some(l), Some(r)) => l.element.cmp(&r.element),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return,
            };
            let l = if order.is_le() { left.next() } else { None };
            let r = if order.is_ge() { right.next() } else { None };
            visit(l, r);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(paths: &[&[&str]]) -> Set {
        Set::of_fields(paths)
    }

    #[test]
    fn set_algebra() {
        let a = set(&[&["a"], &["a", "b"], &["c", "d"], &["e"]]);
        let b = set(&[&["a"], &["c", "d"], &["c", "f"]]);
        assert_eq!(
            a.union(&b),
            set(&[&["a"], &["a", "b"], &["c", "d"], &["c", "f"], &["e"]])
        );
        assert_eq!(a.intersection(&b), set(&[&["a"], &["c", "d"]]));
        assert_eq!(a.difference(&b), set(&[&["a", "b"], &["e"]]));
        let mut rest = a.clone();
        rest.subtract(&b);
        assert_eq!(rest, a.difference(&b));
        assert_eq!(a.recursive_difference(&b), set(&[&["e"]]));
        assert_eq!(a.leaves(), set(&[&["a", "b"], &["c", "d"], &["e"]]));
        assert!(a.intersection(&b).is_subset(&a) && !a.is_subset(&b));
        assert!(a.intersects(&b) && !a.intersects(&set(&[&["c"]])));
        assert_eq!((a.len(), Set::new().len()), (4, 0));
    }

    #[test]
    fn paths_list_members_before_children() {
        let paths = set(&[&["a", "x"], &["b"], &["a"]]).paths();
        let texts: Vec<_> = paths.iter().map(|p| crate::path::display(p)).collect();
        assert_eq!(texts, [".a", ".b", ".a.x"]);
    }
}
