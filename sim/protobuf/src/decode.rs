//! From messages to JSON.

use base64::Engine as _;
use serde_json::{Map, Value, json};

use crate::{
    Error, limits,
    messages::{Member, Message, Messages, Shape, Type, table},
    special,
    wire::{Members, Raw},
};

/// Reads a `runtime.Unknown`.
pub(crate) fn unknown(bytes: &[u8]) -> Result<Value, Error> {
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    let mut members = Members(bytes);
    while let Some((number, value)) = members.next()? {
        match (number, value) {
            (1, Raw::Bytes(meta)) => {
                let mut meta = Members(meta);
                while let Some((number, value)) = meta.next()? {
                    match (number, value) {
                        (1, Raw::Bytes(text)) => api_version = string(text),
                        (2, Raw::Bytes(text)) => kind = string(text),
                        _ => {}
                    }
                }
            }
            (2, Raw::Bytes(bytes)) => raw = bytes,
            (3, Raw::Bytes(encoding)) if !encoding.is_empty() => {
                return Err(Error::Encoding(string(encoding)));
            }
            _ => {}
        }
    }
    let table = table();
    let Some(message) = table.kind(&api_version, &kind) else {
        return Err(Error::Kind { api_version, kind });
    };
    let mut reader = Reader { table, values: 0 };
    let mut object = Map::new();
    object.insert("kind".to_owned(), kind.into());
    object.insert("apiVersion".to_owned(), api_version.into());
    reader.fill(message, raw, &mut object, 0)?;
    Ok(Value::Object(object))
}

fn string(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) struct Reader {
    table: &'static Messages,
    /// How many values were read.
    values: usize,
}

impl Reader {
    fn count(&mut self) -> Result<(), Error> {
        self.values += 1;
        if self.values > limits::VALUES {
            return Err(Error::Limit);
        }
        Ok(())
    }

    /// A message as a value.
    pub(crate) fn message(&mut self, message: usize, bytes: &[u8], depth: usize) -> Result<Value, Error> {
        if depth > limits::DEPTH {
            return Err(Error::Limit);
        }
        let table = self.table;
        let known = table.all.get(message).ok_or(Error::Limit)?;
        if let Some(value) = special::read(self, known, bytes, depth)? {
            return Ok(value);
        }
        if known.list {
            let mut items = Vec::new();
            let mut members = Members(bytes);
            while let Some((_, raw)) = members.next()? {
                if let Some(member) = known.members.first() {
                    items.push(self.value(member, raw, depth)?);
                }
            }
            return Ok(Value::Array(items));
        }
        let mut object = Map::new();
        self.fill(message, bytes, &mut object, depth)?;
        Ok(Value::Object(object))
    }

    /// Reads the members of a message into an object.
    fn fill(
        &mut self,
        message: usize,
        bytes: &[u8],
        object: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), Error> {
        if depth > limits::DEPTH {
            return Err(Error::Limit);
        }
        let table = self.table;
        let Message { members: known, .. } = table.all.get(message).ok_or(Error::Limit)?;
        for member in known.iter().filter(|member| member.required && !member.pointer) {
            if let Some(zero) = zero(member) {
                self.count()?;
                object.insert(member.name.to_owned(), zero);
            }
        }
        let mut members = Members(bytes);
        while let Some((number, raw)) = members.next()? {
            // Later versions may have members that this one does not know: Go skips them too.
            let Some(member) = known.iter().find(|member| member.number == number) else {
                continue;
            };
            self.count()?;
            self.member(member, raw, object, depth)?;
        }
        Ok(())
    }

    fn member(
        &mut self,
        member: &Member,
        raw: Raw<'_>,
        object: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), Error> {
        match member.shape {
            Shape::One if member.inline => {
                let (Type::Message(message), Raw::Bytes(bytes)) = (member.ty, raw) else {
                    return Err(wrong(member, raw));
                };
                self.fill(message, bytes, object, depth + 1)
            }
            Shape::One => {
                let value = self.value(member, raw, depth)?;
                let keep = match member.ty {
                    Type::Message(_) => !(member.omit_zero && is_nothing(&value)),
                    _ => member.pointer || member.required || !is_zero(&value),
                };
                if keep {
                    object.insert(member.name.to_owned(), value);
                }
                Ok(())
            }
            Shape::List => {
                // Packed scalars are not what Kubernetes writes, but any reader must take them.
                if let (Type::Integer | Type::Bool, Raw::Bytes(bytes)) = (member.ty, raw) {
                    return self.packed(member, bytes, object);
                }
                let value = self.value(member, raw, depth)?;
                list(object, member.name).push(value);
                Ok(())
            }
            Shape::Map => {
                let Raw::Bytes(bytes) = raw else {
                    return Err(wrong(member, raw));
                };
                let (key, value) = self.entry(member, bytes, depth)?;
                let entry = object
                    .entry(member.name)
                    .or_insert_with(|| Value::Object(Map::new()));
                if let Some(entries) = entry.as_object_mut() {
                    entries.insert(key, value);
                }
                Ok(())
            }
        }
    }

    fn packed(
        &mut self,
        member: &Member,
        bytes: &[u8],
        object: &mut Map<String, Value>,
    ) -> Result<(), Error> {
        // A packed list is varints without keys: a key of its own makes each a member again.
        let mut rest = bytes;
        while !rest.is_empty() {
            self.count()?;
            let end = rest
                .iter()
                .position(|byte| byte & 0x80 == 0)
                .ok_or(Error::Short)?;
            let mut one = vec![0x08];
            one.extend_from_slice(&rest[..=end]);
            let mut members = Members(&one);
            if let Some((_, raw)) = members.next()? {
                let value = self.value(member, raw, 0)?;
                list(object, member.name).push(value);
            }
            rest = &rest[end + 1..];
        }
        Ok(())
    }

    fn entry(&mut self, member: &Member, bytes: &[u8], depth: usize) -> Result<(String, Value), Error> {
        let mut key = String::new();
        let mut value = None;
        let mut members = Members(bytes);
        while let Some((number, raw)) = members.next()? {
            match (number, raw) {
                (1, Raw::Bytes(text)) => key = string(text),
                (2, raw) => value = Some(self.value(member, raw, depth)?),
                _ => {}
            }
        }
        let value = match (value, member.ty) {
            (Some(value), _) => value,
            (None, Type::Message(message)) => self.message(message, &[], depth + 1)?,
            (None, _) => zero(&Member {
                shape: Shape::One,
                ..member.clone()
            })
            .unwrap_or(Value::Null),
        };
        Ok((key, value))
    }

    fn value(&mut self, member: &Member, raw: Raw<'_>, depth: usize) -> Result<Value, Error> {
        Ok(match (member.ty, raw) {
            (Type::String, Raw::Bytes(bytes)) => string(bytes).into(),
            (Type::Bytes, Raw::Bytes(bytes)) => {
                base64::engine::general_purpose::STANDARD.encode(bytes).into()
            }
            (Type::Bool, Raw::Varint(number)) => (number != 0).into(),
            (Type::Integer, Raw::Varint(number)) => number.cast_signed().into(),
            (Type::Double, Raw::Fixed64(bits)) => double(f64::from_bits(bits)),
            (Type::Message(message), Raw::Bytes(bytes)) => self.message(message, bytes, depth + 1)?,
            (_, raw) => return Err(wrong(member, raw)),
        })
    }
}

/// Go writes whole doubles without a fraction.
fn double(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return serde_json::from_str(&format!("{number}")).unwrap_or(Value::Null);
    }
    number.into()
}

fn list<'a>(object: &'a mut Map<String, Value>, name: &str) -> &'a mut Vec<Value> {
    let entry = object.entry(name).or_insert_with(|| json!([]));
    if !entry.is_array() {
        *entry = json!([]);
    }
    match entry {
        Value::Array(items) => items,
        _ => unreachable!("it was made a list"),
    }
}

fn wrong(member: &Member, raw: Raw<'_>) -> Error {
    Error::WireType {
        field: member.name.to_owned(),
        wire: raw.wire(),
    }
}

/// What stands for a scalar that was not sent.
fn zero(member: &Member) -> Option<Value> {
    match (member.shape, member.ty) {
        (Shape::One, Type::String) => Some("".into()),
        (Shape::One, Type::Bool) => Some(false.into()),
        (Shape::One, Type::Integer | Type::Double) => Some(0.into()),
        _ => None,
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        _ => false,
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}
