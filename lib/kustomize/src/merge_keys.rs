//! By which keys the lists of the built-in kinds are merged.

use std::{collections::BTreeMap, sync::OnceLock};

/// What is known about a value: its type, and for a list by which keys its elements are told apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    table: &'a Table,
    ty: Option<usize>,
    /// Absent: the list is replaced. Empty: its elements are plain values, merged as a set.
    pub(crate) keys: Option<&'a [String]>,
}

/// A field of a type.
#[derive(Debug)]
pub(crate) struct Field {
    /// The type of the field, or of its elements.
    pub(crate) child: Option<usize>,
    pub(crate) keys: Option<Vec<String>>,
}

/// The types of a schema by number.
#[derive(Debug, Default)]
pub(crate) struct Table {
    kinds: BTreeMap<String, BTreeMap<String, usize>>,
    fields: BTreeMap<usize, BTreeMap<String, Field>>,
}

impl Table {
    /// The name of a field that stands for all others.
    pub(crate) const ANY: &'static str = "";

    pub(crate) fn add_kind(&mut self, api_version: &str, kind: &str, ty: usize) {
        let kinds = self.kinds.entry(api_version.to_owned()).or_default();
        kinds.insert(kind.to_owned(), ty);
    }

    pub(crate) fn add_field(&mut self, ty: usize, name: &str, field: Field) {
        self.fields.entry(ty).or_default().insert(name.to_owned(), field);
    }

    /// What is known of the kinds of Kubernetes.
    pub(crate) fn built_in() -> &'static Self {
        static TABLE: OnceLock<Table> = OnceLock::new();
        TABLE.get_or_init(|| {
            let mut table = Self::default();
            for line in include_str!("../data/merge-keys.txt").lines() {
                let words: Vec<_> = line.split(' ').collect();
                match words.as_slice() {
                    ["kind", version, kind, ty] => {
                        if let Ok(ty) = ty.parse() {
                            table.add_kind(version, kind, ty);
                        }
                    }
                    ["field", ty, name, child, rest @ ..] => {
                        let keys = match rest {
                            ["merge", keys] => {
                                let keys = keys.split(',').filter(|key| *key != "-");
                                Some(keys.map(str::to_owned).collect())
                            }
                            _ => None,
                        };
                        let child = child.parse().ok();
                        if let Ok(ty) = ty.parse() {
                            table.add_field(ty, name, Field { child, keys });
                        }
                    }
                    _ => {}
                }
            }
            table
        })
    }
}

impl<'a> Known<'a> {
    /// What is known about a whole object; nothing about kinds that the table lacks.
    pub(crate) fn object(table: &'a Table, api_version: &str, kind: &str) -> Self {
        Self {
            table,
            ty: table
                .kinds
                .get(api_version)
                .and_then(|kinds| kinds.get(kind))
                .copied(),
            keys: None,
        }
    }

    /// What is known about a member of this value.
    pub(crate) fn field(self, name: &str) -> Self {
        let fields = self.ty.and_then(|ty| self.table.fields.get(&ty));
        let field = fields.and_then(|fields| fields.get(name).or_else(|| fields.get(Table::ANY)));
        Self {
            table: self.table,
            ty: field.and_then(|field| field.child),
            keys: field.and_then(|field| field.keys.as_deref()),
        }
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
        let spec = Known::object(Table::built_in(), "apps/v1", "Deployment")
            .field("spec")
            .field("template")
            .field("spec");
        assert_eq!(
            spec.field("containers").keys,
            Some(["name".to_owned()].as_slice())
        );
        let container = spec.field("containers").element();
        assert_eq!(
            container.field("ports").keys,
            Some(["containerPort".to_owned(), "protocol".to_owned()].as_slice())
        );
        assert_eq!(container.field("command").keys, None);
        let metadata = Known::object(Table::built_in(), "v1", "ConfigMap").field("metadata");
        assert_eq!(metadata.field("finalizers").keys, Some([].as_slice()));
        assert_eq!(
            Known::object(Table::built_in(), "example.com/v1", "Thing")
                .field("spec")
                .keys,
            None
        );
    }
}
