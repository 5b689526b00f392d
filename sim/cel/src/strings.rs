//! Functions of texts.

use std::sync::Arc;

use crate::{
    eval::{Fault, Outcome, no_overload},
    operators,
    value::{Key, Value},
};

/// Functions of texts; `None` if the call is none.
pub(crate) fn call(function: &str, args: &[Value]) -> Option<Outcome> {
    if let ("join", [Value::List(list), rest @ ..]) = (function, args) {
        let separator = match rest {
            [Value::String(separator)] => separator,
            _ => "",
        };
        let parts: Option<Vec<&str>> = list
            .items
            .iter()
            .map(|item| match item {
                Value::String(text) => Some(&**text),
                _ => None,
            })
            .collect();
        return Some(
            parts
                .map(|parts| Value::text(&parts.join(separator)))
                .ok_or_else(no_overload),
        );
    }
    let [Value::String(text), rest @ ..] = args else {
        return None;
    };
    let truth = |own: bool| Some(Ok(Value::Bool(own)));
    let made = |own: String| Some(Ok(Value::String(own.into())));
    match (function, rest) {
        ("contains", [Value::String(part)]) => truth(text.contains(&**part)),
        ("startsWith", [Value::String(part)]) => truth(text.starts_with(&**part)),
        ("endsWith", [Value::String(part)]) => truth(text.ends_with(&**part)),
        ("lowerAscii", []) => made(text.to_ascii_lowercase()),
        ("upperAscii", []) => made(text.to_ascii_uppercase()),
        ("trim", []) => made(text.trim().to_owned()),
        ("strings.quote", []) => made(quote(text)),
        ("charAt", [Value::Int(at)]) => Some(char_at(text, *at)),
        ("indexOf", [Value::String(part)]) => Some(index(text, part, 0)),
        ("indexOf", [Value::String(part), Value::Int(from)]) => Some(index(text, part, *from)),
        ("lastIndexOf", [Value::String(part)]) => Some(last_index(text, part, None)),
        ("lastIndexOf", [Value::String(part), Value::Int(from)]) => Some(last_index(text, part, Some(*from))),
        ("replace", [Value::String(from), Value::String(to)]) => made(text.replace(&**from, to)),
        ("replace", [Value::String(from), Value::String(to), Value::Int(count)]) => {
            made(match usize::try_from(*count) {
                Ok(count) => text.replacen(&**from, to, count),
                Err(_) => text.replace(&**from, to),
            })
        }
        ("split", [Value::String(separator)]) => Some(Ok(split(text, separator, -1))),
        ("split", [Value::String(separator), Value::Int(count)]) => Some(Ok(split(text, separator, *count))),
        ("substring", [Value::Int(from)]) => Some(substring(text, *from, None)),
        ("substring", [Value::Int(from), Value::Int(to)]) => Some(substring(text, *from, Some(*to))),
        ("format", [Value::List(list)]) => Some(format(text, &list.items)),
        _ => None,
    }
}

fn whole(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn out_of_range(at: i64) -> Fault {
    format!("index out of range: {at}").into()
}

fn char_at(text: &str, at: i64) -> Outcome {
    let count = text.chars().count();
    match usize::try_from(at) {
        Ok(index) if index == count => Ok(Value::text("")),
        Ok(index) if index < count => Ok(Value::text(&text.chars().skip(index).take(1).collect::<String>())),
        _ => Err(out_of_range(at)),
    }
}

fn letters(text: &str) -> Vec<char> {
    text.chars().collect()
}

fn index(text: &str, part: &str, from: i64) -> Outcome {
    let (text, part) = (letters(text), letters(part));
    let start = usize::try_from(from)
        .ok()
        .filter(|start| *start < text.len() || part.is_empty() || *start == 0)
        .ok_or_else(|| out_of_range(from))?;
    if part.is_empty() {
        return Ok(Value::Int(from));
    }
    let found = (start..text.len()).find(|at| text[*at..].starts_with(&part));
    Ok(found.map_or(Value::Int(-1), whole))
}

fn last_index(text: &str, part: &str, from: Option<i64>) -> Outcome {
    let (text, part) = (letters(text), letters(part));
    let start = match from {
        Some(from) => usize::try_from(from)
            .ok()
            .filter(|start| *start < text.len())
            .ok_or_else(|| out_of_range(from))?,
        None => text.len(),
    };
    if part.is_empty() {
        return Ok(whole(start));
    }
    let found = (0..=start.min(text.len()))
        .rev()
        .find(|at| text[*at..].starts_with(&part));
    Ok(found.map_or(Value::Int(-1), whole))
}

fn split(text: &str, separator: &str, count: i64) -> Value {
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    if limit == 0 {
        return Value::list(Vec::new());
    }
    let parts: Vec<Value> = if separator.is_empty() {
        let letters = letters(text);
        let single = letters.len().min(limit);
        let mut parts: Vec<String> = letters[..single].iter().map(char::to_string).collect();
        if let Some(last) = parts.last_mut() {
            last.extend(&letters[single..]);
        }
        parts.iter().map(|part| Value::text(part)).collect()
    } else {
        text.splitn(limit, separator).map(Value::text).collect()
    };
    Value::list(parts)
}

fn substring(text: &str, from: i64, to: Option<i64>) -> Outcome {
    let letters = letters(text);
    let start = usize::try_from(from)
        .ok()
        .filter(|start| *start <= letters.len())
        .ok_or_else(|| out_of_range(from))?;
    let end = match to {
        Some(to) => {
            let end = usize::try_from(to)
                .ok()
                .filter(|end| *end <= letters.len())
                .ok_or_else(|| out_of_range(to))?;
            if start > end {
                return Err(format!("invalid substring range. start: {from}, end: {to}").into());
            }
            end
        }
        None => letters.len(),
    };
    Ok(Value::text(&letters[start..end].iter().collect::<String>()))
}

/// A text in quotes, with what does not print escaped.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// `'%s is %d'.format([…])`.
fn format(template: &str, args: &[Value]) -> Outcome {
    let mut out = String::new();
    let mut rest = template.chars().peekable();
    let mut at = 0;
    while let Some(letter) = rest.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        if rest.peek() == Some(&'%') {
            rest.next();
            out.push('%');
            continue;
        }
        let mut precision = None;
        if rest.peek() == Some(&'.') {
            rest.next();
            let mut digits = String::new();
            while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            precision = Some(digits.parse::<usize>().unwrap_or(6).min(1000));
        }
        let kind = rest.next().ok_or("unexpected end of string")?;
        let arg = args
            .get(at)
            .ok_or_else(|| Fault::Error(format!("index {at} out of range")))?;
        at += 1;
        out.push_str(&clause(kind, precision, arg)?);
    }
    Ok(Value::String(out.into()))
}

fn clause(kind: char, precision: Option<usize>, arg: &Value) -> Result<String, Fault> {
    let wrong = |wanted: &str| {
        let text = format!("error during formatting: {wanted}, was given {}", arg.type_name());
        Fault::Error(text)
    };
    let number = match arg {
        Value::Int(own) => Some(i128::from(*own)),
        Value::Uint(own) => Some(i128::from(*own)),
        _ => None,
    };
    let signed = |digits: String, number: i128| if number < 0 { format!("-{digits}") } else { digits };
    match kind {
        's' => Ok(shown(arg)),
        'd' => match arg {
            Value::Double(own) if !own.is_finite() => Ok(operators::float(*own)),
            _ => number
                .map(|number| number.to_string())
                .ok_or_else(|| wrong("decimal clause can only be used on integers")),
        },
        'f' | 'e' => {
            let Value::Double(own) = *arg else {
                return Err(wrong(if kind == 'f' {
                    "fixed-point clause can only be used on doubles"
                } else {
                    "scientific clause can only be used on doubles"
                }));
            };
            let digits = precision.unwrap_or(6);
            Ok(if kind == 'f' {
                format!("{own:.digits$}")
            } else {
                let text = format!("{own:.digits$e}");
                match text.split_once('e') {
                    Some((mantissa, exponent)) => match exponent.strip_prefix('-') {
                        Some(exponent) => format!("{mantissa}e-{exponent:0>2}"),
                        None => format!("{mantissa}e+{exponent:0>2}"),
                    },
                    None => text,
                }
            })
        }
        'b' => match (arg, number) {
            (Value::Bool(own), _) => Ok(u8::from(*own).to_string()),
            (_, Some(number)) => Ok(signed(format!("{:b}", number.unsigned_abs()), number)),
            _ => Err(wrong("only integers and bools can be formatted as binary")),
        },
        'o' => number
            .map(|number| signed(format!("{:o}", number.unsigned_abs()), number))
            .ok_or_else(|| wrong("octal clause can only be used on integers")),
        'x' | 'X' => {
            let text = match (arg, number) {
                (Value::String(text), _) => hex(text.as_bytes()),
                (Value::Bytes(bytes), _) => hex(bytes),
                (_, Some(number)) => signed(format!("{:x}", number.unsigned_abs()), number),
                _ => {
                    return Err(wrong(
                        "only integers, byte buffers, and strings can be formatted as hex",
                    ));
                }
            };
            Ok(if kind == 'X' { text.to_uppercase() } else { text })
        }
        other => Err(format!(
            "could not parse formatting clause: unrecognized formatting clause \"{other}\""
        )
        .into()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A value as `%s` shows it.
fn shown(value: &Value) -> String {
    let list = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::List(own) => format!("[{}]", list(own.items.iter().map(shown).collect())),
        Value::Map(map) => {
            let entry = |(key, value): (&Key, &Value)| format!("{}: {}", shown(&key.value()), shown(value));
            format!("{{{}}}", list(map.iter().map(entry).collect()))
        }
        Value::Object(members) => {
            let entry = |(name, value): (&Arc<str>, &Value)| format!("{name}: {}", shown(value));
            format!("{{{}}}", list(members.iter().map(entry).collect()))
        }
        other => operators::plain(other),
    }
}
