//! Numbers and texts as Go writes them in source, and `strconv`'s way of reading them.

use stdx::quote::quote;

/// A number in a template: all the types that it can have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Number {
    pub(crate) text: Box<str>,
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
    pub(crate) complex: bool,
}

impl Number {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut number = Self {
            text: text.into(),
            int: None,
            uint: None,
            float: None,
            complex: false,
        };
        if let Some(inner) = text.strip_prefix('\'') {
            let code = character(inner).ok_or_else(|| "invalid syntax".to_owned())?;
            let Some((code, "'")) = code else {
                return Err(format!("malformed character constant: {text}"));
            };
            number.int = Some(i64::from(code));
            number.uint = Some(u64::from(code));
            number.float = Some(f64::from(code));
            return Ok(number);
        }
        if let Some(imaginary) = text.strip_suffix('i') {
            // The real part, if there is one, ends at the last sign that belongs to no exponent.
            let sign = imaginary
                .char_indices()
                .filter(|(at, c)| matches!(c, '+' | '-') && !imaginary[..*at].ends_with(['e', 'E', 'p', 'P']))
                .map(|(at, _)| at)
                .next_back();
            let (real, imaginary) = imaginary.split_at(sign.unwrap_or(0));
            if parse_float(imaginary).is_err() || !(real.is_empty() || parse_float(real).is_ok()) {
                return Err(format!("illegal number syntax: {}", quote(text.as_bytes())));
            }
            number.complex = true;
            if parse_float(imaginary).is_ok_and(|it| it == 0.0) {
                (number.int, number.uint, number.float) = (Some(0), Some(0), Some(0.0));
            }
            return Ok(number);
        }
        number.uint = parse_uint(text, 0).ok();
        number.int = parse_int(text, 0).ok();
        if number.int == Some(0) {
            number.uint = Some(0);
        }
        if let Some(int) = number.int {
            #[expect(clippy::cast_precision_loss, reason = "Go's conversion")]
            let float = int as f64;
            number.float = Some(float);
        } else if let Some(uint) = number.uint {
            #[expect(clippy::cast_precision_loss, reason = "Go's conversion")]
            let float = uint as f64;
            number.float = Some(float);
        } else if let Ok(float) = parse_float(text) {
            if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                return Err(format!("integer overflow: {}", quote(text.as_bytes())));
            }
            number.float = Some(float);
            number.int = exact_int(float);
            number.uint = exact_uint(float);
        } else {
            return Err(format!("illegal number syntax: {}", quote(text.as_bytes())));
        }
        Ok(number)
    }

    /// Whether an untyped use of it is a float.
    pub(crate) fn looks_like_float(&self) -> bool {
        let hex =
            (self.text.starts_with("0x") || self.text.starts_with("0X")) && !self.text.contains(['p', 'P']);
        !hex && !self.text.starts_with('\'') && self.text.contains(['.', 'e', 'E', 'p', 'P'])
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "checked by the comparison"
)]
fn exact_int(float: f64) -> Option<i64> {
    let int = float as i64;
    (int as f64 == float && float < 9.3e18).then_some(int)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "checked by the comparison"
)]
fn exact_uint(float: f64) -> Option<u64> {
    let uint = float as u64;
    (uint as f64 == float).then_some(uint)
}

/// Why `strconv` refuses a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberError {
    Syntax,
    Range,
}

/// `strconv.ParseUint`; base zero reads prefixes and underscores.
pub(crate) fn parse_uint(text: &str, base: u32) -> Result<u64, NumberError> {
    let (digits, radix) = if base == 0 {
        prefixed(text)?
    } else {
        (text.to_owned(), base)
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(NumberError::Syntax);
    }
    u64::from_str_radix(&digits, radix).map_err(|_| NumberError::Range)
}

/// `strconv.ParseInt`.
pub(crate) fn parse_int(text: &str, base: u32) -> Result<i64, NumberError> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = parse_uint(digits, base)?;
    match (negative, i64::try_from(magnitude)) {
        (false, Ok(int)) => Ok(int),
        (true, Ok(int)) => Ok(-int),
        (true, Err(_)) if magnitude == i64::MIN.unsigned_abs() => Ok(i64::MIN),
        _ => Err(NumberError::Range),
    }
}

fn prefixed(text: &str) -> Result<(String, u32), NumberError> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits, prefix) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..], true),
        [b'0', b'o', ..] => (8, &lower[2..], true),
        [b'0', b'b', ..] => (2, &lower[2..], true),
        [b'0', _, ..] => (8, &lower[1..], true),
        _ => (10, lower.as_str(), false),
    };
    if !underscores_separate(digits, prefix) {
        return Err(NumberError::Syntax);
    }
    Ok((digits.replace('_', ""), radix))
}

/// Underscores stand between digits, or after a prefix.
fn underscores_separate(digits: &str, prefix: bool) -> bool {
    let bytes = digits.as_bytes();
    bytes.iter().enumerate().all(|(at, byte)| {
        let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
        *byte != b'_'
            || ((digit(at.checked_sub(1).and_then(|at| bytes.get(at))) || (at == 0 && prefix))
                && digit(bytes.get(at + 1)))
    })
}

/// `strconv.ParseFloat`.
pub(crate) fn parse_float(text: &str) -> Result<f64, NumberError> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => return Ok(sign * f64::INFINITY),
        "nan" => return Ok(f64::NAN),
        lower if lower.starts_with("0x") => return hex_float(&lower[2..]).map(|it| sign * it),
        _ => {}
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        || !underscores_separate(unsigned, false)
    {
        return Err(NumberError::Syntax);
    }
    let float: f64 = unsigned
        .replace('_', "")
        .parse()
        .map_err(|_| NumberError::Syntax)?;
    if float.is_infinite() {
        return Err(NumberError::Range);
    }
    Ok(sign * float)
}

fn hex_float(text: &str) -> Result<f64, NumberError> {
    let (mantissa, exponent) = text.split_once('p').ok_or(NumberError::Syntax)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if (whole.is_empty() && fraction.is_empty()) || !underscores_separate(whole, true) {
        return Err(NumberError::Syntax);
    }
    let mut value = 0.0_f64;
    for digit in whole.chars().chain(fraction.chars()).filter(|c| *c != '_') {
        value = value * 16.0 + f64::from(digit.to_digit(16).ok_or(NumberError::Syntax)?);
    }
    let exponent: i32 = exponent.parse().map_err(|_| NumberError::Syntax)?;
    let shift = i32::try_from(fraction.len())
        .unwrap_or(i32::MAX)
        .saturating_mul(4);
    Ok(value * 2.0_f64.powi(exponent.saturating_sub(shift)))
}

/// The first character of a character constant and what follows it; `None` inside for an empty constant.
fn character(text: &str) -> Option<Option<(u32, &str)>> {
    let first = text.chars().next()?;
    if first == '\'' {
        return None;
    }
    if first != '\\' {
        return Some(Some((u32::from(first), &text[first.len_utf8()..])));
    }
    let (unit, rest) = escape(&text[1..], '\'')?;
    Some(Some((unit.code(), rest)))
}

enum Unit {
    Byte(u8),
    Char(char),
}

impl Unit {
    fn code(&self) -> u32 {
        match self {
            Self::Byte(byte) => u32::from(*byte),
            Self::Char(c) => u32::from(*c),
        }
    }
}

/// What stands after a backslash.
fn escape(text: &str, delimiter: char) -> Option<(Unit, &str)> {
    let c = text.chars().next()?;
    let rest = &text[c.len_utf8()..];
    let hex = |count: usize| {
        let digits = rest.get(..count)?;
        let valid = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16).ok().filter(|_| valid)?;
        Some((code, rest.get(count..)?))
    };
    let simple = match c {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' => '\\',
        '\'' | '"' if c == delimiter => c,
        'x' => {
            let (code, rest) = hex(2)?;
            return Some((Unit::Byte(u8::try_from(code).ok()?), rest));
        }
        'u' | 'U' => {
            let (code, rest) = hex(if c == 'u' { 4 } else { 8 })?;
            return Some((Unit::Char(char::from_u32(code)?), rest));
        }
        '0'..='7' => {
            let digits = text.get(..3)?;
            let code = u32::from_str_radix(digits, 8).ok()?;
            return Some((Unit::Byte(u8::try_from(code).ok()?), text.get(3..)?));
        }
        _ => return None,
    };
    Some((Unit::Char(simple), rest))
}

/// `strconv.Unquote` of a quoted or raw string.
pub(crate) fn unquote(quoted: &str) -> Option<Vec<u8>> {
    if let Some(raw) = quoted.strip_prefix('`').and_then(|it| it.strip_suffix('`')) {
        return Some(raw.bytes().filter(|byte| *byte != b'\r').collect());
    }
    let mut rest = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = Vec::with_capacity(rest.len());
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let (unit, tail) = escape(&rest[at + 1..], '"')?;
        match unit {
            Unit::Byte(byte) => out.push(byte),
            Unit::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = tail;
    }
    out.extend_from_slice(rest.as_bytes());
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_types_that_go_gives_them() {
        let int = |text| Number::parse(text).unwrap().int;
        assert_eq!(int("0x1F"), Some(31));
        assert_eq!(int("1_000"), Some(1000));
        assert_eq!(int("0777"), Some(511));
        assert_eq!(int("1e3"), Some(1000));
        assert_eq!(int("'a'"), Some(97));
        assert_eq!(int("'\\''"), Some(39));
        assert_eq!(int("-0"), Some(0));
        assert_eq!(Number::parse("0x1p4").unwrap().float, Some(16.0));
        assert_eq!(
            Number::parse("99999999999999999999").unwrap_err(),
            "integer overflow: \"99999999999999999999\""
        );
        assert_eq!(
            Number::parse("1__0").unwrap_err(),
            "illegal number syntax: \"1__0\""
        );
    }

    #[test]
    fn texts_are_unquoted() {
        assert_eq!(
            unquote(r#""a\t\"\x41\u00e9\101""#).unwrap(),
            "a\t\"A\u{e9}A".as_bytes()
        );
        assert_eq!(unquote("`a\\n`").unwrap(), b"a\\n");
        assert_eq!(unquote(r#""\q""#), None);
    }
}
