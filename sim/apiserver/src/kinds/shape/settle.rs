//! What remains of a value that the genuine server decodes into its type and encodes again.

use serde_json::{Map, Value};

use super::{Member, Ty, by_name, shape};
use manifest::quantity::Quantity;

use crate::kinds::time;

/// Brings an object of this shape into the form in which the server prints it: unknown and empty members go,
/// members that are always printed come, quantities and times get their canonical form.
pub(in crate::kinds) fn settle(index: usize, object: &mut Value) {
    let Value::Object(map) = object else { return };
    let known = shape(index);
    map.retain(|name, _| known.has(name));
    for member in &known.members {
        // QUIRK: `managedFields: []` means a reset and must be told from an absent one.
        if member.name != "managedFields" {
            settle_member(member, map);
        }
    }
}

fn settle_member(member: &Member, map: &mut Map<String, Value>) {
    let always = if member.pointer {
        !member.omit_empty
    } else {
        !member.omit_zero && (!member.omit_empty || is_struct(&member.ty))
    };
    let zeroed = match map.get_mut(member.name) {
        Some(value) if !value.is_null() => {
            settle_value(&member.ty, value);
            if member.pointer || always || !is_zero(&member.ty, value) {
                return;
            }
            false
        }
        Some(_) => always,
        None if always => true,
        None => return,
    };
    if !zeroed {
        map.remove(member.name);
        return;
    }
    let mut value = if member.pointer {
        Value::Null
    } else {
        zero(&member.ty)
    };
    settle_value(&member.ty, &mut value);
    map.insert(member.name.to_owned(), value);
}

/// What storing makes of a settled object: an empty list or map that is always printed comes back as null.
pub(in crate::kinds) fn store(index: usize, object: &mut Value) {
    let Value::Object(map) = object else { return };
    for member in &shape(index).members {
        let Some(value) = map.get_mut(member.name) else {
            continue;
        };
        let always = !member.pointer && !member.omit_empty && !member.omit_zero;
        if always && is_empty(&member.ty, value) {
            *value = Value::Null;
        }
        store_value(&member.ty, value);
    }
}

fn is_empty(ty: &Ty, value: &Value) -> bool {
    match (ty.plain(), value) {
        (Ty::List(_), Value::Array(items)) => items.is_empty(),
        (Ty::Map(_), Value::Object(members)) => members.is_empty(),
        _ => false,
    }
}

fn store_value(ty: &Ty, value: &mut Value) {
    match (ty.plain(), value) {
        (Ty::Struct(index), value) => store(*index, value),
        (Ty::List(item), Value::Array(items)) => {
            items.iter_mut().for_each(|v| store_value(item, v));
        }
        (Ty::Map(item), Value::Object(members)) => {
            members.values_mut().for_each(|v| store_value(item, v));
        }
        _ => {}
    }
}

/// What `omitempty` never drops.
fn is_struct(ty: &Ty) -> bool {
    matches!(
        ty.plain(),
        Ty::Struct(_) | Ty::IntOrString | Ty::Quantity | Ty::Time | Ty::MicroTime
    )
}

fn settle_value(ty: &Ty, value: &mut Value) {
    match (ty.plain(), &mut *value) {
        (Ty::Struct(index), Value::Object(_)) => settle(*index, value),
        (Ty::List(item), Value::Array(items)) => {
            for v in items {
                settle_item(item, v);
            }
        }
        (Ty::Map(item), Value::Object(members)) => {
            for v in members.values_mut() {
                settle_item(item, v);
            }
        }
        (Ty::Quantity, v) => {
            if let Some(quantity) = Quantity::of(v) {
                *v = Value::from(quantity.to_string());
            }
        }
        (Ty::Time, Value::String(text)) => {
            if let Some(canonical) = time::seconds(text) {
                *text = canonical;
            }
        }
        (Ty::MicroTime, Value::String(text)) => {
            if let Some(canonical) = time::micros(text) {
                *text = canonical;
            }
        }
        (Ty::SchemaOr, Value::Object(_)) => {
            if let Some(index) = by_name("apiextensions/v1.JSONSchemaProps") {
                settle(index, value);
            }
        }
        (Ty::SchemaOr, Value::Array(items)) => {
            for v in items {
                settle_value(&Ty::SchemaOr, v);
            }
        }
        _ => {}
    }
}

fn settle_item(ty: &Ty, value: &mut Value) {
    if value.is_null() {
        *value = zero(ty);
    }
    settle_value(ty, value);
}

fn zero(ty: &Ty) -> Value {
    match ty.plain() {
        Ty::String | Ty::Bytes => Value::from(""),
        Ty::Bool => Value::from(false),
        Ty::Int32 | Ty::Int64 | Ty::Float | Ty::IntOrString => Value::from(0),
        Ty::Quantity => Value::from("0"),
        Ty::Struct(_) => Value::Object(Map::new()),
        _ => Value::Null,
    }
}

fn is_zero(ty: &Ty, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(b) => !b,
        Value::Number(n) => n.as_f64() == Some(0.0) && !matches!(ty.plain(), Ty::Raw),
        Value::String(s) => s.is_empty() && !matches!(ty.plain(), Ty::Raw),
        Value::Array(items) => items.is_empty() && !matches!(ty.plain(), Ty::Raw),
        Value::Object(map) => map.is_empty() && !matches!(ty.plain(), Ty::Raw),
    }
}
