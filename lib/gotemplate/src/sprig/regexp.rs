//! Regular expressions in Go's syntax, on Rust's engine.

mod translate;

use regex::bytes::{NoExpand, Regex, RegexBuilder};

use crate::{
    error::Error,
    exec::Run,
    function::Type::{Int, Text},
    value::{List, TEXTS, Value},
};

use super::{Result, Row, bytes, int, text};

pub(crate) const TABLE: &[Row] = &[
    ("regexMatch", &[Text, Text], false, |run, args| {
        // QUIRK: a pattern that is none matches nothing.
        Ok(compile(run, args)
            .is_ok_and(|regex| regex.is_match(bytes(args, 1)))
            .into())
    }),
    ("mustRegexMatch", &[Text, Text], false, |run, args| {
        Ok(compile(run, args)?.is_match(bytes(args, 1)).into())
    }),
    ("regexFindAll", &[Text, Text, Int], false, |run, args| {
        find_all(&panicking(compile(run, args))?, args)
    }),
    ("mustRegexFindAll", &[Text, Text, Int], false, |run, args| {
        find_all(&compile(run, args)?, args)
    }),
    ("regexFind", &[Text, Text], false, |run, args| {
        Ok(find(&panicking(compile(run, args))?, args))
    }),
    ("mustRegexFind", &[Text, Text], false, |run, args| {
        Ok(find(&compile(run, args)?, args))
    }),
    ("regexReplaceAll", &[Text, Text, Text], false, |run, args| {
        Ok(replace(&panicking(compile(run, args))?, args))
    }),
    ("mustRegexReplaceAll", &[Text, Text, Text], false, |run, args| {
        Ok(replace(&compile(run, args)?, args))
    }),
    (
        "regexReplaceAllLiteral",
        &[Text, Text, Text],
        false,
        |run, args| Ok(literal(&panicking(compile(run, args))?, args)),
    ),
    (
        "mustRegexReplaceAllLiteral",
        &[Text, Text, Text],
        false,
        |run, args| Ok(literal(&compile(run, args)?, args)),
    ),
    ("regexSplit", &[Text, Text, Int], false, |run, args| {
        Ok(split(&panicking(compile(run, args))?, args))
    }),
    ("mustRegexSplit", &[Text, Text, Int], false, |run, args| {
        Ok(split(&compile(run, args)?, args))
    }),
    ("regexQuoteMeta", &[Text], false, |_, args| {
        let mut out = Vec::new();
        for byte in bytes(args, 0) {
            if b"\\.+*?()|[]{}^$".contains(byte) {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        Ok(out.into())
    }),
];

/// Bytes of one compiled program.
const MAX_PROGRAM: usize = 8 * 1024 * 1024;

fn compile(run: &mut Run<'_>, args: &[Value]) -> std::result::Result<Regex, Error> {
    let pattern = text(args, 0);
    if let Some(regex) = run.regexes.get(&*pattern) {
        return Ok(regex.clone());
    }
    let translated =
        translate::translate(&pattern).map_err(|what| Error::new(format!("error parsing regexp: {what}")))?;
    // DIFFERENCE: what Go refuses and the translation lets pass is reported in the words of the regex crate.
    let regex = RegexBuilder::new(&translated)
        .size_limit(MAX_PROGRAM)
        .build()
        .map_err(|error| {
            let said = error.to_string();
            if let Some(at) = translated.find("\\p").or_else(|| translated.find("\\P"))
                && said.contains("property not found")
            {
                let length = translated[at..]
                    .find('}')
                    .filter(|_| translated[at + 2..].starts_with('{'));
                let name: String = translated[at..]
                    .chars()
                    .take(length.map_or(3, |end| end + 1))
                    .collect();
                return Error::new(format!(
                    "error parsing regexp: invalid character class range: `{name}`"
                ));
            }
            Error::new(format!("error parsing regexp: {said}"))
        })?;
    run.regexes.insert(pattern.into_owned(), regex.clone());
    Ok(regex)
}

/// `MustCompile` panics with the pattern.
fn panicking(regex: std::result::Result<Regex, Error>) -> std::result::Result<Regex, Error> {
    regex.map_err(|error| {
        let text = error.text();
        let pattern = text
            .rsplit_once(": `")
            .map_or("", |(_, pattern)| pattern.trim_end_matches('`'));
        Error::new(format!("regexp: Compile(`{pattern}`): {text}"))
    })
}

fn find(regex: &Regex, args: &[Value]) -> Value {
    Value::text(
        regex
            .find(bytes(args, 1))
            .map_or(&[][..], |found| found.as_bytes()),
    )
}

fn find_all(regex: &Regex, args: &[Value]) -> Result {
    let limit = usize::try_from(int(args, 2)).unwrap_or(usize::MAX);
    let found: Vec<&[u8]> = regex
        .find_iter(bytes(args, 1))
        .take(limit)
        .map(|found| found.as_bytes())
        .collect();
    if found.is_empty() {
        return Ok(Value::List(List::nil(&TEXTS)));
    }
    Ok(Value::texts(found))
}

fn replace(regex: &Regex, args: &[Value]) -> Value {
    Value::text(regex.replace_all(bytes(args, 1), bytes(args, 2)))
}

fn literal(regex: &Regex, args: &[Value]) -> Value {
    Value::text(regex.replace_all(bytes(args, 1), NoExpand(bytes(args, 2))))
}

fn split(regex: &Regex, args: &[Value]) -> Value {
    let (whole, limit) = (bytes(args, 1), int(args, 2));
    if limit == 0 {
        return Value::List(List::nil(&TEXTS));
    }
    if !regex.as_str().is_empty() && whole.is_empty() {
        return Value::texts([""]);
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut parts: Vec<&[u8]> = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for found in regex.find_iter(whole).take(limit) {
        if parts.len() == limit - 1 {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(&whole[begin..end]);
        }
        begin = found.end();
    }
    if end != whole.len() {
        parts.push(&whole[begin..]);
    }
    Value::texts(parts)
}
