//! Go's own functions: comparison, indexing, printing, escaping.

use std::rc::Rc;

use crate::{
    error::Error,
    exec::Operand,
    format::{sprint, sprintf, sprintln},
    function::{Function, Type},
    value::{List, Map, Value},
};

type Result<T> = std::result::Result<T, Error>;

type Body = fn(&[Operand]) -> Result<Operand>;

/// A function of Go's own. What it takes keeps whether an interface held it.
pub(crate) struct Builtin {
    pub(crate) fixed: usize,
    pub(crate) variadic: bool,
    /// Its parameters are `interface {}`, not reflected values.
    pub(crate) interfaces: bool,
    pub(crate) body: Body,
}

/// Finds one by name; `and` and `or` are part of the executor, and so is the work of `call`.
pub(crate) fn find(name: &str) -> Option<Builtin> {
    let (fixed, variadic, interfaces, body): (_, _, _, Body) = match name {
        "call" => (1, true, false, |_| Ok(Operand::default())),
        "html" => (0, true, true, |args| Ok(text(escape_html(&joined(args))))),
        "index" => (1, true, false, index),
        "slice" => (1, true, false, slice),
        "js" => (0, true, true, |args| Ok(text(escape_js(&joined(args))))),
        "len" => (1, false, false, length),
        "not" => (1, false, false, |args| Ok(bool(!first(args).value.is_true()))),
        "print" => (0, true, true, |args| Ok(text(sprint(&values(args))))),
        "printf" => (1, true, true, |args| {
            let values = values(args);
            let (format, rest) = values.split_first().unwrap_or((&Value::Nil, &[]));
            Ok(text(sprintf(format.as_text().map_or(&[], |it| it), rest)))
        }),
        "println" => (0, true, true, |args| Ok(text(sprintln(&values(args))))),
        "urlquery" => (0, true, true, |args| Ok(text(escape_query(&joined(args))))),
        "eq" => (1, true, false, |args| {
            let (left, rest) = args.split_first().ok_or_else(missing_argument)?;
            if rest.is_empty() {
                return Err(missing_argument());
            }
            for right in rest {
                if equal(left, right)? {
                    return Ok(bool(true));
                }
            }
            Ok(bool(false))
        }),
        "ne" => (2, false, false, |args| pair(args, |a, b| Ok(!equal(a, b)?))),
        "lt" => (2, false, false, |args| pair(args, less)),
        "le" => (2, false, false, |args| pair(args, less_or_equal)),
        "gt" => (2, false, false, |args| {
            pair(args, |a, b| Ok(!less_or_equal(a, b)?))
        }),
        "ge" => (2, false, false, |args| pair(args, |a, b| Ok(!less(a, b)?))),
        _ => return None,
    };
    Some(Builtin {
        fixed,
        variadic,
        interfaces,
        body,
    })
}

fn text(bytes: Vec<u8>) -> Operand {
    Operand::plain(bytes.into())
}

fn bool(value: bool) -> Operand {
    Operand::plain(Value::Bool(value))
}

fn first(args: &[Operand]) -> Operand {
    args.first().cloned().unwrap_or_default()
}

fn values(args: &[Operand]) -> Vec<Value> {
    args.iter().map(|arg| arg.value.clone()).collect()
}

fn missing_argument() -> Error {
    Error::new("missing argument for comparison")
}

fn pair(args: &[Operand], compare: fn(&Operand, &Operand) -> Result<bool>) -> Result<Operand> {
    match args {
        [left, right] => compare(left, right).map(bool),
        _ => Err(missing_argument()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Invalid,
    Bool,
    Int,
    Uint,
    Float,
    Text,
}

fn kind(value: &Value) -> Kind {
    match value {
        Value::Bool(_) => Kind::Bool,
        Value::Int(_) | Value::Int64(_) => Kind::Int,
        Value::Uint8(_) => Kind::Uint,
        Value::Float(_) => Kind::Float,
        Value::Text(_) => Kind::Text,
        _ => Kind::Invalid,
    }
}

fn incompatible(left: &Value, right: &Value) -> Error {
    Error::new(format!(
        "incompatible types for comparison: {} and {}",
        left.type_name(),
        right.type_name()
    ))
}

fn is_nil(value: &Value) -> bool {
    match value {
        Value::Nil => true,
        Value::List(list) => list.nil,
        _ => false,
    }
}

fn equal(left: &Operand, right: &Operand) -> Result<bool> {
    let (left, right) = (&left.value, &right.value);
    match (kind(left), kind(right)) {
        (Kind::Int, Kind::Uint) | (Kind::Uint, Kind::Int) => Ok(left.as_int() == right.as_int()),
        (a, b) if a != b => {
            if matches!(left, Value::Nil) || matches!(right, Value::Nil) {
                return Ok(false);
            }
            Err(incompatible(left, right))
        }
        (Kind::Invalid, _) => {
            if left.kind_name() != right.kind_name()
                && !matches!(left, Value::Nil)
                && !matches!(right, Value::Nil)
            {
                return Err(Error::new(format!(
                    "non-comparable types {}: {}, {}: {}",
                    as_text(left),
                    left.type_name(),
                    right.type_name(),
                    crate::format::shown(right)
                )));
            }
            if is_nil(left) || is_nil(right) {
                return Ok(is_nil(left) == is_nil(right));
            }
            match (left, right) {
                (Value::Object(a), Value::Object(b)) => Ok(Rc::ptr_eq(a, b)),
                _ => Err(Error::new(format!(
                    "non-comparable type {}: {}",
                    as_text(right),
                    right.type_name()
                ))),
            }
        }
        _ => Ok(match (left, right) {
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Text(a), Value::Text(b)) => a == b,
            _ => left.as_int() == right.as_int(),
        }),
    }
}

/// QUIRK: Go prints the values with `%s`, whatever they are.
fn as_text(value: &Value) -> String {
    String::from_utf8_lossy(&sprintf(b"%s", std::slice::from_ref(value))).into_owned()
}

fn less(left: &Operand, right: &Operand) -> Result<bool> {
    let (left, right) = (&left.value, &right.value);
    let bad = || Error::new("invalid type for comparison");
    match (kind(left), kind(right)) {
        (Kind::Invalid, _) | (_, Kind::Invalid) => Err(bad()),
        (Kind::Int | Kind::Uint, Kind::Int | Kind::Uint) => Ok(left.as_int() < right.as_int()),
        (a, b) if a != b => Err(incompatible(left, right)),
        _ => match (left, right) {
            (Value::Float(a), Value::Float(b)) => Ok(a < b),
            (Value::Text(a), Value::Text(b)) => Ok(a < b),
            _ => Err(bad()),
        },
    }
}

fn less_or_equal(left: &Operand, right: &Operand) -> Result<bool> {
    Ok(less(left, right)? || equal(left, right)?)
}

fn index_of(index: &Value, limit: usize) -> Result<usize> {
    let Some(number) = index.as_int() else {
        let what = match index {
            Value::Nil => "nil".to_owned(),
            _ => format!("type {}", index.type_name()),
        };
        return Err(Error::new(format!("cannot index slice/array with {what}")));
    };
    usize::try_from(number)
        .ok()
        .filter(|at| *at <= limit)
        .ok_or_else(|| Error::new(format!("index out of range: {number}")))
}

/// What Go's reflection panics with one past the end.
fn past_end(what: &str) -> Error {
    Error::new(format!("reflect: {what} index out of range"))
}

fn index(args: &[Operand]) -> Result<Operand> {
    let (item, indexes) = args
        .split_first()
        .ok_or_else(|| Error::new("index of untyped nil"))?;
    let mut item = item.clone();
    if matches!(item.value, Value::Nil) {
        return Err(Error::new("index of untyped nil"));
    }
    for index in indexes {
        item = match &item.value {
            Value::Nil => return Err(Error::new("index of nil pointer")),
            Value::Text(text) => {
                let at = index_of(&index.value, text.len())?;
                let byte = text.get(at).ok_or_else(|| past_end("string"))?;
                Operand::plain(Value::Uint8(*byte))
            }
            Value::Bytes(bytes) => {
                let at = index_of(&index.value, bytes.len())?;
                Operand::plain(Value::Uint8(*bytes.get(at).ok_or_else(|| past_end("slice"))?))
            }
            Value::List(list) => {
                let at = index_of(&index.value, list.items().len())?;
                let value = list.items().get(at).ok_or_else(|| past_end("slice"))?;
                Operand::of(value.clone(), list.kind.element)
            }
            Value::Map(map) => entry(map, &index.value)?,
            other => {
                return Err(Error::new(format!(
                    "can't index item of type {}",
                    other.type_name()
                )));
            }
        };
    }
    Ok(item)
}

fn entry(map: &Map, key: &Value) -> Result<Operand> {
    let element = map.kind().element;
    match key {
        Value::Text(key) => {
            let value = map.get(key).unwrap_or_else(|| element.zero());
            Ok(Operand::of(value, element))
        }
        Value::Nil => Err(Error::new("value is nil; should be of type string")),
        other => Err(Error::new(format!(
            "value has type {}; should be string",
            other.type_name()
        ))),
    }
}

fn slice(args: &[Operand]) -> Result<Operand> {
    let (item, indexes) = args
        .split_first()
        .ok_or_else(|| Error::new("slice of untyped nil"))?;
    let length = match &item.value {
        Value::Nil => return Err(Error::new("slice of untyped nil")),
        _ if indexes.len() > 3 => {
            return Err(Error::new(format!("too many slice indexes: {}", indexes.len())));
        }
        Value::Text(_) if indexes.len() == 3 => return Err(Error::new("cannot 3-index slice a string")),
        Value::Text(bytes) | Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.items().len(),
        other => {
            return Err(Error::new(format!(
                "can't slice item of type {}",
                other.type_name()
            )));
        }
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = index_of(&index.value, length)?;
    }
    let [from, to, capacity] = bounds;
    for (low, high) in [(from, to), (to, capacity)] {
        if low > high {
            return Err(Error::new(format!("invalid slice index: {low} > {high}")));
        }
    }
    Ok(Operand::plain(match &item.value {
        Value::Text(bytes) => Value::text(&bytes[from..to]),
        Value::Bytes(bytes) => Value::Bytes(bytes[from..to].into()),
        Value::List(list) => Value::List(List::new(list.kind, list.items()[from..to].to_vec())),
        _ => Value::Nil,
    }))
}

fn length(args: &[Operand]) -> Result<Operand> {
    let item = first(args);
    let length = match &item.value {
        Value::Nil if item.interface => return Err(Error::new("len of nil pointer")),
        Value::Nil => {
            return Err(Error::new("reflect: call of reflect.Value.Type on zero Value"));
        }
        Value::Text(bytes) | Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.items().len(),
        Value::Map(map) => map.len(),
        other => return Err(Error::new(format!("len of type {}", other.type_name()))),
    };
    Ok(Operand::plain(Value::Int(
        i64::try_from(length).unwrap_or(i64::MAX),
    )))
}

/// The function that `call` calls, and its arguments.
pub(crate) fn callee(name: &str, args: &[Operand]) -> Result<(Rc<Function>, Vec<Value>)> {
    let (function, rest) = args.split_first().ok_or_else(|| Error::new("call of nil"))?;
    let function = match &function.value {
        Value::Nil => return Err(Error::new("call of nil")),
        Value::Function(function) => function.clone(),
        other => {
            return Err(Error::new(format!(
                "non-function {name} of type {}",
                other.type_name()
            )));
        }
    };
    let params = function.params.len();
    let given = rest.len();
    if function.variadic && given + 1 < params {
        let least = params - 1;
        return Err(Error::new(format!(
            "wrong number of args for {name}: got {given} want at least {least}"
        )));
    }
    if !function.variadic && given != params {
        return Err(Error::new(format!(
            "wrong number of args for {name}: got {given} want {params}"
        )));
    }
    let mut values = Vec::with_capacity(given);
    for (index, arg) in rest.iter().enumerate() {
        let wanted = function.param(index);
        values
            .push(prepared(&arg.value, wanted).map_err(|error| Error::wrap(format!("arg {index}"), error))?);
    }
    Ok((function, values))
}

fn prepared(value: &Value, wanted: Type) -> Result<Value> {
    match value {
        Value::Nil if wanted.takes_nil() => Ok(Value::Nil),
        Value::Nil => Err(Error::new(format!(
            "value is nil; should be of type {}",
            wanted.name()
        ))),
        _ if wanted.takes(value) => Ok(value.clone()),
        _ => match (value.as_int(), wanted) {
            (Some(int), Type::Int) => Ok(Value::Int(int)),
            (Some(int), Type::Int64 | Type::Uint32) => Ok(Value::Int64(int)),
            _ => Err(Error::new(format!(
                "value has type {}; should be {}",
                value.type_name(),
                wanted.name()
            ))),
        },
    }
}

/// What the escaping functions escape: a text as it is, anything else as it is printed.
fn joined(args: &[Operand]) -> Vec<u8> {
    if let [
        Operand {
            value: Value::Text(text),
            ..
        },
    ] = args
    {
        return text.to_vec();
    }
    let printable: Vec<Value> = args
        .iter()
        .map(|arg| match &arg.value {
            Value::Nil => Value::text("<no value>"),
            value => value.clone(),
        })
        .collect();
    sprint(&printable)
}

fn escape_html(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            _ => out.push(*byte),
        }
    }
    out
}

fn escape_js(bytes: &[u8]) -> Vec<u8> {
    let mut out = String::with_capacity(bytes.len());
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' => out.push_str("\\u003C"),
            '>' => out.push_str("\\u003E"),
            '&' => out.push_str("\\u0026"),
            '=' => out.push_str("\\u003D"),
            '\n' | '\r' | '\t' | '\0'..='\x1f' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            _ if c.is_ascii() || stdx::quote::is_print(c) => out.push(c),
            _ => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        }
    }
    out.into_bytes()
}

/// `url.QueryEscape`
pub(crate) fn escape_query(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b' ' => out.push(b'+'),
            b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            _ if byte.is_ascii_alphanumeric() => out.push(*byte),
            _ => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    out
}
