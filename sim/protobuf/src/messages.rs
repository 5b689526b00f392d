//! The messages there are: from data that `kube-protobuf-import` makes.
//!
//! The data is text under zstd. `:GROUP VERSION PACKAGE` says where the kinds of a version are; `=NAME` begins a
//! message, `=NAME list` one that only wraps a list; then come its members: number, type, name and marks. Types are
//! `s` string, `y` bytes, `b` bool, `i` integer, `d` double, `@N` the message of that number, `*T` a list, `%T` a map
//! from strings. Marks are `p` a pointer, `r` written even when zero, `z` never written when zero, `n` inlined.

use std::{collections::BTreeMap, sync::OnceLock};

use crate::limits;

static DATA: &[u8] = include_bytes!("../data/messages.zst");

/// What a member may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    String,
    Bytes,
    Bool,
    Integer,
    Double,
    Message(usize),
}

/// How often it may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    One,
    List,
    Map,
}

/// A member of a message.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) number: u32,
    pub(crate) ty: Type,
    pub(crate) shape: Shape,
    pub(crate) name: &'static str,
    pub(crate) pointer: bool,
    /// Written even when zero.
    pub(crate) required: bool,
    /// Not written when it is a struct without members.
    pub(crate) omit_zero: bool,
    pub(crate) inline: bool,
}

/// A message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    pub(crate) name: &'static str,
    /// By number.
    pub(crate) members: Vec<Member>,
    /// Only wraps a list.
    pub(crate) list: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Messages {
    pub(crate) all: Vec<Message>,
    index: BTreeMap<&'static str, usize>,
    packages: BTreeMap<(&'static str, &'static str), &'static str>,
}

/// The names of all messages, sorted.
pub fn messages() -> impl Iterator<Item = &'static str> {
    table().index.keys().copied()
}

/// The options of requests belong to every version.
const META: &str = "k8s.io.apimachinery.pkg.apis.meta.v1";

impl Messages {
    /// The message of a kind.
    pub(crate) fn kind(&self, api_version: &str, kind: &str) -> Option<usize> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let own = self
            .packages
            .get(&(group, version))
            .and_then(|package| self.index.get(format!("{package}.{kind}").as_str()));
        let meta = || {
            let options = kind == "Status" || kind.ends_with("Options");
            options.then(|| self.index.get(format!("{META}.{kind}").as_str()))?
        };
        own.or_else(meta).copied()
    }
}

pub(crate) fn table() -> &'static Messages {
    static TABLE: OnceLock<Messages> = OnceLock::new();
    TABLE.get_or_init(|| {
        let text: &'static [u8] = unpack().leak();
        read(std::str::from_utf8(text).unwrap_or_default())
    })
}

fn unpack() -> Vec<u8> {
    zstd::bulk::decompress(DATA, limits::TABLE).unwrap_or_default()
}

fn read(text: &'static str) -> Messages {
    let mut table = Messages::default();
    for line in text.lines() {
        let mut words = line.split(' ');
        let first = words.next().unwrap_or_default();
        if let Some(group) = first.strip_prefix(':') {
            if let (Some(version), Some(package)) = (words.next(), words.next()) {
                table.packages.insert((group, version), package);
            }
        } else if let Some(name) = first.strip_prefix('=') {
            table.index.insert(name, table.all.len());
            table.all.push(Message {
                name,
                members: Vec::new(),
                list: words.next() == Some("list"),
            });
        } else if let (Some(message), Some(member)) = (table.all.last_mut(), member(line)) {
            message.members.push(member);
        }
    }
    table
}

fn member(line: &'static str) -> Option<Member> {
    let mut words = line.split(' ');
    let number = words.next()?.parse().ok()?;
    let ty = words.next()?;
    let name = words.next()?;
    let marks = words.next().unwrap_or_default();
    let (shape, ty) = match ty.as_bytes().first()? {
        b'*' => (Shape::List, &ty[1..]),
        b'%' => (Shape::Map, &ty[1..]),
        _ => (Shape::One, ty),
    };
    let ty = match ty {
        "s" => Type::String,
        "y" => Type::Bytes,
        "b" => Type::Bool,
        "i" => Type::Integer,
        "d" => Type::Double,
        message => Type::Message(message.strip_prefix('@')?.parse().ok()?),
    };
    Some(Member {
        number,
        ty,
        shape,
        name,
        pointer: marks.contains('p'),
        required: marks.contains('r'),
        omit_zero: marks.contains('z'),
        inline: marks.contains('n'),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_whole() {
        let table = table();
        assert!(table.all.len() > 1000, "{}", table.all.len());
        let pod = &table.all[table.kind("v1", "Pod").unwrap()];
        assert_eq!(pod.name, "k8s.io.api.core.v1.Pod");
        let deployment = &table.all[table.kind("apps/v1", "Deployment").unwrap()];
        let Type::Message(spec) = deployment.members[1].ty else {
            panic!("a spec is a message");
        };
        let replicas = &table.all[spec].members[0];
        assert_eq!((replicas.name, replicas.pointer), ("replicas", true));
        let seconds = &table.all[spec].members[4];
        assert_eq!((seconds.name, seconds.pointer), ("minReadySeconds", false));
        for message in &table.all {
            for member in &message.members {
                let known = match member.ty {
                    Type::Message(at) => at < table.all.len(),
                    _ => true,
                };
                assert!(
                    known && !member.name.is_empty(),
                    "{} {}",
                    message.name,
                    member.name
                );
            }
        }
        assert!(table.kind("apps/v1", "DeleteOptions").is_some());
        assert!(table.kind("v1", "Nothing").is_none());
    }
}
