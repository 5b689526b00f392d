//! What the genuine server's decoder says of a value of the wrong type.

use serde_json::Value;

use super::{Ty, of, shape};
use manifest::quantity;

use crate::kinds::{Kind, time};

/// The decoder's first complaint about an object of this kind, in its words; `None` if all types fit.
pub fn mismatch(kind: &Kind, object: &Value) -> Option<String> {
    let index = of(kind)?;
    let mut search = Search {
        path: Vec::new(),
        owner: kind.kind,
    };
    search.check(&Ty::Struct(index), object)
}

struct Search {
    path: Vec<&'static str>,
    owner: &'static str,
}

impl Search {
    fn check(&mut self, ty: &Ty, value: &Value) -> Option<String> {
        if value.is_null() {
            return None;
        }
        match (ty.plain(), value) {
            (Ty::Struct(index), Value::Object(map)) => {
                let shape = shape(*index);
                // QUIRK: the decoder walks the document; our members are sorted by name.
                for (name, member) in map {
                    let Some(known) = shape.members.iter().find(|m| m.name == name) else {
                        continue;
                    };
                    let outer = self.owner;
                    self.owner = shape.name.rsplit('.').next().unwrap_or_default();
                    self.path.push(known.name);
                    let found = self.check(&known.ty, member);
                    self.path.pop();
                    self.owner = outer;
                    if found.is_some() {
                        return found;
                    }
                }
                None
            }
            (Ty::List(item), Value::Array(items)) => items.iter().find_map(|v| self.check(item, v)),
            (Ty::Map(item), Value::Object(map)) => map.values().find_map(|v| self.check(item, v)),
            (Ty::Quantity, v) => quantity::Quantity::of(v)
                .is_none()
                .then(|| quantity::MALFORMED.to_owned()),
            (Ty::IntOrString, Value::String(_) | Value::Number(_)) | (Ty::Raw | Ty::SchemaOr, _) => None,
            (Ty::Bytes, Value::String(text)) => {
                bad_base64(text).map(|i| format!("illegal base64 data at input byte {i}"))
            }
            (Ty::Time, Value::String(text)) if time::seconds(text).is_none() => Some(format!(
                "parsing time {text} as \"2006-01-02T15:04:05Z07:00\": cannot parse {text} as \"2006\"",
                text = quote(text)
            )),
            (Ty::String | Ty::Time | Ty::MicroTime, Value::String(_)) => None,
            (Ty::Bool, Value::Bool(_)) | (Ty::Float, Value::Number(_)) => None,
            (Ty::Int32, Value::Number(n)) => self.integer(ty, n, i64::from(i32::MIN), i64::from(i32::MAX)),
            (Ty::Int64, Value::Number(n)) => self.integer(ty, n, i64::MIN, i64::MAX),
            _ => Some(self.complain(ty, word(value))),
        }
    }

    fn integer(&self, ty: &Ty, number: &serde_json::Number, min: i64, max: i64) -> Option<String> {
        match number.as_i64() {
            Some(n) if (min..=max).contains(&n) => None,
            _ => Some(self.complain(ty, &format!("number {number}"))),
        }
    }

    fn complain(&self, ty: &Ty, what: &str) -> String {
        let path = self.path.join(".");
        format!(
            "json: cannot unmarshal {what} into Go struct field {}.{path} of type {}",
            self.owner,
            go_name(ty)
        )
    }
}

fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

/// Where a text stops to be base64: at a character that has no place there, or at the start of a group that is not
/// complete.
fn bad_base64(text: &str) -> Option<usize> {
    let bytes: Vec<(usize, u8)> = text
        .bytes()
        .enumerate()
        .filter(|(_, b)| !b"\r\n".contains(b))
        .collect();
    let padding = bytes.iter().rev().take_while(|(_, b)| *b == b'=').count().min(2);
    let body = &bytes[..bytes.len() - padding];
    if let Some((i, _)) = body
        .iter()
        .find(|(_, b)| !b.is_ascii_alphanumeric() && !b"+/".contains(b))
    {
        return Some(*i);
    }
    let rest = body.len() % 4;
    let wanted = [0, 3, 2, 1][rest];
    if rest == 1 || padding != wanted {
        return Some(bytes.get(body.len() - rest).map_or(text.len(), |(i, _)| *i));
    }
    None
}

fn word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn go_name(ty: &Ty) -> String {
    match ty {
        Ty::Named(name, _) => (*name).to_owned(),
        Ty::String | Ty::Quantity | Ty::IntOrString | Ty::Raw | Ty::SchemaOr => "string".to_owned(),
        Ty::Time | Ty::MicroTime => "string".to_owned(),
        Ty::Bool => "bool".to_owned(),
        Ty::Int32 => "int32".to_owned(),
        Ty::Int64 => "int64".to_owned(),
        Ty::Float => "float64".to_owned(),
        Ty::Bytes => "[]uint8".to_owned(),
        Ty::List(item) => format!("[]{}", go_name(item)),
        Ty::Map(item) => format!("map[string]{}", go_name(item)),
        Ty::Struct(index) => {
            let name = shape(*index).name;
            name.rsplit('/').next().unwrap_or(name).to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::mismatch;
    use crate::kinds::find;

    #[test]
    fn complaints() {
        let deployment = json!({"spec": {"replicas": "x"}});
        let found = find("apps", "v1", "deployments").and_then(|kind| mismatch(kind, &deployment));
        let text =
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32";
        assert_eq!(found.as_deref(), Some(text));
        let secret = json!({"data": {"a": "1"}});
        let found = find("", "v1", "secrets").and_then(|kind| mismatch(kind, &secret));
        assert_eq!(found.as_deref(), Some("illegal base64 data at input byte 0"));
    }
}
