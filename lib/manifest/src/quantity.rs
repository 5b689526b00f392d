//! Amounts of resources: `100m`, `1Gi`, `1e3`, as Kubernetes reads, compares and writes them.

use std::cmp::Ordering;

use serde_json::Value;

/// The words of the genuine server about a text that is none.
pub const MALFORMED: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

const NANO: i128 = 1_000_000_000;
const LIMIT: i128 = i64::MAX as i128 * NANO;

/// How an amount is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Decimal,
    Binary,
    Exponent,
}

/// An amount in billionths and the way it was written.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    nano: i128,
    format: Format,
}

impl Quantity {
    /// Reads an amount.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let (format, base, exponent) = parse_suffix(suffix)?;
        let nano = scaled(whole, fraction, base, exponent)?.min(LIMIT);
        Some(Self {
            nano: if negative { -nano } else { nano },
            format,
        })
    }

    /// Reads a JSON member.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(s) => Self::parse(s),
            Value::Number(n) => Self::parse(&n.to_string()),
            _ => None,
        }
    }

    /// An amount of this many units.
    pub fn units(n: i64) -> Self {
        Self {
            nano: i128::from(n) * NANO,
            format: Format::Decimal,
        }
    }

    /// The sum, written as the left side.
    pub fn plus(self, other: Self) -> Self {
        let format = if self.nano == 0 { other.format } else { self.format };
        Self {
            nano: self.nano + other.nano,
            format,
        }
    }

    /// The difference, written as the left side.
    pub fn minus(self, other: Self) -> Self {
        let format = if self.nano == 0 { other.format } else { self.format };
        Self {
            nano: self.nano - other.nano,
            format,
        }
    }

    /// Rounds away from zero to thousandths.
    pub fn to_milli(self) -> Self {
        let step = NANO / 1000;
        let rest = self.nano % step;
        let up = if rest == 0 { 0 } else { rest.signum() * step - rest };
        Self {
            nano: self.nano + up,
            ..self
        }
    }

    /// An amount of this many billionths, as far as there are amounts.
    pub fn billionths(nano: i128) -> Self {
        Self {
            nano: nano.clamp(-LIMIT, LIMIT),
            format: Format::Decimal,
        }
    }

    /// The amount in billionths.
    pub fn nano(self) -> i128 {
        self.nano
    }

    /// -1, 0 or 1.
    pub fn sign(self) -> i128 {
        self.nano.signum()
    }

    /// Whether it has no fraction.
    pub fn is_whole(self) -> bool {
        self.nano % NANO == 0
    }

    /// The amount in thousandths.
    pub fn milli(self) -> i128 {
        self.nano / (NANO / 1000)
    }
}

impl Eq for Quantity {}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nano == other.nano
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nano.cmp(&other.nano)
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.nano == 0 {
            return f.write_str("0");
        }
        let small = self.nano.abs() < 1024 * NANO;
        if self.format == Format::Binary && !small && self.is_whole() {
            let mut number = self.nano / NANO;
            let mut power = 0;
            while number % 1024 == 0 && power < 6 {
                number /= 1024;
                power += 1;
            }
            return write!(f, "{number}{}", ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][power]);
        }
        let mut number = self.nano;
        let mut exponent = -9;
        while number % 1000 == 0 && exponent < 18 {
            number /= 1000;
            exponent += 3;
        }
        if self.format == Format::Exponent {
            return if exponent == 0 {
                write!(f, "{number}")
            } else {
                write!(f, "{number}e{exponent}")
            };
        }
        let suffix = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
        write!(
            f,
            "{number}{}",
            suffix[usize::try_from((exponent + 9) / 3).unwrap_or(3)]
        )
    }
}

fn parse_suffix(suffix: &str) -> Option<(Format, i128, i32)> {
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    if let Some(i) = binary.iter().position(|s| *s == suffix) {
        return Some((Format::Binary, 1024, i32::try_from(i).ok()? + 1));
    }
    let decimal = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    if let Some(i) = decimal.iter().position(|s| *s == suffix) {
        return Some((Format::Decimal, 10, (i32::try_from(i).ok()? - 3) * 3));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((Format::Exponent, 10, exponent))
}

/// The amount in billionths, rounded up.
fn scaled(whole: &str, fraction: &str, base: i128, exponent: i32) -> Option<i128> {
    let fraction = fraction.trim_end_matches('0');
    let digits: String = whole
        .trim_start_matches('0')
        .chars()
        .chain(fraction.chars())
        .collect();
    if digits.len() > 36 {
        return Some(LIMIT);
    }
    let mantissa: i128 = if digits.is_empty() {
        0
    } else {
        digits.parse().ok()?
    };
    let places = i32::try_from(fraction.len()).ok()?;
    if mantissa == 0 {
        return Some(0);
    }
    let (mut value, shift) = if base == 1024 {
        (
            mantissa
                .checked_mul(1024_i128.pow(exponent.unsigned_abs()))
                .unwrap_or(LIMIT),
            9 - places,
        )
    } else {
        (mantissa, 9 + exponent.clamp(-60, 60) - places)
    };
    for _ in 0..shift.max(0) {
        value = value.checked_mul(10).unwrap_or(LIMIT).min(LIMIT);
    }
    for _ in 0..(-shift).max(0) {
        value = value / 10 + i128::from(value % 10 != 0);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::Quantity;

    #[test]
    fn canonical_forms() {
        for (text, canonical) in [
            ("0.5", "500m"),
            ("1000m", "1"),
            ("1024Mi", "1Gi"),
            ("1536Mi", "1536Mi"),
            ("512", "512"),
            ("1023", "1023"),
            ("0.5Gi", "512Mi"),
            ("1e3", "1e3"),
            ("1E6", "1e6"),
            ("2000", "2k"),
            ("1.5k", "1500"),
            ("100000", "100k"),
            ("0", "0"),
            ("1Ki", "1Ki"),
            ("0.5Ki", "512"),
            ("-1", "-1"),
            ("0.1n", "1n"),
            ("12345678", "12345678"),
        ] {
            assert_eq!(
                Quantity::parse(text).map(|q| q.to_string()).as_deref(),
                Some(canonical),
                "{text}"
            );
        }
        assert!(
            Quantity::parse("1x").is_none()
                && Quantity::parse("").is_none()
                && Quantity::parse(".").is_none()
        );
    }
}
