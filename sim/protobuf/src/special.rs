//! Messages that JSON shows as something else: times, amounts, numbers or names, and JSON itself.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    Error,
    decode::Reader,
    messages::Message,
    wire::{Members, Raw},
};

/// The value of a message that is none in JSON; `None` for all others.
pub(crate) fn read(
    reader: &mut Reader,
    message: &Message,
    bytes: &[u8],
    depth: usize,
) -> Result<Option<Value>, Error> {
    let Some((package, name)) = message.name.rsplit_once('.') else {
        return Ok(None);
    };
    let value = match (package, name) {
        (META, "Time") => time(bytes, "%Y-%m-%dT%H:%M:%SZ")?,
        (META, "MicroTime") => time(bytes, "%Y-%m-%dT%H:%M:%S%.6fZ")?,
        (META, "Duration") => duration(number(bytes, 1)?).into(),
        (META, "FieldsV1") | (RUNTIME, "RawExtension") | (EXTENSIONS, "JSON") => raw_json(bytes)?,
        (QUANTITY, "Quantity") => text(bytes, 1)?.into(),
        (INTSTR, "IntOrString") => match number(bytes, 1)? {
            0 => number(bytes, 2)?.into(),
            _ => text(bytes, 3)?.into(),
        },
        (EXTENSIONS, "JSONSchemaPropsOrArray") => {
            let many = members(reader, message, bytes, 2, depth)?;
            match members(reader, message, bytes, 1, depth)?.pop() {
                Some(one) if many.is_empty() => one,
                _ => many.into(),
            }
        }
        (EXTENSIONS, "JSONSchemaPropsOrBool") => match members(reader, message, bytes, 2, depth)?.pop() {
            Some(schema) => schema,
            None => (number(bytes, 1)? != 0).into(),
        },
        (EXTENSIONS, "JSONSchemaPropsOrStringArray") => {
            let names = strings(bytes, 2)?;
            match members(reader, message, bytes, 1, depth)?.pop() {
                Some(schema) if names.is_empty() => schema,
                _ => json!(names),
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

const META: &str = "k8s.io.apimachinery.pkg.apis.meta.v1";
const RUNTIME: &str = "k8s.io.apimachinery.pkg.runtime";
const QUANTITY: &str = "k8s.io.apimachinery.pkg.api.resource";
const INTSTR: &str = "k8s.io.apimachinery.pkg.util.intstr";
const EXTENSIONS: &str = "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1";

fn number(bytes: &[u8], wanted: u32) -> Result<i64, Error> {
    let mut found = 0;
    let mut members = Members(bytes);
    while let Some((number, raw)) = members.next()? {
        if let (true, Raw::Varint(value)) = (number == wanted, raw) {
            found = value.cast_signed();
        }
    }
    Ok(found)
}

fn strings(bytes: &[u8], wanted: u32) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let mut members = Members(bytes);
    while let Some((number, raw)) = members.next()? {
        if let (true, Raw::Bytes(value)) = (number == wanted, raw) {
            found.push(String::from_utf8_lossy(value).into_owned());
        }
    }
    Ok(found)
}

fn text(bytes: &[u8], wanted: u32) -> Result<String, Error> {
    Ok(strings(bytes, wanted)?.pop().unwrap_or_default())
}

/// All messages under one number.
fn members(
    reader: &mut Reader,
    message: &Message,
    bytes: &[u8],
    wanted: u32,
    depth: usize,
) -> Result<Vec<Value>, Error> {
    let known = message.members.iter().find(|member| member.number == wanted);
    let Some(crate::messages::Type::Message(inner)) = known.map(|member| member.ty) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    let mut members = Members(bytes);
    while let Some((number, raw)) = members.next()? {
        if let (true, Raw::Bytes(value)) = (number == wanted, raw) {
            found.push(reader.message(inner, value, depth + 1)?);
        }
    }
    Ok(found)
}

/// A time; no bytes are the zero time, which is null.
fn time(bytes: &[u8], format: &str) -> Result<Value, Error> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let nanos = i32::try_from(number(bytes, 2)?).map_err(|_| Error::Overflow)?;
    let moment = Timestamp::new(number(bytes, 1)?, nanos).map_err(|_| Error::Overflow)?;
    Ok(moment.strftime(format).to_string().into())
}

fn raw_json(bytes: &[u8]) -> Result<Value, Error> {
    let mut raw = &[][..];
    let mut members = Members(bytes);
    while let Some((number, value)) = members.next()? {
        if let (1, Raw::Bytes(bytes)) = (number, value) {
            raw = bytes;
        }
    }
    if raw.is_empty() {
        return Ok(Value::Null);
    }
    if raw.starts_with(&crate::PREFIX) {
        return crate::decode(raw);
    }
    serde_json::from_slice(raw).map_err(|error| Error::Json(error.to_string()))
}

/// As Go prints spans of time: `1h2m3.5s`, `150ms`, `0s`.
fn duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let fraction = |whole: u64, part: u64, digits: usize| {
        let text = format!("{part:0digits$}");
        let text = text.trim_end_matches('0');
        if text.is_empty() {
            whole.to_string()
        } else {
            format!("{whole}.{text}")
        }
    };
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{nanos}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", fraction(nanos / 1_000, nanos % 1_000, 3)),
        1_000_000..1_000_000_000 => {
            format!("{sign}{}ms", fraction(nanos / 1_000_000, nanos % 1_000_000, 6))
        }
        _ => {
            let seconds = nanos / 1_000_000_000;
            let rest = fraction(seconds % 60, nanos % 1_000_000_000, 9);
            match (seconds / 3600, seconds / 60 % 60) {
                (0, 0) => format!("{sign}{rest}s"),
                (0, minutes) => format!("{sign}{minutes}m{rest}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{rest}s"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_printed_as_go_does() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (150_000_000, "150ms"),
            (-1_500_000_000, "-1.5s"),
            (60_000_000_000, "1m0s"),
            (3_723_500_000_000, "1h2m3.5s"),
        ] {
            assert_eq!(duration(nanos), text);
        }
    }
}
