//! By which keys the lists of the built-in kinds are merged.

use std::{collections::BTreeMap, sync::OnceLock};

/// What is known about a value: its type, and for a list by which keys its elements are told apart.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    ty: Option<usize>,
    /// Absent: the list is replaced. Empty: its elements are plain values, merged as a set.
    pub(crate) keys: Option<&'static [&'static str]>,
}

struct Field {
    child: Option<usize>,
    keys: Option<Vec<&'static str>>,
}

#[derive(Default)]
struct Table {
    kinds: BTreeMap<&'static str, BTreeMap<&'static str, usize>>,
    fields: BTreeMap<usize, BTreeMap<&'static str, Field>>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Table::default();
        for line in include_str!("../data/merge-keys.txt").lines() {
            let words: Vec<_> = line.split(' ').collect();
            match words.as_slice() {
                ["kind", version, kind, ty] => {
                    table
                        .kinds
                        .entry(*version)
                        .or_default()
                        .extend(ty.parse().ok().map(|ty| (*kind, ty)));
                }
                ["field", ty, name, child, rest @ ..] => {
                    let keys = match rest {
                        ["merge", keys] => Some(keys.split(',').filter(|key| *key != "-").collect()),
                        _ => None,
                    };
                    let field = Field {
                        child: child.parse().ok(),
                        keys,
                    };
                    if let Ok(ty) = ty.parse() {
                        table.fields.entry(ty).or_default().insert(*name, field);
                    }
                }
                _ => {}
            }
        }
        table
    })
}

impl Known {
    /// What is known about a whole object; nothing about kinds that are not built in.
    pub(crate) fn object(api_version: &str, kind: &str) -> Self {
        Self {
            ty: table()
                .kinds
                .get(api_version)
                .and_then(|kinds| kinds.get(kind))
                .copied(),
            keys: None,
        }
    }

    /// What is known about a member of this value.
    pub(crate) fn field(self, name: &str) -> Self {
        let field = self.ty.and_then(|ty| table().fields.get(&ty)?.get(name));
        field.map_or_else(Self::default, |field| Self {
            ty: field.child,
            keys: field.keys.as_deref(),
        })
    }

    /// What is known about an element of this list.
    pub(crate) fn element(self) -> Self {
        Self { keys: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_lists_have_keys() {
        let spec = Known::object("apps/v1", "Deployment")
            .field("spec")
            .field("template")
            .field("spec");
        assert_eq!(spec.field("containers").keys, Some(["name"].as_slice()));
        let container = spec.field("containers").element();
        assert_eq!(
            container.field("ports").keys,
            Some(["containerPort", "protocol"].as_slice())
        );
        assert_eq!(container.field("command").keys, None);
        let metadata = Known::object("v1", "ConfigMap").field("metadata");
        assert_eq!(metadata.field("finalizers").keys, Some([].as_slice()));
        assert_eq!(Known::object("example.com/v1", "Thing").field("spec").keys, None);
    }
}
