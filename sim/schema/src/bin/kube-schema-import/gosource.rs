//! What Go sources say of struct types: members in order, their types, their patch tags.

use kube_schema::{Map, Patch};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// A member of a struct.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Its type as Go prints it, without pointers at the front: `[]v1.Container`.
    pub(crate) spelling: String,
    /// `patchStrategy` and `patchMergeKey`.
    pub(crate) patch: Option<Patch>,
}

impl Member {
    /// The items of a list type, if the spelling says it is one.
    pub(crate) fn items(&self) -> Option<Member> {
        let spelling = self
            .spelling
            .strip_prefix("[]")?
            .trim_start_matches('*')
            .to_owned();
        Some(Member {
            spelling,
            patch: None,
        })
    }

    /// The values of a map type.
    pub(crate) fn values(&self) -> Option<Member> {
        let (_, values) = self.spelling.strip_prefix("map[")?.split_once(']')?;
        Some(Member {
            spelling: values.trim_start_matches('*').to_owned(),
            patch: None,
        })
    }
}

/// One line of a struct: a member, or an inlined struct.
#[derive(Debug)]
enum Line {
    Member(String, Member),
    Inline(String),
}

/// All structs by definition name (`io.k8s.api.core.v1.Pod`).
#[derive(Debug, Default)]
pub(crate) struct Sources {
    structs: BTreeMap<String, Vec<Line>>,
}

/// How Go prints a defined type: package and name.
pub(crate) fn spelling(definition: &str) -> String {
    let mut parts = definition.rsplit('.');
    match (parts.next(), parts.next()) {
        (Some(name), Some(package)) => format!("{package}.{name}"),
        _ => definition.to_owned(),
    }
}

/// Patch tags.
pub(crate) fn patch(strategy: &str, key: &str) -> Option<Patch> {
    if strategy.is_empty() && key.is_empty() {
        return None;
    }
    let has = |wanted: &str| strategy.split(',').any(|strategy| strategy == wanted);
    let key = (!key.is_empty()).then(|| key.to_owned());
    Some(Patch {
        merge: has("merge"),
        retain_keys: has("retainKeys"),
        key,
    })
}

impl Sources {
    /// All members with inlined ones in place.
    fn flat(&self, definition: &str) -> Vec<(&str, &Member)> {
        let mut members = Vec::new();
        for line in self.structs.get(definition).into_iter().flatten() {
            match line {
                Line::Member(name, member) => members.push((name.as_str(), member)),
                Line::Inline(inlined) => members.extend(self.flat(inlined)),
            }
        }
        members
    }

    /// One member of a struct.
    pub(crate) fn member(&self, definition: &str, name: &str) -> Option<&Member> {
        self.flat(definition)
            .into_iter()
            .find(|(member, _)| *member == name)
            .map(|(_, member)| member)
    }

    /// Where the members stand in the list sorted by name, in order of declaration; unknown ones come last.
    pub(crate) fn order(&self, definition: &str, map: &Map) -> Option<Vec<u16>> {
        let declared = self.flat(definition);
        if declared.is_empty() {
            return None;
        }
        let place = |name: &str| {
            declared
                .iter()
                .position(|(member, _)| *member == name)
                .unwrap_or(usize::MAX)
        };
        let mut order: Vec<_> = map.fields.keys().zip(0u16..).collect();
        order.sort_by_key(|(name, at)| (place(name), *at));
        Some(order.into_iter().map(|(_, at)| at).collect())
    }
}

/// Reads all `*.go` files below a folder that is laid out by import paths.
pub(crate) fn read(folder: &Path) -> io::Result<Sources> {
    let mut sources = Sources::default();
    descend(folder, &mut Vec::new(), &mut sources)?;
    Ok(sources)
}

fn descend(folder: &Path, path: &mut Vec<String>, sources: &mut Sources) -> io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            path.push(name);
            descend(&entry.path(), path, sources)?;
            path.pop();
        } else if name.ends_with(".go") && !name.ends_with("_test.go") {
            parse(&std::fs::read_to_string(entry.path())?, &package(path), sources);
        }
    }
    Ok(())
}

/// `k8s.io/api/core/v1` is `io.k8s.api.core.v1` in definitions.
fn package(path: &[String]) -> String {
    let mut parts = path.iter();
    let host = parts
        .next()
        .map(|host| host.split('.').rev().collect::<Vec<_>>().join("."))
        .unwrap_or_default();
    parts.fold(host, |package, part| format!("{package}.{part}"))
}

fn parse(source: &str, package: &str, sources: &mut Sources) {
    let imports = imports(source);
    let mut current: Option<(String, Vec<Line>)> = None;
    for line in source.lines() {
        let code = line.trim();
        if let Some((name, members)) = &mut current {
            if line.starts_with('}') {
                sources
                    .structs
                    .insert(std::mem::take(name), std::mem::take(members));
                current = None;
            } else if let Some(member) = member(code, package, &imports) {
                members.push(member);
            }
        } else if let Some(name) = line
            .strip_prefix("type ")
            .and_then(|rest| rest.strip_suffix(" struct {"))
        {
            current = Some((format!("{package}.{name}"), Vec::new()));
        }
    }
}

/// Import alias to definition package.
fn imports(source: &str) -> BTreeMap<String, String> {
    let mut imports = BTreeMap::new();
    for line in source.lines().map(str::trim) {
        let Some((alias, path)) = line.strip_suffix('"').and_then(|line| line.split_once('"')) else {
            continue;
        };
        if path.contains(' ') || path.contains('`') || path.is_empty() {
            continue;
        }
        let parts: Vec<_> = path.split('/').map(str::to_owned).collect();
        let alias = match alias.trim() {
            "" | "import" => parts.last().cloned().unwrap_or_default(),
            alias => alias.trim_start_matches("import ").to_owned(),
        };
        imports.insert(alias, package(&parts));
    }
    imports
}

fn tag<'a>(tags: &'a str, name: &str) -> &'a str {
    let start = format!("{name}:\"");
    let rest = tags.split_once(&start).map(|(_, rest)| rest).unwrap_or_default();
    rest.split_once('"').map(|(value, _)| value).unwrap_or_default()
}

fn member(code: &str, package: &str, imports: &BTreeMap<String, String>) -> Option<Line> {
    let (declared, tags) = code.strip_suffix('`').unwrap_or(code).split_once('`')?;
    if code.starts_with("//") {
        return None;
    }
    let json = tag(tags, "json");
    let (name, options) = json.split_once(',').unwrap_or((json, ""));
    let mut words = declared.split_whitespace();
    let first = words.next()?;
    let ty = words.next();
    if name.is_empty() && (options.split(',').any(|option| option == "inline") || ty.is_none()) {
        return Some(Line::Inline(definition(
            ty.unwrap_or(first).trim_start_matches('*'),
            package,
            imports,
        )));
    }
    let name = if name.is_empty() { first } else { name };
    if name == "-" {
        return None;
    }
    // An embedded struct with a name of its own has no second word.
    let spelling = spell(ty.unwrap_or(first).trim_start_matches('*'), package, imports);
    let patch = patch(tag(tags, "patchStrategy"), tag(tags, "patchMergeKey"));
    Some(Line::Member(name.to_owned(), Member { spelling, patch }))
}

fn definition(ty: &str, package: &str, imports: &BTreeMap<String, String>) -> String {
    match ty.split_once('.') {
        Some((alias, name)) => format!(
            "{}.{name}",
            imports.get(alias).map(String::as_str).unwrap_or(alias)
        ),
        None => format!("{package}.{ty}"),
    }
}

/// How the runtime prints a type written in a package.
fn spell(ty: &str, package: &str, imports: &BTreeMap<String, String>) -> String {
    if let Some(items) = ty.strip_prefix("[]") {
        return format!("[]{}", spell(items, package, imports));
    }
    if let Some(pointer) = ty.strip_prefix('*') {
        return format!("*{}", spell(pointer, package, imports));
    }
    if let Some((key, values)) = ty.strip_prefix("map[").and_then(|rest| rest.split_once(']')) {
        return format!(
            "map[{}]{}",
            spell(key, package, imports),
            spell(values, package, imports)
        );
    }
    match ty {
        "byte" => "uint8".to_owned(),
        "string" | "bool" | "int" | "int32" | "int64" | "float64" | "uint8" | "uint32" | "uint64" => {
            ty.to_owned()
        }
        _ => spelling(&definition(ty, package, imports)),
    }
}
