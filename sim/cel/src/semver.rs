//! Semantic versions.

use std::cmp::Ordering;

use crate::{
    eval::{Fault, Outcome},
    value::{Opaque, Value},
};

/// A version. What builds add takes no part in comparisons.
#[derive(Debug, Clone)]
pub struct Semver {
    numbers: [u64; 3],
    before: Vec<String>,
}

impl PartialEq for Semver {
    fn eq(&self, other: &Self) -> bool {
        self.order(other) == Ordering::Equal
    }
}

fn number(text: &str, what: &str) -> Result<u64, String> {
    if text.is_empty() || !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(format!("Invalid character(s) found in {what} number {text:?}"));
    }
    if text.len() > 1 && text.starts_with('0') {
        let mut what = what.to_owned();
        if let Some(first) = what.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        return Err(format!("{what} number must not contain leading zeroes {text:?}"));
    }
    text.parse().map_err(|_| format!("{what} number out of range"))
}

/// `v1.02` as `1.2.0`.
fn normalized(text: &str) -> String {
    let text = text.trim().trim_start_matches('v');
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (core, rest) = text.split_at(end);
    let mut parts: Vec<&str> = core
        .splitn(3, '.')
        .map(|part| match part.trim_start_matches('0') {
            "" if !part.is_empty() => "0",
            other => other,
        })
        .collect();
    while parts.len() < 3 {
        parts.push("0");
    }
    format!("{}{rest}", parts.join("."))
}

fn parse(text: &str) -> Result<Semver, String> {
    if text.is_empty() {
        return Err("Version string empty".to_owned());
    }
    let mut parts = text.splitn(3, '.');
    let (Some(major), Some(minor), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("No Major.Minor.Patch elements found".to_owned());
    };
    let (rest, build) = match rest.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (rest, None),
    };
    let (patch, before) = match rest.split_once('-') {
        Some((patch, before)) => (patch, Some(before)),
        None => (rest, None),
    };
    let numbers = [
        number(major, "major")?,
        number(minor, "minor")?,
        number(patch, "patch")?,
    ];
    let words = |text: Option<&str>, what: &str| -> Result<Vec<String>, String> {
        let mut words = Vec::new();
        for word in text.into_iter().flat_map(|text| text.split('.')) {
            if word.is_empty() {
                return Err(format!("{what} is empty"));
            }
            if !word
                .bytes()
                .all(|letter| letter.is_ascii_alphanumeric() || letter == b'-')
            {
                return Err(format!("Invalid character(s) found in {what} {word:?}"));
            }
            words.push(word.to_owned());
        }
        Ok(words)
    };
    words(build, "build meta data")?;
    Ok(Semver {
        numbers,
        before: words(before, "prerelease")?,
    })
}

impl Semver {
    fn order(&self, other: &Self) -> Ordering {
        let numbers = self.numbers.cmp(&other.numbers);
        if numbers != Ordering::Equal {
            return numbers;
        }
        match (self.before.is_empty(), other.before.is_empty()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {}
        }
        for (own, other) in self.before.iter().zip(&other.before) {
            let order = match (own.parse::<u64>(), other.parse::<u64>()) {
                (Ok(own), Ok(other)) => own.cmp(&other),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => own.cmp(other),
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        self.before.len().cmp(&other.before.len())
    }
}

/// Functions of versions; `None` if the call is none.
pub(crate) fn call(function: &str, args: &[Value]) -> Option<Outcome> {
    let read = |text: &str, loose: bool| {
        if loose {
            parse(&normalized(text))
        } else {
            parse(text)
        }
    };
    let (text, loose) = match args {
        [Value::String(text)] => (text, false),
        [Value::String(text), Value::Bool(loose)] => (text, *loose),
        [Value::Opaque(own), rest @ ..] => {
            let Opaque::Semver(own) = &**own else { return None };
            return compared(function, own, rest);
        }
        _ => return None,
    };
    match function {
        "semver" => Some(
            read(text, loose)
                .map(|own| Value::opaque(Opaque::Semver(own)))
                .map_err(|why| {
                    Fault::Error(format!("SemVer parse error during conversion from string: {why}"))
                }),
        ),
        "isSemver" => Some(Ok(Value::Bool(read(text, loose).is_ok()))),
        _ => None,
    }
}

fn compared(function: &str, own: &Semver, rest: &[Value]) -> Option<Outcome> {
    let part = |at: usize| Value::Int(i64::try_from(own.numbers[at]).unwrap_or(i64::MAX));
    let order = match rest {
        [Value::Opaque(other)] => match &**other {
            Opaque::Semver(other) => Some(own.order(other)),
            _ => None,
        },
        _ => None,
    };
    Some(Ok(match (function, order) {
        ("major", None) => part(0),
        ("minor", None) => part(1),
        ("patch", None) => part(2),
        ("isGreaterThan", Some(order)) => Value::Bool(order == Ordering::Greater),
        ("isLessThan", Some(order)) => Value::Bool(order == Ordering::Less),
        ("compareTo", Some(order)) => Value::Int(order as i64),
        _ => return None,
    }))
}
