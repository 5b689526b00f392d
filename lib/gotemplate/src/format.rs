//! Go's `fmt`: printing values, and `printf`.

mod verb;

use stdx::quote::quote;

use crate::{float, limits::MAX_DEPTH, value::Value};

pub(crate) use verb::sprintf;

/// `fmt.Sprint`: spaces stand between operands neither of which is a text.
pub(crate) fn sprint(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut after_text = true;
    for (index, value) in values.iter().enumerate() {
        let is_text = matches!(value, Value::Text(_));
        if index > 0 && !is_text && !after_text {
            out.push(b' ');
        }
        push(&mut out, value, 0);
        after_text = is_text;
    }
    out
}

/// `fmt.Sprintln`: spaces stand between all operands.
pub(crate) fn sprintln(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        push(&mut out, value, 0);
    }
    out.push(b'\n');
    out
}

/// A value as `%v` prints it, for messages.
pub(crate) fn shown(value: &Value) -> String {
    String::from_utf8_lossy(&sprint(std::slice::from_ref(value))).into_owned()
}

/// A value as `%v` prints it.
pub(crate) fn push(out: &mut Vec<u8>, value: &Value, depth: usize) {
    if depth > MAX_DEPTH {
        out.extend_from_slice(b"...");
        return;
    }
    match value {
        Value::Nil => out.extend_from_slice(b"<nil>"),
        Value::Bool(it) => out.extend_from_slice(if *it { b"true" } else { b"false" }),
        Value::Int(it) | Value::Int64(it) => out.extend_from_slice(it.to_string().as_bytes()),
        Value::Uint8(it) => out.extend_from_slice(it.to_string().as_bytes()),
        Value::Float(it) => out.extend_from_slice(float::shortest(*it).as_bytes()),
        Value::Text(it) => out.extend_from_slice(it),
        Value::Bytes(_) | Value::List(_) => {
            out.push(b'[');
            for (index, item) in value.elements().unwrap_or_default().iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                push(out, item, depth + 1);
            }
            out.push(b']');
        }
        Value::Map(map) => {
            out.extend_from_slice(b"map[");
            for (index, (key, item)) in map.entries().iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                out.extend_from_slice(key);
                out.push(b':');
                push(out, item, depth + 1);
            }
            out.push(b']');
        }
        Value::Object(object) => match object.shown() {
            Some(text) => out.extend_from_slice(text.as_bytes()),
            None => {
                if object.is_pointer() && depth == 0 {
                    out.push(b'&');
                }
                out.push(b'{');
                for (index, (_, item)) in object.fields().iter().enumerate() {
                    if index > 0 {
                        out.push(b' ');
                    }
                    push(out, item, depth + 1);
                }
                out.push(b'}');
            }
        },
        Value::Function(_) => out.extend_from_slice(b"func"),
    }
}

/// A value as `%#v` prints it.
pub(crate) fn push_source(out: &mut Vec<u8>, value: &Value, depth: usize) {
    if depth > MAX_DEPTH {
        out.extend_from_slice(b"...");
        return;
    }
    match value {
        Value::Text(it) => out.extend_from_slice(quote(it).as_bytes()),
        Value::Uint8(it) => out.extend_from_slice(format!("0x{it:x}").as_bytes()),
        Value::Nil if depth > 0 => out.extend_from_slice(b"interface {}(nil)"),
        Value::List(list) if list.nil => out.extend_from_slice(format!("{}(nil)", list.kind.name).as_bytes()),
        Value::Bytes(_) | Value::List(_) => {
            let name = match value {
                Value::Bytes(_) => "[]byte",
                _ => value.type_name(),
            };
            out.extend_from_slice(name.as_bytes());
            out.push(b'{');
            for (index, item) in value.elements().unwrap_or_default().iter().enumerate() {
                if index > 0 {
                    out.extend_from_slice(b", ");
                }
                push_source(out, item, depth + 1);
            }
            out.push(b'}');
        }
        Value::Map(map) => {
            out.extend_from_slice(value.type_name().as_bytes());
            out.push(b'{');
            for (index, (key, item)) in map.entries().iter().enumerate() {
                if index > 0 {
                    out.extend_from_slice(b", ");
                }
                out.extend_from_slice(quote(key).as_bytes());
                out.push(b':');
                push_source(out, item, depth + 1);
            }
            out.push(b'}');
        }
        _ => push(out, value, depth),
    }
}
