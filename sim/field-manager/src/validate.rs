//! Does an object fit its schema?

use std::collections::BTreeSet;
use std::fmt;

use kube_schema::{ListKind, Scalar, Schema};
use serde_json::Value;

use crate::golang;
use crate::limits::MAX_DEPTH;
use crate::path::PathElement;
use crate::shape::{List, Members, Shape, Ty, item_element, shape};

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Violation {
    path: String,
    message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [one] = &self.0[..] {
            return one.fmt(f);
        }
        f.write_str("errors:")?;
        self.0
            .iter()
            .try_for_each(|violation| write!(f, "\n  {violation}"))
    }
}

impl std::error::Error for Violations {}

/// Checks an object. Sets and keyed lists of stored objects may repeat an item, those of applied ones may not.
pub(crate) fn validate(schema: &Schema, ty: Ty, value: &Value, duplicates: bool) -> Result<(), Violations> {
    let mut walker = Walker {
        schema,
        duplicates,
        path: Vec::new(),
        found: Vec::new(),
    };
    walker.visit(ty, value);
    if walker.found.is_empty() {
        Ok(())
    } else {
        Err(Violations(walker.found))
    }
}

/// Whether a leaf may have this value; says why not.
pub(crate) fn check_scalar(scalar: Scalar, value: &Value) -> Result<(), String> {
    if value.is_null() {
        return Ok(());
    }
    match scalar {
        Scalar::Integer | Scalar::Number if !value.is_number() => Err(format!(
            "expected numeric (int or float), got {}",
            golang::type_name(value)
        )),
        Scalar::String if !value.is_string() => Err(format!(
            "expected string, got &value.valueUnstructured{{Value:{}}}",
            golang::syntax(value)
        )),
        Scalar::Boolean if !value.is_boolean() => {
            Err(format!("expected boolean, got &{{{}}}", golang::plain(value)))
        }
        Scalar::Untyped | Scalar::Quantity if value.is_object() || value.is_array() => {
            Err(format!("expected any scalar, got &{{{}}}", golang::plain(value)))
        }
        _ => Ok(()),
    }
}

enum Step<'a> {
    Field(&'a str),
    Element(PathElement),
}

struct Walker<'a> {
    schema: &'a Schema,
    duplicates: bool,
    path: Vec<Step<'a>>,
    found: Vec<Violation>,
}

impl<'a> Walker<'a> {
    fn report(&mut self, message: String) {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Field(name) => {
                    path.push('.');
                    path.push_str(name);
                }
                Step::Element(element) => path.push_str(&element.to_string()),
            }
        }
        self.found.push(Violation { path, message });
    }

    fn visit(&mut self, ty: Ty, value: &'a Value) {
        if self.path.len() > MAX_DEPTH {
            return self.report("exceeded max depth".to_owned());
        }
        match shape(self.schema, ty, Some(value)) {
            Shape::Scalar(scalar) => {
                if let Err(message) = check_scalar(scalar, value) {
                    self.report(message);
                }
            }
            Shape::List(list) => match value {
                Value::Null => {}
                Value::Array(items) => self.items(list, items),
                _ => self.report(format!("expected list, got &{{{}}}", golang::plain(value))),
            },
            Shape::Map(members) => match value {
                Value::Null => {}
                Value::Object(map) => self.members(members, map),
                _ => self.report(format!("expected map, got &{{{}}}", golang::plain(value))),
            },
        }
    }

    fn members(&mut self, members: Members<'_>, map: &'a serde_json::Map<String, Value>) {
        for (name, value) in map {
            self.path.push(Step::Field(name));
            let member = members.member(name);
            match member {
                Some(ty) => self.visit(ty, value),
                None => self.report("field not declared in schema".to_owned()),
            }
            self.path.pop();
            if member.is_none() {
                return;
            }
        }
    }

    fn items(&mut self, list: List<'_>, items: &'a [Value]) {
        let mut seen = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let element = if *list.kind == ListKind::Atomic {
                PathElement::Index(i64::try_from(index).unwrap_or(i64::MAX))
            } else {
                match item_element(self.schema, list, item) {
                    Ok(element) => element,
                    Err(message) => return self.report(format!("element {index}: {message}")),
                }
            };
            if !self.duplicates && *list.kind != ListKind::Atomic && !seen.insert(element.clone()) {
                self.report(format!("duplicate entries for key {element}"));
            }
            self.path.push(Step::Element(element));
            self.visit(list.items, item);
            self.path.pop();
        }
    }
}
