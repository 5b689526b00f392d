//! Quantities: `100m`, `2Gi`.

use crate::{
    eval::{Fault, Outcome},
    value::{Opaque, Value},
};

/// A number, in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i128);

const ONE: i128 = 1_000_000_000;
const FORM: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/// How much a suffix stands for, in billionths.
fn scale(suffix: &str) -> Option<i128> {
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    if let Some(at) = binary.iter().position(|own| *own == suffix) {
        return 1024_i128
            .checked_pow(u32::try_from(at).ok()? + 1)?
            .checked_mul(ONE);
    }
    let exponent = match suffix {
        "n" => -9,
        "u" => -6,
        "m" => -3,
        "" => 0,
        "k" => 3,
        "M" => 6,
        "G" => 9,
        "T" => 12,
        "P" => 15,
        "E" => 18,
        other => other
            .strip_prefix(['e', 'E'])
            .filter(|digits| !digits.is_empty())?
            .parse::<i32>()
            .ok()?,
    };
    10_i128.checked_pow(u32::try_from(exponent + 9).ok()?)
}

fn parse(text: &str) -> Result<Quantity, &'static str> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = rest
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(rest.len());
    let (number, suffix) = rest.split_at(end);
    let letters = suffix.trim_start_matches(|letter| "eEinumkKMGTP".contains(letter));
    let digits = letters.strip_prefix(['+', '-']).unwrap_or(letters);
    if text.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(FORM);
    }
    let scale = scale(suffix).ok_or("unable to parse quantity's suffix")?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let numeric = "unable to parse numeric part of quantity";
    if number.is_empty() || part.contains('.') || whole.is_empty() && part.is_empty() {
        return Err(FORM);
    }
    let read = |digits: &str| {
        if digits.is_empty() {
            Ok(0)
        } else {
            digits.parse::<i128>().map_err(|_| numeric)
        }
    };
    let part: String = part.chars().take(18).collect();
    let ten = 10_i128.pow(u32::try_from(part.len()).unwrap_or(0));
    let fraction = read(&part)?.saturating_mul(scale);
    // What is smaller than a billionth is rounded up.
    let fraction = fraction / ten + i128::from(fraction % ten != 0);
    let sum = read(whole)?.saturating_mul(scale).saturating_add(fraction);
    Ok(Quantity(if negative { -sum } else { sum }))
}

/// Functions of quantities; `None` if the call is none.
pub(crate) fn call(function: &str, args: &[Value]) -> Option<Outcome> {
    let made = |number: i128| Ok(Value::opaque(Opaque::Quantity(Quantity(number))));
    match (function, args) {
        ("quantity", [Value::String(text)]) => Some(
            parse(text)
                .map(|own| Value::opaque(Opaque::Quantity(own)))
                .map_err(Fault::from),
        ),
        ("isQuantity", [Value::String(text)]) => Some(Ok(Value::Bool(parse(text).is_ok()))),
        (_, [Value::Opaque(own), rest @ ..]) => {
            let Opaque::Quantity(Quantity(own)) = **own else {
                return None;
            };
            match rest {
                [] => alone(function, own),
                [Value::Int(other)] => {
                    let other = i128::from(*other) * ONE;
                    match function {
                        "add" => Some(made(own + other)),
                        "sub" => Some(made(own - other)),
                        _ => None,
                    }
                }
                [Value::Opaque(other)] => {
                    let Opaque::Quantity(Quantity(other)) = **other else {
                        return None;
                    };
                    Some(match function {
                        "add" => made(own + other),
                        "sub" => made(own - other),
                        "isGreaterThan" => Ok(Value::Bool(own > other)),
                        "isLessThan" => Ok(Value::Bool(own < other)),
                        "compareTo" => Ok(Value::Int(own.cmp(&other) as i64)),
                        _ => return None,
                    })
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn alone(function: &str, own: i128) -> Option<Outcome> {
    let whole = (own % ONE == 0).then(|| i64::try_from(own / ONE).ok()).flatten();
    Some(match function {
        "sign" => Ok(Value::Int(own.signum() as i64)),
        "isInteger" => Ok(Value::Bool(whole.is_some())),
        "asInteger" => whole
            .map(Value::Int)
            .ok_or_else(|| "cannot convert value to integer".into()),
        "asApproximateFloat" => Ok(Value::Double(own as f64 / ONE as f64)),
        _ => return None,
    })
}
