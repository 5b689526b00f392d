//! Floats as `strconv.FormatFloat` prints them.

/// Formats with a verb of `e E f F g G x X`; without a precision, the fewest digits that read back as the same number.
pub(crate) fn format_float(value: f64, verb: u8, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = match verb {
        b'f' | b'F' => match precision {
            Some(precision) => format!("{value:.precision$}"),
            None => format!("{value}"),
        },
        b'e' | b'E' => scientific(value, precision),
        b'x' | b'X' => hexadecimal(value, precision),
        b'b' => binary(value),
        _ => general(value, precision),
    };
    if verb.is_ascii_uppercase() && verb != b'F' {
        return text.to_ascii_uppercase();
    }
    text
}

/// Go's shortest `%g`, which is what `%v` prints.
pub(crate) fn shortest(value: f64) -> String {
    format_float(value, b'g', None)
}

fn scientific(value: f64, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{value:.precision$e}"),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

fn general(value: f64, precision: Option<usize>) -> String {
    let rounded = match precision {
        Some(precision) => format!("{value:.*e}", precision.max(1) - 1),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let exponent: i64 = exponent.parse().unwrap_or_default();
    let mantissa = if mantissa.contains('.') {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    } else {
        mantissa
    };
    let digits = if value == 0.0 {
        0
    } else {
        mantissa.bytes().filter(u8::is_ascii_digit).count()
    };
    let count = i64::try_from(digits).unwrap_or(i64::MAX);
    let point = if value == 0.0 { 0 } else { exponent + 1 };
    let exponent = point - 1;
    let limit = match precision {
        None => 6,
        Some(precision) => {
            let precision = i64::try_from(precision.max(1)).unwrap_or(i64::MAX);
            if precision > count && count >= point {
                count
            } else {
                precision
            }
        }
    };
    if exponent < -4 || exponent >= limit {
        return scientific(value, Some(digits.saturating_sub(1)));
    }
    let fraction = usize::try_from((count - point).max(0)).unwrap_or_default();
    format!("{value:.fraction$}")
}

/// A whole number and a power of two.
fn binary(value: f64) -> String {
    let bits = value.to_bits();
    let sign = if bits >> 63 == 1 { "-" } else { "" };
    let raw = i64::try_from((bits >> 52) & 0x7ff).unwrap_or_default();
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, exponent) = match raw {
        0 => (fraction, -1074),
        _ => (fraction | (1 << 52), raw - 1075),
    };
    format!("{sign}{mantissa}p{exponent:+}")
}

fn hexadecimal(value: f64, precision: Option<usize>) -> String {
    let bits = value.to_bits();
    let sign = if bits >> 63 == 1 { "-" } else { "" };
    if value == 0.0 {
        return format!("{sign}0x0p+00");
    }
    let raw = i64::try_from((bits >> 52) & 0x7ff).unwrap_or_default();
    let mut mantissa = bits & ((1 << 52) - 1);
    let mut exponent = raw - 1023;
    if raw == 0 {
        exponent = -1022;
        while mantissa & (1 << 52) == 0 {
            mantissa <<= 1;
            exponent -= 1;
        }
        mantissa &= (1 << 52) - 1;
    }
    let mut digits = format!("{mantissa:013x}");
    match precision {
        // DIFFERENCE: a precision of a hexadecimal float cuts off instead of rounding.
        Some(precision) => {
            digits.truncate(precision);
            while digits.len() < precision {
                digits.push('0');
            }
        }
        None => digits.truncate(digits.trim_end_matches('0').len()),
    }
    let point = if digits.is_empty() { "" } else { "." };
    let direction = if exponent < 0 { '-' } else { '+' };
    format!(
        "{sign}0x1{point}{digits}p{direction}{:02}",
        exponent.unsigned_abs()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go() {
        for (value, text) in [
            (1e6, "1e+06"),
            (100_000.0, "100000"),
            (123_456_789.0, "1.23456789e+08"),
            (1e21, "1e+21"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5, "1.5"),
            (0.0, "0"),
            (-0.0, "-0"),
            (5.0, "5"),
        ] {
            assert_eq!(shortest(value), text);
        }
        assert_eq!(format_float(1234.5678, b'g', Some(3)), "1.23e+03");
        assert_eq!(format_float(100.0, b'g', Some(5)), "100");
        assert_eq!(format_float(1.0, b'e', Some(2)), "1.00e+00");
        assert_eq!(format_float(5.0, b'x', None), "0x1.4p+02");
    }
}
