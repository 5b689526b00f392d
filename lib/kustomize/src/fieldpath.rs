//! Paths with dots, such as `spec.containers.[name=web].image`, and the fields that they lead to.

use regex::Regex;
use serde_json::{Map, Value};

use crate::{Error, transform::wrong_kind};

/// Splits a path at its dots, but not inside brackets, nor after a backslash.
pub(crate) fn split(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in path.strip_prefix('.').unwrap_or(path).split('.') {
        match parts.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push('.');
                last.push_str(part);
            }
            _ => parts.push(part.to_owned()),
        }
    }
    let mut whole = Vec::new();
    let mut parts = parts.into_iter();
    while let Some(mut part) = parts.next() {
        if part.starts_with('[') && !part.ends_with(']') {
            for more in parts.by_ref() {
                part = format!("{part}.{more}");
                if part.ends_with(']') {
                    break;
                }
            }
            if !part.contains('=') {
                part = part.trim_matches(['[', ']']).to_owned();
            }
        }
        whole.push(part);
    }
    whole
}

/// Takes `ports[0]` apart into `ports` and `0`.
pub(crate) fn with_indices(parts: Vec<String>) -> Vec<String> {
    let mut all = Vec::new();
    for part in parts {
        let index = part
            .strip_suffix(']')
            .and_then(|rest| rest.rsplit_once('['))
            .filter(|(_, index)| !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()));
        match index {
            Some((name, index)) => {
                all.extend(
                    [name.to_owned(), index.to_owned()]
                        .into_iter()
                        .filter(|part| !part.is_empty()),
                );
            }
            None => all.push(part),
        }
    }
    all
}

/// The one field that a path leads to.
pub(crate) fn lookup<'a>(value: &'a Value, path: &[String]) -> Result<Option<&'a Value>, Error> {
    let mut here = value;
    for part in path
        .iter()
        .map(|part| part.trim())
        .filter(|part| !part.is_empty())
    {
        if here.is_null() {
            return Ok(None);
        }
        let found = if let Ok(index) = part.parse::<i64>() {
            let index = usize::try_from(index)
                .map_err(|_| Error::new(format!("array index {index} cannot be negative")))?;
            list(here)?.get(index)
        } else if part == "-" {
            list(here)?.last()
        } else if part == "*" {
            return Err(Error::new("wildcard is not supported in PathGetter"));
        } else if let Some(element) = Element::parse(part)? {
            list(here)?.iter().find(|item| element.is(item))
        } else {
            match here {
                Value::Object(map) => map.get(part),
                other => return Err(wrong_kind(other, "MappingNode")),
            }
        };
        match found {
            Some(found) => here = found,
            None => return Ok(None),
        }
    }
    Ok(Some(here))
}

fn list(value: &Value) -> Result<&Vec<Value>, Error> {
    value.as_array().ok_or_else(|| wrong_kind(value, "SequenceNode"))
}

/// `[name=text]`, or `[=text]` for an element that is the text.
struct Element<'a> {
    field: &'a str,
    text: &'a str,
}

impl<'a> Element<'a> {
    fn parse(part: &'a str) -> Result<Option<Self>, Error> {
        let Some(inside) = part.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
            return Ok(None);
        };
        let (field, text) = inside.split_once('=').ok_or_else(|| {
            Error::new("list path element must contain fieldName=fieldValue for element to match")
        })?;
        Ok(Some(Self { field, text }))
    }

    fn is(&self, item: &Value) -> bool {
        self.value(item)
            .and_then(crate::transform::scalar)
            .is_some_and(|text| text == self.text)
    }

    fn value<'v>(&self, item: &'v Value) -> Option<&'v Value> {
        if self.field.is_empty() {
            Some(item)
        } else {
            item.get(self.field)
        }
    }

    /// What is made when no element fits.
    fn new_item(&self) -> Value {
        let text = yaml::plain(self.text, yaml::Dialect::Kyaml);
        if self.field.is_empty() {
            return text;
        }
        Value::Object([(self.field.to_owned(), text)].into_iter().collect())
    }
}

/// What is done to a field that was found.
pub(crate) type Visit<'a> = dyn FnMut(&mut Value) -> Result<(), Error> + 'a;

/// Calls `visit` on every field that a path leads to and says how many there were. With `create`, what is missing
/// on the way is made, and a missing last part is that value.
///
/// QUIRK: the text of `[name=text]` is a regular expression that may fit anywhere in the field.
pub(crate) fn visit(
    here: &mut Value,
    path: &[String],
    create: Option<&Value>,
    visit: &mut Visit<'_>,
) -> Result<usize, Error> {
    let Some((part, rest)) = path.split_first() else {
        visit(here)?;
        return Ok(1);
    };
    if let Ok(index) = part.parse::<usize>() {
        return at_index(here, index, rest, create, visit);
    }
    if part == "*" {
        return each(here, |_| Ok(true), rest, create, visit);
    }
    if let Some(element) = Element::parse(part)? {
        return at_element(here, &element, rest, create, visit);
    }
    let map = match here {
        Value::Object(map) => map,
        Value::Null if create.is_none() => return Ok(0),
        Value::Null => {
            *here = Value::Object(Map::new());
            return self::visit(here, path, create, visit);
        }
        other => return Err(wrong_kind(other, "MappingNode")),
    };
    match (map.get_mut(part), create) {
        (Some(field @ (Value::String(_) | Value::Number(_) | Value::Bool(_))), _) if !rest.is_empty() => {
            inside_text(field, rest)
        }
        (Some(field), _) => self::visit(field, rest, create, visit),
        (None, None) => Ok(0),
        (None, Some(create)) => {
            let field = map.entry(part.as_str()).or_insert_with(|| start(rest, create));
            self::visit(field, rest, Some(create), visit)
        }
    }
}

/// What a path that goes on so starts with.
fn start(rest: &[String], create: &Value) -> Value {
    match rest.first() {
        None => create.clone(),
        Some(part) if part.parse::<usize>().is_ok() || (part.starts_with('[') && part.ends_with(']')) => {
            Value::Array(Vec::new())
        }
        Some(_) => Value::Object(Map::new()),
    }
}

/// QUIRK: a path that leads on into a text that is YAML finds fields there, in a copy that is forgotten.
fn inside_text(field: &Value, rest: &[String]) -> Result<usize, Error> {
    let text = crate::transform::scalar(field).unwrap_or_default();
    let mut copy = yaml::read(&text, yaml::Dialect::Kyaml)?;
    visit(&mut copy, rest, None, &mut |_| Ok(()))
}

fn at_index(
    here: &mut Value,
    index: usize,
    rest: &[String],
    create: Option<&Value>,
    visit: &mut Visit<'_>,
) -> Result<usize, Error> {
    let items = match here {
        Value::Array(items) => items,
        other => return Err(wrong_kind(other, "SequenceNode")),
    };
    if let Some(create) = create.filter(|_| index == items.len()) {
        items.push(start(rest, create));
    }
    let count = items.len();
    let item = items
        .get_mut(index)
        .ok_or_else(|| Error::new(format!("index {index} specified but only {count} elements found")))?;
    self::visit(item, rest, create, visit)
}

fn each(
    here: &mut Value,
    fits: impl Fn(&Value) -> Result<bool, Error>,
    rest: &[String],
    create: Option<&Value>,
    visit: &mut Visit<'_>,
) -> Result<usize, Error> {
    let items = match here {
        Value::Array(items) => items,
        Value::Null => return Ok(0),
        other => return Err(wrong_kind(other, "SequenceNode")),
    };
    let mut count = 0;
    for item in items {
        if fits(item)? {
            count += self::visit(item, rest, create, visit)?;
        }
    }
    Ok(count)
}

fn at_element(
    here: &mut Value,
    element: &Element<'_>,
    rest: &[String],
    create: Option<&Value>,
    visit: &mut Visit<'_>,
) -> Result<usize, Error> {
    let pattern = Regex::new(element.text)
        .map_err(|_| Error::new(format!("error parsing regexp: {}", element.text)))?;
    let fits = |item: &Value| {
        let text = element.value(item).and_then(crate::transform::scalar);
        Ok(text.is_some_and(|text| pattern.is_match(&text)))
    };
    let primitive = element.field.is_empty();
    let rest = if primitive { &[] } else { rest };
    let count = each(here, fits, rest, create, visit)?;
    if count > 0 || create.is_none() {
        return Ok(count);
    }
    if here.is_null() {
        *here = Value::Array(Vec::new());
    }
    let mut item = element.new_item();
    let count = self::visit(&mut item, rest, create, visit)?;
    if let Value::Array(items) = here {
        items.push(item);
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_are_split_at_dots_outside_brackets() {
        assert_eq!(split("a.b"), ["a", "b"]);
        assert_eq!(
            split(r"a.b\.c.[x.y/z].[name=d.e].0"),
            ["a", "b.c", "x.y/z", "[name=d.e]", "0"]
        );
        assert_eq!(
            with_indices(split("spec.ports[0].port")),
            ["spec", "ports", "0", "port"]
        );
    }

    #[test]
    fn fields_are_found_and_made() {
        let mut value = json!({"a": [{"name": "x", "v": 1}, {"name": "y"}]});
        assert_eq!(lookup(&value, &split("a.[name=x].v")).unwrap(), Some(&json!(1)));
        assert_eq!(lookup(&value, &split("a.-.name")).unwrap(), Some(&json!("y")));
        assert!(lookup(&value, &split("a.b")).is_err());
        let mut set = |field: &mut Value| {
            *field = json!("new");
            Ok(())
        };
        let text = json!("");
        assert_eq!(visit(&mut value, &split("a.*.w"), None, &mut set).unwrap(), 0);
        assert_eq!(
            visit(&mut value, &split("a.[name=z].v"), Some(&text), &mut set).unwrap(),
            1
        );
        assert_eq!(
            visit(&mut value, &split("b.c.0"), Some(&text), &mut set).unwrap(),
            1
        );
        assert_eq!(
            value,
            json!({"a": [{"name": "x", "v": 1}, {"name": "y"}, {"name": "z", "v": "new"}], "b": {"c": ["new"]}})
        );
    }
}
