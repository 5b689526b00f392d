//! The functions of sprig, and those that Helm adds.

mod cast;
mod certs;
mod crypto;
mod date;
mod decimal;
mod dicts;
mod encode;
mod helm;
mod json;
mod layout;
mod lists;
mod math;
mod merge;
mod paths;
mod random;
mod reflect;
mod regexp;
mod semver;
mod strings;
mod toml;
mod url;
mod words;

use std::borrow::Cow;

use crate::{
    error::Error,
    function::{Body, Function, Type},
    set::Functions,
    value::{Map, Value},
};

pub(crate) use helm::to_yaml;
pub(crate) use json::from_json;

pub(crate) type Result = std::result::Result<Value, Error>;
/// A row of a table: the name, the parameters, whether the last repeats, the body.
pub(crate) type Row = (&'static str, &'static [Type], bool, Body);

/// Every function of sprig that Helm keeps, and Helm's own.
pub fn functions() -> Functions {
    let tables: [&[Row]; 15] = [
        strings::TABLE,
        words::TABLE,
        lists::TABLE,
        dicts::TABLE,
        math::TABLE,
        date::TABLE,
        regexp::TABLE,
        reflect::TABLE,
        encode::TABLE,
        crypto::TABLE,
        certs::TABLE,
        random::TABLE,
        url::TABLE,
        semver::TABLE,
        paths::TABLE,
    ];
    tables
        .into_iter()
        .chain([json::TABLE, toml::TABLE, helm::TABLE])
        .flatten()
        .map(|(name, params, variadic, body)| (*name, Function::native(params, *variadic, *body)))
        .collect()
}

/// The bytes of a text argument.
pub(crate) fn bytes(args: &[Value], index: usize) -> &[u8] {
    match args.get(index) {
        Some(Value::Text(text)) => text,
        _ => &[],
    }
}

/// A text argument as UTF-8.
pub(crate) fn text(args: &[Value], index: usize) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes(args, index))
}

/// An integer argument.
pub(crate) fn int(args: &[Value], index: usize) -> i64 {
    args.get(index).and_then(Value::as_int).unwrap_or_default()
}

/// Any argument.
pub(crate) fn any(args: &[Value], index: usize) -> &Value {
    args.get(index).unwrap_or(&Value::Nil)
}

/// A map argument; a nil map is an empty one that nothing can be added to.
pub(crate) fn map(args: &[Value], index: usize) -> Map {
    match args.get(index) {
        Some(Value::Map(map)) => map.clone(),
        _ => Map::default(),
    }
}

/// The arguments from an index on.
pub(crate) fn rest(args: &[Value], index: usize) -> &[Value] {
    args.get(index..).unwrap_or_default()
}

/// What Go's run time says when a function looks at nil.
pub(crate) fn nil_pointer() -> Error {
    Error::new("runtime error: invalid memory address or nil pointer dereference")
}

/// A value as sprig turns it into text.
pub(crate) fn to_text(value: &Value) -> Cow<'_, [u8]> {
    match value {
        Value::Text(bytes) | Value::Bytes(bytes) => Cow::Borrowed(bytes),
        Value::Nil => Cow::Borrowed(b"<nil>"),
        _ => Cow::Owned(crate::format::sprint(std::slice::from_ref(value))),
    }
}

/// The texts of a list, without nils; of anything else, its own text.
pub(crate) fn to_texts(value: &Value) -> Vec<Vec<u8>> {
    match value.elements() {
        Some(items) => items
            .iter()
            .filter(|item| !matches!(item, Value::Nil))
            .map(|item| to_text(item).into_owned())
            .collect(),
        None if matches!(value, Value::Nil) => Vec::new(),
        None => vec![to_text(value).into_owned()],
    }
}

/// Refuses to make a text that is too long.
pub(crate) fn check_length(length: usize) -> std::result::Result<(), Error> {
    if length > crate::limits::MAX_TEXT {
        return Err(Error::new(format!(
            "text is too long (max {} bytes)",
            crate::limits::MAX_TEXT
        )));
    }
    Ok(())
}
