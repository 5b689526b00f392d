//! Paths into a schema: `.spec.map['key']`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{invalid_text, list, text};
use crate::failure::Cause;

/// Delimiters by themselves, quoted texts whole, everything between.
fn tokens(path: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let end = if rest.starts_with('\'') {
            let bytes = rest.as_bytes();
            (1..bytes.len())
                .find(|at| bytes[*at] == b'\'' && bytes[at - 1] != b'\\')
                .map_or(rest.len(), |at| at + 1)
        } else {
            match rest.find(['.', '[', ']']) {
                Some(0) => 1,
                Some(at) => at,
                None => rest.len(),
            }
        };
        let (token, tail) = rest.split_at(end);
        tokens.push(token);
        rest = tail;
    }
    tokens
}

fn unescape(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        let kind = letters.next().unwrap_or('\\');
        out.push(match kind {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '\'' | '\\' => kind,
            other => return Err(format!("invalid string literal: invalid escape char \\{other}")),
        });
    }
    Ok(out)
}

/// The path as errors show it, and the schema it leads to.
pub(crate) fn valid_path<'a>(
    path: &str,
    schema: &'a Value,
    brackets: bool,
) -> Result<(String, &'a Value), String> {
    const END: &str = "unexpected end of JSON path";
    let mut schema = schema;
    let mut shown = String::new();
    let mut tokens = tokens(path).into_iter();
    while let Some(token) = tokens.next() {
        let (name, quoted) = match token {
            "[" if !brackets => return Err("array notation is not allowed".to_owned()),
            "[" => {
                let own = tokens.next().ok_or(END)?;
                let inner = own
                    .strip_prefix('\'')
                    .and_then(|own| own.strip_suffix('\''))
                    .ok_or_else(|| format!("expected single quoted string but got {own}"))?;
                (unescape(inner)?, true)
            }
            "." => (tokens.next().ok_or(END)?.to_owned(), false),
            other => return Err(format!("expected [ or . but got: {other}")),
        };
        let missing = || "does not refer to a valid field".to_owned();
        let rest = schema.get("additionalProperties").filter(|rest| rest.is_object());
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            schema = properties.get(&name).ok_or_else(missing)?;
            if !shown.is_empty() {
                shown.push('.');
            }
            shown.push_str(&name);
        } else {
            schema = rest.ok_or_else(missing)?;
            shown.push_str(&format!("[{name}]"));
        }
        if quoted {
            match tokens.next() {
                Some("]") => {}
                Some(other) => return Err(format!("expected ] but got {other}")),
                None => return Err(END.to_owned()),
            }
        }
    }
    Ok((shown, schema))
}

/// The fields of a version that a client may select by.
pub(super) fn selectable(version: &Value, schema: &Value, field: &str, causes: &mut Vec<Cause>) {
    const MOST: usize = 8;
    let mut known = BTreeSet::new();
    for (at, own) in list(version, "selectableFields").iter().enumerate() {
        let field = format!("{field}[{at}].jsonPath");
        let path = text(own, "jsonPath");
        if path.is_empty() {
            causes.push(Cause::required(field, ""));
            continue;
        }
        let (shown, found) = match valid_path(path, schema, false) {
            Ok(found) => found,
            Err(why) => {
                causes.push(invalid_text(field, path, &format!("is an invalid path: {why}")));
                continue;
            }
        };
        if shown.split(['.', '[']).next() == Some("metadata") {
            causes.push(invalid_text(&field, path, "must not point to fields in metadata"));
        }
        if !["string", "boolean", "integer"].contains(&text(found, "type")) {
            causes.push(invalid_text(
                &field,
                path,
                "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.",
            ));
        }
        if !known.insert(shown) {
            causes.push(Cause::new(
                "FieldValueDuplicate",
                field,
                format!("Duplicate value: {}", kube_schema::gotext::quote(path)),
            ));
        }
    }
    if known.len() > MOST {
        let message = format!("Too many: {}: must have at most {MOST} items", known.len());
        causes.push(Cause::new("FieldValueTooMany", field, message));
    }
}
