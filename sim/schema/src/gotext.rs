//! How Go writes values where its texts reach users: `%v`, `strconv.Quote`, `encoding/json`.

use serde_json::{Number, Value};
use std::{collections::BTreeSet, fmt::Write as _};

fn text_write(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(arguments);
}

/// `%v` of a decoded JSON value: `map[a:1 b:[x y]]`, members by name.
pub fn display(value: &Value) -> String {
    let mut text = String::new();
    write_display(&mut text, value);
    text
}

fn write_display(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("<nil>"),
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => text_write(text, format_args!("{whole}")),
            None => text.push_str(&float(number.as_f64().unwrap_or_default(), 21, false)),
        },
        Value::String(string) => text.push_str(string),
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push(' ');
                }
                write_display(text, item);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push_str("map[");
            for (at, (name, value)) in members.iter().enumerate() {
                if at > 0 {
                    text.push(' ');
                }
                text.push_str(name);
                text.push(':');
                write_display(text, value);
            }
            text.push(']');
        }
    }
}

/// A number as `encoding/json` writes it.
pub fn number(number: &Number) -> String {
    match (number.as_i64(), number.as_u64()) {
        (Some(whole), _) => whole.to_string(),
        (None, Some(whole)) => float(whole as f64, 21, true),
        (None, None) => float(number.as_f64().unwrap_or_default(), 21, true),
    }
}

/// Shortest digits; an exponent below 1e-6 (JSON) or 1e-4 (`%v`) and from `10^large` on.
fn float(value: f64, large: i32, json: bool) -> String {
    let magnitude = value.abs();
    let small = if json { 1e-6 } else { 1e-4 };
    if magnitude != 0.0 && (magnitude < small || magnitude >= 10f64.powi(large)) {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        // JSON drops a leading zero of the exponent, `%v` has two digits at least.
        let exponent = if json {
            exponent.to_owned()
        } else {
            format!("{exponent:0>2}")
        };
        return format!("{digits}e{sign}{exponent}");
    }
    format!("{value}")
}

/// `strconv.Quote`.
pub fn quote(string: &str) -> String {
    let mut text = String::from("\"");
    for character in string.chars() {
        quote_char(&mut text, character, '"');
    }
    text.push('"');
    text
}

fn quote_char(text: &mut String, character: char, delimiter: char) {
    match character {
        '\\' => text.push_str("\\\\"),
        '\u{7}' => text.push_str("\\a"),
        '\u{8}' => text.push_str("\\b"),
        '\u{c}' => text.push_str("\\f"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        '\u{b}' => text.push_str("\\v"),
        _ if character == delimiter => {
            text.push('\\');
            text.push(character);
        }
        '\0'..' ' | '\u{7f}' => text_write(text, format_args!("\\x{:02x}", u32::from(character))),
        _ if printable(character) => text.push(character),
        '\u{0}'..='\u{ffff}' => text_write(text, format_args!("\\u{:04x}", u32::from(character))),
        _ => text_write(text, format_args!("\\U{:08x}", u32::from(character))),
    }
}

/// `strconv.IsPrint` beyond ASCII: neither a control, a format character, a space, nor of private use. Which code points
/// are not assigned changes with Unicode and is not looked at.
fn printable(character: char) -> bool {
    let format = matches!(u32::from(character),
        0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890 | 0x891 | 0x8e2 | 0x180e | 0x200b..=0x200f
        | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb | 0x110bd | 0x110cd | 0x13430..=0x1343f
        | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0001 | 0xe0020..=0xe007f);
    let private = matches!(u32::from(character), 0xe000..=0xf8ff | 0xf0000..);
    // No character is left without a place in a plane's last two code points.
    let none = u32::from(character) & 0xfffe == 0xfffe || matches!(u32::from(character), 0xfdd0..=0xfdef);
    !(character.is_control() || character.is_whitespace() || format || private || none)
}

/// Several errors as one text, as Kubernetes' aggregates print them: each said once; brackets around more than one.
pub fn aggregate<T: AsRef<str>>(texts: &[T]) -> String {
    let mut known = BTreeSet::new();
    let seen: Vec<&str> = texts
        .iter()
        .map(AsRef::as_ref)
        .filter(|text| known.insert(*text))
        .collect();
    match seen.as_slice() {
        [one] => (*one).to_owned(),
        several => format!("[{}]", several.join(", ")),
    }
}

/// A byte as Go's JSON scanner names it: `'x'`, `'\''`, `'ï'`.
pub(crate) fn quote_byte(byte: u8) -> String {
    let mut text = String::from("'");
    quote_char(&mut text, char::from(byte), '\'');
    text.push('\'');
    text
}

/// A JSON string as Go's encoder writes it.
pub(crate) fn quote_json(text: &mut String, string: &str) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\0'..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                text_write(text, format_args!("\\u{:04x}", u32::from(character)));
            }
            _ => text.push(character),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_error_has_no_brackets_and_none_is_said_twice() {
        assert_eq!(aggregate(&["a", "a"]), "a");
        assert_eq!(aggregate(&["a", "b", "a"]), "[a, b]");
        assert_eq!(aggregate::<String>(&[]), "[]");
    }

    // Vectors: Go 1.26 fmt, strconv and encoding/json.
    #[test]
    fn values_print_as_go_prints_them() {
        let value = json!({"b": [1, "x", null, {}], "a": true, "c": 0.5, "d": 1e22, "e": 0.00001});
        assert_eq!(
            display(&value),
            "map[a:true b:[1 x <nil> map[]] c:0.5 d:1e+22 e:1e-05]"
        );
        assert_eq!(number(&Number::from_f64(1e-7).unwrap()), "1e-7");
        assert_eq!(number(&Number::from_f64(1e21).unwrap()), "1e+21");
        assert_eq!(quote("a\"b\\\u{1}\u{7f}ü\u{feff}"), r#""a\"b\\\x01\x7fü\ufeff""#);
        assert_eq!(
            quote("\u{85}\u{a0}é\u{2060}\u{e000}\u{e0001}\u{1f600}"),
            r#""\u0085\u00a0é\u2060\ue000\U000e0001😀""#
        );
        assert_eq!(quote_byte(b'\''), r"'\''");
        assert_eq!(quote_byte(b'"'), "'\"'");
    }
}
