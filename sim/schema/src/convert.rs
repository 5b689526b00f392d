//! Reading a merged value into a built-in type, as the API server does after a strategic merge patch.

use crate::decode::{Decoded, word, zero};
use crate::document::Path;
use crate::{Document, Map as MapType, Node, Scalar, Schema, TypeId, leaf};
use serde_json::{Map, Value};

/// Reads a merged value into a built-in type as the API server does after a strategic merge patch. Findings come by
/// their text. The error is in the words of that conversion, which differ from those of the decoder.
pub fn convert(value: &Value, schema: &Schema, ty: TypeId) -> Result<Decoded, String> {
    let mut findings = Vec::new();
    let value = Converter {
        schema,
        findings: &mut findings,
        path: Path::default(),
    }
    .value(value, ty)?;
    findings.sort();
    Ok(Decoded { value, findings })
}

struct Converter<'a> {
    schema: &'a Schema,
    findings: &'a mut Vec<String>,
    path: Path,
}

/// The kind of the Go type of a decoded value.
fn source_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "invalid",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_i64() => "int64",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    }
}

impl Converter<'_> {
    fn value(&mut self, value: &Value, ty: TypeId) -> Result<Value, String> {
        if value.is_null() {
            return Ok(zero(self.schema, ty));
        }
        match self.schema.node(ty) {
            Node::Any => Ok(value.clone()),
            Node::Scalar(scalar) => self.leaf(value, *scalar, ty),
            Node::List(list) => match value {
                Value::Array(items) => {
                    let mut values = Vec::with_capacity(items.len());
                    for (index, item) in items.iter().enumerate() {
                        let length = self.path.enter_index(index);
                        values.push(self.value(item, list.items)?);
                        self.path.leave(length);
                    }
                    Ok(Value::Array(values))
                }
                other => Err(format!("cannot restore slice from {}", source_kind(other))),
            },
            Node::Map(MapType {
                values: Some(values), ..
            }) => match value {
                Value::Object(entries) => {
                    let entries = entries
                        .iter()
                        .map(|(name, entry)| Ok((name.clone(), self.value(entry, *values)?)));
                    Ok(Value::Object(entries.collect::<Result<_, String>>()?))
                }
                other => Err(format!("cannot restore map from {}", source_kind(other))),
            },
            Node::Map(_) => match value {
                Value::Object(members) => self.members(members, ty),
                other => Err(format!("cannot restore struct from: {}", source_kind(other))),
            },
        }
    }

    fn members(&mut self, members: &Map<String, Value>, ty: TypeId) -> Result<Value, String> {
        let mut values = Map::new();
        for (name, field) in self.schema.members(ty) {
            let Some(member) = members.get(name).filter(|member| !member.is_null()) else {
                continue;
            };
            let length = self.path.enter(name);
            let value = self.value(member, field.ty)?;
            self.path.leave(length);
            values.insert(name.to_owned(), value);
        }
        let Node::Map(map) = self.schema.node(ty) else {
            return Ok(Value::Object(values));
        };
        for name in members.keys().filter(|name| !map.fields.contains_key(*name)) {
            self.findings
                .push(format!("unknown field \"{}\"", self.path.member(name)));
        }
        Ok(Value::Object(values))
    }

    fn leaf(&self, value: &Value, scalar: Scalar, ty: TypeId) -> Result<Value, String> {
        let spelling = self.schema.spelling(ty).unwrap_or_default();
        let document = || Document::from_value(value);
        let kind = match scalar {
            Scalar::Quantity => return leaf::quantity(&document()),
            Scalar::IntOrString => {
                let read = leaf::int_or_string(&document());
                return read
                    .map_err(|what| format!("json: cannot unmarshal {what} into Go value of type int32"));
            }
            Scalar::Untyped if spelling.ends_with("Time") => {
                return match value {
                    Value::String(text) => {
                        leaf::time(text, spelling.ends_with("MicroTime")).map(|()| value.clone())
                    }
                    other => {
                        let word = word(&Document::from_value(other));
                        Err(format!(
                            "json: cannot unmarshal {word} into Go value of type string"
                        ))
                    }
                };
            }
            Scalar::Untyped => return Ok(value.clone()),
            Scalar::String if spelling == "[]uint8" => {
                return match value {
                    Value::String(text) => leaf::base64(text)
                        .map(|()| value.clone())
                        .map_err(|error| format!("error decoding from json: {error}")),
                    other => Err(format!("cannot restore slice from {}", source_kind(other))),
                };
            }
            Scalar::String => "string",
            Scalar::Boolean => "bool",
            Scalar::Integer if spelling == "int32" => "int32",
            Scalar::Integer => "int64",
            Scalar::Number => "float64",
        };
        self.plain(value, scalar, kind, spelling)
    }

    /// QUIRK: an integer too large for its type is cut off and not refused.
    fn plain(&self, value: &Value, scalar: Scalar, kind: &str, spelling: &str) -> Result<Value, String> {
        match (scalar, value) {
            (Scalar::String, Value::String(_)) | (Scalar::Boolean, Value::Bool(_)) => Ok(value.clone()),
            (Scalar::Number, Value::Number(_)) => Ok(value.clone()),
            (Scalar::Integer, Value::Number(number)) => match number.as_i64() {
                Some(whole) if kind == "int32" => Ok(Value::from(whole as i32)),
                Some(_) => Ok(value.clone()),
                None => Err(format!("cannot convert float64 to {spelling}")),
            },
            // Go converts numbers to strings, which this conversion then refuses by its own rule.
            (Scalar::String, Value::Number(_)) => {
                let from = source_kind(value);
                if from == "int64" {
                    Err(format!("cannot convert int64 to {spelling}"))
                } else {
                    Err("unrecognized type: string".to_owned())
                }
            }
            _ => Err(format!("unrecognized type: {kind}")),
        }
    }
}
