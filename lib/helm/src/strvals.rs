//! The grammar of `--set` and its kin.

use serde_json::{Map, Value};

use crate::{
    error::Error,
    limits::{MAX_INDEX, MAX_NAMES},
};

type Table = Map<String, Value>;

/// `--set`: `a.b[0]=c,d={e,f}`.
///
/// # Errors
/// What Helm says of the text.
pub fn parse_into(text: &str, values: &mut Table) -> Result<(), Error> {
    Parser::new(text, Kind::Typed).run(values)
}

/// `--set-string`: every value is a text.
///
/// # Errors
/// What Helm says of the text.
pub fn parse_string_into(text: &str, values: &mut Table) -> Result<(), Error> {
    Parser::new(text, Kind::Text).run(values)
}

/// `--set-json`: every value is JSON.
///
/// # Errors
/// What Helm says of the text.
pub fn parse_json_into(text: &str, values: &mut Table) -> Result<(), Error> {
    Parser::new(text, Kind::Json).run(values)
}

/// `--set-literal`: one key, and all that follows is its text.
///
/// # Errors
/// What Helm says of the text.
pub fn parse_literal_into(text: &str, values: &mut Table) -> Result<(), Error> {
    Parser::new(text, Kind::Literal).run(values)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Typed,
    Text,
    Json,
    Literal,
}

/// How a step ends: there may be more, the text is over, or it is wrong.
enum Stop {
    End,
    Wrong(String),
}

type Step<T> = Result<T, Stop>;

fn wrong<T>(text: impl Into<String>) -> Step<T> {
    Err(Stop::Wrong(text.into()))
}

fn quoted(text: &str) -> String {
    stdx::quote::quote(text.as_bytes())
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    kind: Kind,
}

impl Parser {
    fn new(text: &str, kind: Kind) -> Self {
        Self {
            chars: text.chars().collect(),
            at: 0,
            kind,
        }
    }

    fn run(mut self, values: &mut Table) -> Result<(), Error> {
        loop {
            match self.key(values, 0) {
                Ok(()) => {}
                Err(Stop::End) => return Ok(()),
                Err(Stop::Wrong(text)) => return Err(Error::new(text)),
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.chars.get(self.at).copied()?;
        self.at += 1;
        Some(c)
    }

    /// Text up to one of the stops, which is taken; nothing for the stop at the end of the text.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut text = String::new();
        while let Some(c) = self.next() {
            if stops.contains(&c) {
                return (text, Some(c));
            }
            match c {
                '\\' if self.kind != Kind::Literal => match self.next() {
                    Some(c) => text.push(c),
                    None => return (text, None),
                },
                _ => text.push(c),
            }
        }
        (text, None)
    }

    fn key(&mut self, values: &mut Table, depth: usize) -> Step<()> {
        let stops: &[char] = if self.kind == Kind::Literal {
            &['=', '[', '.']
        } else {
            &['=', '[', ',', '.']
        };
        let (key, stop) = self.until(stops);
        match stop {
            None if key.is_empty() => Err(Stop::End),
            None => wrong(format!("key {} has no value", quoted(&key))),
            Some('[') => {
                let index = self.index()?;
                let mut list = match values.get(&key) {
                    None => Vec::new(),
                    Some(Value::Array(list)) => list.clone(),
                    Some(other) => return wrong(unable(other, "[]interface {}")),
                };
                let result = self.item(&mut list, index, depth);
                set(values, key, Value::Array(list));
                result
            }
            Some('=') => {
                let (value, over) = self.value()?;
                set(values, key, value);
                if over { Err(Stop::End) } else { Ok(()) }
            }
            Some('.') => {
                if depth + 1 > MAX_NAMES {
                    return wrong(format!(
                        "value name nested level is greater than maximum supported nested level of {MAX_NAMES}"
                    ));
                }
                let mut inner = match values.get(&key) {
                    None => Table::new(),
                    Some(Value::Object(inner)) => inner.clone(),
                    Some(other) => return wrong(unable(other, "map[string]interface {}")),
                };
                let result = self.key(&mut inner, depth + 1);
                if result.is_ok() && inner.is_empty() {
                    return wrong(format!("key map {} has no value", quoted(&key)));
                }
                if !inner.is_empty() {
                    set(values, key, Value::Object(inner));
                }
                result
            }
            Some(_) => {
                set(values, key.clone(), Value::String(String::new()));
                wrong(format!("key {} has no value (cannot end with ,)", quoted(&key)))
            }
        }
    }

    fn index(&mut self) -> Step<i64> {
        let (text, stop) = self.until(&[']']);
        // QUIRK: an index that is not closed ends the text without an error.
        if stop.is_none() {
            return Err(Stop::End);
        }
        match text.parse::<i64>() {
            Ok(index) => Ok(index),
            Err(_) => wrong(format!(
                "error parsing index: strconv.Atoi: parsing {}: invalid syntax",
                quoted(&text)
            )),
        }
    }

    fn item(&mut self, list: &mut Vec<Value>, index: i64, depth: usize) -> Step<()> {
        if index < 0 {
            return wrong(format!("negative {index} index not allowed"));
        }
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        let (text, stop) = self.until(&['[', '.', '=']);
        if !text.is_empty() {
            let shown: Vec<String> = text.chars().map(stdx::quote::quote_char).collect();
            return wrong(format!(
                "unexpected data at end of array index: [{}]",
                shown.join(" ")
            ));
        }
        match stop {
            None => Err(Stop::End),
            Some('=') => {
                let (value, over) = self.value()?;
                set_index(list, index, value)?;
                if over && self.kind == Kind::Json {
                    Err(Stop::End)
                } else {
                    Ok(())
                }
            }
            Some('[') => {
                let next = self.index()?;
                let mut inner = match list.get(at) {
                    None | Some(Value::Null) => Vec::new(),
                    Some(Value::Array(inner)) => inner.clone(),
                    Some(other) => return wrong(unable(other, "[]interface {}")),
                };
                self.item(&mut inner, next, depth)?;
                set_index(list, index, Value::Array(inner))
            }
            Some(_) => {
                let mut inner = match list.get(at) {
                    Some(Value::Object(inner)) => inner.clone(),
                    _ => Table::new(),
                };
                let result = self.key(&mut inner, depth);
                // QUIRK: at the end of the text the item is set all the same.
                match result {
                    Err(Stop::Wrong(text)) => Err(Stop::Wrong(text)),
                    other => {
                        set_index(list, index, Value::Object(inner))?;
                        other
                    }
                }
            }
        }
    }

    /// The value after an equals sign, and whether the text is over.
    fn value(&mut self) -> Step<(Value, bool)> {
        match self.kind {
            Kind::Json => self.json(),
            Kind::Literal => {
                let text: String = self.chars[self.at..].iter().collect();
                self.at = self.chars.len();
                Ok((Value::String(text), true))
            }
            Kind::Typed | Kind::Text => {
                if self.at >= self.chars.len() {
                    return Ok((Value::String(String::new()), true));
                }
                if self.chars[self.at] == '{' {
                    self.at += 1;
                    return self.list().map(|list| (list, false));
                }
                let (text, _) = self.until(&[',']);
                Ok((self.typed(text), false))
            }
        }
    }

    fn list(&mut self) -> Step<Value> {
        let mut list = Vec::new();
        loop {
            let (text, stop) = self.until(&[',', '}']);
            match stop {
                None => return wrong("list must terminate with '}'"),
                Some('}') => {
                    if self.chars.get(self.at) == Some(&',') {
                        self.at += 1;
                    }
                    list.push(self.typed(text));
                    return Ok(Value::Array(list));
                }
                Some(_) => list.push(self.typed(text)),
            }
        }
    }

    fn json(&mut self) -> Step<(Value, bool)> {
        if self.empty() {
            return Ok((Value::Null, false));
        }
        let rest: String = self.chars[self.at..].iter().collect();
        let mut values = serde_json::Deserializer::from_str(&rest).into_iter::<Value>();
        let value = match values.next() {
            Some(Ok(value)) => value,
            Some(Err(error)) => return wrong(error.to_string()),
            None => return wrong("EOF"),
        };
        self.at += rest[..values.byte_offset()].chars().count();
        self.empty();
        Ok((crate::values::floats(value), false))
    }

    /// Skips spaces and a comma; whether one of the two, or the end, was there.
    fn empty(&mut self) -> bool {
        loop {
            match self.chars.get(self.at) {
                None => return true,
                Some(',') => {
                    self.at += 1;
                    return true;
                }
                Some(c) if c.is_whitespace() => self.at += 1,
                Some(_) => return false,
            }
        }
    }

    fn typed(&self, text: String) -> Value {
        if self.kind == Kind::Text {
            return Value::String(text);
        }
        match text.to_lowercase().as_str() {
            "true" => return Value::Bool(true),
            "false" => return Value::Bool(false),
            "null" => return Value::Null,
            "0" => return Value::from(0),
            _ => {}
        }
        if !text.starts_with('0')
            && let Ok(number) = text.parse::<i64>()
        {
            return Value::from(number);
        }
        Value::String(text)
    }
}

/// What Go's run time says when a value is of another type than the path takes for granted.
fn unable(found: &Value, wanted: &str) -> String {
    let found = match found {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::String(_) => "string",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    };
    format!("unable to parse key: interface conversion: interface {{}} is {found}, not {wanted}")
}

fn set(values: &mut Table, key: String, value: Value) {
    if !key.is_empty() {
        values.insert(key, value);
    }
}

fn set_index(list: &mut Vec<Value>, index: i64, value: Value) -> Step<()> {
    if index > MAX_INDEX {
        return wrong(format!(
            "index of {index} is greater than maximum supported index of {MAX_INDEX}"
        ));
    }
    let at = usize::try_from(index).unwrap_or_default();
    if list.len() <= at {
        list.resize(at + 1, Value::Null);
    }
    list[at] = value;
    Ok(())
}
