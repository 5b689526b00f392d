//! Amounts of resources.

use std::fmt::Write;

/// An amount in thousandths; nothing if it is malformed.
pub(crate) fn milli(text: &str) -> Option<i128> {
    let end = text
        .find(|letter: char| !(letter.is_ascii_digit() || matches!(letter, '.' | '-' | '+')))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
        .iter()
        .position(|known| *known == suffix);
    let power = |base: i128, exponent: usize| base.checked_pow(u32::try_from(exponent).ok()?);
    let scaled = match binary {
        Some(at) => digits.checked_mul(power(1024, at + 1)?)?.checked_mul(1000)?,
        None => {
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
                other => other.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?,
            };
            let exponent = exponent + 3;
            let ten = power(10, usize::try_from(exponent.unsigned_abs()).ok()?)?;
            if exponent < 0 {
                digits / ten
            } else {
                digits.checked_mul(ten)?
            }
        }
    };
    Some(scaled / power(10, fraction.len())?)
}

/// An amount of bytes, zero if it is malformed.
pub(crate) fn bytes(text: &str) -> i128 {
    milli(text).unwrap_or_default() / 1000
}

/// A sum in the shortest decimal form, or with a binary suffix if its parts had one.
pub(crate) fn format(milli: i128, binary: bool) -> String {
    let mut out = String::new();
    if milli % 1000 != 0 {
        let _ = write!(out, "{milli}m");
        return out;
    }
    let (mut number, base, suffixes) = if binary {
        (milli / 1000, 1024, ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"])
    } else {
        (milli / 1000, 1000, ["", "k", "M", "G", "T", "P", "E"])
    };
    let mut at = 0;
    while number != 0 && number % base == 0 && at + 1 < suffixes.len() {
        number /= base;
        at += 1;
    }
    let _ = write!(out, "{number}{}", suffixes[at]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written() {
        for (text, expected) in [
            ("1", 1000),
            ("100m", 100),
            ("1.5Gi", 1_610_612_736_000),
            ("2k", 2_000_000),
        ] {
            assert_eq!(milli(text), Some(expected), "{text}");
        }
        assert_eq!(milli("x"), None);
        assert_eq!(format(900, false), "900m");
        assert_eq!(format(2000, false), "2");
        assert_eq!(format(1_073_741_824_000, true), "1Gi");
    }
}
