//! Regular expressions.

use regex::{Regex, RegexBuilder};

use crate::{
    eval::{Fault, Outcome},
    limits,
    value::Value,
};

/// A pattern, unless it is invalid or too big.
pub(crate) fn compile(pattern: &str) -> Result<Regex, Fault> {
    RegexBuilder::new(pattern)
        .size_limit(limits::PATTERN)
        .build()
        .map_err(|_| Fault::Error(format!("error parsing regexp: `{pattern}`")))
}

/// Functions of patterns.
pub(crate) fn call(function: &str, args: &[Value]) -> Option<Outcome> {
    let (text, pattern, most) = match args {
        [Value::String(text), Value::String(pattern)] => (text, pattern, -1),
        [Value::String(text), Value::String(pattern), Value::Int(most)] => (text, pattern, *most),
        _ => return None,
    };
    if !matches!((function, args.len()), ("matches" | "find", 2) | ("findAll", _)) {
        return None;
    }
    let regex = match compile(pattern) {
        Ok(regex) => regex,
        Err(fault) => return Some(Err(fault)),
    };
    Some(Ok(match function {
        "matches" => Value::Bool(regex.is_match(text)),
        "find" => Value::text(regex.find(text).map_or("", |found| found.as_str())),
        _ => {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            let found = regex.find_iter(text).take(most);
            Value::list(found.map(|found| Value::text(found.as_str())).collect())
        }
    }))
}
