//! Operators and conversions.

use std::{cmp::Ordering, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use crate::{
    eval::{Fault, Outcome, no_overload},
    time,
    value::{List, Opaque, Value},
};

/// Operators with one or two operands; `None` if it is none.
pub(crate) fn call(function: &str, args: &[Value]) -> Option<Outcome> {
    Some(match (function, args) {
        ("_==_", [left, right]) => Ok(Value::Bool(left == right)),
        ("_!=_", [left, right]) => Ok(Value::Bool(left != right)),
        ("_<_", [left, right]) => order(left, right, |order| order == Ordering::Less),
        ("_<=_", [left, right]) => order(left, right, |order| order != Ordering::Greater),
        ("_>_", [left, right]) => order(left, right, |order| order == Ordering::Greater),
        ("_>=_", [left, right]) => order(left, right, |order| order != Ordering::Less),
        ("_+_", [left, right]) => add(left, right),
        ("_-_", [left, right]) => subtract(left, right),
        ("_*_" | "_/_" | "_%_", [left, right]) => multiply(function, left, right),
        ("!_", [Value::Bool(own)]) => Ok(Value::Bool(!own)),
        ("-_", [Value::Int(own)]) => own.checked_neg().map(Value::Int).ok_or_else(overflow),
        ("-_", [Value::Double(own)]) => Ok(Value::Double(-own)),
        ("!_" | "-_", _) => Err(no_overload()),
        ("@in", [item, Value::List(list)]) => Ok(Value::Bool(list.items.contains(item))),
        ("@in", [key, Value::Map(map)]) => {
            Ok(Value::Bool(key.key().is_some_and(|key| map.contains_key(&key))))
        }
        ("@in", [Value::String(name), Value::Object(members)]) => Ok(Value::Bool(members.contains_key(name))),
        ("@in", _) => Err(no_overload()),
        ("_[_]", [value, index]) => match value {
            Value::Optional(inner) => optional_index(inner.as_deref(), index),
            value => element(value, index).and_then(|found| found.ok_or_else(|| missing(value, index))),
        },
        ("_[?_]", [value, index]) => match value {
            Value::Optional(inner) => optional_index(inner.as_deref(), index),
            value => optional_index(Some(value), index),
        },
        _ => return None,
    })
}

fn overflow() -> Fault {
    "integer overflow".into()
}

fn order(left: &Value, right: &Value, fits: impl Fn(Ordering) -> bool) -> Outcome {
    match left.compare(right) {
        Some(order) => Ok(Value::Bool(fits(order))),
        None if matches!((left, right), (Value::Double(_), _) | (_, Value::Double(_))) => {
            Ok(Value::Bool(false))
        }
        None => Err(no_overload()),
    }
}

fn element(value: &Value, index: &Value) -> Result<Option<Value>, Fault> {
    match value {
        Value::List(list) => match index.key() {
            Some(crate::value::Key::Int(at)) => Ok(usize::try_from(at)
                .ok()
                .and_then(|at| list.items.get(at).cloned())),
            _ => Err(no_overload()),
        },
        Value::Map(map) => Ok(index.key().and_then(|key| map.get(&key).cloned())),
        Value::Object(members) => match index {
            Value::String(name) => Ok(members.get(name).cloned()),
            _ => Err(no_overload()),
        },
        _ => Err(no_overload()),
    }
}

fn missing(value: &Value, index: &Value) -> Fault {
    let shown = plain(index);
    match value {
        Value::List(_) => format!("index out of bounds: {shown}").into(),
        _ => format!("no such key: {shown}").into(),
    }
}

fn optional_index(value: Option<&Value>, index: &Value) -> Outcome {
    let found = match value {
        Some(value) => element(value, index)?,
        None => None,
    };
    Ok(Value::Optional(found.map(Arc::new)))
}

fn add(left: &Value, right: &Value) -> Outcome {
    match (left, right) {
        (Value::Int(own), Value::Int(other)) => own.checked_add(*other).map(Value::Int).ok_or_else(overflow),
        (Value::Uint(own), Value::Uint(other)) => own
            .checked_add(*other)
            .map(Value::Uint)
            .ok_or_else(|| "unsigned integer overflow".into()),
        (Value::Double(own), Value::Double(other)) => Ok(Value::Double(own + other)),
        (Value::String(own), Value::String(other)) => Ok(Value::String(format!("{own}{other}").into())),
        (Value::Bytes(own), Value::Bytes(other)) => Ok(Value::Bytes([&**own, &**other].concat().into())),
        (Value::List(own), Value::List(other)) => Ok(concatenate(own, other)),
        (Value::Duration(own), Value::Duration(other)) => own
            .checked_add(*other)
            .map(Value::Duration)
            .ok_or_else(|| "duration overflow".into()),
        (Value::Timestamp(at), Value::Duration(span)) | (Value::Duration(span), Value::Timestamp(at)) => {
            shifted(*at, *span)
        }
        _ => Err(no_overload()),
    }
}

fn shifted(at: Timestamp, span: SignedDuration) -> Outcome {
    at.checked_add(span)
        .map(Value::Timestamp)
        .map_err(|_| "timestamp overflow".into())
}

/// Sets and keyed lists keep what they have once: the later one of two wins.
fn concatenate(own: &List, other: &List) -> Value {
    let mut items = own.items.clone();
    for item in &other.items {
        let before = own
            .identity
            .as_ref()
            .and_then(|_| items.iter().position(|before| own.same(before, item)));
        match before {
            Some(at) => items[at] = item.clone(),
            None => items.push(item.clone()),
        }
    }
    Value::List(Arc::new(List {
        items,
        identity: own.identity.clone(),
    }))
}

fn subtract(left: &Value, right: &Value) -> Outcome {
    match (left, right) {
        (Value::Int(own), Value::Int(other)) => own.checked_sub(*other).map(Value::Int).ok_or_else(overflow),
        (Value::Uint(own), Value::Uint(other)) => own
            .checked_sub(*other)
            .map(Value::Uint)
            .ok_or_else(|| "unsigned integer overflow".into()),
        (Value::Double(own), Value::Double(other)) => Ok(Value::Double(own - other)),
        (Value::Duration(own), Value::Duration(other)) => own
            .checked_sub(*other)
            .map(Value::Duration)
            .ok_or_else(|| "duration overflow".into()),
        (Value::Timestamp(own), Value::Timestamp(other)) => Ok(Value::Duration(own.duration_since(*other))),
        (Value::Timestamp(own), Value::Duration(other)) => shifted(*own, -*other),
        _ => Err(no_overload()),
    }
}

fn multiply(function: &str, left: &Value, right: &Value) -> Outcome {
    match (function, left, right) {
        ("_/_", Value::Int(_), Value::Int(0)) | ("_/_", Value::Uint(_), Value::Uint(0)) => {
            Err("division by zero".into())
        }
        ("_%_", Value::Int(_), Value::Int(0)) | ("_%_", Value::Uint(_), Value::Uint(0)) => {
            Err("modulus by zero".into())
        }
        (_, Value::Int(own), Value::Int(other)) => match function {
            "_*_" => own.checked_mul(*other),
            "_/_" => own.checked_div(*other),
            _ => own.checked_rem(*other),
        }
        .map(Value::Int)
        .ok_or_else(overflow),
        (_, Value::Uint(own), Value::Uint(other)) => match function {
            "_*_" => own.checked_mul(*other),
            "_/_" => own.checked_div(*other),
            _ => own.checked_rem(*other),
        }
        .map(Value::Uint)
        .ok_or_else(|| "unsigned integer overflow".into()),
        ("_*_", Value::Double(own), Value::Double(other)) => Ok(Value::Double(own * other)),
        ("_/_", Value::Double(own), Value::Double(other)) => Ok(Value::Double(own / other)),
        _ => Err(no_overload()),
    }
}

/// A scalar as texts show it.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(own) => own.to_string(),
        Value::Int(own) => own.to_string(),
        Value::Uint(own) => own.to_string(),
        Value::Double(own) => float(*own),
        Value::String(own) => own.to_string(),
        Value::Bytes(own) => String::from_utf8_lossy(own).into_owned(),
        Value::Duration(own) => time::seconds(*own),
        Value::Timestamp(own) => own.to_string(),
        Value::Type(name) => name.to_string(),
        other => other.type_name().to_owned(),
    }
}

/// A number in the shortest form that Go prints.
pub(crate) fn float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let exponent = if number == 0.0 {
        0.0
    } else {
        number.abs().log10().floor()
    };
    if (-4.0..21.0).contains(&exponent) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            format!("{mantissa}e{sign}{digits:0>2}")
        }
        None => text,
    }
}

/// A conversion to the type `function` names; `None` if it names none.
pub(crate) fn convert(function: &str, value: &Value) -> Option<Outcome> {
    let target = match function {
        "int" | "uint" | "double" | "string" | "bytes" | "bool" => function,
        "duration" => "google.protobuf.Duration",
        "timestamp" => "google.protobuf.Timestamp",
        "dyn" => return Some(Ok(value.clone())),
        "type" => return Some(Ok(Value::Type(value.type_name().into()))),
        _ => return None,
    };
    let refused = || {
        let text = format!("type conversion error from '{}' to '{target}'", value.type_name());
        Fault::Error(text)
    };
    let converted = match function {
        "int" => int(value),
        "uint" => uint(value),
        "double" => double(value),
        "string" => return Some(string(value).ok_or_else(refused)),
        "bytes" => match value {
            Value::Bytes(_) => Ok(Some(value.clone())),
            Value::String(text) => Ok(Some(Value::Bytes(text.as_bytes().into()))),
            _ => Ok(None),
        },
        "bool" => Ok(match value {
            Value::Bool(_) => Some(value.clone()),
            Value::String(text) => match &**text {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(Value::Bool(true)),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(Value::Bool(false)),
                _ => None,
            },
            _ => None,
        }),
        "duration" => Ok(match value {
            Value::Duration(_) => Some(value.clone()),
            Value::Int(nanos) => Some(Value::Duration(SignedDuration::from_nanos(*nanos))),
            Value::String(text) => time::duration(text).ok().map(Value::Duration),
            _ => None,
        }),
        _ => Ok(match value {
            Value::Timestamp(_) => Some(value.clone()),
            Value::Int(seconds) => Timestamp::from_second(*seconds).ok().map(Value::Timestamp),
            Value::String(text) => text.parse().ok().map(Value::Timestamp),
            _ => None,
        }),
    };
    Some(converted.and_then(|value| value.ok_or_else(refused)))
}

type Converted = Result<Option<Value>, Fault>;

fn int(value: &Value) -> Converted {
    Ok(match value {
        Value::Int(_) => Some(value.clone()),
        Value::Uint(own) => Some(Value::Int(i64::try_from(*own).map_err(|_| overflow())?)),
        Value::Double(own) if own.is_finite() && own.abs() < 9_223_372_036_854_775_807.0 => {
            Some(Value::Int(own.trunc() as i64))
        }
        Value::Double(_) => return Err(overflow()),
        Value::String(text) => text.parse().ok().map(Value::Int),
        Value::Timestamp(at) => Some(Value::Int(at.as_second())),
        Value::Duration(span) => i64::try_from(span.as_nanos()).ok().map(Value::Int),
        _ => None,
    })
}

fn uint(value: &Value) -> Converted {
    let unsigned = || Fault::Error("unsigned integer overflow".to_owned());
    Ok(match value {
        Value::Uint(_) => Some(value.clone()),
        Value::Int(own) => Some(Value::Uint(u64::try_from(*own).map_err(|_| unsigned())?)),
        Value::Double(own) if *own >= 0.0 && *own < 18_446_744_073_709_551_615.0 => {
            Some(Value::Uint(own.trunc() as u64))
        }
        Value::Double(_) => return Err(unsigned()),
        Value::String(text) => text.parse().ok().map(Value::Uint),
        _ => None,
    })
}

fn double(value: &Value) -> Converted {
    Ok(match value {
        Value::Double(_) => Some(value.clone()),
        Value::Int(own) => Some(Value::Double(*own as f64)),
        Value::Uint(own) => Some(Value::Double(*own as f64)),
        Value::String(text) => text.parse().ok().map(Value::Double),
        _ => None,
    })
}

fn string(value: &Value) -> Option<Value> {
    Some(match value {
        Value::String(_) => value.clone(),
        Value::Bytes(own) => Value::text(std::str::from_utf8(own).ok()?),
        Value::Opaque(opaque) => match &**opaque {
            Opaque::Ip(ip) => Value::text(&ip.to_string()),
            Opaque::Cidr(cidr) => Value::text(&cidr.to_string()),
            _ => return None,
        },
        Value::Bool(_)
        | Value::Int(_)
        | Value::Uint(_)
        | Value::Double(_)
        | Value::Duration(_)
        | Value::Timestamp(_) => Value::text(&plain(value)),
        _ => return None,
    })
}
