//! YAML printed as the genuine program does: yaml.v3, indented by four, lines of any length.

use super::{go_float, yaml::scalar};
use crate::tree::{Branch, Item, Value};

const STEP: usize = 4;

/// All documents.
pub(super) fn print(branches: &[Branch]) -> String {
    let documents: Vec<_> = branches
        .iter()
        .map(|branch| {
            let mut out = String::new();
            if branch.iter().any(|item| matches!(item, Item::Pair(..))) {
                map(&mut out, branch, 0, false);
            } else {
                comments(&mut out, branch, 0);
                out.push_str("{}\n");
            }
            out
        })
        .collect();
    documents.join("---\n")
}

/// Where what is nested below a map's key at `indent` stands.
fn deeper(indent: usize) -> usize {
    STEP * ((indent + STEP) / STEP)
}

fn spaces(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n(' ', count));
}

fn comments(out: &mut String, items: &[Item], indent: usize) {
    for item in items {
        if let Item::Comment(text, _) = item {
            spaces(out, indent);
            out.push_str(&format!("#{text}\n"));
        }
    }
}

/// A map whose first key may stand behind a `- ` that is already written.
fn map(out: &mut String, branch: &Branch, indent: usize, mut begun: bool) {
    for item in branch {
        let Item::Pair(key, value) = item else {
            if !begun {
                comments(out, std::slice::from_ref(item), indent);
            }
            continue;
        };
        if !std::mem::take(&mut begun) {
            spaces(out, indent);
        }
        out.push_str(&line(key));
        out.push(':');
        node(out, value, indent, false);
    }
}

/// A value behind a key or a `-`, from the space to the line's end.
fn node(out: &mut String, value: &Value, indent: usize, in_list: bool) {
    let below = if in_list { indent + 2 } else { deeper(indent) };
    match value {
        Value::Map(branch) if branch.is_empty() => out.push_str(" {}\n"),
        Value::List(list) if list.is_empty() => out.push_str(" []\n"),
        Value::Map(branch) if in_list => {
            out.push(' ');
            map(out, branch, below, true);
        }
        Value::Map(branch) => {
            out.push('\n');
            map(out, branch, below, false);
        }
        Value::List(elements) if in_list => {
            out.push(' ');
            list(out, elements, below, true);
        }
        Value::List(elements) => {
            out.push('\n');
            list(out, elements, below, false);
        }
        Value::Text(text) if text.contains('\n') && fits_block(text) => block(out, text, deeper(indent)),
        other => out.push_str(&format!(" {}\n", plain(other))),
    }
}

fn list(out: &mut String, elements: &[Value], indent: usize, mut begun: bool) {
    for element in elements {
        if !std::mem::take(&mut begun) {
            spaces(out, indent);
        }
        out.push('-');
        node(out, element, indent, true);
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Float(number) => go_float(*number, 21, -4),
        Value::Int(number) => number.to_string(),
        other => line(&String::from_utf8_lossy(&other.bytes())),
    }
}

fn is_special(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t' || c == '\u{feff}'
}

fn fits_block(text: &str) -> bool {
    !text.chars().any(is_special) && !text.ends_with(' ')
}

fn block(out: &mut String, text: &str, indent: usize) {
    out.push_str(" |");
    if text.starts_with([' ', '\n']) {
        out.push_str(&STEP.to_string());
    }
    let body = match text.strip_suffix('\n') {
        None => {
            out.push('-');
            text
        }
        Some(rest) => {
            if rest.is_empty() || rest.ends_with('\n') {
                out.push('+');
            }
            rest
        }
    };
    out.push('\n');
    for part in body.split('\n') {
        if !part.is_empty() {
            spaces(out, indent);
            out.push_str(part);
        }
        out.push('\n');
    }
}

/// A text on one line, quoted if it has to be.
fn line(text: &str) -> String {
    if text == "<<" {
        return "!!merge <<".to_owned();
    }
    if text.chars().any(is_special) || text.contains(['\n', '\t']) {
        return double(text);
    }
    if is_other_type(text) {
        return format!("\"{text}\"");
    }
    if needs_quotes(text) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    text.to_owned()
}

/// Whether some reader of YAML 1.1 or 1.2 takes the plain text for something else than a text.
fn is_other_type(text: &str) -> bool {
    const FLAGS: [&str; 8] = ["y", "n", "yes", "no", "on", "off", "true", "false"];
    let lower = text.to_ascii_lowercase();
    let cased = [lower.clone(), text.to_ascii_uppercase(), capitalized(&lower)];
    let is_flag = FLAGS.contains(&lower.as_str()) && cased.iter().any(|form| form == text);
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.~nN".contains(c));
    is_flag
        || text.is_empty()
        || text == "~"
        || is_sexagesimal(text)
        || (numeric && !matches!(scalar(text), Value::Text(_)))
        || is_number_of_old(text)
        || is_date(text)
}

fn capitalized(lower: &str) -> String {
    let mut chars = lower.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

/// `0o17`, `1_000` and the like.
fn is_number_of_old(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']).replace('_', "");
    let based = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .any(|(prefix, base)| {
            let rest = digits.strip_prefix(prefix);
            rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_digit(base)))
        });
    let starts = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    based || (starts && digits.bytes().any(|b| b.is_ascii_digit()) && digits.parse::<f64>().is_ok())
}

fn is_sexagesimal(text: &str) -> bool {
    let mut parts = text.trim_start_matches(['+', '-']).split(':');
    let first = parts.next().unwrap_or_default();
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let rest: Vec<_> = parts.collect();
    digits(first) && !rest.is_empty() && rest.iter().all(|part| digits(part) && part.len() <= 2)
}

fn is_date(text: &str) -> bool {
    let date: Vec<_> = text
        .split(['T', 't', ' '])
        .next()
        .unwrap_or_default()
        .split('-')
        .collect();
    let digits = |part: &str, lengths: &[usize]| {
        lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    matches!(date.as_slice(), [year, month, day]
        if digits(year, &[4]) && digits(month, &[1, 2]) && digits(day, &[1, 2]))
}

fn needs_quotes(text: &str) -> bool {
    let first = text.chars().next().unwrap_or_default();
    let second = text.chars().nth(1);
    let indicator =
        "#,[]{}&*!|>'\"%@`".contains(first) || ("-?:".contains(first) && second.is_none_or(|c| c == ' '));
    indicator
        || text.starts_with(' ')
        || text.ends_with([' ', ':'])
        || text.starts_with("---")
        || text.starts_with("...")
        || text.contains(": ")
        || text.contains(" #")
        || text.contains(['\u{85}', '\u{2028}', '\u{2029}'])
}

fn double(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{feff}' => out.push_str("\\uFEFF"),
            c if is_special(c) => out.push_str(&format!("\\x{:02X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
