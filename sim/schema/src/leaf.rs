//! Leaves that read their own JSON, and Go's complaints about them.

use crate::{Document, gotext};
use serde_json::Value;

const QUANTITY: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/// A quantity: a string or a number of the form `1.5Gi`.
pub(crate) fn quantity(document: &Document) -> Result<Value, String> {
    let text = match document {
        Document::String(text) => text.clone(),
        other => other.to_text(),
    };
    check_quantity(text.trim())?;
    Ok(document.to_value())
}

fn check_quantity(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let whole = digits(rest);
    let after = &rest[whole..];
    let (fraction, suffix) = match after.strip_prefix('.') {
        Some(after) => (digits(after), &after[digits(after)..]),
        None => (0, after),
    };
    if text.is_empty() {
        return Err(QUANTITY.to_owned());
    }
    let letters = suffix.len()
        - suffix
            .trim_start_matches(|c: char| "eEinumkKMGTP".contains(c))
            .len();
    let tail = &suffix[letters..];
    let tail = tail.strip_prefix(['+', '-']).unwrap_or(tail);
    if tail.chars().any(|c| !c.is_ascii_digit()) {
        return Err(QUANTITY.to_owned());
    }
    let known = match suffix {
        "" | "n" | "u" | "m" | "k" | "M" | "G" | "T" | "P" | "E" => true,
        "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei" => true,
        _ => suffix
            .strip_prefix(['e', 'E'])
            .is_some_and(|exponent| exponent.parse::<i64>().is_ok()),
    };
    if !known {
        return Err("unable to parse quantity's suffix".to_owned());
    }
    if whole + fraction == 0 && !rest.is_empty() && !suffix.is_empty() {
        return Err("unable to parse numeric part of quantity".to_owned());
    }
    Ok(())
}

/// An integer or a string. The error is what cannot be read into an integer.
pub(crate) fn int_or_string(document: &Document) -> Result<Value, String> {
    match document {
        Document::String(text) => Ok(Value::from(text.as_str())),
        Document::Number(literal) => match literal.parse::<i32>() {
            Ok(number) => Ok(Value::from(number)),
            Err(_) => Err(format!("number {literal}")),
        },
        Document::Bool(_) => Err("bool".to_owned()),
        Document::List(_) => Err("array".to_owned()),
        Document::Map(_) => Err("object".to_owned()),
        Document::Null => Ok(Value::Null),
    }
}

/// An integer that fits its type, written without point and exponent.
pub(crate) fn integer(literal: &str, spelling: &str) -> Option<i64> {
    let number: i64 = literal.parse().ok()?;
    let fits = spelling != "int32" || i32::try_from(number).is_ok();
    fits.then_some(number)
}

/// Standard base64 with padding; line breaks do not count.
pub(crate) fn base64(text: &str) -> Result<(), String> {
    let corrupt = |at: usize| Err(format!("illegal base64 data at input byte {at}"));
    let bytes: Vec<(usize, u8)> = text
        .bytes()
        .enumerate()
        .filter(|(_, byte)| !matches!(byte, b'\r' | b'\n'))
        .collect();
    for (group, quantum) in bytes.chunks(4).enumerate() {
        let last = (group + 1) * 4 >= bytes.len();
        for (place, &(at, byte)) in quantum.iter().enumerate() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/') {
                continue;
            }
            if byte != b'=' || place < 2 {
                return corrupt(at);
            }
            if place == 2 {
                match quantum.get(3) {
                    None => return corrupt(text.len()),
                    Some(&(_, b'=')) => {}
                    Some(&(other, _)) => return corrupt(other - 1),
                }
            }
            return if last {
                Ok(())
            } else {
                corrupt(quantum.last().map_or(at, |(at, _)| at + 1))
            };
        }
        if quantum.len() < 4 {
            return corrupt(quantum.first().map_or(0, |(at, _)| *at));
        }
    }
    Ok(())
}

/// A time stamp, with whole seconds or exactly six digits after the point.
pub(crate) fn time(text: &str, micro: bool) -> Result<(), String> {
    let layout = if micro {
        "2006-01-02T15:04:05.000000Z07:00"
    } else {
        "2006-01-02T15:04:05Z07:00"
    };
    Clock { rest: text, micro }.read().map_err(|problem| {
        let text = gotext::quote(text);
        match problem {
            Problem::Unread(rest, element) => {
                let rest = gotext::quote(&rest);
                format!("parsing time {text} as \"{layout}\": cannot parse {rest} as \"{element}\"")
            }
            Problem::Range(what) => format!("parsing time {text}: {what} out of range"),
            Problem::Extra(rest) => format!("parsing time {text}: extra text: {}", gotext::quote(&rest)),
        }
    })
}

enum Problem {
    Unread(String, &'static str),
    Range(&'static str),
    Extra(String),
}

struct Clock<'a> {
    rest: &'a str,
    micro: bool,
}

impl Clock<'_> {
    fn unread<T>(&self, element: &'static str) -> Result<T, Problem> {
        Err(Problem::Unread(self.rest.to_owned(), element))
    }

    fn literal(&mut self, literal: &'static str) -> Result<(), Problem> {
        match self.rest.strip_prefix(literal) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => self.unread(literal),
        }
    }

    /// As many digits as asked for, or at least one less where `short`.
    fn digits(&mut self, count: usize, short: bool, element: &'static str) -> Result<u32, Problem> {
        let found = self
            .rest
            .bytes()
            .take(count)
            .take_while(u8::is_ascii_digit)
            .count();
        if found < count && !(short && found + 1 == count) {
            return self.unread(element);
        }
        let (digits, rest) = self.rest.split_at(found);
        self.rest = rest;
        Ok(digits.parse().unwrap_or_default())
    }

    fn read(mut self) -> Result<(), Problem> {
        let year = self.digits(4, false, "2006")?;
        self.literal("-")?;
        let month = self.digits(2, false, "01")?;
        if !(1..=12).contains(&month) {
            return Err(Problem::Range("month"));
        }
        self.literal("-")?;
        let day = self.digits(2, false, "02")?;
        self.literal("T")?;
        if self.digits(2, true, "15")? > 23 {
            return Err(Problem::Range("hour"));
        }
        self.literal(":")?;
        if self.digits(2, false, "04")? > 59 {
            return Err(Problem::Range("minute"));
        }
        self.literal(":")?;
        if self.digits(2, false, "05")? > 59 {
            return Err(Problem::Range("second"));
        }
        self.fraction()?;
        self.zone()?;
        if !self.rest.is_empty() {
            return Err(Problem::Extra(self.rest.to_owned()));
        }
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if (1..=days).contains(&day) {
            Ok(())
        } else {
            Err(Problem::Range("day"))
        }
    }

    fn fraction(&mut self) -> Result<(), Problem> {
        if self.micro {
            let digits = self.rest.strip_prefix(['.', ',']).unwrap_or_default();
            if digits.bytes().take(6).take_while(u8::is_ascii_digit).count() < 6 {
                return self.unread(".000000");
            }
            self.rest = &self.rest[7..];
        } else if let Some(rest) = self.rest.strip_prefix(['.', ','])
            && rest.starts_with(|c: char| c.is_ascii_digit())
        {
            // A fraction may follow the seconds although the layout has none.
            self.rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        }
        Ok(())
    }

    fn zone(&mut self) -> Result<(), Problem> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(());
        }
        let bytes = self.rest.as_bytes();
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let shaped = matches!(bytes.first(), Some(b'+' | b'-')) && bytes.get(3) == Some(&b':');
        if !shaped || ![1, 2, 4, 5].into_iter().all(digit) {
            return self.unread("Z07:00");
        }
        let number = |at: usize| self.rest[at..at + 2].parse::<u32>().unwrap_or_default();
        if number(1) > 24 {
            return Err(Problem::Range("time zone offset hour"));
        }
        if number(4) > 60 {
            return Err(Problem::Range("time zone offset minute"));
        }
        self.rest = &self.rest[6..];
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Vectors: kube-apiserver 1.36.2 and Go 1.26 (time, encoding/base64).
    #[test]
    fn times() {
        assert_eq!(time("2026-01-01T00:00:00Z", false), Ok(()));
        assert_eq!(time("2026-01-01T00:00:00.5+01:00", false), Ok(()));
        assert_eq!(time("2026-01-01T00:00:00.123456Z", true), Ok(()));
        assert_eq!(
            time("yesterday", false).unwrap_err(),
            "parsing time \"yesterday\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"yesterday\" as \"2006\""
        );
        let micro = |text| time(text, true).unwrap_err();
        assert!(micro("2026-01-01T00:00:00Z").ends_with("cannot parse \"Z\" as \".000000\""));
        assert!(micro("2026-01-01").ends_with("cannot parse \"\" as \"T\""));
        assert!(micro("2026-01-01T00:00:00.123456789Z").ends_with("cannot parse \"789Z\" as \"Z07:00\""));
        assert_eq!(
            time("2026-02-30T00:00:00Z", false).unwrap_err(),
            "parsing time \"2026-02-30T00:00:00Z\": day out of range"
        );
    }

    #[test]
    fn quantities() {
        let check = |text: &str| quantity(&Document::String(text.to_owned())).map(drop);
        for good in [
            "1", "1.5Gi", "-1", "+2e3", "100m", "0", ".5", "1.", "1E", "3Ki", " 1 ",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", "a", "1 Gi", "1gi5x"] {
            assert_eq!(check(bad), Err(QUANTITY.to_owned()), "{bad}");
        }
        for bad in ["1KI", "1i", "1mm"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert_eq!(quantity(&Document::Bool(true)).unwrap_err(), QUANTITY);
    }

    #[test]
    fn bytes() {
        assert_eq!(base64("aGk="), Ok(()));
        assert_eq!(base64("aG\nk="), Ok(()));
        assert_eq!(base64(""), Ok(()));
        assert_eq!(base64("1"), Err("illegal base64 data at input byte 0".to_owned()));
        assert_eq!(
            base64("!!!!"),
            Err("illegal base64 data at input byte 0".to_owned())
        );
        assert_eq!(
            base64("aGk"),
            Err("illegal base64 data at input byte 0".to_owned())
        );
        assert_eq!(
            base64("aGk=aGk="),
            Err("illegal base64 data at input byte 4".to_owned())
        );
    }
}
