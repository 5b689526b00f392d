//! Lines of `NAME=value`; a line break in a value is written `\n`.

use crate::tree::{Branch, Item, Value};

pub(super) fn read(text: &str) -> Result<Branch, String> {
    let lines = text.split('\n').enumerate().filter(|(_, line)| !line.is_empty());
    let items = lines.map(|(index, line)| {
        if let Some(comment) = line.strip_prefix('#') {
            return Ok(Item::Comment(comment.to_owned(), false));
        }
        // DIFFERENCE: upstream shows the line, which may be a secret.
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| format!("invalid dotenv input line {}", index + 1))?;
        Ok(Item::Pair(
            name.to_owned(),
            Value::Text(value.replace("\\n", "\n")),
        ))
    });
    items.collect()
}

pub(super) fn print(branch: &Branch) -> Result<String, String> {
    let mut out = String::new();
    for item in branch {
        match item {
            Item::Comment(text, _) => out.push_str(&format!("#{text}\n")),
            Item::Pair(name, value) => {
                let text = super::plain(value).ok_or_else(|| {
                    format!("cannot use complex value in dotenv file; offending key {name}")
                })?;
                out.push_str(&format!("{name}={}\n", text.replace('\n', "\\n")));
            }
        }
    }
    Ok(out)
}
