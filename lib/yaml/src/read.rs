//! From parser events to values: documents, anchors, merge keys, duplicate keys.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine, engine::general_purpose::STANDARD};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::{Map, Number, Value};

use crate::{
    Dialect, Error,
    limits::{MAX_BYTES, MAX_DEPTH, MAX_TABS, MAX_VALUES},
    messages,
    resolve::{self, Scalar},
};

/// Reads all documents of a text.
pub(crate) fn documents(text: &str, dialect: Dialect) -> Result<Vec<Value>, Error> {
    all(text, dialect, false, &mut Vec::new())
}

/// Reads all documents of a text as kyaml does, nulls among annotations being texts too.
pub(crate) fn objects(text: &str) -> Result<Vec<Value>, Error> {
    all(text, Dialect::Kyaml, true, &mut Vec::new())
}

/// Reads all documents of a text and notes the line and name of every key that was there before.
pub(crate) fn noting(
    text: &str,
    dialect: Dialect,
    repeated: &mut Vec<(usize, String)>,
) -> Result<Vec<Value>, Error> {
    all(text, dialect, false, repeated)
}

fn all(
    text: &str,
    dialect: Dialect,
    null_texts: bool,
    repeated: &mut Vec<(usize, String)>,
) -> Result<Vec<Value>, Error> {
    if text.len() > MAX_BYTES {
        return Err(Error::at(0, &format!("text is larger than {MAX_BYTES} bytes")));
    }
    let mut all = Vec::new();
    let mut budget = MAX_VALUES;
    for (before, part) in split(text) {
        refuse_control(part, before)?;
        let mut part = Cow::Borrowed(part);
        let first = all.len();
        for _ in 0..=MAX_TABS {
            let mut reader = Reader {
                text: &part,
                parser: Parser::new_from_str(&part),
                dialect,
                before,
                anchors: BTreeMap::new(),
                budget,
                verbatim: false,
                null_texts,
                cursor: (0, &part),
                tab: None,
                repeated: Vec::new(),
            };
            let done = reader.stream(&mut all);
            let (left, tab) = (reader.budget, reader.tab);
            match (done, tab) {
                (Ok(()), _) => {
                    budget = left;
                    repeated.append(&mut reader.repeated);
                    break;
                }
                (Err(_), Some(tab)) => {
                    all.truncate(first);
                    part = Cow::Owned(without_tab(&part, tab));
                }
                (Err(error), None) => return Err(error),
            }
        }
    }
    Ok(all)
}

/// libyaml reads a tab after `:` or `-` as the space it stands for, the bought parser refuses it.
fn without_tab(text: &str, end: usize) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let tabs = chars.iter_mut().take(end).rev().take_while(|c| **c == '\t');
    tabs.for_each(|c| *c = ' ');
    chars.into_iter().collect()
}

fn refuse_control(text: &str, before: usize) -> Result<(), Error> {
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    for (number, line) in text.lines().enumerate() {
        if line.contains(control) {
            return Err(Error::at(
                before + number + 1,
                "control characters are not allowed",
            ));
        }
    }
    Ok(())
}

/// The parts between `---` lines, each with the number of lines before it.
fn split(text: &str) -> Vec<(usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parts = Vec::new();
    let (mut start, mut start_line, mut offset) = (0, 0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if line
            .strip_prefix("---")
            .is_some_and(|rest| rest.trim().is_empty())
        {
            if !only_directives(&text[start..offset]) {
                parts.push((start_line, &text[start..offset]));
            }
            start = offset + line.len();
            start_line = number + 1;
        }
        offset += line.len();
    }
    parts.push((start_line, &text[start..]));
    parts
}

/// DIFFERENCE: `%YAML` and `%TAG` lines are skipped; go-yaml minds them.
fn only_directives(part: &str) -> bool {
    part.lines()
        .all(|line| line.trim().is_empty() || line.starts_with('%'))
}

/// A value, and how many values it unfolds to.
#[derive(Clone)]
struct Node {
    value: Value,
    /// The plain text of a scalar key, as kyaml takes it.
    text: Option<String>,
    /// Plain, so that `<<` means a merge.
    plain: bool,
    size: usize,
    line: usize,
}

struct Reader<'a> {
    text: &'a str,
    parser: Parser<'a, StrInput<'a>>,
    dialect: Dialect,
    before: usize,
    /// Nothing while the anchored value itself is being read.
    anchors: BTreeMap<usize, Option<Node>>,
    budget: usize,
    /// Inside an object's annotations, whose values kustomize takes as they are written.
    verbatim: bool,
    /// Nulls are among those values.
    null_texts: bool,
    /// How many characters have been passed, and the text after them.
    cursor: (usize, &'a str),
    /// Where the bought parser stumbled over a tab.
    tab: Option<usize>,
    /// Keys that were there before.
    repeated: Vec<(usize, String)>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Error> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                if error
                    .info()
                    .contains("must be followed by a valid YAML whitespace")
                {
                    self.tab = Some(error.marker().index());
                }
                Err(messages::translate(&error, self.text, self.before))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn stream(&mut self, all: &mut Vec<Value>) -> Result<(), Error> {
        let first = all.len();
        loop {
            let (event, _) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) => {
                    self.anchors.clear();
                    let (event, span) = self.next()?;
                    all.push(self.node(event, span, 0)?.value);
                }
                _ => {}
            }
        }
        if all.len() == first {
            all.push(Value::Null);
        }
        Ok(())
    }

    fn spend(&mut self, values: usize) -> Result<(), Error> {
        self.budget = self
            .budget
            .checked_sub(values)
            .ok_or_else(|| Error::at(0, "document contains excessive aliasing"))?;
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Error> {
        let line = self.before + span.start.line();
        if depth > MAX_DEPTH {
            return Err(Error::at(line, &format!("exceeded max depth of {MAX_DEPTH}")));
        }
        let (anchor, node) = match event {
            Event::Alias(id) => return self.alias(id, span, line),
            Event::Scalar(text, style, anchor, tag) => {
                self.spend(1)?;
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let value = self.scalar(&text, style, tag.as_deref(), line)?;
                let text = Some(text.into_owned());
                (
                    anchor,
                    Node {
                        value,
                        text,
                        plain,
                        size: 1,
                        line,
                    },
                )
            }
            Event::SequenceStart(anchor, _) => {
                self.open(anchor)?;
                (anchor, self.sequence(depth, line)?)
            }
            Event::MappingStart(anchor, _) => {
                self.open(anchor)?;
                let flow = self.null_texts && self.char_at(span.start.index()) == Some('{');
                (anchor, self.mapping(depth, line, flow)?)
            }
            _ => return Err(Error::at(line, "did not find expected node content")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, Some(node.clone()));
        }
        Ok(node)
    }

    fn open(&mut self, anchor: usize) -> Result<(), Error> {
        if anchor > 0 {
            self.anchors.insert(anchor, None);
        }
        self.spend(1)
    }

    fn alias(&mut self, id: usize, span: Span, line: usize) -> Result<Node, Error> {
        let size = match self.anchors.get(&id) {
            Some(Some(node)) => node.size,
            _ => 0,
        };
        // Before the copy is made, or a few lines could take all memory.
        self.spend(size)?;
        match self.anchors.get(&id).cloned() {
            Some(Some(node)) => Ok(Node { line, ..node }),
            Some(None) => {
                let name = messages::anchor(self.text, line - self.before, span.start.col());
                Err(Error::at(line, &format!("anchor '{name}' value contains itself")))
            }
            None => Err(Error::at(line, "unknown anchor referenced")),
        }
    }

    fn sequence(&mut self, depth: usize, line: usize) -> Result<Node, Error> {
        let (mut items, mut size) = (Vec::new(), 1);
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                break;
            }
            let item = self.node(event, span, depth + 1)?;
            size += item.size;
            items.push(item.value);
        }
        Ok(Node {
            value: Value::Array(items),
            text: None,
            plain: false,
            size,
            line,
        })
    }

    /// A character of the text; places are asked for in their order.
    fn char_at(&mut self, index: usize) -> Option<char> {
        let (passed, rest) = self.cursor;
        let mut chars = rest.chars();
        let found = chars.nth(index.checked_sub(passed)?);
        if found.is_some() {
            self.cursor = (index + 1, chars.as_str());
        }
        found
    }

    /// QUIRK: in the objects of kustomize, nothing at all in the braces of a map is an empty text.
    fn mapping(&mut self, depth: usize, line: usize, flow: bool) -> Result<Node, Error> {
        let mut map = Map::new();
        let mut own: BTreeMap<String, usize> = BTreeMap::new();
        let mut size = 1;
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let outside = self.verbatim;
            self.verbatim |= depth == 1 && key.text.as_deref() == Some("annotations");
            let mut value = self.node(event, span, depth + 1)?;
            if flow && value.plain && value.text.as_deref() == Some("") {
                value.value = Value::String(String::new());
            }
            self.verbatim = outside;
            size += key.size + value.size;
            if key.plain && key.text.as_deref() == Some("<<") {
                self.merge(&mut map, &own, value)?;
                continue;
            }
            let name = self.key(&key)?;
            if let Some(first) = own.get(&name)
                && self.dialect == Dialect::Kyaml
            {
                let what = format!("mapping key {name:?} already defined at line {first}");
                return Err(Error::decode(key.line, &what));
            }
            if own.insert(name.clone(), key.line).is_some() {
                self.repeated.push((key.line, name.clone()));
            }
            map.insert(name, value.value);
        }
        Ok(Node {
            value: Value::Object(map),
            text: None,
            plain: false,
            size,
            line,
        })
    }

    /// QUIRK: in the Kubernetes dialect a merge overrides the keys above it, in kyaml never an own key.
    fn merge(
        &self,
        map: &mut Map<String, Value>,
        own: &BTreeMap<String, usize>,
        from: Node,
    ) -> Result<(), Error> {
        let parts = match from.value {
            Value::Object(part) => vec![part],
            Value::Array(items) => {
                let maps = items.into_iter().rev().map(|item| match item {
                    Value::Object(part) => Some(part),
                    _ => None,
                });
                maps.collect::<Option<_>>().unwrap_or_default()
            }
            _ => Vec::new(),
        };
        if parts.is_empty() {
            return Err(Error::at(
                0,
                "map merge requires map or sequence of maps as the value",
            ));
        }
        for part in parts {
            for (key, value) in part {
                if self.dialect == Dialect::Kubernetes || !own.contains_key(&key) {
                    map.insert(key, value);
                }
            }
        }
        Ok(())
    }

    fn key(&self, key: &Node) -> Result<String, Error> {
        match (&key.value, self.dialect) {
            (Value::String(text), _) => Ok(text.clone()),
            (Value::Bool(_) | Value::Number(_), Dialect::Kyaml) => Ok(key.text.clone().unwrap_or_default()),
            (Value::Bool(value), Dialect::Kubernetes) => Ok(value.to_string()),
            (Value::Number(number), Dialect::Kubernetes) => Ok(number.to_string()),
            (Value::Null, Dialect::Kubernetes) => Err(Error {
                line: key.line,
                message: "unsupported map key of type: %!s(<nil>), key: <nil>".to_owned(),
            }),
            (Value::Null, Dialect::Kyaml) => Ok(key.text.clone().unwrap_or_default()),
            (value @ (Value::Array(_) | Value::Object(_)), _) => Err(Error::at(
                key.line,
                &format!("invalid map key: {}", messages::go_syntax(value, self.dialect)),
            )),
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>, line: usize) -> Result<Value, Error> {
        let tag = tag
            .filter(|tag| tag.is_yaml_core_schema())
            .map(|tag| tag.suffix.as_str())
            .or(tag.map(|_| "!"));
        let meaning = match tag {
            None if style == ScalarStyle::Plain => resolve::plain(text, self.dialect),
            None | Some("str" | "!") => Scalar::Text,
            Some("binary") => return binary(text, line),
            Some(name) => tagged(text, name, self.dialect, line)?,
        };
        let kept = meaning != Scalar::Null || self.null_texts;
        if self.verbatim && self.dialect == Dialect::Kyaml && kept {
            return Ok(Value::String(text.to_owned()));
        }
        value(text, meaning, self.dialect, line)
    }
}

/// What an untagged plain scalar means outside of any document; a number that JSON has no name for is its text.
pub(crate) fn plain(text: &str, dialect: Dialect) -> Value {
    let meaning = resolve::plain(text, dialect);
    value(text, meaning, dialect, 0).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn value(text: &str, meaning: Scalar, dialect: Dialect, line: usize) -> Result<Value, Error> {
    match meaning {
        Scalar::Null => Ok(Value::Null),
        Scalar::Bool(value) => Ok(Value::Bool(value)),
        Scalar::Int(value) => Ok(Value::Number(value.into())),
        Scalar::Uint(value) => Ok(Value::Number(value.into())),
        Scalar::Float(value) => float(value, line),
        // QUIRK: kyaml decodes a date to a time, so that it is printed with one.
        Scalar::Timestamp if dialect == Dialect::Kyaml => Ok(Value::String(resolve::go_time(text))),
        Scalar::Timestamp | Scalar::Text => Ok(Value::String(text.to_owned())),
    }
}

/// A number as it comes back from the JSON that every Kubernetes tool passes values through.
fn float(value: f64, line: usize) -> Result<Value, Error> {
    if value.fract() == 0.0 && value.abs() < 1e21 {
        let digits = format!("{value}");
        let integer = digits.parse::<i64>().map(Number::from);
        if let Ok(number) = integer.or_else(|_| digits.parse::<u64>().map(Number::from)) {
            return Ok(Value::Number(number));
        }
    }
    Number::from_f64(value).map(Value::Number).ok_or_else(|| {
        let name = match value {
            f64::INFINITY => "+Inf",
            f64::NEG_INFINITY => "-Inf",
            _ => "NaN",
        };
        Error {
            line,
            message: format!("json: unsupported value: {name}"),
        }
    })
}

fn binary(text: &str, line: usize) -> Result<Value, Error> {
    let packed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = STANDARD
        .decode(packed)
        .map_err(|_| Error::at(line, "!!binary value contains invalid base64 data"))?;
    Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
}

fn tagged(text: &str, name: &str, dialect: Dialect, line: usize) -> Result<Scalar, Error> {
    if !matches!(name, "bool" | "int" | "float" | "null" | "timestamp") {
        return Ok(Scalar::Text);
    }
    let found = resolve::plain(text, dialect);
    match (name, found) {
        ("bool", Scalar::Bool(_))
        | ("int", Scalar::Int(_) | Scalar::Uint(_))
        | ("float", Scalar::Float(_))
        | ("null", Scalar::Null)
        | ("timestamp", Scalar::Timestamp) => Ok(found),
        #[expect(clippy::cast_precision_loss, reason = "the tag asks for a float")]
        ("float", Scalar::Int(value)) => Ok(Scalar::Float(value as f64)),
        _ => Err(Error::at(
            line,
            &format!("cannot decode {} `{text}` as a !!{name}", found.tag()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_are_split_and_lines_counted_from_the_start() {
        let text = "# head\n---\na: 1\n---\n---\nb: |\n  x\n--- \n";
        let all = documents(text, Dialect::Kubernetes).unwrap();
        let wanted = [
            json!(null),
            json!({"a": 1}),
            json!(null),
            json!({"b": "x\n"}),
            json!(null),
        ];
        assert_eq!(all.iter().filter(|it| !it.is_null()).count(), 2);
        assert!(all.iter().all(|it| wanted.contains(it)));
        let error = documents("a: 1\n---\nb: c: d\n", Dialect::Kyaml).unwrap_err();
        assert_eq!(
            error.to_string(),
            "yaml: line 3: mapping values are not allowed in this context"
        );
        assert_eq!(error.line(), 3);
    }

    #[test]
    fn bombs_are_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..9 {
            let before = format!("*a{}", level - 1);
            let items = [before.as_str(); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        let error = documents(&text, Dialect::Kubernetes).unwrap_err();
        assert_eq!(error.to_string(), "yaml: document contains excessive aliasing");
        let deep = "[".repeat(10_000);
        assert!(documents(&deep, Dialect::Kyaml).is_err());
    }

    #[test]
    fn annotations_of_an_object_stay_texts_in_kyaml() {
        let text =
            "metadata:\n  annotations: {a: 1, b: on, d: 2020-01-01}\n  labels: {a: 1}\nd: 2020-01-01\n";
        let wanted = json!({
            "metadata": {"annotations": {"a": "1", "b": "on", "d": "2020-01-01"}, "labels": {"a": 1}},
            "d": "2020-01-01T00:00:00Z"
        });
        assert_eq!(documents(text, Dialect::Kyaml).unwrap(), [wanted]);
    }
}
