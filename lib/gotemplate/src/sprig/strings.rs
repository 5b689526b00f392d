//! Texts.

use crate::{
    error::Error,
    format,
    function::Type::{Any, Int, Text},
    number::parse_int,
    value::{Map, TEXT_MAP, Value},
};

use super::{Result, Row, any, bytes, check_length, int, rest, text, to_text, to_texts};

pub(crate) const TABLE: &[Row] = &[
    ("hello", &[], false, |_, _| Ok("Hello!".into())),
    ("trunc", &[Int, Text], false, |_, args| {
        Ok(trunc(int(args, 0), bytes(args, 1)).into())
    }),
    ("trim", &[Text], false, |_, args| Ok(text(args, 0).trim().into())),
    ("upper", &[Text], false, |_, args| {
        Ok(text(args, 0).to_uppercase().into())
    }),
    ("lower", &[Text], false, |_, args| {
        Ok(text(args, 0).to_lowercase().into())
    }),
    ("substr", &[Int, Int, Text], false, |_, args| {
        substr(int(args, 0), int(args, 1), bytes(args, 2))
    }),
    ("repeat", &[Int, Text], false, |_, args| {
        repeat(int(args, 0), bytes(args, 1))
    }),
    ("trimall", &[Text, Text], false, |_, args| Ok(trim_all(args))),
    ("trimAll", &[Text, Text], false, |_, args| Ok(trim_all(args))),
    ("trimSuffix", &[Text, Text], false, |_, args| {
        let whole = bytes(args, 1);
        Ok(Value::text(whole.strip_suffix(bytes(args, 0)).unwrap_or(whole)))
    }),
    ("trimPrefix", &[Text, Text], false, |_, args| {
        let whole = bytes(args, 1);
        Ok(Value::text(whole.strip_prefix(bytes(args, 0)).unwrap_or(whole)))
    }),
    ("contains", &[Text, Text], false, |_, args| {
        Ok(find(bytes(args, 1), bytes(args, 0)).is_some().into())
    }),
    ("hasPrefix", &[Text, Text], false, |_, args| {
        Ok(bytes(args, 1).starts_with(bytes(args, 0)).into())
    }),
    ("hasSuffix", &[Text, Text], false, |_, args| {
        Ok(bytes(args, 1).ends_with(bytes(args, 0)).into())
    }),
    ("quote", &[Any], true, |_, args| {
        Ok(each_solid(args, |value| {
            stdx::quote::quote(&to_text(value)).into_bytes()
        }))
    }),
    ("squote", &[Any], true, |_, args| {
        Ok(each_solid(args, |value| {
            [b"'", &*format::sprint(std::slice::from_ref(value)), b"'"].concat()
        }))
    }),
    ("cat", &[Any], true, |_, args| Ok(cat(args))),
    ("indent", &[Int, Text], false, |_, args| {
        indent(int(args, 0), bytes(args, 1), b"")
    }),
    ("nindent", &[Int, Text], false, |_, args| {
        indent(int(args, 0), bytes(args, 1), b"\n")
    }),
    ("replace", &[Text, Text, Text], false, |_, args| {
        replace(bytes(args, 2), bytes(args, 0), bytes(args, 1))
    }),
    ("plural", &[Text, Text, Int], false, |_, args| {
        Ok(any(args, usize::from(int(args, 2) != 1)).clone())
    }),
    ("toString", &[Any], false, |_, args| {
        Ok(Value::text(to_text(any(args, 0))))
    }),
    ("toStrings", &[Any], false, |_, args| {
        Ok(Value::texts(to_texts(any(args, 0))))
    }),
    ("join", &[Text, Any], false, |_, args| {
        Ok(to_texts(any(args, 1)).join(bytes(args, 0)).into())
    }),
    ("sortAlpha", &[Any], false, |_, args| {
        // DIFFERENCE: sprig sorts a list of texts in place, so that a variable that holds it changes too.
        let mut texts = to_texts(any(args, 0));
        if any(args, 0).elements().is_none() {
            texts = vec![to_text(any(args, 0)).into_owned()];
        }
        texts.sort();
        Ok(Value::texts(texts))
    }),
    ("split", &[Text, Text], false, |_, args| {
        Ok(numbered(&split(bytes(args, 1), bytes(args, 0), -1)))
    }),
    ("splitn", &[Text, Int, Text], false, |_, args| {
        Ok(numbered(&split(bytes(args, 2), bytes(args, 0), int(args, 1))))
    }),
    ("splitList", &[Text, Text], false, |_, args| {
        Ok(Value::texts(split(bytes(args, 1), bytes(args, 0), -1)))
    }),
    ("atoi", &[Text], false, |_, args| {
        Ok(Value::Int(match parse_int(&text(args, 0), 10) {
            Ok(int) => int,
            // QUIRK: a number that is too large comes out as the largest one.
            Err(crate::number::NumberError::Range) if bytes(args, 0).starts_with(b"-") => i64::MIN,
            Err(crate::number::NumberError::Range) => i64::MAX,
            Err(crate::number::NumberError::Syntax) => 0,
        }))
    }),
];

/// What Go's run time says of a slice with wrong bounds.
fn bounds(text: String) -> Error {
    Error::new(format!("runtime error: slice bounds out of range {text}"))
}

fn trunc(count: i64, text: &[u8]) -> Vec<u8> {
    let length = text.len();
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count < 0 && length > wanted {
        text[length - wanted..].to_vec()
    } else if count >= 0 && length > wanted {
        text[..wanted].to_vec()
    } else {
        text.to_vec()
    }
}

fn substr(start: i64, end: i64, text: &[u8]) -> Result {
    let length = text.len();
    let at = |index: i64| usize::try_from(index).ok().filter(|at| *at <= length);
    if start < 0 {
        return match at(end) {
            Some(end) => Ok(Value::text(&text[..end])),
            None if end < 0 => Err(bounds(format!("[:{end}]"))),
            None => Err(bounds(format!("[:{end}] with length {length}"))),
        };
    }
    let end = at(end).unwrap_or(length);
    match at(start) {
        Some(start) if start <= end => Ok(Value::text(&text[start..end])),
        _ => Err(bounds(format!("[{start}:{end}]"))),
    }
}

fn repeat(count: i64, text: &[u8]) -> Result {
    let Ok(count) = usize::try_from(count) else {
        return Err(Error::new("strings: negative Repeat count"));
    };
    check_length(text.len().saturating_mul(count))?;
    Ok(text.repeat(count).into())
}

fn trim_all(args: &[Value]) -> Value {
    let (cut, whole) = (text(args, 0), text(args, 1));
    whole.trim_matches(|c| cut.contains(c)).into()
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn each_solid(args: &[Value], show: impl Fn(&Value) -> Vec<u8>) -> Value {
    let shown: Vec<_> = args
        .iter()
        .filter(|value| !matches!(value, Value::Nil))
        .map(show)
        .collect();
    shown.join(&b' ').into()
}

fn cat(args: &[Value]) -> Value {
    let solid: Vec<Value> = rest(args, 0)
        .iter()
        .filter(|value| !matches!(value, Value::Nil))
        .cloned()
        .collect();
    let shown: Vec<_> = solid
        .iter()
        .map(|value| format::sprint(std::slice::from_ref(value)))
        .collect();
    shown.join(&b' ').into()
}

fn indent(spaces: i64, text: &[u8], before: &[u8]) -> Result {
    let Ok(spaces) = usize::try_from(spaces) else {
        return Err(Error::new("strings: negative Repeat count"));
    };
    let lines = 1 + text.iter().filter(|byte| **byte == b'\n').count();
    check_length(spaces.saturating_mul(lines).saturating_add(text.len()))?;
    let mut out = Vec::with_capacity(before.len() + text.len() + spaces * lines);
    out.extend_from_slice(before);
    out.resize(out.len() + spaces, b' ');
    for byte in text {
        out.push(*byte);
        if *byte == b'\n' {
            out.resize(out.len() + spaces, b' ');
        }
    }
    Ok(out.into())
}

fn replace(text: &[u8], old: &[u8], new: &[u8]) -> Result {
    let parts = if old.is_empty() {
        // Between all characters, and at both ends.
        let mut parts: Vec<Vec<u8>> = vec![Vec::new()];
        parts.extend(characters(text));
        parts.push(Vec::new());
        parts
    } else {
        split(text, old, -1)
    };
    check_length(text.len().saturating_add(parts.len().saturating_mul(new.len())))?;
    Ok(parts.join(new).into())
}

fn characters(text: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for chunk in text.utf8_chunks() {
        out.extend(chunk.valid().chars().map(|c| c.to_string().into_bytes()));
        out.extend(chunk.invalid().iter().map(|byte| vec![*byte]));
    }
    out
}

/// `strings.SplitN`
pub(crate) fn split(text: &[u8], separator: &[u8], limit: i64) -> Vec<Vec<u8>> {
    if limit == 0 {
        return Vec::new();
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if separator.is_empty() {
        let mut parts = characters(text);
        if parts.len() > limit {
            let last = parts.split_off(limit - 1).concat();
            parts.push(last);
        }
        return parts;
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while parts.len() + 1 < limit {
        let Some(at) = find(rest, separator) else { break };
        parts.push(rest[..at].to_vec());
        rest = &rest[at + separator.len()..];
    }
    parts.push(rest.to_vec());
    parts
}

fn numbered(parts: &[Vec<u8>]) -> Value {
    let map = Map::new(&TEXT_MAP);
    for (index, part) in parts.iter().enumerate() {
        map.set(format!("_{index}").into_bytes(), Value::text(part));
    }
    Value::Map(map)
}
