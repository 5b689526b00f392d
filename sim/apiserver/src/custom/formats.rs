//! String formats that the genuine validator knows. Others are no rule.

use std::{net::IpAddr, sync::LazyLock};

use regex::Regex;

/// Whether a text is of the format.
pub(super) fn fits(format: &str, text: &str) -> bool {
    match format {
        "date-time" | "datetime" => DATE_TIME.is_match(text),
        "date" => DATE.is_match(text) && text.parse::<jiff::civil::Date>().is_ok(),
        "duration" => stdx::duration::parse(text).is_ok(),
        "ipv4" => matches!(text.parse(), Ok(IpAddr::V4(_))),
        "ipv6" => matches!(text.parse(), Ok(IpAddr::V6(_))),
        "cidr" => cidr(text),
        "mac" => MAC.is_match(text),
        "uuid" | "uuid3" | "uuid4" | "uuid5" => UUID.is_match(text),
        "uri" => uri(text),
        "email" => EMAIL.is_match(text),
        "hostname" => HOST.is_match(text) && text.len() <= 255,
        "byte" => BASE64.is_match(text) && text.len().is_multiple_of(4),
        "bsonobjectid" => OBJECT_ID.is_match(text),
        "hexcolor" => HEX_COLOR.is_match(text),
        "rgbcolor" => RGB_COLOR.is_match(text),
        "isbn" | "isbn10" | "isbn13" => ISBN.is_match(text),
        "ssn" => SSN.is_match(text),
        "creditcard" => CARD.is_match(text),
        "k8s-short-name" => SHORT_NAME.is_match(text) && text.len() <= 63,
        "k8s-long-name" => LONG_NAME.is_match(text) && text.len() <= 253,
        _ => true,
    }
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
    DATE_TIME = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$";
    DATE = r"^\d{4}-\d\d-\d\d$";
    MAC = r"^([0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){4}([:-][0-9A-Fa-f]{2}){0,2}|[0-9A-Fa-f]{4}(\.[0-9A-Fa-f]{4}){2})$";
    UUID = r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$";
    SCHEME = r"^[A-Za-z][A-Za-z0-9+.-]*$";
    EMAIL = r"^[^@\s<>]+@[^@\s<>]+$";
    HOST = r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?$";
    BASE64 = r"^[A-Za-z0-9+/]*={0,2}$";
    OBJECT_ID = r"^[0-9a-fA-F]{24}$";
    HEX_COLOR = r"^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$";
    RGB_COLOR = r"^rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)$";
    ISBN = r"^(?:\d[ -]?){9}[\dX]$|^(?:\d[ -]?){13}$";
    SSN = r"^\d{3}[- ]?\d{2}[- ]?\d{4}$";
    CARD = r"^(?:\d[ -]?){13,19}$";
    SHORT_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
    LONG_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
}
