//! TOML as BurntSushi's library writes it.

use crate::{
    error::Error,
    function::Type::Any,
    limits::MAX_DEPTH,
    value::{Map, Value},
};

use super::{Row, any};

// DIFFERENCE: fromToml is absent; no chart of the counted ones uses it.
pub(crate) const TABLE: &[Row] = &[
    ("toToml", &[Any], false, |_, args| {
        Ok(to_toml(any(args, 0))
            .unwrap_or_else(|error| error.text().to_owned())
            .into())
    }),
    ("mustToToml", &[Any], false, |_, args| {
        to_toml(any(args, 0)).map(Value::from)
    }),
];

fn to_toml(value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    match value {
        Value::Map(map) => table(&mut out, map, &[], 0)?,
        _ => {
            return Err(Error::new("toml: top-level values must be Go maps or structs"));
        }
    }
    Ok(out)
}

/// Whether a value is written as a table of its own, or as several.
fn is_table(value: &Value) -> bool {
    match value {
        Value::Map(_) => true,
        Value::List(list) => {
            !list.items().is_empty() && list.items().iter().all(|item| matches!(item, Value::Map(_)))
        }
        _ => false,
    }
}

fn table(out: &mut String, map: &Map, path: &[String], depth: usize) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(Error::new("toml: too deep"));
    }
    let indent = "  ".repeat(path.len().saturating_sub(1).min(depth));
    let entries = map.snapshot();
    for (name, value) in entries.iter().filter(|(_, value)| !is_table(value)) {
        if matches!(value, Value::Nil) {
            continue;
        }
        let inner = if path.is_empty() {
            String::new()
        } else {
            format!("{indent}  ")
        };
        out.push_str(&format!("{inner}{} = ", key(name)));
        inline(out, value, depth + 1)?;
        out.push('\n');
    }
    for (name, value) in entries.iter().filter(|(_, value)| is_table(value)) {
        let mut path = path.to_vec();
        path.push(key(name));
        let indent = "  ".repeat(path.len() - 1);
        match value {
            Value::Map(inner) => {
                if path.len() == 1 && !out.is_empty() {
                    out.push('\n');
                }
                out.push_str(&format!("{indent}[{}]\n", path.join(".")));
                table(out, inner, &path, depth + 1)?;
            }
            _ => {
                for item in value.elements().unwrap_or_default() {
                    if let Value::Map(inner) = item {
                        if !out.is_empty() {
                            out.push('\n');
                        }
                        out.push_str(&format!("{indent}[[{}]]\n", path.join(".")));
                        table(out, &inner, &path, depth + 1)?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn key(name: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let name_text = String::from_utf8_lossy(name);
    if !name.is_empty() && name.iter().all(plain) {
        return name_text.into_owned();
    }
    quoted(&name_text)
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '\u{7f}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

fn inline(out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(Error::new("toml: too deep"));
    }
    match value {
        Value::Nil => return Err(Error::new("toml: cannot encode nil value")),
        Value::Text(text) => out.push_str(&quoted(&String::from_utf8_lossy(text))),
        Value::Bool(it) => out.push_str(&it.to_string()),
        Value::Float(it) => {
            let text = crate::float::format_float(*it, if it.abs() < 1e21 { b'f' } else { b'e' }, None);
            out.push_str(&text.to_lowercase());
            if it.is_finite() && !text.contains(['.', 'e']) {
                out.push_str(".0");
            }
        }
        Value::Map(map) => {
            out.push('{');
            for (index, (name, value)) in map.snapshot().iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                out.push_str(&format!("{} = ", key(name)));
                inline(out, value, depth + 1)?;
            }
            out.push('}');
        }
        Value::List(_) | Value::Bytes(_) => {
            out.push('[');
            for (index, item) in value.elements().unwrap_or_default().iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                inline(out, item, depth + 1)?;
            }
            out.push(']');
        }
        _ => match value.as_int() {
            Some(int) => out.push_str(&int.to_string()),
            None => return Err(Error::new(format!("unsupported type: {}", value.type_name()))),
        },
    }
    Ok(())
}
