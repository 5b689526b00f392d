//! Does an object fit its schema?

use std::collections::BTreeSet;
use std::fmt;

use kube_schema::{ListKind, Scalar, Schema};
use serde_json::Value;

use crate::golang;
use crate::limits::MAX_DEPTH;
use crate::path::{PathElement, floats};
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

/// Where an object comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From the store: its sets and keyed lists may repeat an item.
    Stored,
    /// From another API version.
    Converted,
    /// From the body of an apply, where every number is a float.
    Applied,
    /// With a configuration laid over it: what does not fit comes from there.
    Merged,
}

/// Checks an object.
pub(crate) fn validate(schema: &Schema, ty: Ty, value: &Value, origin: Origin) -> Result<(), Violations> {
    let mut walker = Walker {
        schema,
        origin,
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

/// Kinds of leaf, as messages name them.
#[derive(Debug, Clone, Copy)]
enum Leaf {
    Numeric,
    String,
    Boolean,
    Any,
}

impl Leaf {
    /// QUIRK: each kind shows the value in another way of Go's.
    fn complain(self, value: &Value) -> String {
        match self {
            Self::Numeric => format!(
                "expected numeric (int or float), got {}",
                golang::type_name(value)
            ),
            Self::String => format!(
                "expected string, got &value.valueUnstructured{{Value:{}}}",
                golang::syntax(value)
            ),
            Self::Boolean => format!("expected boolean, got &{{{}}}", golang::plain(value)),
            Self::Any => format!("expected any scalar, got &{{{}}}", golang::plain(value)),
        }
    }
}

/// Whether a leaf may have this value; if not, what it has to be.
fn check_scalar(scalar: Scalar, value: &Value) -> Result<(), Leaf> {
    let (leaf, fits) = match scalar {
        Scalar::Integer | Scalar::Number => (Leaf::Numeric, value.is_number()),
        Scalar::String => (Leaf::String, value.is_string()),
        Scalar::Boolean => (Leaf::Boolean, value.is_boolean()),
        Scalar::Untyped | Scalar::Quantity | Scalar::IntOrString => {
            (Leaf::Any, !value.is_object() && !value.is_array())
        }
    };
    if fits || value.is_null() {
        Ok(())
    } else {
        Err(leaf)
    }
}

fn is_raw(schema: &Schema, ty: Ty) -> bool {
    match ty {
        Ty::Node(id) => schema
            .spelling(id)
            .is_some_and(|spelling| spelling.ends_with("RawExtension")),
        Ty::Deduced | Ty::Atomic => false,
    }
}

enum Step<'a> {
    Field(&'a str),
    Element(PathElement),
}

struct Walker<'a> {
    schema: &'a Schema,
    origin: Origin,
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
                Step::Element(element) => path.push_str(&self.spell(element)),
            }
        }
        self.found.push(Violation { path, message });
    }

    /// Whether texts show numbers as floats.
    fn floats(&self) -> bool {
        matches!(self.origin, Origin::Applied | Origin::Merged)
    }

    fn spell(&self, element: &PathElement) -> String {
        if self.floats() {
            element.as_float().to_string()
        } else {
            element.to_string()
        }
    }

    /// A value as texts show it.
    fn shown(&self, value: &Value) -> Value {
        if self.floats() {
            floats(value.clone())
        } else {
            value.clone()
        }
    }

    fn visit(&mut self, ty: Ty, value: &'a Value) {
        if self.path.len() > MAX_DEPTH {
            return self.report("exceeded max depth".to_owned());
        }
        match shape(self.schema, ty, Some(value)) {
            // A raw extension is one leaf, whatever it holds.
            Shape::Scalar(Scalar::Untyped) if is_raw(self.schema, ty) => {}
            Shape::Scalar(scalar) => {
                // What a server keeps without looking into it is a leaf, whatever it is.
                let raw = matches!(ty, Ty::Node(id) if self.schema.spelling(id) == Some("runtime.RawExtension"));
                if let (false, Err(kind)) = (raw, check_scalar(scalar, value)) {
                    self.report(kind.complain(&self.shown(value)));
                }
            }
            Shape::List(list) => match value {
                Value::Null => {}
                Value::Array(items) => self.items(list, items),
                _ => self.report(format!(
                    "expected list, got &{{{}}}",
                    golang::plain(&self.shown(value))
                )),
            },
            Shape::Map(members) => match value {
                Value::Null => {}
                Value::Object(map) => self.members(members, map),
                _ => self.report(format!(
                    "expected map, got &{{{}}}",
                    golang::plain(&self.shown(value))
                )),
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
            if self.origin != Origin::Stored
                && *list.kind != ListKind::Atomic
                && !seen.insert(element.clone())
            {
                self.report(format!("duplicate entries for key {}", self.spell(&element)));
            }
            self.path.push(Step::Element(element));
            self.visit(list.items, item);
            self.path.pop();
        }
    }
}
