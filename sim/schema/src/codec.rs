//! The compact form of a schema: one string table, then nodes that refer to strings and to each other by number.
//!
//! Numbers are little-endian base-128. The form is private to this crate's data file and has no version of its own:
//! whoever changes it makes the data file anew.

use crate::{Field, List, ListKind, Map, Node, Patch, Scalar, Schema, TypeId};
use std::collections::BTreeMap;

/// Why a data file could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// It ends too early.
    #[error("the schema data ends too early")]
    Short,
    /// It holds something that cannot be.
    #[error("the schema data is damaged: {0}")]
    Damaged(&'static str),
}

/// Group, version and kind with the type of the kind.
pub type Dictionary = BTreeMap<(String, String, String), TypeId>;

/// A schema with its kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// All types.
    pub schema: Schema,
    /// The kinds among them.
    pub kinds: Dictionary,
}

const SCALARS: [Scalar; 7] = [
    Scalar::String,
    Scalar::Integer,
    Scalar::Number,
    Scalar::Boolean,
    Scalar::IntOrString,
    Scalar::Quantity,
    Scalar::Untyped,
];

const TAG_LIST: u64 = 7;
const TAG_MAP: u64 = 8;
const TAG_ANY: u64 = 9;

#[derive(Default)]
struct Writer {
    strings: Vec<String>,
    places: BTreeMap<String, u64>,
    bytes: Vec<u8>,
}

impl Writer {
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    fn count(&mut self, count: usize) {
        self.number(count as u64);
    }

    fn string(&mut self, string: &str) {
        let place = match self.places.get(string) {
            Some(&place) => place,
            None => {
                let place = self.strings.len() as u64;
                self.strings.push(string.to_owned());
                self.places.insert(string.to_owned(), place);
                place
            }
        };
        self.number(place);
    }

    fn patch(&mut self, patch: Option<&Patch>) {
        let Some(patch) = patch else { return self.number(0) };
        let flags = 1
            | u64::from(patch.merge) << 1
            | u64::from(patch.retain_keys) << 2
            | u64::from(patch.key.is_some()) << 3;
        self.number(flags);
        if let Some(key) = &patch.key {
            self.string(key);
        }
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Scalar(scalar) => {
                self.count(
                    SCALARS
                        .iter()
                        .position(|known| known == scalar)
                        .unwrap_or(SCALARS.len() - 1),
                );
            }
            Node::Any => self.number(TAG_ANY),
            Node::List(list) => {
                self.number(TAG_LIST);
                self.number(u64::from(list.items.0));
                match &list.kind {
                    ListKind::Atomic => self.number(0),
                    ListKind::Set => self.number(1),
                    ListKind::Map(keys) => {
                        self.count(keys.len() + 1);
                        keys.iter().for_each(|key| self.string(key));
                    }
                }
                self.patch(list.patch.as_ref());
            }
            Node::Map(map) => self.map(map),
        }
    }

    fn map(&mut self, map: &Map) {
        self.number(TAG_MAP);
        self.number(
            u64::from(map.preserve_unknown)
                | u64::from(map.atomic) << 1
                | u64::from(map.embedded) << 2
                | u64::from(map.values.is_some()) << 3,
        );
        if let Some(values) = map.values {
            self.number(u64::from(values.0));
        }
        self.count(map.fields.len());
        for (name, field) in &map.fields {
            self.string(name);
            self.number(u64::from(field.ty.0));
            self.number(
                u64::from(field.nullable)
                    | u64::from(field.required) << 1
                    | u64::from(field.default.is_some()) << 2,
            );
            if let Some(default) = &field.default {
                self.string(&default.to_string());
            }
            self.patch(field.patch.as_ref());
        }
    }
}

/// Writes a package.
pub fn encode(package: &Package) -> Vec<u8> {
    let mut writer = Writer::default();
    let schema = &package.schema;
    writer.count(schema.nodes.len());
    for node in &schema.nodes {
        writer.node(node);
    }
    writer.count(schema.spellings.len());
    for (id, spelling) in &schema.spellings {
        writer.number(u64::from(id.0));
        writer.string(spelling);
    }
    writer.count(schema.orders.len());
    for (id, order) in &schema.orders {
        writer.number(u64::from(id.0));
        writer.count(order.len());
        order.iter().for_each(|&at| writer.number(u64::from(at)));
    }
    writer.count(schema.pruned.len());
    for id in &schema.pruned {
        writer.number(u64::from(id.0));
    }
    writer.count(package.kinds.len());
    for ((group, version, kind), id) in &package.kinds {
        writer.string(group);
        writer.string(version);
        writer.string(kind);
        writer.number(u64::from(id.0));
    }
    let body = std::mem::take(&mut writer.bytes);
    let strings = std::mem::take(&mut writer.strings);
    writer.count(strings.len());
    for string in &strings {
        writer.count(string.len());
        writer.bytes.extend_from_slice(string.as_bytes());
    }
    writer.bytes.extend_from_slice(&body);
    writer.bytes
}

struct Reader<'a> {
    bytes: &'a [u8],
    strings: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn number(&mut self) -> Result<u64, CodecError> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let (&byte, rest) = self.bytes.split_first().ok_or(CodecError::Short)?;
            self.bytes = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(CodecError::Damaged("a number is too long"))
    }

    /// A count of things that take at least one byte each, so that it cannot ask for more memory than there is data.
    fn count(&mut self) -> Result<usize, CodecError> {
        let count = usize::try_from(self.number()?).map_err(|_| CodecError::Damaged("a count"))?;
        if count > self.bytes.len() {
            return Err(CodecError::Short);
        }
        Ok(count)
    }

    fn id(&mut self) -> Result<TypeId, CodecError> {
        u32::try_from(self.number()?)
            .map(TypeId)
            .map_err(|_| CodecError::Damaged("a type number"))
    }

    fn string(&mut self) -> Result<&'a str, CodecError> {
        let place = usize::try_from(self.number()?).map_err(|_| CodecError::Damaged("a string number"))?;
        self.strings
            .get(place)
            .copied()
            .ok_or(CodecError::Damaged("a string number"))
    }

    fn patch(&mut self) -> Result<Option<Patch>, CodecError> {
        let flags = self.number()?;
        if flags == 0 {
            return Ok(None);
        }
        let key = if flags & 8 != 0 {
            Some(self.string()?.to_owned())
        } else {
            None
        };
        Ok(Some(Patch {
            merge: flags & 2 != 0,
            retain_keys: flags & 4 != 0,
            key,
        }))
    }

    fn node(&mut self) -> Result<Node, CodecError> {
        Ok(match self.number()? {
            TAG_ANY => Node::Any,
            TAG_MAP => Node::Map(self.map()?),
            TAG_LIST => {
                let items = self.id()?;
                let kind = match self.number()? {
                    0 => ListKind::Atomic,
                    1 => ListKind::Set,
                    keys => ListKind::Map(
                        (1..keys)
                            .map(|_| self.string().map(str::to_owned))
                            .collect::<Result<_, _>>()?,
                    ),
                };
                Node::List(List {
                    items,
                    kind,
                    patch: self.patch()?,
                })
            }
            tag => {
                let place = usize::try_from(tag).unwrap_or(usize::MAX);
                Node::Scalar(*SCALARS.get(place).ok_or(CodecError::Damaged("a tag"))?)
            }
        })
    }

    fn map(&mut self) -> Result<Map, CodecError> {
        let flags = self.number()?;
        let values = if flags & 8 != 0 { Some(self.id()?) } else { None };
        // Written in order, so that building the map from them all at once is cheap.
        let mut fields = Vec::new();
        for _ in 0..self.count()? {
            let name = self.string()?.to_owned();
            let ty = self.id()?;
            let flags = self.number()?;
            let default = if flags & 4 != 0 {
                let text = self.string()?;
                Some(serde_json::from_str(text).map_err(|_| CodecError::Damaged("a default"))?)
            } else {
                None
            };
            let (nullable, required) = (flags & 1 != 0, flags & 2 != 0);
            fields.push((
                name,
                Field {
                    ty,
                    default,
                    nullable,
                    required,
                    patch: self.patch()?,
                },
            ));
        }
        Ok(Map {
            fields: fields.into_iter().collect(),
            values,
            preserve_unknown: flags & 1 != 0,
            atomic: flags & 2 != 0,
            embedded: flags & 4 != 0,
        })
    }

    fn facts(&mut self, schema: &mut Schema) -> Result<(), CodecError> {
        let mut spellings = Vec::new();
        for _ in 0..self.count()? {
            let id = self.id()?;
            spellings.push((id, self.string()?.to_owned()));
        }
        schema.spellings = spellings.into_iter().collect();
        for _ in 0..self.count()? {
            let id = self.id()?;
            let mut order = Vec::new();
            for _ in 0..self.count()? {
                order.push(u16::try_from(self.number()?).map_err(|_| CodecError::Damaged("an order"))?);
            }
            schema.orders.insert(id, order);
        }
        for _ in 0..self.count()? {
            let id = self.id()?;
            schema.pruned.insert(id);
        }
        Ok(())
    }
}

/// Reads a package.
pub fn decode(bytes: &[u8]) -> Result<Package, CodecError> {
    let mut reader = Reader {
        bytes,
        strings: Vec::new(),
    };
    for _ in 0..reader.count()? {
        let length = reader.count()?;
        let (text, rest) = reader.bytes.split_at(length);
        reader.bytes = rest;
        reader
            .strings
            .push(std::str::from_utf8(text).map_err(|_| CodecError::Damaged("a string"))?);
    }
    let mut schema = Schema::default();
    for _ in 0..reader.count()? {
        let node = reader.node()?;
        schema.nodes.push(node);
    }
    reader.facts(&mut schema)?;
    let mut kinds = BTreeMap::new();
    for _ in 0..reader.count()? {
        let key = (
            reader.string()?.to_owned(),
            reader.string()?.to_owned(),
            reader.string()?.to_owned(),
        );
        kinds.insert(key, reader.id()?);
    }
    check(&schema, &kinds)?;
    Ok(Package { schema, kinds })
}

/// Every reference must lead to a node, as [`Schema::node`] does not ask.
fn check(schema: &Schema, kinds: &Dictionary) -> Result<(), CodecError> {
    let known = |id: TypeId| (id.0 as usize) < schema.nodes.len();
    let sound = schema.nodes.iter().all(|node| match node {
        Node::List(list) => known(list.items),
        Node::Map(map) => map.values.is_none_or(known) && map.fields.values().all(|field| known(field.ty)),
        Node::Scalar(_) | Node::Any => true,
    });
    if sound && kinds.values().copied().all(known) {
        Ok(())
    } else {
        Err(CodecError::Damaged("a reference"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Package {
        let mut schema = Schema::default();
        let text = schema.push(Node::Scalar(Scalar::String));
        let list = schema.push(Node::List(List {
            items: text,
            kind: ListKind::Map(vec!["a".to_owned(), "b".to_owned()]),
            patch: Some(Patch {
                merge: true,
                retain_keys: false,
                key: Some("a".to_owned()),
            }),
        }));
        let any = schema.push(Node::Any);
        let field = |ty| Field {
            ty,
            default: None,
            nullable: true,
            required: false,
            patch: None,
        };
        let map = schema.push(Node::Map(Map {
            fields: BTreeMap::from([
                ("z".to_owned(), field(list)),
                (
                    "a".to_owned(),
                    Field {
                        default: Some(json!("TCP")),
                        required: true,
                        ..field(text)
                    },
                ),
            ]),
            values: Some(any),
            preserve_unknown: true,
            atomic: true,
            embedded: true,
        }));
        schema.spell(text, "v1.Protocol");
        schema.order(map, vec![1, 0]);
        schema.prune(map);
        let kinds = BTreeMap::from([((String::new(), "v1".to_owned(), "Thing".to_owned()), map)]);
        Package { schema, kinds }
    }

    #[test]
    fn a_package_survives() {
        let package = sample();
        assert_eq!(decode(&encode(&package)), Ok(package));
    }

    #[test]
    fn members_come_in_their_order() {
        let package = sample();
        let names: Vec<_> = package
            .schema
            .members(TypeId(3))
            .iter()
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(names, ["z", "a"]);
    }

    #[test]
    fn damaged_data_is_an_error_and_not_a_panic() {
        let bytes = encode(&sample());
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err(), "{cut}");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x55;
            let _ = decode(&changed);
        }
    }
}
