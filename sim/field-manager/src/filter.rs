//! Paths that a request may not own.

use crate::path::PathElement;
use crate::set::{Entry, Set};

/// Which paths of a set remain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// All but these and what is below them.
    Exclude(Set),
    /// Only those that match.
    Include(Matcher),
}

/// A pattern over the tree of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matcher {
    /// Everything from here on.
    All,
    /// These members, each with a pattern for what is below; `None` stands for any member.
    Members(Vec<(Option<PathElement>, Matcher)>),
}

impl Matcher {
    /// Everything at and below a path; `None` in the path stands for any member.
    pub fn prefix(path: &[Option<PathElement>]) -> Self {
        path.iter().rev().fold(Self::All, |below, element| {
            Self::Members(vec![(element.clone(), below)])
        })
    }

    fn keep(&self, set: &Set) -> Set {
        let Self::Members(members) = self else {
            return set.clone();
        };
        let mut entries = Vec::new();
        for entry in set.entries() {
            let matching = members
                .iter()
                .find(|(element, _)| element.as_ref().is_none_or(|e| *e == entry.element));
            if let Some((_, below)) = matching {
                let children = below.keep(&entry.children);
                entries.push(Entry {
                    element: entry.element.clone(),
                    member: entry.member,
                    children,
                });
            }
        }
        Set::from_entries(entries)
    }
}

impl Filter {
    /// The paths that remain.
    pub fn apply(&self, set: &Set) -> Set {
        match self {
            Self::Exclude(paths) => set.recursive_difference(paths),
            Self::Include(matcher) => matcher.keep(set),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_keep_whole_subtrees() {
        let set = Set::of_fields(&[
            &["spec"],
            &["spec", "a", "x"],
            &["spec", "b", "y"],
            &["status", "p"],
        ]);
        let exclude = Filter::Exclude(Set::of_fields(&[&["status"]]));
        assert_eq!(
            exclude.apply(&set),
            Set::of_fields(&[&["spec"], &["spec", "a", "x"], &["spec", "b", "y"]])
        );
        let include = Filter::Include(Matcher::prefix(&[
            Some(PathElement::field("spec")),
            None,
            Some(PathElement::field("x")),
        ]));
        assert_eq!(
            include.apply(&set),
            Set::of_fields(&[&["spec"], &["spec", "a", "x"]])
        );
    }
}
