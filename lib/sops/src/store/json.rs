//! JSON, in document order; printed as Go's encoder does, indented with tabs.

use std::fmt::{self, Write};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

use super::go_float;
use crate::tree::{Branch, Item, Value};

pub(super) fn read(text: &str) -> Result<Branch, String> {
    // serde_json bounds the depth itself.
    let Ordered(value) = serde_json::from_str(text).map_err(|error| {
        format!(
            "Could not unmarshal input data: line {} column {}",
            error.line(),
            error.column()
        )
    })?;
    match value {
        Value::Map(branch) => Ok(branch),
        _ => Err(
            "Could not unmarshal input data: SOPS only supports JSON files with a top-level object"
                .to_owned(),
        ),
    }
}

struct Ordered(Value);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(Self)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "as the genuine program, which reads such numbers as floats"
    )]
    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Float(number as f64), Value::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Ordered(value)) = access.next_element()? {
            list.push(value);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Branch::new();
        while let Some((key, Ordered(value))) = access.next_entry()? {
            map.push(Item::Pair(key, value));
        }
        Ok(Value::Map(map))
    }
}

pub(super) fn print(branch: &Branch) -> String {
    let mut out = String::new();
    map(&mut out, branch, 0);
    out.push('\n');
    out
}

fn value(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&go_float(*number, 21, -6).replace("e-0", "e-")),
        Value::Text(_) | Value::Bytes(_) => string(out, &String::from_utf8_lossy(&value.bytes())),
        Value::List(list) => {
            out.push('[');
            for (index, element) in list.iter().enumerate() {
                next(out, index, depth + 1);
                self::value(out, element, depth + 1);
            }
            close(out, ']', list.is_empty(), depth);
        }
        Value::Map(branch) => map(out, branch, depth),
    }
}

fn map(out: &mut String, branch: &Branch, depth: usize) {
    out.push('{');
    let pairs = branch.iter().filter_map(|item| match item {
        Item::Pair(key, value) => Some((key, value)),
        Item::Comment(..) => None,
    });
    let mut count = 0;
    for (key, value) in pairs {
        next(out, count, depth + 1);
        string(out, key);
        out.push_str(": ");
        self::value(out, value, depth + 1);
        count += 1;
    }
    close(out, '}', count == 0, depth);
}

fn next(out: &mut String, index: usize, depth: usize) {
    out.push_str(if index > 0 { ",\n" } else { "\n" });
    out.extend(std::iter::repeat_n('\t', depth));
}

fn close(out: &mut String, bracket: char, empty: bool, depth: usize) {
    if !empty {
        out.push('\n');
        out.extend(std::iter::repeat_n('\t', depth));
    }
    out.push(bracket);
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
