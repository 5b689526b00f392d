//! Sections of `name = value`, as gopkg.in/ini.v1 reads and prints them.

use crate::tree::{Branch, Item, Value};

/// Where values stand before the first section.
const DEFAULT: &str = "DEFAULT";

pub(super) fn read(text: &str) -> Result<Branch, String> {
    let mut sections = vec![(DEFAULT.to_owned(), Branch::new())];
    let mut comment = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with([';', '#']) {
            comment = Some(line.trim_start_matches([';', '#', ' ']).to_owned());
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            let (name, _) = header.split_once(']').ok_or("unclosed section")?;
            let comment = comment.take().map(|text| Item::Comment(text, false));
            sections.push((name.trim().to_owned(), comment.into_iter().collect()));
            continue;
        }
        let (name, value) = line
            .split_once(['=', ':'])
            .ok_or("key-value delimiter not found")?;
        if let Some((_, items)) = sections.last_mut() {
            items.push(Item::Pair(unquoted(name), Value::Text(unquoted(value))));
            // QUIRK: a comment is kept after the value that it stands above.
            items.extend(comment.take().map(|text| Item::Comment(text, false)));
        }
    }
    let items = sections
        .into_iter()
        .map(|(name, items)| Item::Pair(name, Value::Map(items)));
    Ok(items.collect())
}

/// A name or value without its quotes, or without what is a comment behind it.
fn unquoted(text: &str) -> String {
    let text = text.trim();
    for quote in ["\"\"\"", "\"", "'", "`"] {
        let inner = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner.to_owned();
        }
    }
    let end = text.find(['#', ';']).unwrap_or(text.len());
    text.get(..end).unwrap_or(text).trim_end().to_owned()
}

fn quoted(text: &str) -> String {
    if text.contains(['\n', '`']) {
        format!("\"\"\"{text}\"\"\"")
    } else if text.contains(['#', ';']) {
        format!("`{text}`")
    } else if text.trim() == text {
        text.to_owned()
    } else {
        format!("\"{text}\"")
    }
}

pub(super) fn print(branches: &[Branch]) -> Result<String, String> {
    let mut out: Vec<String> = Vec::new();
    for item in branches.iter().flatten() {
        let Item::Pair(name, value) = item else { continue };
        let Value::Map(items) = value else {
            return Err("Error marshaling to INI: Error encoding section: Section values should always be TreeBranches"
                .to_owned());
        };
        let section = section(name, items)?;
        if !section.is_empty() {
            out.push(section);
        }
    }
    Ok(out.join("\n"))
}

fn section(name: &str, items: &Branch) -> Result<String, String> {
    let mut out = String::new();
    let mut items = items.as_slice();
    if let [Item::Comment(text, _), rest @ ..] = items {
        out.push_str(&format!("; {text}\n"));
        items = rest;
    }
    if name != DEFAULT {
        out.push_str(&format!("[{name}]\n"));
    }
    let names = items.iter().filter_map(|item| match item {
        Item::Pair(name, _) => Some(name.chars().count()),
        Item::Comment(..) => None,
    });
    let width = names.max().unwrap_or_default();
    for (index, item) in items.iter().enumerate() {
        let Item::Pair(name, value) = item else { continue };
        if let Some(Item::Comment(text, _)) = items.get(index + 1) {
            out.push_str(&format!("; {text}\n"));
        }
        let text = super::plain(value).ok_or_else(|| format!("cannot use complex value of key {name}"))?;
        out.push_str(&format!("{name:width$} = {}\n", quoted(&text)));
    }
    Ok(out)
}
