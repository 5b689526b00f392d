//! Reading a document into a built-in type, as Go's decoder does for the API server.
//!
//! Members are looked at in the order of the document. What the type does not know is dropped and reported, and so are
//! repeated members; the first value of a wrong type is the error. A type that reads its own JSON (quantities, times)
//! stops the reading, and so its error comes before one of the other sort.
//!
//! QUIRK: a repeated struct or map is read into what the first one left, so their members add up.

use crate::document::{Findings, Path};
use crate::{Document, Map as MapType, Node, Scalar, Schema, TypeId, gotext, leaf};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What a document holds of a type.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The value without what the type does not know, and without nulls.
    pub value: Value,
    /// Findings of strict decoding in the API server's words: `unknown field "spec.foo"`, `duplicate field "data.a"`.
    pub findings: Vec<String>,
}

/// Reads a document into a built-in type. The error is in the words of Go's decoder.
pub fn decode(document: &Document, schema: &Schema, ty: TypeId) -> Result<Decoded, String> {
    let mut decoder = Decoder {
        schema,
        findings: Findings::default(),
        path: Path::default(),
        fields: Vec::new(),
        owner: None,
        error: None,
    };
    let value = decoder.value(document, ty, None)?;
    match decoder.error {
        Some(error) => Err(error),
        None => Ok(Decoded {
            value: value.unwrap_or_default(),
            findings: decoder.findings.into_vec(),
        }),
    }
}

/// How Go prints a type.
pub(crate) fn type_text(schema: &Schema, ty: TypeId) -> String {
    if let Some(spelling) = schema.spelling(ty) {
        return spelling.to_owned();
    }
    match schema.node(ty) {
        Node::List(list) => format!("[]{}", type_text(schema, list.items)),
        Node::Map(MapType {
            values: Some(values), ..
        }) => format!("map[string]{}", type_text(schema, *values)),
        Node::Map(_) | Node::Any => "interface {}".to_owned(),
        Node::Scalar(_) => "string".to_owned(),
    }
}

/// What a type holds where a list or map has `null`.
pub(crate) fn zero(schema: &Schema, ty: TypeId) -> Value {
    match schema.node(ty) {
        Node::Scalar(Scalar::String) => Value::from(""),
        Node::Scalar(Scalar::Integer | Scalar::Number | Scalar::IntOrString) => Value::from(0),
        Node::Scalar(Scalar::Boolean) => Value::from(false),
        Node::Scalar(Scalar::Quantity) => Value::from("0"),
        Node::Map(map) if map.values.is_none() => Value::Object(Map::new()),
        Node::Scalar(Scalar::Untyped) | Node::Map(_) | Node::List(_) | Node::Any => Value::Null,
    }
}

pub(crate) fn word(document: &Document) -> &'static str {
    match document {
        Document::Null => "null",
        Document::Bool(_) => "bool",
        Document::Number(_) => "number",
        Document::String(_) => "string",
        Document::List(_) => "array",
        Document::Map(_) => "object",
    }
}

struct Decoder<'a> {
    schema: &'a Schema,
    findings: Findings,
    path: Path,
    /// Struct members on the way here.
    fields: Vec<&'a str>,
    /// The innermost struct.
    owner: Option<TypeId>,
    error: Option<String>,
}

/// `Err` stops the reading.
type Read = Result<Option<Value>, String>;

impl<'a> Decoder<'a> {
    fn mismatch(&self, what: &str, expected: &str) -> String {
        match self.owner.and_then(|owner| self.schema.spelling(owner)) {
            Some(owner) => {
                let owner = owner.rsplit('.').next().unwrap_or(owner);
                let field = self.fields.join(".");
                format!(
                    "json: cannot unmarshal {what} into Go struct field {owner}.{field} of type {expected}"
                )
            }
            None => format!("json: cannot unmarshal {what} into Go value of type {expected}"),
        }
    }

    /// Notes a value of a wrong type; reading goes on.
    fn wrong(&mut self, what: &str, ty: TypeId) -> Read {
        let text = self.mismatch(what, &type_text(self.schema, ty));
        self.error.get_or_insert(text);
        Ok(None)
    }

    /// `None` is `null` or a value that could not be read. `prior` is what a repeated member left.
    fn value(&mut self, document: &Document, ty: TypeId, prior: Option<Value>) -> Read {
        if *document == Document::Null {
            return Ok(None);
        }
        match self.schema.node(ty) {
            Node::Any => Ok(Some(document.to_value())),
            Node::Scalar(scalar) => self.leaf(document, *scalar, ty),
            Node::List(list) => match document {
                Document::List(items) => self.items(items, list.items).map(Some),
                other => self.wrong(word(other), ty),
            },
            Node::Map(map) => match document {
                Document::Map(members) => {
                    let prior = match prior {
                        Some(Value::Object(prior)) => prior,
                        _ => Map::new(),
                    };
                    match map.values {
                        Some(values) => self.entries(members, values, prior).map(Some),
                        None => self.members(members, map, ty, prior).map(Some),
                    }
                }
                other => self.wrong(word(other), ty),
            },
        }
    }

    fn leaf(&mut self, document: &Document, scalar: Scalar, ty: TypeId) -> Read {
        let spelling = self.schema.spelling(ty).unwrap_or_default();
        match (scalar, document) {
            (Scalar::Quantity, _) => leaf::quantity(document).map(Some),
            (Scalar::IntOrString, _) => leaf::int_or_string(document)
                .map(Some)
                .map_err(|what| self.mismatch(&what, "int32")),
            (Scalar::Untyped, _) if spelling.ends_with("Time") => match document {
                Document::String(text) => {
                    leaf::time(text, spelling.ends_with("MicroTime")).map(|()| Some(document.to_value()))
                }
                other => Err(self.mismatch(word(other), "string")),
            },
            (Scalar::Untyped, _) => Ok(Some(document.to_value())),
            (Scalar::String, Document::String(text)) if spelling == "[]uint8" => {
                if let Err(error) = leaf::base64(text) {
                    self.error.get_or_insert(error);
                }
                Ok(Some(document.to_value()))
            }
            (Scalar::String, Document::String(_)) | (Scalar::Boolean, Document::Bool(_)) => {
                Ok(Some(document.to_value()))
            }
            (Scalar::Integer, Document::Number(literal)) => match leaf::integer(literal, spelling) {
                Some(number) => Ok(Some(Value::from(number))),
                None => self.wrong(&format!("number {literal}"), ty),
            },
            (Scalar::Number, Document::Number(_)) => Ok(Some(document.to_value())),
            (_, other) => self.wrong(word(other), ty),
        }
    }

    fn items(&mut self, items: &[Document], ty: TypeId) -> Result<Value, String> {
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let length = self.path.enter_index(index);
            let value = self.value(item, ty, None)?;
            self.path.leave(length);
            values.push(value.unwrap_or_else(|| zero(self.schema, ty)));
        }
        Ok(Value::Array(values))
    }

    fn entries(
        &mut self,
        entries: &[(String, Document)],
        ty: TypeId,
        mut values: Map<String, Value>,
    ) -> Result<Value, String> {
        let mut seen = BTreeSet::new();
        for (name, entry) in entries {
            if !seen.insert(name) {
                self.findings.duplicate(&self.path, name);
            }
            let length = self.path.enter(name);
            let value = self.value(entry, ty, None)?;
            self.path.leave(length);
            values.insert(name.clone(), value.unwrap_or_else(|| zero(self.schema, ty)));
        }
        Ok(Value::Object(values))
    }

    fn members(
        &mut self,
        members: &[(String, Document)],
        map: &'a MapType,
        ty: TypeId,
        mut values: Map<String, Value>,
    ) -> Result<Value, String> {
        let mut seen = BTreeSet::new();
        let outer = self.owner;
        for (name, member) in members {
            let Some((known, field)) = map.fields.get_key_value(name) else {
                self.findings.unknown(&self.path, name);
                continue;
            };
            if !seen.insert(name) {
                self.findings.duplicate(&self.path, name);
            }
            self.owner = Some(ty);
            self.fields.push(known);
            let length = self.path.enter(name);
            let value = self.value(member, field.ty, values.remove(name))?;
            self.path.leave(length);
            self.fields.pop();
            if let Some(value) = value {
                values.insert(name.clone(), value);
            }
        }
        self.owner = outer;
        Ok(Value::Object(values))
    }
}

/// Strict-decoding findings of a value, in the API server's words and order; what they name is dropped. For built-in
/// kinds this is [`decode`] on members by name, for custom resources it is [`crate::prune`]. Values of wrong types are
/// left as they are.
pub fn unknown_fields(schema: &Schema, ty: TypeId, value: &mut Value) -> Vec<String> {
    if schema.spelling(ty).is_none() {
        return crate::prune(schema, ty, value).unwrap_or_default();
    }
    match decode(&Document::from_value(value), schema, ty) {
        Ok(decoded) => {
            *value = decoded.value;
            decoded.findings
        }
        Err(_) => Vec::new(),
    }
}

/// A value as the API server writes a built-in type: members in the order of declaration.
pub fn in_order(value: &Value, schema: &Schema, ty: TypeId) -> Document {
    match (value, schema.node(ty)) {
        (Value::Array(items), Node::List(list)) => Document::List(
            items
                .iter()
                .map(|item| in_order(item, schema, list.items))
                .collect(),
        ),
        (
            Value::Object(entries),
            Node::Map(MapType {
                values: Some(values), ..
            }),
        ) => Document::Map(
            entries
                .iter()
                .map(|(name, entry)| (name.clone(), in_order(entry, schema, *values)))
                .collect(),
        ),
        (Value::Object(members), Node::Map(map)) => {
            let known = schema.members(ty);
            let mut ordered = Vec::with_capacity(members.len());
            for (name, field) in known {
                if let Some(member) = members.get(name) {
                    ordered.push((name.to_owned(), in_order(member, schema, field.ty)));
                }
            }
            for (name, member) in members.iter().filter(|(name, _)| !map.fields.contains_key(*name)) {
                ordered.push((name.clone(), Document::from_value(member)));
            }
            Document::Map(ordered)
        }
        (value, _) => Document::from_value(value),
    }
}

/// Quotes a text as Go's `%q` does.
pub fn quote(text: &str) -> String {
    gotext::quote(text)
}

#[cfg(test)]
mod tests;
