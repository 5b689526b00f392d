//! Spans and points of time.

use jiff::{SignedDuration, Timestamp, tz::Offset};

use crate::{
    eval::{Fault, Outcome},
    value::Value,
};

/// A span as Go writes them: `1h30m`, `-1.5s`.
pub(crate) fn duration(text: &str) -> Result<SignedDuration, ()> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return Err(());
    }
    let mut nanos: i128 = 0;
    while !rest.is_empty() {
        let digits = rest
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .ok_or(())?;
        let (number, tail) = rest.split_at(digits);
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && part.is_empty() || part.contains('.') || whole.len() > 19 {
            return Err(());
        }
        let end = tail
            .find(|letter: char| letter.is_ascii_digit() || letter == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let scale: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(()),
        };
        let whole: i128 = if whole.is_empty() {
            0
        } else {
            whole.parse().map_err(|_| ())?
        };
        let part: String = part.chars().take(15).collect();
        let fraction: i128 = if part.is_empty() {
            0
        } else {
            part.parse().map_err(|_| ())?
        };
        nanos += whole * scale + fraction * scale / 10_i128.pow(u32::try_from(part.len()).unwrap_or(0));
        if nanos > i128::from(i64::MAX) {
            return Err(());
        }
        rest = tail;
    }
    let nanos = if negative { -nanos } else { nanos };
    i64::try_from(nanos)
        .map(SignedDuration::from_nanos)
        .map_err(|_| ())
}

/// A span as text.
pub(crate) fn seconds(span: SignedDuration) -> String {
    format!("{}s", span.as_secs_f64())
}

fn zone(name: &str) -> Result<Offset, Fault> {
    if name == "UTC" || name.is_empty() {
        return Ok(Offset::UTC);
    }
    let (sign, rest) = match name.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, name.strip_prefix('+').unwrap_or(name)),
    };
    let unknown = || Fault::Error(format!("unknown time zone {name}"));
    let (hours, minutes) = rest.split_once(':').ok_or_else(unknown)?;
    let hours: i32 = hours.parse().map_err(|_| unknown())?;
    let minutes: i32 = minutes.parse().map_err(|_| unknown())?;
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).map_err(|_| unknown())
}

/// Functions of time.
pub(crate) fn call(function: &str, args: &[Value]) -> Option<Outcome> {
    match args {
        [Value::Duration(span)] => {
            let nanos = span.as_nanos();
            let unit = match function {
                "getHours" => 3_600_000_000_000,
                "getMinutes" => 60_000_000_000,
                "getSeconds" => 1_000_000_000,
                "getMilliseconds" => 1_000_000,
                _ => return None,
            };
            Some(Ok(Value::Int(i64::try_from(nanos / unit).unwrap_or(0))))
        }
        [Value::Timestamp(at)] => part(function, *at, "UTC"),
        [Value::Timestamp(at), Value::String(name)] => part(function, *at, name),
        _ => None,
    }
}

fn part(function: &str, at: Timestamp, name: &str) -> Option<Outcome> {
    let zone = match zone(name) {
        Ok(zone) => zone,
        Err(fault) => return Some(Err(fault)),
    };
    let at = zone.to_datetime(at);
    let number = match function {
        "getFullYear" => i64::from(at.year()),
        "getMonth" => i64::from(at.month()) - 1,
        "getDayOfYear" => i64::from(at.day_of_year()) - 1,
        "getDate" => i64::from(at.day()),
        "getDayOfMonth" => i64::from(at.day()) - 1,
        "getDayOfWeek" => i64::from(at.weekday().to_sunday_zero_offset()),
        "getHours" => i64::from(at.hour()),
        "getMinutes" => i64::from(at.minute()),
        "getSeconds" => i64::from(at.second()),
        "getMilliseconds" => i64::from(at.millisecond()),
        _ => return None,
    };
    Some(Ok(Value::Int(number)))
}
