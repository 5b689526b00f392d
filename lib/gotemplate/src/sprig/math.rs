//! Numbers.

use crate::{
    error::Error,
    function::Type::{Any, Float, Int},
    limits::MAX_ELEMENTS,
    number::parse_int,
    value::{INTS, List, Value},
};

use super::{
    Result, Row, any,
    cast::{to_float, to_int},
    decimal::{Decimal, Operation},
    int, rest,
};

pub(crate) const TABLE: &[Row] = &[
    ("int", &[Any], false, |_, args| {
        Ok(Value::Int(to_int(any(args, 0))))
    }),
    ("int64", &[Any], false, |_, args| Ok(number(any(args, 0)))),
    ("float64", &[Any], false, |_, args| {
        Ok(to_float(any(args, 0)).into())
    }),
    ("toDecimal", &[Any], false, |_, args| {
        let text = crate::format::shown(any(args, 0));
        Ok(Value::Int64(parse_int(&text, 8).unwrap_or_default()))
    }),
    ("add1", &[Any], false, |_, args| {
        Ok(Value::Int64(to_int(any(args, 0)).wrapping_add(1)))
    }),
    ("add", &[Any], true, |_, args| {
        Ok(fold(0, args, i64::wrapping_add))
    }),
    ("sub", &[Any, Any], false, |_, args| {
        Ok(fold(to_int(any(args, 0)), rest(args, 1), i64::wrapping_sub))
    }),
    ("mul", &[Any, Any], true, |_, args| {
        Ok(fold(to_int(any(args, 0)), rest(args, 1), i64::wrapping_mul))
    }),
    ("div", &[Any, Any], false, |_, args| {
        divided(args, i64::wrapping_div)
    }),
    ("mod", &[Any, Any], false, |_, args| {
        divided(args, i64::wrapping_rem)
    }),
    ("max", &[Any, Any], true, |_, args| {
        Ok(fold(to_int(any(args, 0)), rest(args, 1), i64::max))
    }),
    ("biggest", &[Any, Any], true, |_, args| {
        Ok(fold(to_int(any(args, 0)), rest(args, 1), i64::max))
    }),
    ("min", &[Any, Any], true, |_, args| {
        Ok(fold(to_int(any(args, 0)), rest(args, 1), i64::min))
    }),
    ("maxf", &[Any, Any], true, |_, args| {
        Ok(fold_float(args, f64::max))
    }),
    ("minf", &[Any, Any], true, |_, args| {
        Ok(fold_float(args, f64::min))
    }),
    ("add1f", &[Any], false, |_, args| {
        exact(to_float(any(args, 0)), &[Value::Int(1)], Operation::Add)
    }),
    ("addf", &[Any], true, |_, args| exact(0.0, args, Operation::Add)),
    ("subf", &[Any, Any], true, |_, args| {
        exact(to_float(any(args, 0)), rest(args, 1), Operation::Subtract)
    }),
    ("mulf", &[Any, Any], true, |_, args| {
        exact(to_float(any(args, 0)), rest(args, 1), Operation::Multiply)
    }),
    ("divf", &[Any, Any], true, |_, args| {
        exact(to_float(any(args, 0)), rest(args, 1), Operation::Divide)
    }),
    ("ceil", &[Any], false, |_, args| {
        Ok(to_float(any(args, 0)).ceil().into())
    }),
    ("floor", &[Any], false, |_, args| {
        Ok(to_float(any(args, 0)).floor().into())
    }),
    (
        "round",
        &[Any, Int, Float],
        true,
        |_, args| Ok(round(args).into()),
    ),
    ("until", &[Int], false, |_, args| {
        let count = int(args, 0);
        steps(0, count, if count < 0 { -1 } else { 1 }).map(ints)
    }),
    ("untilStep", &[Int, Int, Int], false, |_, args| {
        steps(int(args, 0), int(args, 1), int(args, 2)).map(ints)
    }),
    ("seq", &[Int], true, |_, args| seq(args)),
];

fn number(value: &Value) -> Value {
    Value::Int64(to_int(value))
}

fn fold(start: i64, rest: &[Value], operation: fn(i64, i64) -> i64) -> Value {
    Value::Int64(
        rest.iter()
            .fold(start, |sum, value| operation(sum, to_int(value))),
    )
}

fn fold_float(args: &[Value], operation: fn(f64, f64) -> f64) -> Value {
    let mut floats = args.iter().map(to_float);
    let first = floats.next().unwrap_or_default();
    floats
        .fold(first, |found, value| {
            if value.is_nan() {
                value
            } else {
                operation(found, value)
            }
        })
        .into()
}

fn divided(args: &[Value], operation: fn(i64, i64) -> i64) -> Result {
    let divisor = to_int(any(args, 1));
    if divisor == 0 {
        return Err(Error::new("runtime error: integer divide by zero"));
    }
    Ok(Value::Int64(operation(to_int(any(args, 0)), divisor)))
}

/// Decimal arithmetic, and a float at the end.
fn exact(start: f64, rest: &[Value], operation: Operation) -> Result {
    let mut value = Decimal::from_float(start)?;
    for other in rest {
        value = value.apply(operation, &Decimal::from_float(to_float(other))?)?;
    }
    Ok(value.to_float().into())
}

#[expect(clippy::cast_precision_loss, reason = "Go's conversion")]
fn round(args: &[Value]) -> f64 {
    let on = args.get(2).map_or(0.5, to_float);
    let power = 10_f64.powf(int(args, 1) as f64);
    let digit = power * to_float(any(args, 0));
    let rounded = if digit.fract() >= on {
        digit.ceil()
    } else {
        digit.floor()
    };
    rounded / power
}

fn steps(start: i64, stop: i64, step: i64) -> std::result::Result<Vec<i64>, Error> {
    let mut out = Vec::new();
    let rises = stop >= start;
    if step == 0 || rises != (step > 0) {
        return Ok(out);
    }
    let mut at = start;
    while if rises { at < stop } else { at > stop } {
        if out.len() >= MAX_ELEMENTS {
            return Err(Error::new(format!(
                "list is too long (max {MAX_ELEMENTS} elements)"
            )));
        }
        out.push(at);
        at = match at.checked_add(step) {
            Some(next) => next,
            None => break,
        };
    }
    Ok(out)
}

fn ints(numbers: Vec<i64>) -> Value {
    Value::List(List::new(&INTS, numbers.into_iter().map(Value::Int).collect()))
}

fn seq(args: &[Value]) -> Result {
    let numbers: Vec<i64> = args.iter().filter_map(Value::as_int).collect();
    let (start, step, end) = match numbers.as_slice() {
        [end] => (1, None, *end),
        [start, end] => (*start, None, *end),
        [start, step, end] => (*start, Some(*step), *end),
        _ => return Ok("".into()),
    };
    let direction = if end < start { -1 } else { 1 };
    if end < start && step.is_some_and(|step| step > 0) {
        return Ok("".into());
    }
    let numbers = steps(start, end.saturating_add(direction), step.unwrap_or(direction))?;
    let shown: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    Ok(shown.join(" ").into())
}
