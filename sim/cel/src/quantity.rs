//! Quantities: `100m`, `2Gi`.

use manifest::quantity::{MALFORMED, Quantity};

use crate::{
    eval::{Fault, Outcome},
    value::{Opaque, Value},
};

const ONE: i128 = 1_000_000_000;

/// The amount, or what the genuine reader says is wrong with it: the form first, then the suffix.
fn parse(text: &str) -> Result<Quantity, &'static str> {
    Quantity::parse(text).ok_or_else(|| {
        let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
        let suffix = rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        let number = &rest[..rest.len() - suffix.len()];
        let letters = suffix.trim_start_matches(|letter| "eEinumkKMGTP".contains(letter));
        let digits = letters.strip_prefix(['+', '-']).unwrap_or(letters);
        let formed = number.bytes().any(|byte| byte.is_ascii_digit())
            && number.matches('.').count() < 2
            && digits.bytes().all(|digit| digit.is_ascii_digit());
        if formed {
            "unable to parse quantity's suffix"
        } else {
            MALFORMED
        }
    })
}

/// Functions of quantities; `None` if the call is none.
pub(crate) fn call(function: &str, args: &[Value]) -> Option<Outcome> {
    let made = |number: i128| Ok(Value::opaque(Opaque::Quantity(Quantity::billionths(number))));
    match (function, args) {
        ("quantity", [Value::String(text)]) => Some(
            parse(text)
                .map(|own| Value::opaque(Opaque::Quantity(own)))
                .map_err(Fault::from),
        ),
        ("isQuantity", [Value::String(text)]) => Some(Ok(Value::Bool(parse(text).is_ok()))),
        (_, [Value::Opaque(own), rest @ ..]) => {
            let Opaque::Quantity(own) = **own else {
                return None;
            };
            let own = own.nano();
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
                    let Opaque::Quantity(other) = **other else {
                        return None;
                    };
                    let other = other.nano();
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
