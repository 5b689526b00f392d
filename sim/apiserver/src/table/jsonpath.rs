//! The JSONPath of printer columns: members, indices, slices, wildcards and filters by one comparison.

use serde_json::Value;

use crate::limits;

/// A parsed path.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Member(String),
    /// Every item or member.
    All,
    /// From, to, step; negative ones count from the end.
    Slice(Option<i64>, Option<i64>),
    Index(i64),
    /// Items of which this holds.
    Filter(Vec<Step>, Test),
    /// This and everything below.
    Below,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Exists,
    Equal(Value),
    Unequal(Value),
    /// Less, or less or equal.
    Less(f64, bool),
    Greater(f64, bool),
}

impl Path {
    /// Reads a path; `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > limits::PATH_BYTES {
            return None;
        }
        let text = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'))
            .unwrap_or(text);
        let text = text.strip_prefix('$').unwrap_or(text);
        steps(text).map(Self)
    }

    /// What the path leads to first.
    pub(super) fn first<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        follow(&self.0, value).into_iter().next()
    }
}

fn steps(mut text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    while !text.is_empty() {
        if steps.len() > limits::PATH_STEPS {
            return None;
        }
        if let Some(rest) = text.strip_prefix("..") {
            steps.push(Step::Below);
            text = rest;
            if rest.starts_with(['[', '.']) {
                continue;
            }
            text = member(rest, &mut steps);
        } else if let Some(rest) = text.strip_prefix('[') {
            let end = closing(rest)?;
            steps.push(bracket(rest[..end].trim())?);
            text = &rest[end + 1..];
        } else {
            text = member(text.strip_prefix('.').unwrap_or(text), &mut steps);
        }
    }
    Some(steps)
}

/// Reads a name up to the next dot or bracket; a backslash takes the next letter as it is.
fn member<'a>(text: &'a str, steps: &mut Vec<Step>) -> &'a str {
    let mut name = String::new();
    let mut letters = text.char_indices();
    let mut end = text.len();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '.' | '[' => {
                end = at;
                break;
            }
            '\\' => name.extend(letters.next().map(|(_, letter)| letter)),
            other => name.push(other),
        }
    }
    if name == "*" {
        steps.push(Step::All);
    } else if !name.is_empty() {
        steps.push(Step::Member(name));
    }
    &text[end..]
}

/// Where the bracket that was opened is closed, outside of quotes.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn bracket(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::All);
    }
    if let Some(name) = quoted(text) {
        return Some(Step::Member(name.to_owned()));
    }
    if let Some(filter) = text.strip_prefix("?(").and_then(|text| text.strip_suffix(')')) {
        return filtered(filter.trim());
    }
    if let Some((from, to)) = text.split_once(':') {
        let bound = |text: &str| match text.trim() {
            "" => Some(None),
            number => number.parse().ok().map(Some),
        };
        return Some(Step::Slice(bound(from)?, bound(to)?));
    }
    text.parse().ok().map(Step::Index)
}

fn quoted(text: &str) -> Option<&str> {
    ['"', '\''].iter().find_map(|&quote| {
        text.strip_prefix(quote)
            .and_then(|text| text.strip_suffix(quote))
            .filter(|inner| !inner.contains(quote))
    })
}

fn filtered(text: &str) -> Option<Step> {
    for operator in ["==", "!=", "<=", ">=", "<", ">"] {
        let Some((left, right)) = text.split_once(operator) else {
            continue;
        };
        let path = steps(left.trim().strip_prefix('@')?)?;
        let right = right.trim();
        let value = match quoted(right) {
            Some(text) => Value::String(text.to_owned()),
            None => serde_json::from_str(right).ok()?,
        };
        let number = || value.as_f64();
        let test = match operator {
            "==" => Test::Equal(value),
            "!=" => Test::Unequal(value),
            "<" | "<=" => Test::Less(number()?, operator.len() == 2),
            _ => Test::Greater(number()?, operator.len() == 2),
        };
        return Some(Step::Filter(path, test));
    }
    let path = steps(text.strip_prefix('@')?)?;
    Some(Step::Filter(path, Test::Exists))
}

fn follow<'a>(steps: &[Step], value: &'a Value) -> Vec<&'a Value> {
    let mut here = vec![value];
    for step in steps {
        here = here.into_iter().flat_map(|value| take(step, value)).collect();
        here.truncate(limits::PATH_VALUES);
    }
    here
}

fn take<'a>(step: &Step, value: &'a Value) -> Vec<&'a Value> {
    match (step, value) {
        (Step::Member(name), Value::Object(members)) => members.get(name).into_iter().collect(),
        (Step::All, Value::Object(members)) => members.values().collect(),
        (Step::All, Value::Array(items)) => items.iter().collect(),
        (Step::Index(at), Value::Array(items)) => items.get(place(*at, items.len())).into_iter().collect(),
        (Step::Slice(from, to), Value::Array(items)) => {
            let from = from.map_or(0, |at| place(at, items.len()));
            let to = to
                .map_or(items.len(), |at| place(at, items.len()))
                .min(items.len());
            items.get(from..to).unwrap_or_default().iter().collect()
        }
        (Step::Filter(path, test), Value::Array(items)) => {
            items.iter().filter(|item| holds(path, test, item)).collect()
        }
        (Step::Below, value) => below(value),
        _ => Vec::new(),
    }
}

fn place(at: i64, length: usize) -> usize {
    match usize::try_from(at) {
        Ok(at) => at,
        Err(_) => usize::try_from(at.unsigned_abs())
            .ok()
            .and_then(|back| length.checked_sub(back))
            .unwrap_or(usize::MAX),
    }
}

fn holds(path: &[Step], test: &Test, item: &Value) -> bool {
    let Some(&found) = follow(path, item).first() else {
        return false;
    };
    let number = found.as_f64();
    match test {
        Test::Exists => true,
        Test::Equal(value) => found == value,
        Test::Unequal(value) => found != value,
        Test::Less(bound, equal) => number.is_some_and(|own| own < *bound || *equal && own <= *bound),
        Test::Greater(bound, equal) => number.is_some_and(|own| own > *bound || *equal && own >= *bound),
    }
}

fn below(value: &Value) -> Vec<&Value> {
    let mut found = vec![value];
    let mut at = 0;
    while at < found.len() && found.len() < limits::PATH_VALUES {
        match found[at] {
            Value::Object(members) => found.extend(members.values()),
            Value::Array(items) => found.extend(items),
            _ => {}
        }
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn follows_paths() {
        let object = json!({
            "metadata": {"annotations": {"a.b/c": "note"}},
            "spec": {"list": [{"n": 1}, {"n": 2}, {"n": 3}], "deep": {"x": {"y": "z"}}},
            "status": {"conditions": [{"type": "A", "status": "False"}, {"type": "Ready", "status": "True"}]},
        });
        for (path, expected) in [
            (".spec.list[1].n", Some(json!(2))),
            (".spec.list[-1].n", Some(json!(3))),
            (".spec.list[*].n", Some(json!(1))),
            (".spec.list[1:].n", Some(json!(2))),
            ("{.spec.list[?(@.n>1)].n}", Some(json!(2))),
            (".metadata.annotations.a\\.b/c", Some(json!("note"))),
            (".metadata.annotations['a.b/c']", Some(json!("note"))),
            (
                ".status.conditions[?(@.type==\"Ready\")].status",
                Some(json!("True")),
            ),
            (
                ".status.conditions[?(@.type=='Ready')].status",
                Some(json!("True")),
            ),
            ("..y", Some(json!("z"))),
            (".spec.list[7].n", None),
            (".spec.gone.more", None),
        ] {
            let found = Path::parse(path).unwrap();
            assert_eq!(found.first(&object), expected.as_ref(), "{path}");
        }
        assert_eq!(Path::parse(".a[?(@.b"), None);
    }
}
