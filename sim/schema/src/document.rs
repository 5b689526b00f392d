//! JSON as it was written: members in order, repeated members, numbers as literals.
//!
//! The API server's findings come in the order of the document, and some of its messages quote it, so a body is read
//! into this form first. Error texts are those of Go's decoder, which clients show to people.

mod parser;

use crate::limits;
use serde_json::{Map, Number, Value};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A JSON text in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number's literal.
    Number(String),
    /// A string.
    String(String),
    /// A list.
    List(Vec<Document>),
    /// Members in order; a name may occur more than once.
    Map(Vec<(String, Document)>),
}

/// What is wrong with a text, as Go's decoder says it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SyntaxError(pub String);

/// Reads a JSON body: its value, where the last of repeated members wins, and the findings on repeated members in the
/// API server's words (`duplicate field "data.a"`), in order, each once.
pub fn read_json(bytes: &[u8]) -> Result<(Value, Vec<String>), SyntaxError> {
    let document = Document::parse(bytes)?;
    let duplicates = document.duplicates();
    Ok((document.into_value(), duplicates))
}

impl Document {
    /// Reads a text.
    pub fn parse(bytes: &[u8]) -> Result<Self, SyntaxError> {
        parser::parse(bytes)
    }

    /// A value with members by name. Numbers print as Go prints them.
    pub fn from_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(number) => Self::Number(crate::gotext::number(number)),
            Value::String(text) => Self::String(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from_value).collect()),
            Value::Object(members) => Self::Map(
                members
                    .iter()
                    .map(|(name, value)| (name.clone(), Self::from_value(value)))
                    .collect(),
            ),
        }
    }

    /// The value; the last of repeated members wins.
    pub fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(flag),
            Self::Number(literal) => number(&literal),
            Self::String(text) => Value::String(text),
            Self::List(items) => Value::Array(items.into_iter().map(Self::into_value).collect()),
            Self::Map(members) => {
                let members = members
                    .into_iter()
                    .map(|(name, value)| (name, value.into_value()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    /// The value without giving the document up.
    pub fn to_value(&self) -> Value {
        self.clone().into_value()
    }

    /// A member of a map; the last of repeated ones.
    pub fn get(&self, name: &str) -> Option<&Document> {
        match self {
            Self::Map(members) => members
                .iter()
                .rev()
                .find(|(member, _)| member == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Findings on repeated members where the reader knows no types.
    pub fn duplicates(&self) -> Vec<String> {
        let mut findings = Findings::default();
        self.find_duplicates(&mut Path::default(), &mut findings);
        findings.into_vec()
    }

    fn find_duplicates(&self, path: &mut Path, findings: &mut Findings) {
        match self {
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let length = path.enter_index(index);
                    item.find_duplicates(path, findings);
                    path.leave(length);
                }
            }
            Self::Map(members) => {
                let mut seen = BTreeSet::new();
                for (name, value) in members {
                    if !seen.insert(name) {
                        findings.duplicate(path, name);
                    }
                    let length = path.enter(name);
                    value.find_duplicates(path, findings);
                    path.leave(length);
                }
            }
            _ => {}
        }
    }

    /// The text as Go's encoder writes it: compact, with `<`, `>` and `&` escaped.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::Null => text.push_str("null"),
            Self::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
            Self::Number(literal) => text.push_str(literal),
            Self::String(string) => crate::gotext::quote_json(text, string),
            Self::List(items) => {
                text.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        text.push(',');
                    }
                    item.write(text);
                }
                text.push(']');
            }
            Self::Map(members) => {
                text.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        text.push(',');
                    }
                    crate::gotext::quote_json(text, name);
                    text.push(':');
                    value.write(text);
                }
                text.push('}');
            }
        }
    }
}

/// A whole number stays whole however it is written: Go writes `5.0` back as `5`.
fn number(literal: &str) -> Value {
    if let Ok(whole) = literal.parse::<i64>() {
        return Value::from(whole);
    }
    let float: f64 = literal.parse().unwrap_or_default();
    // Exact: between these bounds every f64 without fraction is an i64.
    if float.fract() == 0.0 && float.abs() < 9.2e18 {
        return Value::from(float as i64);
    }
    Number::from_f64(float).map(Value::Number).unwrap_or(Value::Null)
}

/// Where in a document a finding is.
#[derive(Debug, Default)]
pub(crate) struct Path(String);

impl Path {
    /// Goes to a member; returns what [`Path::leave`] needs.
    pub(crate) fn enter(&mut self, name: &str) -> usize {
        let length = self.0.len();
        if length > 0 {
            self.0.push('.');
        }
        self.0.push_str(name);
        length
    }

    pub(crate) fn enter_index(&mut self, index: usize) -> usize {
        let length = self.0.len();
        // Writing to a string cannot fail.
        let _ = write!(self.0, "[{index}]");
        length
    }

    pub(crate) fn leave(&mut self, length: usize) {
        self.0.truncate(length);
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    pub(crate) fn member(&self, name: &str) -> String {
        if self.0.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.0)
        }
    }
}

/// Findings of strict decoding: in order, each once, not too many.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<String>,
    seen: BTreeSet<String>,
}

impl Findings {
    fn add(&mut self, what: &str, path: &Path, name: &str) {
        if self.list.len() >= limits::FINDINGS {
            return;
        }
        let finding = format!("{what} field {}", crate::gotext::quote(&path.member(name)));
        if self.seen.insert(finding.clone()) {
            self.list.push(finding);
        }
    }

    pub(crate) fn duplicate(&mut self, path: &Path, name: &str) {
        self.add("duplicate", path, name);
    }

    pub(crate) fn unknown(&mut self, path: &Path, name: &str) {
        self.add("unknown", path, name);
    }

    pub(crate) fn into_vec(self) -> Vec<String> {
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn error(text: &str) -> String {
        Document::parse(text.as_bytes()).unwrap_err().0
    }

    // Vectors: Go 1.26 encoding/json, and recordings of kube-apiserver 1.36.2 (patch-json, patch-merge).
    #[test]
    fn errors_are_those_of_go() {
        assert_eq!(error(""), "unexpected end of JSON input");
        assert_eq!(error("{"), "unexpected end of JSON input");
        assert_eq!(
            error("data:\n  x: '1'"),
            "invalid character 'd' looking for beginning of value"
        );
        assert_eq!(
            error("\u{feff}[]"),
            "invalid character 'ï' looking for beginning of value"
        );
        assert_eq!(error("[] []"), "invalid character '[' after top-level value");
        assert_eq!(
            error("{'a':1}"),
            "invalid character '\\'' looking for beginning of object key string"
        );
        assert_eq!(error("{\"a\" 1}"), "invalid character '1' after object key");
        assert_eq!(
            error("{\"a\":1 1}"),
            "invalid character '1' after object key:value pair"
        );
        assert_eq!(error("[1 2]"), "invalid character '2' after array element");
        assert_eq!(
            error("[1,]"),
            "invalid character ']' looking for beginning of value"
        );
        assert_eq!(
            error("trux"),
            "invalid character 'x' in literal true (expecting 'e')"
        );
        assert_eq!(error("\"\\x\""), "invalid character 'x' in string escape code");
        assert_eq!(error("\"\n\""), "invalid character '\\n' in string literal");
        assert_eq!(
            error("1.x"),
            "invalid character 'x' after decimal point in numeric literal"
        );
        assert_eq!(error(&"[".repeat(20_000)), "exceeded max depth");
    }

    #[test]
    fn repeated_members_are_found_in_order_and_the_last_wins() {
        let text = br#"{"b":{"x":1,"x":2},"a":[{"k":1,"k":2}],"b":3,"b":4}"#;
        let (value, findings) = read_json(text).unwrap();
        assert_eq!(value, json!({"a": [{"k": 2}], "b": 4}));
        assert_eq!(
            findings,
            [
                r#"duplicate field "b.x""#,
                r#"duplicate field "a[0].k""#,
                r#"duplicate field "b""#
            ]
        );
    }

    #[test]
    fn text_keeps_order_and_literals() {
        let text = r#"{"z":1.50,"a":[true,null,"\u003cü\n"]}"#;
        assert_eq!(Document::parse(text.as_bytes()).unwrap().to_text(), text);
    }

    #[test]
    fn numbers() {
        let value = |text: &str| Document::parse(text.as_bytes()).unwrap().into_value();
        assert_eq!(value("5.0"), json!(5));
        assert_eq!(value("1e3"), json!(1000));
        assert_eq!(value("0.5"), json!(0.5));
        assert_eq!(value("9223372036854775807"), json!(i64::MAX));
    }

    #[test]
    fn surrogates() {
        let value = |text: &str| Document::parse(text.as_bytes()).unwrap().into_value();
        assert_eq!(value(r#""\ud83d\ude00""#), json!("😀"));
        assert_eq!(value(r#""\ud83dx""#), json!("\u{fffd}x"));
    }
}
