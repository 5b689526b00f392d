//! JSON as Go reads and writes it.

use std::collections::BTreeMap;

use serde_json::{Map as JsonMap, Number, Value as Json};

use crate::{
    error::Error,
    float::format_float,
    function::Type::{Any, Text},
    limits::MAX_DEPTH,
    value::{LIST, List, MAP, Map, Value},
};

use super::{Row, any, bytes};

pub(crate) const TABLE: &[Row] = &[
    // What Helm has of its own.
    ("toJson", &[Any], false, |_, args| {
        Ok(to_json(any(args, 0), Form::Escaped).unwrap_or_default().into())
    }),
    ("mustToJson", &[Any], false, |_, args| {
        to_json(any(args, 0), Form::Escaped).map(Value::from)
    }),
    ("fromJson", &[Text], false, |_, args| {
        Ok(match parse_map(bytes(args, 0)) {
            Ok(value) => value,
            Err(error) => error_map(&error),
        })
    }),
    ("fromJsonArray", &[Text], false, |_, args| {
        Ok(match parse(bytes(args, 0)).and_then(list_of) {
            Ok(value) => value,
            Err(error) => Value::list(vec![error.into()]),
        })
    }),
    // What it has from sprig.
    ("toPrettyJson", &[Any], false, |_, args| {
        Ok(to_json(any(args, 0), Form::Pretty).unwrap_or_default().into())
    }),
    ("mustToPrettyJson", &[Any], false, |_, args| {
        to_json(any(args, 0), Form::Pretty).map(Value::from)
    }),
    ("toRawJson", &[Any], false, |_, args| {
        to_json(any(args, 0), Form::Raw).map(Value::from)
    }),
    ("mustToRawJson", &[Any], false, |_, args| {
        to_json(any(args, 0), Form::Raw).map(Value::from)
    }),
    ("mustFromJson", &[Text], false, |_, args| {
        parse(bytes(args, 0))
            .map(|json| from_json(&json, false))
            .map_err(Error::new)
    }),
];

/// A map with an entry that says what went wrong.
pub(crate) fn error_map(error: &str) -> Value {
    let map = Map::default();
    map.put("Error", error);
    map.into()
}

fn list_of(json: Json) -> std::result::Result<Value, String> {
    match json {
        Json::Null => Ok(Value::List(List::nil(&LIST))),
        Json::Array(_) => Ok(from_json(&json, false)),
        other => Err(format!(
            "json: cannot unmarshal {} into Go value of type []interface {{}}",
            kind_of(&other)
        )),
    }
}

fn parse_map(text: &[u8]) -> std::result::Result<Value, String> {
    match parse(text)? {
        Json::Null => Ok(Map::default().into()),
        json @ Json::Object(_) => Ok(from_json(&json, false)),
        other => Err(format!(
            "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            kind_of(&other)
        )),
    }
}

/// A kind as errors of `encoding/json` name it.
pub(crate) fn kind_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

fn parse(text: &[u8]) -> std::result::Result<Json, String> {
    let text = String::from_utf8_lossy(text);
    serde_json::from_str(&text).map_err(|error| complaint(&text, &error))
}

/// The error in Go's words, as far as the place tells them.
///
/// DIFFERENCE: errors of JSON are Go's for what ends too early and for a wrong first character of a value; others name
/// the character without Go's account of where it stands.
fn complaint(text: &str, error: &serde_json::Error) -> String {
    if text.trim().is_empty() || error.is_eof() {
        return "unexpected end of JSON input".to_owned();
    }
    let line = text
        .lines()
        .nth(error.line().saturating_sub(1))
        .unwrap_or_default();
    let bad = line
        .get(error.column().saturating_sub(1)..)
        .and_then(|rest| rest.chars().next());
    let shown = bad.map_or_else(|| "' '".to_owned(), stdx::quote::quote_char);
    let said = error.to_string();
    let place = if said.contains("trailing characters") {
        "after top-level value"
    } else if said.contains("key must be a string") {
        "looking for beginning of object key string"
    } else if said.contains("expected `:`") {
        "after object key"
    } else if said.contains("expected `,` or `}`") {
        "after object key:value pair"
    } else if said.contains("expected `,` or `]`") {
        "after array element"
    } else {
        "looking for beginning of value"
    };
    format!("invalid character {shown} {place}")
}

/// A value out of JSON. Numbers are floats; of objects of the cluster, whole ones are integers.
pub(crate) fn from_json(json: &Json, integers: bool) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(it) => Value::Bool(*it),
        Json::Number(number) => match number.as_i64() {
            Some(int) if integers => Value::Int64(int),
            _ => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::list(items.iter().map(|item| from_json(item, integers)).collect()),
        Json::Object(entries) => {
            let entries: BTreeMap<_, _> = entries
                .iter()
                .map(|(key, value)| (key.as_bytes().into(), from_json(value, integers)))
                .collect();
            Value::Map(Map::with(&MAP, entries))
        }
    }
}

/// A value as a JSON document, for the printers of other formats.
pub(crate) fn as_json(value: &Value, depth: usize) -> std::result::Result<Json, Error> {
    if depth > MAX_DEPTH {
        return Err(Error::new("json: unsupported value: encountered a cycle"));
    }
    Ok(match value {
        Value::Nil => Json::Null,
        Value::Bool(it) => Json::Bool(*it),
        Value::Float(it) => match Number::from_f64(*it) {
            Some(number) => Json::Number(number),
            None => return Err(unsupported(*it)),
        },
        Value::Text(text) => Json::String(String::from_utf8_lossy(text).into_owned()),
        Value::Bytes(bytes) => Json::String(super::encode::base64(bytes)),
        Value::List(list) if list.nil => Json::Null,
        Value::List(list) => Json::Array(
            list.items()
                .iter()
                .map(|item| as_json(item, depth + 1))
                .collect::<std::result::Result<_, _>>()?,
        ),
        Value::Map(map) => {
            let mut object = JsonMap::new();
            for (key, value) in map.entries().iter() {
                object.insert(
                    String::from_utf8_lossy(key).into_owned(),
                    as_json(value, depth + 1)?,
                );
            }
            Json::Object(object)
        }
        Value::Object(it) => match it.json() {
            Some(value) => as_json(&value, depth + 1)?,
            None => {
                let mut object = JsonMap::new();
                for (name, value) in it.fields() {
                    object.insert(name.to_owned(), as_json(&value, depth + 1)?);
                }
                Json::Object(object)
            }
        },
        Value::Function(_) => return Err(Error::new("json: unsupported type: func()")),
        Value::Int(_) | Value::Int64(_) | Value::Uint8(_) => Json::from(value.as_int().unwrap_or_default()),
    })
}

fn unsupported(float: f64) -> Error {
    Error::new(format!(
        "json: unsupported value: {}",
        crate::float::shortest(float)
    ))
}

/// How JSON is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// On one line, `<`, `>` and `&` escaped.
    Escaped,
    /// On one line.
    Raw,
    /// Indented by two spaces, escaped.
    Pretty,
}

/// `json.Marshal` and its kin.
pub(crate) fn to_json(value: &Value, form: Form) -> std::result::Result<String, Error> {
    let mut writer = Writer {
        out: String::new(),
        form,
    };
    writer.value(value, 0)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    form: Form,
}

impl Writer {
    fn line(&mut self, depth: usize) {
        if self.form == Form::Pretty {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n("  ", depth));
        }
    }

    fn value(&mut self, value: &Value, depth: usize) -> std::result::Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::new("json: unsupported value: encountered a cycle"));
        }
        match value {
            Value::Nil => self.out.push_str("null"),
            Value::Bool(it) => self.out.push_str(if *it { "true" } else { "false" }),
            Value::Float(it) if !it.is_finite() => return Err(unsupported(*it)),
            Value::Float(it) => self.out.push_str(&json_float(*it)),
            Value::Text(text) => self.text(&String::from_utf8_lossy(text)),
            Value::Bytes(bytes) => self.text(&super::encode::base64(bytes)),
            Value::List(list) if list.nil => self.out.push_str("null"),
            Value::List(list) => {
                self.out.push('[');
                for (index, item) in list.items().iter().enumerate() {
                    if index > 0 {
                        self.out.push(',');
                    }
                    self.line(depth + 1);
                    self.value(item, depth + 1)?;
                }
                if !list.items().is_empty() {
                    self.line(depth);
                }
                self.out.push(']');
            }
            Value::Map(map) => {
                let entries = map.snapshot();
                let entries = entries
                    .iter()
                    .map(|(key, value)| (String::from_utf8_lossy(key), value));
                self.object(entries, depth)?;
            }
            Value::Object(object) => match object.json() {
                Some(value) => self.value(&value, depth + 1)?,
                None => {
                    let fields = object.fields();
                    self.object(fields.iter().map(|(name, value)| ((*name).into(), value)), depth)?;
                }
            },
            Value::Function(_) => return Err(Error::new("json: unsupported type: func()")),
            Value::Int(_) | Value::Int64(_) | Value::Uint8(_) => {
                self.out.push_str(&value.as_int().unwrap_or_default().to_string());
            }
        }
        Ok(())
    }

    fn object<'v>(
        &mut self,
        entries: impl Iterator<Item = (std::borrow::Cow<'v, str>, &'v Value)>,
        depth: usize,
    ) -> std::result::Result<(), Error> {
        self.out.push('{');
        let mut empty = true;
        for (key, value) in entries {
            if !empty {
                self.out.push(',');
            }
            empty = false;
            self.line(depth + 1);
            self.text(&key);
            self.out.push(':');
            if self.form == Form::Pretty {
                self.out.push(' ');
            }
            self.value(value, depth + 1)?;
        }
        if !empty {
            self.line(depth);
        }
        self.out.push('}');
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                '<' | '>' | '&' if self.form != Form::Raw => self.escape(c),
                '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => self.escape(c),
                _ => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn escape(&mut self, c: char) {
        self.out.push_str(&format!("\\u{:04x}", u32::from(c)));
    }
}

/// A float as `encoding/json` writes it.
fn json_float(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format_float(value, b'e', None);
        // e-09 becomes e-9.
        return match text.split_once("e-0") {
            Some((mantissa, digit)) => format!("{mantissa}e-{digit}"),
            None => text,
        };
    }
    format_float(value, b'f', None)
}
