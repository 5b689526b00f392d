//! One step of a path through an object, and whole paths.

use std::cmp::Ordering;
use std::fmt;

use serde_json::{Number, Value};

use crate::{golang, order};

/// One step of a path.
#[derive(Debug, Clone)]
pub enum PathElement {
    /// A member of a map.
    Field(Box<str>),
    /// An item of a list, by the values of its key members, sorted by name.
    Key(Box<[(Box<str>, Value)]>),
    /// An item of a set, by its value.
    Value(Box<Value>),
    /// An item of a list, by its position.
    Index(i64),
}

impl PathElement {
    /// A member of a map.
    pub fn field(name: &str) -> Self {
        Self::Field(name.into())
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Value(_) => 2,
            Self::Index(_) => 3,
        }
    }

    /// The spelling in `fieldsV1`.
    pub fn encode(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(fields) => {
                let mut out = String::from("k:{");
                for (i, (name, value)) in fields.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    golang::write_json_string(&mut out, name);
                    out.push(':');
                    out.push_str(&golang::json(value));
                }
                out.push('}');
                out
            }
            Self::Value(value) => format!("v:{}", golang::json(value)),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    /// Reads the spelling in `fieldsV1`. `Ok(None)` is an element of a kind that a later version may know.
    pub fn decode(text: &str) -> Result<Option<Self>, String> {
        let (kind, content) = text.split_at_checked(2).ok_or("key must be 2 characters long:")?;
        if !kind.ends_with(':') {
            return Err(format!("missing colon: {text}"));
        }
        let element = match kind {
            "f:" => Self::field(content),
            "v:" => Self::Value(Box::new(floats(parse(content)?))),
            "i:" => Self::Index(content.parse().map_err(|_| format!("invalid index: {content}"))?),
            "k:" => match parse(content)? {
                // The map is sorted, as the key has to be.
                Value::Object(map) => {
                    Self::Key(map.into_iter().map(|(k, v)| (k.into(), floats(v))).collect())
                }
                _ => return Err(format!("expected object: {content}")),
            },
            _ => return Ok(None),
        };
        Ok(Some(element))
    }
}

fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|e| e.to_string())
}

/// QUIRK: numbers in stored field sets are read as floats, which shows in the texts of conflicts and rounds integers
/// beyond 2^53.
pub(crate) fn floats(value: Value) -> Value {
    match value {
        Value::Number(n) => n
            .as_f64()
            .and_then(Number::from_f64)
            .map_or(Value::Null, Value::Number),
        Value::Array(items) => Value::Array(items.into_iter().map(floats).collect()),
        Value::Object(map) => Value::Object(map.into_iter().map(|(k, v)| (k, floats(v))).collect()),
        other => other,
    }
}

impl PathElement {
    /// The element with its numbers read as floats.
    pub(crate) fn as_float(&self) -> Self {
        match self {
            Self::Key(fields) => Self::Key(
                fields
                    .iter()
                    .map(|(k, v)| (k.clone(), floats(v.clone())))
                    .collect(),
            ),
            Self::Value(value) => Self::Value(Box::new(floats((**value).clone()))),
            other => other.clone(),
        }
    }
}

impl Ord for PathElement {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(l), Self::Field(r)) => l.cmp(r),
            (Self::Key(l), Self::Key(r)) => {
                let fields = l
                    .iter()
                    .zip(r)
                    .map(|(l, r)| l.0.cmp(&r.0).then_with(|| order::compare(&l.1, &r.1)));
                fields
                    .into_iter()
                    .find(|o| o.is_ne())
                    .unwrap_or_else(|| l.len().cmp(&r.len()))
            }
            (Self::Value(l), Self::Value(r)) => order::compare(l, r),
            (Self::Index(l), Self::Index(r)) => l.cmp(r),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for PathElement {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PathElement {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for PathElement {}

/// A value inside a path, as a person reads it.
fn readable(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => golang::number(n),
        Value::String(s) => kube_schema::gotext::quote(s),
        Value::Array(items) => format!("[{}]", items.iter().map(readable).collect::<Vec<_>>().join(",")),
        Value::Object(map) => map.iter().map(|(k, v)| format!("{k}={}", readable(v))).collect(),
    }
}

impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(fields) => {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(k, v)| format!("{k}={}", readable(v)))
                    .collect();
                write!(f, "[{}]", fields.join(","))
            }
            Self::Value(value) => write!(f, "[={}]", readable(value)),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// The text of a path: `.spec.ports[port=80,protocol="TCP"].name`.
pub fn display(path: &[PathElement]) -> String {
    path.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_round_trip_and_read_well() {
        for (text, shown) in [
            ("f:spec", ".spec"),
            ("f:", "."),
            (r#"k:{"port":80,"protocol":"TCP"}"#, r#"[port=80,protocol="TCP"]"#),
            (r#"v:"a\u003cb""#, r#"[="a<b"]"#),
            ("v:true", "[=true]"),
            ("v:1.5", "[=1.5]"),
            ("v:30000000", "[=3e+07]"),
            ("i:3", "[3]"),
        ] {
            let element = PathElement::decode(text).unwrap().unwrap();
            assert_eq!(element.encode(), text);
            assert_eq!(element.to_string(), shown);
        }
        assert_eq!(PathElement::decode("x:1"), Ok(None));
        for bad in ["", "f", "ff", "k:[]", "v:{", "i:a"] {
            assert!(PathElement::decode(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn fields_sort_before_keys_values_and_indexes() {
        let texts = [
            "f:a",
            "f:b",
            r#"k:{"a":1}"#,
            r#"k:{"a":1,"b":1}"#,
            r#"k:{"a":2}"#,
            "v:1",
            "v:2",
            r#"v:"1""#,
            "i:0",
            "i:1",
        ];
        let elements: Vec<_> = texts
            .iter()
            .map(|t| PathElement::decode(t).unwrap().unwrap())
            .collect();
        assert!(elements.is_sorted_by(|a, b| a < b));
        let integer = PathElement::Value(Box::new(1.into()));
        assert_eq!(integer, elements[5]);
    }
}
