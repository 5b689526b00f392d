//! Types and kinds.

use crate::{
    function::Type::{Any, Text},
    limits::MAX_DEPTH,
    value::Value,
};

use super::{Row, any, bytes};

pub(crate) const TABLE: &[Row] = &[
    ("typeOf", &[Any], false, |_, args| {
        Ok(any(args, 0).type_name().into())
    }),
    ("typeIs", &[Text, Any], false, |_, args| {
        Ok((bytes(args, 0) == any(args, 1).type_name().as_bytes()).into())
    }),
    ("typeIsLike", &[Text, Any], false, |_, args| {
        let (wanted, name) = (bytes(args, 0), any(args, 1).type_name().as_bytes());
        Ok((wanted == name || name.strip_prefix(b"*") == Some(wanted)).into())
    }),
    ("kindOf", &[Any], false, |_, args| {
        Ok(any(args, 0).kind_name().into())
    }),
    ("kindIs", &[Text, Any], false, |_, args| {
        Ok((bytes(args, 0) == any(args, 1).kind_name().as_bytes()).into())
    }),
    ("deepEqual", &[Any, Any], false, |_, args| {
        Ok(deep_equal(any(args, 0), any(args, 1)).into())
    }),
];

/// `reflect.DeepEqual`
pub(crate) fn deep_equal(left: &Value, right: &Value) -> bool {
    equal(left, right, 0)
}

fn equal(left: &Value, right: &Value, depth: usize) -> bool {
    if depth > MAX_DEPTH || left.type_name() != right.type_name() {
        return false;
    }
    match (left, right) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Text(a) | Value::Bytes(a), Value::Text(b) | Value::Bytes(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.nil == b.nil
                && a.items().len() == b.items().len()
                && a.items()
                    .iter()
                    .zip(b.items())
                    .all(|(a, b)| equal(a, b, depth + 1))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.is(b)
                || (a.len() == b.len()
                    && a.snapshot()
                        .iter()
                        .all(|(key, value)| b.get(key).is_some_and(|other| equal(value, &other, depth + 1))))
        }
        (Value::Object(a), Value::Object(b)) => match (a.shown(), b.shown()) {
            (Some(a), Some(b)) => a == b,
            _ => a
                .fields()
                .iter()
                .zip(&b.fields())
                .all(|((_, a), (_, b))| equal(a, b, depth + 1)),
        },
        (Value::Function(_), _) => false,
        _ => left.as_int() == right.as_int(),
    }
}
