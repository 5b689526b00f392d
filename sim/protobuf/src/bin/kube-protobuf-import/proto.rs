//! What `generated.proto` files say: messages, and the numbers and types of their members.

use std::collections::BTreeMap;

/// A message.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) members: Vec<Member>,
}

/// One of its members.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) number: u32,
    pub(crate) name: String,
    repeated: bool,
    map: bool,
    ty: String,
}

impl Message {
    /// Go's named lists become messages with one member.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.members.as_slice(), [only] if only.repeated && only.name == "items")
    }
}

impl Member {
    /// The type as the data spells it; messages by their place.
    pub(crate) fn spell(&self, package: &str, places: &BTreeMap<&str, usize>) -> Option<String> {
        let mark = match (self.repeated, self.map) {
            (true, _) => "*",
            (_, true) => "%",
            _ => "",
        };
        let ty = match self.ty.as_str() {
            "string" => "s".to_owned(),
            "bytes" => "y".to_owned(),
            "bool" => "b".to_owned(),
            "int32" | "int64" | "uint32" | "uint64" => "i".to_owned(),
            "double" => "d".to_owned(),
            name => {
                let name = name.trim_start_matches('.');
                let own = format!("{package}.{name}");
                let place = places.get(own.as_str()).or_else(|| places.get(name))?;
                format!("@{place}")
            }
        };
        Some(format!("{mark}{ty}"))
    }
}

/// The package of a file and its messages by full name.
pub(crate) fn parse(text: &str) -> (String, BTreeMap<String, Message>) {
    let mut package = String::new();
    let mut messages = BTreeMap::new();
    let mut current: Option<(String, Message)> = None;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("package ") {
            name.trim_end_matches(';').clone_into(&mut package);
        } else if let Some(name) = line.strip_prefix("message ") {
            let name = name.trim_end_matches('{').trim();
            current = Some((format!("{package}.{name}"), Message::default()));
        } else if line == "}" {
            messages.extend(current.take());
        } else if let (Some((_, message)), Some(member)) = (&mut current, member(line)) {
            message.members.push(member);
        }
    }
    (package, messages)
}

fn member(line: &str) -> Option<Member> {
    let (declared, number) = line.strip_suffix(';')?.rsplit_once('=')?;
    let number = number.trim().parse().ok()?;
    let (declared, map) = match declared.trim().strip_prefix("map<string,") {
        Some(rest) => (rest.trim().replacen('>', "", 1), true),
        None => (declared.trim().to_owned(), false),
    };
    let mut words: Vec<&str> = declared.split_whitespace().collect();
    let name = words.pop()?.to_owned();
    let ty = words.pop()?.to_owned();
    Some(Member {
        number,
        name,
        repeated: words.first() == Some(&"repeated"),
        map,
        ty,
    })
}
