//! The words of go-yaml for what the bought parser reports.

use saphyr_parser::ScanError;

use serde_json::Value;

use crate::{Dialect, Error};

/// Parts of the bought parser's messages, and what go-yaml says in that place.
const WORDS: [(&str, &str); 24] = [
    (
        "mapping values are not allowed",
        "mapping values are not allowed in this context",
    ),
    ("simple key expect", "could not find expected ':'"),
    ("while parsing a block mapping", "did not find expected key"),
    ("did not find expected key", "did not find expected key"),
    (
        "did not find expected '-' indicator",
        "did not find expected '-' indicator",
    ),
    (
        "block sequence entries are not allowed",
        "block sequence entries are not allowed in this context",
    ),
    ("expected ',' or ']'", "did not find expected ',' or ']'"),
    ("expected ',' or '}'", "did not find expected ',' or '}'"),
    ("node content", "did not find expected node content"),
    ("unexpected end of stream", "found unexpected end of stream"),
    ("unexpected eof", "found unexpected end of stream"),
    (
        "unexpected document indicator",
        "found unexpected document indicator",
    ),
    ("unknown escape character", "found unknown escape character"),
    ("hexadecimal number", "did not find expected hexdecimal number"),
    (
        "invalid Unicode character escape",
        "found invalid Unicode character escape code",
    ),
    (
        "unexpected character",
        "found character that cannot start any token",
    ),
    ("tabs disallowed", "found character that cannot start any token"),
    ("found a tab", "found a tab character that violates indentation"),
    (
        "tab cannot be used",
        "found a tab character that violates indentation",
    ),
    (
        "start with a tab",
        "found a tab character where an indentation space is expected",
    ),
    (
        "expected comment or line break",
        "did not find expected comment or line break",
    ),
    (
        "anchor or alias",
        "did not find expected alphabetic or numeric character",
    ),
    ("<document start>", "did not find expected <document start>"),
    ("illegal placement of ':'", "did not find expected ',' or ']'"),
];

/// What go-yaml's parser says; all else is its scanner's, which counts lines otherwise.
const PARSED: [&str; 6] = [
    "did not find expected key",
    "did not find expected '-' indicator",
    "did not find expected ',' or ']'",
    "did not find expected ',' or '}'",
    "did not find expected node content",
    "did not find expected <document start>",
];

/// Translates what the parser reports; `before` lines of the whole come before the part it saw.
pub(crate) fn translate(error: &ScanError, text: &str, before: usize) -> Error {
    let (info, mark) = (error.info(), error.marker());
    if info.contains("unknown anchor") {
        let name = anchor(text, mark.line(), mark.col());
        return Error::at(
            before + mark.line(),
            &format!("unknown anchor '{name}' referenced"),
        );
    }
    let words = WORDS.iter().find(|(part, _)| info.contains(part));
    let (line, what) = (before + mark.line(), words.map_or(info, |(_, words)| words));
    if line == 1 && !PARSED.contains(&what) {
        return Error::on_first_line(what);
    }
    Error::at(line, what)
}

/// The name after the `*` at this place.
pub(crate) fn anchor(text: &str, line: usize, column: usize) -> &str {
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let start = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    let name = line[start..].trim_start_matches('*');
    let end = name.find(|c: char| c.is_whitespace() || ",[]{}".contains(c));
    &name[..end.unwrap_or(name.len())]
}

/// A value as Go's `%#v` prints what go-yaml decoded: what `{{ x }}` in plain YAML ends as.
pub(crate) fn go_syntax(value: &Value, dialect: Dialect) -> String {
    match value {
        Value::Null if dialect == Dialect::Kyaml => "\"\"".to_owned(),
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| go_syntax(item, dialect)).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(map) => {
            let key = if dialect == Dialect::Kyaml {
                "string"
            } else {
                "interface {}"
            };
            let entries: Vec<_> = map
                .iter()
                .map(|(key, value)| format!("{key:?}:{}", go_syntax(value, dialect)))
                .collect();
            format!("map[{key}]interface {{}}{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}
