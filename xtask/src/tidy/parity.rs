//! Every `DIFFERENCE:` and `QUIRK:` in the code stands on its crate's parity page, in a list that is generated.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Result;

use super::{Finding, Source, stale};

const BEGIN: &str = "<!-- from the code: begin -->";
const END: &str = "<!-- from the code: end -->";
const MARKS: [&str; 2] = ["DIFFERENCE:", "QUIRK:"];

pub(crate) fn check(root: &Path, sources: &[Source]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for name in notes(sources).keys() {
        let path = page_path(name);
        let text = fs::read_to_string(root.join(&path)).unwrap_or_default();
        if !text.contains(BEGIN) || !text.contains(END) {
            findings.push(Finding::new(
                path,
                format!("needs the lines `{BEGIN}` and `{END}`"),
            ));
        }
    }
    findings.extend(stale(root, pages(root, sources)?));
    Ok(findings)
}

pub(crate) fn pages(root: &Path, sources: &[Source]) -> Result<Vec<(String, String)>> {
    let mut notes = notes(sources);
    let mut pages = Vec::new();
    for entry in fs::read_dir(root.join("docs/parity"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(name) = name.strip_suffix(".md") {
            notes.entry(name.to_owned()).or_default();
        }
    }
    for (name, list) in notes {
        let path = page_path(&name);
        let text = fs::read_to_string(root.join(&path)).unwrap_or_default();
        if let Some(text) = filled(&text, &list) {
            pages.push((path, text));
        }
    }
    Ok(pages)
}

fn page_path(name: &str) -> String {
    format!("docs/parity/{name}.md")
}

/// The notes by crate folder name, each with its file.
fn notes(sources: &[Source]) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let mut parts = source.path.split('/');
        let (Some("lib" | "sim" | "stack"), Some(name)) = (parts.next(), parts.next()) else {
            continue;
        };
        for note in of_file(&source.text) {
            all.entry(name.to_owned())
                .or_default()
                .push(format!("- {note} (`{}`)", source.path));
        }
    }
    all
}

/// Each note is a comment from its mark to the end of the paragraph.
fn of_file(text: &str) -> Vec<String> {
    let mut notes = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines().map(str::trim_start).chain([""]) {
        let comment = ["///", "//!", "//"]
            .iter()
            .find_map(|start| line.strip_prefix(start))
            .map(str::trim);
        let mark = comment.and_then(|words| {
            MARKS
                .iter()
                .find_map(|mark| words.find(mark))
                .map(|at| &words[at..])
        });
        match (comment, mark) {
            (_, Some(begin)) => {
                notes.extend(open.take());
                open = Some(begin.to_owned());
            }
            (Some(words), None) if !words.is_empty() => {
                if let Some(note) = &mut open {
                    note.push(' ');
                    note.push_str(words);
                }
            }
            _ => notes.extend(open.take()),
        }
    }
    notes
}

/// The page with its list replaced; `None` if it has no place for one.
fn filled(text: &str, list: &[String]) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let mut list = list.to_vec();
    list.sort();
    let body = if list.is_empty() {
        "None.".to_owned()
    } else {
        list.join("\n")
    };
    Some(format!("{before}{BEGIN}\n{body}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_collected_with_their_paragraph() {
        let mark = MARKS[0];
        let text = format!(
            "/// Text.\n///\n/// {mark} ours is\n/// shorter.\nfn f() {{\n    // {} odd\n}}\n",
            MARKS[1]
        );
        assert_eq!(
            of_file(&text),
            [format!("{mark} ours is shorter."), format!("{} odd", MARKS[1])]
        );
    }

    #[test]
    fn the_list_is_replaced() {
        let page = format!("# P\n{BEGIN}\nold\n{END}\nend");
        let filled = filled(&page, &["- b".to_owned(), "- a".to_owned()]).unwrap();
        assert_eq!(filled, format!("# P\n{BEGIN}\n- a\n- b\n{END}\nend"));
    }
}
