//! Finds the function that a call means by its name and the values it is given.

use std::sync::Arc;

use crate::{
    eval::{Outcome, no_overload},
    formats, lists, net, operators, pattern, quantity, semver, strings, time, url,
    value::Value,
};

/// Calls a function; the first of `args` is the target of a `member` call.
pub(crate) fn call(function: &str, member: bool, args: &[Value]) -> Outcome {
    if let Some(outcome) = operators::call(function, args) {
        return outcome;
    }
    if !member
        && let [value] = args
        && let Some(outcome) = operators::convert(function, value)
    {
        return outcome;
    }
    if let ("size", [value]) = (function, args) {
        let size = value.size().ok_or_else(no_overload)?;
        return Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX)));
    }
    let found = optional(function, args)
        .or_else(|| strings::call(function, args))
        .or_else(|| pattern::call(function, args))
        .or_else(|| lists::call(function, args))
        .or_else(|| time::call(function, args))
        .or_else(|| url::call(function, args))
        .or_else(|| quantity::call(function, args))
        .or_else(|| net::call(function, args))
        .or_else(|| formats::call(function, args))
        .or_else(|| semver::call(function, args));
    found.unwrap_or_else(|| Err(no_overload()))
}

fn optional(function: &str, args: &[Value]) -> Option<Outcome> {
    Some(match (function, args) {
        ("optional.of", [value]) => Ok(Value::some(value.clone())),
        ("optional.none", []) => Ok(Value::Optional(None)),
        ("optional.ofNonZeroValue", [value]) => Ok(match value {
            Value::Null | Value::Bool(false) | Value::Int(0) | Value::Uint(0) => Value::Optional(None),
            Value::Double(own) if *own == 0.0 => Value::Optional(None),
            other if other.size() == Some(0) => Value::Optional(None),
            other => Value::some(other.clone()),
        }),
        ("hasValue", [Value::Optional(inner)]) => Ok(Value::Bool(inner.is_some())),
        ("value", [Value::Optional(inner)]) => match inner {
            Some(inner) => Ok((**inner).clone()),
            None => Err("optional.none() dereference".into()),
        },
        ("cel.@mapInsert", [Value::Map(map), key, value]) => {
            let Some(key) = key.key() else {
                return Some(Err(no_overload()));
            };
            insert(map, [(key, value.clone())])
        }
        ("cel.@mapInsert", [Value::Map(map), Value::Map(more)]) => {
            insert(map, more.iter().map(|(key, value)| (key.clone(), value.clone())))
        }
        _ => return None,
    })
}

type Entries = std::collections::BTreeMap<crate::value::Key, Value>;

fn insert(map: &Entries, more: impl IntoIterator<Item = (crate::value::Key, Value)>) -> Outcome {
    let mut map = map.clone();
    for (key, value) in more {
        if map.contains_key(&key) {
            let shown = operators::plain(&key.value());
            return Err(format!("insert failed: key {shown} already exists").into());
        }
        map.insert(key, value);
    }
    Ok(Value::Map(Arc::new(map)))
}

/// What a call costs, by the sizes of what it walks over.
pub(crate) fn cost(function: &str, args: &[Value]) -> u64 {
    let size = |at: usize| args.get(at).and_then(Value::size).unwrap_or(1) as u64;
    let letters = |count: u64| count.div_ceil(10);
    match function {
        "startsWith" | "endsWith" => letters(size(1)).max(1),
        "contains" => (letters(size(0)) * letters(size(1))).max(1),
        "matches" | "find" | "findAll" => letters(size(0) + 1) * size(1).div_ceil(4).max(1),
        "lowerAscii" | "upperAscii" | "substring" | "trim" | "url" | "quantity" | "ip" | "cidr" | "isIP"
        | "isCIDR" | "semver" => letters(size(0)).max(1),
        "replace" | "split" | "join" => letters(size(0)) * 2 + 1,
        "isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf" => size(0).max(1),
        "_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_" => letters(size(0).min(size(1))).max(1),
        "@in" => match args.get(1) {
            Some(Value::List(list)) => (list.items.len() as u64).max(1),
            _ => 1,
        },
        "_+_" => match args.first() {
            Some(Value::String(_) | Value::Bytes(_)) => letters(size(0) + size(1)).max(1),
            _ => 1,
        },
        _ => 1,
    }
}
