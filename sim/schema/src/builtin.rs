//! The built-in kinds of each Kubernetes minor, decoded from the embedded data when first asked for.
//!
//! The data file holds one zstd frame per minor. One minor's frame, that of the one worlds mostly run, stands alone;
//! the others were compressed with its content as dictionary, since two minors differ little.

use crate::codec::{self, CodecError, Dictionary, Package};
use crate::{Schema, TypeId, keys, limits};
use std::io::Read;
use std::sync::OnceLock;

static DATA: &[u8] = include_bytes!("../data/kubernetes.bin");

/// The built-in kinds of one Kubernetes minor.
#[derive(Debug)]
pub struct Builtin {
    /// Their types.
    pub schema: Schema,
    kinds: Dictionary,
}

impl Builtin {
    /// The type of a kind: group, version, kind.
    pub fn kind(&self, gvk: (&str, &str, &str)) -> Option<TypeId> {
        self.kinds
            .get(&(gvk.0.to_owned(), gvk.1.to_owned(), gvk.2.to_owned()))
            .copied()
    }

    /// All kinds in order.
    pub fn kinds(&self) -> Kinds<'_> {
        Kinds(self.kinds.iter())
    }
}

/// Iterates over (group, version, kind) and type.
pub struct Kinds<'a>(std::collections::btree_map::Iter<'a, (String, String, String), TypeId>);

impl<'a> Iterator for Kinds<'a> {
    type Item = ((&'a str, &'a str, &'a str), TypeId);

    fn next(&mut self) -> Option<Self::Item> {
        let ((group, version, kind), id) = self.0.next()?;
        Some(((group, version, kind), *id))
    }
}

struct Entry {
    minor: &'static str,
    frame: &'static [u8],
    size: usize,
    decoded: OnceLock<Option<Builtin>>,
}

#[derive(Default)]
struct Index {
    entries: Vec<Entry>,
    /// Which entry stands alone, and its content.
    base: usize,
    content: OnceLock<Option<Vec<u8>>>,
}

/// The minors there are, oldest first.
pub fn minors() -> impl Iterator<Item = &'static str> {
    index().entries.iter().map(|entry| entry.minor)
}

/// Built-in kinds of one Kubernetes minor ("1.36"), decoded once.
pub fn builtin(minor: &str) -> Option<&'static Builtin> {
    let index = index();
    let entry = index.entries.iter().find(|entry| entry.minor == minor)?;
    entry.decoded.get_or_init(|| index.decode(entry)).as_ref()
}

/// Some minor's kinds, for what all minors share: one that is decoded already, if there is one.
pub(crate) fn any_builtin() -> Option<&'static Builtin> {
    let entries = &index().entries;
    let decoded = entries
        .iter()
        .find_map(|entry| entry.decoded.get().and_then(Option::as_ref));
    decoded.or_else(|| entries.get(index().base).and_then(|entry| builtin(entry.minor)))
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| read(DATA).unwrap_or_default())
}

/// The file begins with its directory: count, place of the base, then for each minor its name, the size of its content
/// and of its frame.
fn read(data: &'static [u8]) -> Option<Index> {
    let (&count, rest) = data.split_first()?;
    let (&base, mut rest) = rest.split_first()?;
    let mut heads = Vec::new();
    for _ in 0..count {
        let (&length, tail) = rest.split_first()?;
        let (name, tail) = tail.split_at_checked(usize::from(length))?;
        let (sizes, tail) = tail.split_at_checked(8)?;
        let number = |at: usize| Some(u32::from_le_bytes(sizes.get(at..at + 4)?.try_into().ok()?) as usize);
        heads.push((std::str::from_utf8(name).ok()?, number(0)?, number(4)?));
        rest = tail;
    }
    let mut entries = Vec::new();
    for (minor, size, packed) in heads {
        let (frame, tail) = rest.split_at_checked(packed)?;
        let size = size.min(limits::DATA);
        entries.push(Entry {
            minor,
            frame,
            size,
            decoded: OnceLock::new(),
        });
        rest = tail;
    }
    Some(Index {
        entries,
        base: usize::from(base),
        content: OnceLock::new(),
    })
}

impl Index {
    fn decode(&self, entry: &Entry) -> Option<Builtin> {
        let base = self.entries.get(self.base)?;
        let content = self.content.get_or_init(|| unpack(base, &[])).as_ref()?;
        let package = if entry.minor == base.minor {
            codec::decode(content)
        } else {
            unpack(entry, content)
                .ok_or(CodecError::Short)
                .and_then(|content| codec::decode(&content))
        };
        let Package { mut schema, kinds } = package.ok()?;
        keys::fill(&mut schema);
        Some(Builtin { schema, kinds })
    }
}

fn unpack(entry: &Entry, dictionary: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::with_capacity(entry.size);
    let mut decoder = zstd::stream::read::Decoder::with_dictionary(entry.frame, dictionary).ok()?;
    decoder.window_log_max(27).ok()?;
    decoder.read_to_end(&mut content).ok()?;
    Some(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ListKind, Map, Node};

    fn map(builtin: &Builtin, id: TypeId) -> &Map {
        match builtin.schema.node(id) {
            Node::Map(map) => map,
            other => panic!("{other:?}"),
        }
    }

    fn step(builtin: &Builtin, id: TypeId, name: &str) -> TypeId {
        match builtin.schema.node(id) {
            Node::List(list) => step(builtin, list.items, name),
            Node::Map(map) => map.fields[name].ty,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn every_minor_can_be_read() {
        let all: Vec<_> = minors().collect();
        assert_eq!(
            all,
            [
                "1.28", "1.29", "1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37"
            ]
        );
        for minor in all {
            let kinds = builtin(minor).unwrap();
            assert!(kinds.kind(("apps", "v1", "Deployment")).is_some(), "{minor}");
        }
        assert!(builtin("1.27").is_none());
    }

    #[test]
    fn containers_merge_by_name_and_their_ports_by_two_keys() {
        let kinds = builtin("1.36").unwrap();
        let mut id = kinds.kind(("apps", "v1", "Deployment")).unwrap();
        for name in ["spec", "template", "spec", "containers"] {
            id = step(kinds, id, name);
        }
        let Node::List(list) = kinds.schema.node(id) else {
            panic!()
        };
        assert_eq!(list.kind, ListKind::Map(vec!["name".to_owned()]));
        assert_eq!(list.patch.as_ref().unwrap().key.as_deref(), Some("name"));
        let ports = step(kinds, id, "ports");
        let Node::List(list) = kinds.schema.node(ports) else {
            panic!()
        };
        assert_eq!(
            list.kind,
            ListKind::Map(vec!["containerPort".to_owned(), "protocol".to_owned()])
        );
        assert_eq!(list.patch.as_ref().unwrap().key.as_deref(), Some("containerPort"));
        let default = &map(kinds, list.items).fields["protocol"].default;
        assert_eq!(default.as_ref().unwrap(), "TCP");
    }

    #[test]
    fn members_are_in_the_order_of_declaration() {
        let kinds = builtin("1.36").unwrap();
        let id = kinds.kind(("apps", "v1", "Deployment")).unwrap();
        let names: Vec<_> = kinds.schema.members(id).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["kind", "apiVersion", "metadata", "spec", "status"]);
        let replicas = step(kinds, step(kinds, id, "spec"), "replicas");
        assert_eq!(kinds.schema.spelling(replicas), Some("int32"));
    }
}
