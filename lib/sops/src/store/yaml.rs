//! YAML read with its order and its comments.
//!
//! The bought parser drops comments; they are found again in the lines between its events. A comment belongs to the
//! map or list of what follows it.

use std::collections::{BTreeMap, VecDeque};

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use crate::{
    limits::{MAX_DEPTH, MAX_VALUES},
    tree::{Branch, Item, Value},
};

/// Every document of a text.
pub(super) fn read(text: &str) -> Result<Vec<Branch>, String> {
    // Repeated keys and what else the genuine program refuses at once.
    yaml::read(text, yaml::Dialect::Kyaml).map_err(|error| error.to_string())?;
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        comments: comments(text)?,
        anchors: BTreeMap::new(),
        budget: MAX_VALUES,
    };
    let mut branches = Vec::new();
    while let Some((event, _)) = reader.next()? {
        if !matches!(event, Event::DocumentStart(_)) {
            continue;
        }
        reader.anchors.clear();
        let Some((event, span)) = reader.next()? else {
            break;
        };
        let branch = match reader.value(event, span, 0)? {
            Value::Map(branch) => branch,
            Value::Null => Branch::new(),
            Value::List(_) => return Err(refused("sequences")),
            _ => return Err(refused("values")),
        };
        branches.push(branch);
    }
    Ok(branches)
}

fn refused(what: &str) -> String {
    format!("Error unmarshaling input YAML: YAML documents that are {what} are not supported")
}

struct Comment {
    line: usize,
    text: String,
}

/// The lines that are comments: those that begin with `#` and are not inside a scalar.
fn comments(text: &str) -> Result<VecDeque<Comment>, String> {
    let mut inside = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        if let Event::Scalar(_, style, ..) = event {
            let literal = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
            let last = span.end.line();
            // The end of a block is where the next token begins.
            inside.push((
                span.start.line(),
                if literal { last.saturating_sub(1) } else { last },
            ));
        }
    }
    let mut inside = inside.into_iter().peekable();
    let mut found = VecDeque::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        while inside.next_if(|(_, last)| *last < number).is_some() {}
        let within = inside
            .peek()
            .is_some_and(|(first, last)| *first < number && number <= *last);
        if let (false, Some(comment)) = (within, line.trim_start().strip_prefix('#')) {
            found.push_back(Comment {
                line: number,
                text: comment.to_owned(),
            });
        }
    }
    Ok(found)
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    comments: VecDeque<Comment>,
    anchors: BTreeMap<usize, Value>,
    budget: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, String> {
        match self.parser.next_event() {
            Some(Ok((Event::StreamEnd, _))) | None => Ok(None),
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(error)) => Err(error.to_string()),
        }
    }

    fn value(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err(format!("exceeded max depth of {MAX_DEPTH}"));
        }
        self.spend(1)?;
        let (anchor, value) = match event {
            Event::Alias(id) => {
                let value = self.anchors.get(&id).cloned().ok_or("unknown anchor")?;
                self.spend(size(&value))?;
                return Ok(value);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                (
                    anchor,
                    if plain {
                        scalar(&text)
                    } else {
                        Value::Text(text.into_owned())
                    },
                )
            }
            Event::SequenceStart(anchor, _) => (anchor, Value::List(self.list(depth)?)),
            Event::MappingStart(anchor, _) => (anchor, Value::Map(self.map(depth)?)),
            _ => {
                return Err(format!(
                    "line {}: did not find expected node content",
                    span.start.line()
                ));
            }
        };
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn spend(&mut self, values: usize) -> Result<(), String> {
        self.budget = self
            .budget
            .checked_sub(values)
            .ok_or("document contains excessive aliasing")?;
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>, String> {
        let mut list = Vec::new();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                return Ok(list);
            }
            list.push(self.value(event, span, depth + 1)?);
        }
        Err("did not find expected '-' indicator".to_owned())
    }

    fn map(&mut self, depth: usize) -> Result<Branch, String> {
        let mut branch = Branch::new();
        while let Some((event, span)) = self.next()? {
            let Event::Scalar(key, ..) = event else {
                if matches!(event, Event::MappingEnd) {
                    return Ok(branch);
                }
                return Err("Tree contains a non-string key. Only string keys are supported".to_owned());
            };
            let line = span.start.line();
            while self.comments.front().is_some_and(|comment| comment.line < line) {
                let comment = self.comments.pop_front();
                branch.extend(comment.map(|comment| Item::Comment(comment.text, false)));
            }
            let (event, span) = self.next()?.ok_or("did not find expected key")?;
            let value = self.value(event, span, depth + 1)?;
            branch.push(Item::Pair(key.into_owned(), value));
        }
        Err("did not find expected key".to_owned())
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::List(list) => 1 + list.iter().map(size).sum::<usize>(),
        Value::Map(branch) => {
            let values = branch.iter().map(|item| match item {
                Item::Pair(_, value) => size(value),
                Item::Comment(..) => 0,
            });
            1 + values.sum::<usize>()
        }
        _ => 1,
    }
}

/// What a plain scalar means.
pub(super) fn scalar(text: &str) -> Value {
    let verbatim = || Value::Text(text.to_owned());
    // These would be marks of a document of their own.
    if ["---", "...", "%"].iter().any(|mark| text.starts_with(mark)) || text.contains('\n') {
        return verbatim();
    }
    match yaml::read(text, yaml::Dialect::Kyaml) {
        Ok(serde_json::Value::Null) => Value::Null,
        Ok(serde_json::Value::Bool(flag)) => Value::Bool(flag),
        Ok(serde_json::Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::Float(number),
            (None, None) => verbatim(),
        },
        _ => verbatim(),
    }
}
