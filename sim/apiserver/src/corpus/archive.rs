//! Reading and writing corpora.

use std::{collections::BTreeMap, fs, io, path::Path};

use kube_schema::Document;
use serde_json::Value;

/// A case, and the same with its members as they were recorded: findings come in the order of a body.
pub(super) struct Case {
    pub(super) value: Value,
    pub(super) document: Document,
}

/// Cases in order, fixtures by file name.
pub(super) struct Corpus {
    pub(super) cases: Vec<Case>,
    pub(super) fixtures: BTreeMap<String, Value>,
}

const FIXTURES: &str = "fixtures";

pub(super) fn read(path: &Path) -> io::Result<Corpus> {
    let mut corpus = Corpus {
        cases: Vec::new(),
        fixtures: BTreeMap::new(),
    };
    if path.is_dir() {
        for (area, name, text) in files(path)? {
            let document = parse(&text)?;
            corpus.add(&area, &name, document);
        }
        return Ok(corpus);
    }
    let packed = fs::read(path)?;
    let text = zstd::decode_all(packed.as_slice())?;
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let document = parse(line)?;
        match document.get(FIXTURES) {
            Some(Document::String(name)) => corpus.add(FIXTURES, &name.clone(), document),
            _ => corpus.add("", "", document),
        }
    }
    Ok(corpus)
}

impl Corpus {
    fn add(&mut self, area: &str, name: &str, document: Document) {
        if area == FIXTURES {
            let name = name.strip_suffix(".json").unwrap_or(name);
            self.fixtures.insert(name.to_owned(), document.into_value());
        } else if document.get("steps").is_some() {
            self.cases.push(Case {
                value: document.to_value(),
                document,
            });
        }
    }
}

fn parse(text: &[u8]) -> io::Result<Document> {
    Document::parse(text).map_err(io::Error::other)
}

/// Area, file name and content of every JSON file one level down, in order.
fn files(root: &Path) -> io::Result<Vec<(String, String, Vec<u8>)>> {
    let mut found = Vec::new();
    for area in sorted(root)? {
        if !root.join(&area).is_dir() {
            continue;
        }
        for name in sorted(&root.join(&area))?
            .into_iter()
            .filter(|name| name.ends_with(".json"))
        {
            let text = fs::read(root.join(&area).join(&name))?;
            found.push((area.clone(), name, text));
        }
    }
    if found.is_empty() {
        // A single area.
        let area = root
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        for name in sorted(root)?.into_iter().filter(|name| name.ends_with(".json")) {
            found.push((area.clone(), name.clone(), fs::read(root.join(&name))?));
        }
        let beside = root.join("..").join(FIXTURES);
        if beside.is_dir() && area != FIXTURES {
            for name in sorted(&beside)?
                .into_iter()
                .filter(|name| name.ends_with(".json"))
            {
                found.push((FIXTURES.to_owned(), name.clone(), fs::read(beside.join(&name))?));
            }
        }
    }
    Ok(found)
}

fn sorted(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Writes the areas of a folder, and its fixtures, into one compressed file.
///
/// # Errors
/// When something cannot be read or written.
pub fn pack(root: &Path, to: &Path) -> io::Result<usize> {
    let mut text = Vec::new();
    let mut cases = 0;
    for (area, name, content) in files(root)? {
        let mut document = parse(&content)?;
        if area == FIXTURES {
            if let Document::Map(members) = &mut document {
                members.push((FIXTURES.to_owned(), Document::String(name)));
            }
        } else {
            cases += 1;
        }
        text.extend(document.to_text().into_bytes());
        text.push(b'\n');
    }
    fs::write(to, zstd::encode_all(text.as_slice(), 19)?)?;
    Ok(cases)
}
