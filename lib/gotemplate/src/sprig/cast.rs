//! Numbers out of anything, as spf13/cast makes them; what is no number is zero.

use crate::{
    number::{parse_float, parse_int},
    value::Value,
};

pub(crate) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Bool(it) => i64::from(*it),
        Value::Float(it) => truncate(*it),
        Value::Text(text) => {
            let text = String::from_utf8_lossy(text);
            parse_int(without_zero_decimals(&text), 0).unwrap_or_default()
        }
        _ => value.as_int().unwrap_or_default(),
    }
}

/// Go's conversion on the machines that matter: what does not fit is the smallest integer.
#[expect(clippy::cast_possible_truncation, reason = "bounds are checked")]
fn truncate(float: f64) -> i64 {
    if float.is_nan() || !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&float) {
        return i64::MIN;
    }
    float as i64
}

/// `10.00` counts as `10`.
fn without_zero_decimals(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => text,
    }
}

#[expect(clippy::cast_precision_loss, reason = "Go's conversion")]
pub(crate) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Float(it) => *it,
        Value::Bool(it) => f64::from(u8::from(*it)),
        Value::Text(text) => parse_float(&String::from_utf8_lossy(text)).unwrap_or_default(),
        _ => value.as_int().unwrap_or_default() as f64,
    }
}
