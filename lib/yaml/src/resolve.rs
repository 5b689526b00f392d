//! What a plain scalar means: YAML 1.1 as go-yaml understands it, in the two dialects.

use crate::Dialect;

/// The meaning of a scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    /// Stays a text when read, but has to be quoted when written.
    Timestamp,
    Text,
}

impl Scalar {
    /// The tag as error texts name it.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Null => "!!null",
            Self::Bool(_) => "!!bool",
            Self::Int(_) | Self::Uint(_) => "!!int",
            Self::Float(_) => "!!float",
            Self::Timestamp => "!!timestamp",
            Self::Text => "!!str",
        }
    }
}

/// Resolves an untagged plain scalar.
pub(crate) fn plain(text: &str, dialect: Dialect) -> Scalar {
    if let Some(word) = word(text, dialect) {
        return word;
    }
    match text.as_bytes().first() {
        Some(b'.') => style_float(text).map_or(Scalar::Text, Scalar::Float),
        Some(b'0'..=b'9' | b'+' | b'-') => number(text),
        _ => Scalar::Text,
    }
}

fn word(text: &str, dialect: Dialect) -> Option<Scalar> {
    Some(match text {
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ if dialect == Dialect::Kyaml => return None,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Scalar::Bool(false),
        _ => return None,
    })
}

fn number(text: &str) -> Scalar {
    if is_timestamp(text) {
        return Scalar::Timestamp;
    }
    let digits = text.replace('_', "");
    if let Some(number) = integer(&digits) {
        return number;
    }
    style_float(&digits).map_or(Scalar::Text, Scalar::Float)
}

/// An integer with the prefixes that Go's base zero knows: `0x`, `0o`, `0b` and the old octal `0`.
fn integer(text: &str) -> Option<Scalar> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = rest.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    // Rust would accept a second sign here.
    if digits.is_empty() || !digits.bytes().all(|byte| (byte as char).is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    match (negative, i64::try_from(magnitude)) {
        (false, Ok(value)) => Some(Scalar::Int(value)),
        (false, Err(_)) if text.starts_with('+') => None,
        (false, Err(_)) => Some(Scalar::Uint(magnitude)),
        (true, Ok(value)) => Some(Scalar::Int(-value)),
        (true, Err(_)) if magnitude == i64::MIN.unsigned_abs() => Some(Scalar::Int(i64::MIN)),
        (true, Err(_)) => None,
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?` that fits in a float.
fn style_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && all_digits(fraction),
        Some((whole, fraction)) => all_digits(whole) && all_digits(fraction),
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|part| {
        let digits = part.strip_prefix(['-', '+']).unwrap_or(part);
        !digits.is_empty() && all_digits(digits)
    });
    if !mantissa_fits || !exponent_fits {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// The four timestamp forms of go-yaml: a date, or a date and a time in RFC 3339 or with a space.
fn is_timestamp(text: &str) -> bool {
    if text.bytes().take_while(u8::is_ascii_digit).count() != 4 {
        return false;
    }
    let mut parts = text.splitn(3, '-');
    let (_, Some(month), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let day_length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (day, tail) = rest.split_at(day_length);
    let within = |part: &str, low: u32, high: u32| {
        (1..=2).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part
                .parse::<u32>()
                .is_ok_and(|value| (low..=high).contains(&value))
    };
    let year: u32 = text[..4].parse().unwrap_or_default();
    if !within(month, 1, 12) || !within(day, 1, days(year, month.parse().unwrap_or_default())) {
        return false;
    }
    let Some(separator) = tail.chars().next() else {
        return true;
    };
    let zoned = separator == 'T' || separator == 't';
    if !zoned && separator != ' ' {
        return false;
    }
    let clock = &tail[1..];
    let clock_length = clock
        .find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.')
        .unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(clock_length);
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (clock, None),
    };
    let times: Vec<_> = clock.split(':').collect();
    let clock_fits =
        matches!(times.as_slice(), [h, m, s] if within(h, 0, 23) && within(m, 0, 59) && within(s, 0, 59));
    let fraction_fits =
        fraction.is_none_or(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
    clock_fits && fraction_fits && if zoned { is_zone(zone) } else { zone.is_empty() }
}

/// A timestamp as Go prints it after decoding: RFC 3339, in UTC when it had no zone.
pub(crate) fn go_time(text: &str) -> String {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, "0:0:0Z"),
    };
    let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let pad = |text: &str, separator: char| {
        let parts: Vec<_> = text.split(separator).map(|part| format!("{part:0>2}")).collect();
        parts.join(&separator.to_string())
    };
    let fraction = fraction.trim_end_matches('0');
    let fraction = if fraction.is_empty() {
        String::new()
    } else {
        format!(".{fraction}")
    };
    let zone = if zone.is_empty() || zone == "+00:00" {
        "Z"
    } else {
        zone
    };
    format!("{}T{}{fraction}{zone}", pad(date, '-'), pad(clock, ':'))
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_zone(zone: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit();
    match zone.as_bytes() {
        b"Z" => true,
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].into_iter().all(|byte| digit(*byte)),
        _ => false,
    }
}

/// A number with colons, which other readers take for base 60: go-yaml writes it in quotes.
pub(crate) fn is_base60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let Some(first) = parts.next() else { return false };
    if !first.starts_with(|c: char| c.is_ascii_digit())
        || !first.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
    {
        return false;
    }
    let rest: Vec<_> = parts.collect();
    let Some((last, middle)) = rest.split_last() else {
        return false;
    };
    let (last, fraction) = last.split_once('.').unwrap_or((last, ""));
    let sixty = |part: &str| match part.as_bytes() {
        [low] => low.is_ascii_digit(),
        [high, low] => (b'0'..=b'5').contains(high) && low.is_ascii_digit(),
        _ => false,
    };
    middle.iter().all(|part| sixty(part))
        && sixty(last)
        && fraction.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_depend_on_the_dialect() {
        assert_eq!(plain("on", Dialect::Kubernetes), Scalar::Bool(true));
        assert_eq!(plain("on", Dialect::Kyaml), Scalar::Text);
        assert_eq!(plain("Null", Dialect::Kyaml), Scalar::Null);
        assert_eq!(plain("nUll", Dialect::Kyaml), Scalar::Text);
    }

    #[test]
    fn numbers_follow_go() {
        for (text, expected) in [
            ("0777", Scalar::Int(511)),
            ("0o17", Scalar::Int(15)),
            ("08", Scalar::Float(8.0)),
            ("0x_ff", Scalar::Int(255)),
            ("-0b11", Scalar::Int(-3)),
            ("+5", Scalar::Int(5)),
            ("+-5", Scalar::Text),
            ("1e3", Scalar::Float(1000.0)),
            ("1e400", Scalar::Text),
            ("1.", Scalar::Float(1.0)),
            (".", Scalar::Text),
            ("-", Scalar::Text),
            ("0.1.0", Scalar::Text),
            ("12e", Scalar::Text),
            ("18446744073709551615", Scalar::Uint(u64::MAX)),
            ("-9223372036854775808", Scalar::Int(i64::MIN)),
            ("2001-01-01", Scalar::Timestamp),
            ("2001-13-01", Scalar::Text),
            ("2001-02-29", Scalar::Text),
            ("2001-1-1T1:2:3.5+01:00", Scalar::Timestamp),
            ("2001-01-01 01:02:03", Scalar::Timestamp),
            ("2001-01-01 01:02", Scalar::Text),
        ] {
            assert_eq!(plain(text, Dialect::Kyaml), expected, "{text}");
        }
        assert!(is_base60("1:20") && is_base60("12:30:45.5") && !is_base60("1:60") && !is_base60("a:1"));
    }
}
