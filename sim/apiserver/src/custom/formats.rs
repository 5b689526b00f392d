//! String formats that the genuine validator knows. Others are no rule.

use std::{net::IpAddr, sync::LazyLock};

use regex::Regex;

/// Whether a text is of the format.
pub(super) fn fits(format: &str, text: &str) -> bool {
    match format {
        "date-time" | "datetime" => {
            DATE_TIME.is_match(text)
                && text
                    .get(..10)
                    .is_some_and(|day| day.parse::<jiff::civil::Date>().is_ok())
        }
        "date" => DATE.is_match(text) && text.parse::<jiff::civil::Date>().is_ok(),
        "duration" => duration(text),
        "ipv4" => matches!(text.parse(), Ok(IpAddr::V4(_))),
        "ipv6" => matches!(text.parse(), Ok(IpAddr::V6(_))),
        "cidr" => cidr(text),
        "mac" => MAC.is_match(text),
        "uuid" => UUID.is_match(text),
        "uuid3" => versioned(text, '3'),
        "uuid4" => versioned(text, '4') && variant(text),
        "uuid5" => versioned(text, '5') && variant(text),
        "uri" => uri(text),
        "email" => EMAIL.is_match(text),
        "hostname" => HOST.is_match(text) && text.len() <= 255,
        "byte" => !text.is_empty() && BASE64.is_match(text) && text.len().is_multiple_of(4),
        "bsonobjectid" => OBJECT_ID.is_match(text),
        "hexcolor" => HEX_COLOR.is_match(text),
        "rgbcolor" => RGB_COLOR.is_match(text),
        "isbn" => isbn10(text) || isbn13(text),
        "isbn10" => isbn10(text),
        "isbn13" => isbn13(text),
        "ssn" => text.len() == 11 && SSN.is_match(text),
        "creditcard" => card(text),
        "k8s-short-name" => SHORT_NAME.is_match(text) && text.len() <= 63,
        "k8s-long-name" => LONG_NAME.is_match(text) && text.len() <= 253,
        _ => true,
    }
}

/// Go's form, or numbers with units in words.
fn duration(text: &str) -> bool {
    const UNITS: [&str; 17] = [
        "ns", "us", "µs", "ms", "s", "m", "h", "hr", "d", "w", "wk", "nano", "micro", "milli", "sec", "min",
        "hour",
    ];
    if stdx::duration::parse(text).is_ok() {
        return true;
    }
    WORDED.captures_iter(text).any(|found| {
        let unit = found[1].to_lowercase();
        let long = ["nano", "micro", "milli", "sec", "min", "hour", "day", "week"];
        UNITS.contains(&unit.as_str()) || long.iter().any(|own| unit.starts_with(own))
    })
}

/// The digits of a UUID.
fn digits(text: &str) -> Vec<char> {
    text.chars().filter(|letter| *letter != '-').collect()
}

fn versioned(text: &str, version: char) -> bool {
    UUID.is_match(text) && digits(text).get(12) == Some(&version)
}

fn variant(text: &str) -> bool {
    digits(text)
        .get(16)
        .is_some_and(|letter| "89abAB".contains(*letter))
}

/// The numbers in a text without blanks and dashes; `X` is ten.
fn numbers(text: &str) -> Option<Vec<u32>> {
    let letters = text
        .chars()
        .filter(|letter| !letter.is_whitespace() && *letter != '-');
    letters
        .map(|letter| {
            if letter == 'X' {
                Some(10)
            } else {
                letter.to_digit(10)
            }
        })
        .collect()
}

fn isbn10(text: &str) -> bool {
    let Some(numbers) = numbers(text).filter(|numbers| numbers.len() == 10) else {
        return false;
    };
    let sum: u32 = (1..).zip(&numbers).map(|(at, number)| at * number).sum();
    !numbers[..9].contains(&10) && sum.is_multiple_of(11)
}

fn isbn13(text: &str) -> bool {
    let Some(numbers) = numbers(text).filter(|numbers| numbers.len() == 13) else {
        return false;
    };
    let sum: u32 = [1, 3]
        .iter()
        .cycle()
        .zip(&numbers)
        .map(|(factor, number)| factor * number)
        .sum();
    !numbers.contains(&10) && sum.is_multiple_of(10)
}

fn card(text: &str) -> bool {
    let plain: String = text.chars().filter(char::is_ascii_digit).collect();
    let sum: u32 = plain
        .chars()
        .rev()
        .filter_map(|letter| letter.to_digit(10))
        .zip([1, 2].iter().cycle())
        .map(|(number, factor)| number * factor)
        .map(|number| if number > 9 { number - 9 } else { number })
        .sum();
    CARD.is_match(&plain) && sum.is_multiple_of(10)
}

fn cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    match (address.parse::<IpAddr>(), bits.parse::<u8>()) {
        (Ok(IpAddr::V4(_)), Ok(bits)) => bits <= 32,
        (Ok(IpAddr::V6(_)), Ok(bits)) => bits <= 128,
        _ => false,
    }
}

/// An absolute URI or an absolute path, as Go's `url.ParseRequestURI` takes them.
fn uri(text: &str) -> bool {
    text.starts_with('/')
        || text
            .split_once(':')
            .is_some_and(|(scheme, rest)| SCHEME.is_match(scheme) && !rest.is_empty())
}

fn pattern(text: &str) -> Regex {
    #[expect(clippy::expect_used, reason = "the patterns are literals of this file")]
    Regex::new(text).expect("a literal pattern")
}

macro_rules! patterns {
    ($($name:ident = $text:literal;)*) => { $(static $name: LazyLock<Regex> = LazyLock::new(|| pattern($text));)* };
}

patterns! {
    DATE_TIME = r"^\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(.\d+)?([Zz]|[+-]\d\d:\d\d)$";
    DATE = r"^\d{4}-\d\d-\d\d$";
    MAC = r"^([0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){4}([:-][0-9A-Fa-f]{2}){0,2}|[0-9A-Fa-f]{4}(\.[0-9A-Fa-f]{4}){2})$";
    UUID = r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$";
    SCHEME = r"^[A-Za-z][A-Za-z0-9+.-]*$";
    EMAIL = r"^[^@\s<>]+@[^@\s<>]+$";
    HOST = r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?$";
    BASE64 = r"^[A-Za-z0-9+/]*={0,2}$";
    OBJECT_ID = r"^[0-9a-fA-F]{24}$";
    HEX_COLOR = r"^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$";
    RGB_COLOR = r"^rgb\(\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*\)$";
    SSN = r"^\d{3}[- ]?\d{2}[- ]?\d{4}$";
    WORDED = r"\d+\s*([A-Za-zµ]+)";
    CARD = r"^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$";
    SHORT_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
    LONG_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
}
