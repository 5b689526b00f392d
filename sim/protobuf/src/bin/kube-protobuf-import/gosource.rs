//! What Go sources say: the tags of struct members, and the group of a package.

use std::{collections::BTreeMap, fs, io, path::Path};

/// A member of a struct.
#[derive(Debug, Default, Clone)]
pub(crate) struct Field {
    /// Its name in JSON.
    pub(crate) name: String,
    pub(crate) pointer: bool,
    pub(crate) omit_empty: bool,
    pub(crate) omit_zero: bool,
    pub(crate) inline: bool,
}

impl Field {
    /// Its marks in the data.
    pub(crate) fn marks(&self) -> String {
        let marks = [
            (self.pointer, 'p'),
            (!self.omit_empty && !self.omit_zero, 'r'),
            (self.omit_zero, 'z'),
            (self.inline, 'n'),
        ];
        let marks: String = marks
            .iter()
            .filter(|(set, _)| *set)
            .map(|(_, mark)| mark)
            .collect();
        if marks.is_empty() {
            marks
        } else {
            format!(" {marks}")
        }
    }
}

/// A package.
#[derive(Debug, Default)]
pub(crate) struct Package {
    /// `const GroupName`.
    pub(crate) group: Option<String>,
    /// Members by number, of structs by name.
    pub(crate) structs: BTreeMap<String, BTreeMap<u32, Field>>,
}

/// Reads the Go files of a folder.
pub(crate) fn read(folder: &Path) -> io::Result<Package> {
    let mut package = Package::default();
    let mut files: Vec<_> = fs::read_dir(folder)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    files.sort();
    for file in files {
        let name = file
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.ends_with(".go") && !name.ends_with("_test.go") && !name.contains("generated") {
            parse(&fs::read_to_string(&file)?, &mut package);
        }
    }
    // The group of what all groups share is only an example.
    if folder.ends_with("meta/v1") || folder.ends_with("meta/v1beta1") {
        package.group = Some("meta.k8s.io".to_owned());
    }
    Ok(package)
}

fn parse(text: &str, package: &mut Package) {
    let mut current: Option<(String, BTreeMap<u32, Field>)> = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("type ")
            && let Some((name, rest)) = rest.split_once(' ')
            && rest.starts_with("struct")
        {
            current = Some((name.to_owned(), BTreeMap::new()));
        } else if line == "}" {
            package.structs.extend(current.take());
        } else if let Some(rest) = line.trim_start_matches("const ").strip_prefix("GroupName = \"") {
            package.group = rest.split('"').next().map(str::to_owned);
        } else if let (Some((_, fields)), Some((number, field))) = (&mut current, field(line)) {
            fields.insert(number, field);
        }
    }
}

fn field(line: &str) -> Option<(u32, Field)> {
    let (declared, tags) = line.split_once('`')?;
    let tags = tags.split('`').next()?;
    let tag = |name: &str| {
        let (_, rest) = tags.split_once(&format!("{name}:\""))?;
        rest.split('"').next()
    };
    let number = tag("protobuf")?.split(',').nth(1)?.parse().ok()?;
    let mut json = tag("json")?.split(',');
    let name = json.next()?.to_owned();
    let options: Vec<&str> = json.collect();
    let ty = declared.split_whitespace().last()?;
    Some((
        number,
        Field {
            inline: options.contains(&"inline") || name.is_empty(),
            pointer: ty.starts_with('*'),
            omit_empty: options.contains(&"omitempty"),
            omit_zero: options.contains(&"omitzero"),
            name: if name.is_empty() { "-".to_owned() } else { name },
        },
    ))
}
