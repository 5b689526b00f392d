//! The formats that documents are read from and printed in.

mod dotenv;
pub(crate) mod flat;
mod ini;
mod json;
mod yaml;
mod yaml_print;

use std::fmt;

use crate::tree::{Branch, Item, Value};

/// A format of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Any bytes; encrypted, a JSON document with the one value `data`.
    Binary,
    /// Lines of `NAME=value`.
    Dotenv,
    /// Sections of `name = value`.
    Ini,
    /// JSON with an object on top.
    Json,
    /// YAML, one or more documents with a map on top.
    Yaml,
}

impl Format {
    /// The format that the name of a file stands for.
    pub fn for_path(path: &str) -> Self {
        if path.ends_with(".dockerconfigjson") {
            return Self::Json;
        }
        let ends = |ends: &[&str]| ends.iter().any(|end| path.ends_with(end));
        if ends(&[".yaml", ".yml"]) {
            Self::Yaml
        } else if ends(&[".json"]) {
            Self::Json
        } else if ends(&[".env"]) {
            Self::Dotenv
        } else if ends(&[".ini"]) {
            Self::Ini
        } else {
            Self::Binary
        }
    }

    /// Whether the bytes look like an encrypted document of this format.
    pub fn marks(self, data: &[u8]) -> bool {
        let marker: &[u8] = match self {
            Self::Binary | Self::Json => b"\"mac\": \"ENC[",
            Self::Dotenv => b"sops_mac=ENC[",
            Self::Ini => b"[sops]",
            Self::Yaml => b"mac: ENC[",
        };
        data.windows(marker.len()).any(|window| window == marker)
    }

    /// The format that the bytes look like an encrypted document of.
    pub fn detect(data: &[u8]) -> Option<Self> {
        let all = [Self::Json, Self::Yaml, Self::Dotenv, Self::Ini];
        all.into_iter().find(|format| format.marks(data))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binary => "binary",
            Self::Dotenv => "dotenv",
            Self::Ini => "INI",
            Self::Json => "JSON",
            Self::Yaml => "YAML",
        })
    }
}

/// Reads the documents of an encrypted file.
pub(crate) fn read(data: &[u8], format: Format) -> Result<Vec<Branch>, String> {
    let text = std::str::from_utf8(data).map_err(|_| "invalid UTF-8".to_owned())?;
    match format {
        Format::Binary | Format::Json => Ok(vec![json::read(text)?]),
        Format::Dotenv => Ok(vec![dotenv::read(text)?]),
        Format::Ini => Ok(vec![ini::read(text)?]),
        Format::Yaml => yaml::read(text),
    }
}

/// Prints decrypted documents.
pub(crate) fn print(branches: &[Branch], format: Format) -> Result<Vec<u8>, String> {
    let first = branches.first().ok_or("there is no document")?;
    Ok(match format {
        Format::Binary => return binary(branches),
        Format::Dotenv => dotenv::print(first)?.into_bytes(),
        Format::Ini => ini::print(branches)?.into_bytes(),
        Format::Json => json::print(first).into_bytes(),
        Format::Yaml => yaml_print::print(branches).into_bytes(),
    })
}

fn binary(branches: &[Branch]) -> Result<Vec<u8>, String> {
    let failed = |why: &str| Err(format!("error emitting binary store: {why}"));
    let [branch] = branches else {
        return failed("there must be exactly one tree branch");
    };
    let data = branch.iter().find_map(|item| match item {
        Item::Pair(key, value) if key == "data" => Some(value),
        _ => None,
    });
    match data {
        Some(value @ (Value::Text(_) | Value::Bytes(_))) => Ok(value.bytes()),
        Some(_) => failed("'data' key in tree does not have a string value"),
        None => failed("no binary data found in tree"),
    }
}

/// A scalar as the formats without types write it; nothing for lists and maps.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("null".to_owned()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::List(_) | Value::Map(_) => None,
        other => Some(String::from_utf8_lossy(&other.bytes()).into_owned()),
    }
}

/// A number as Go prints it with the fewest digits, with an exponent if that is at least `limit` or below -4.
fn go_float(number: f64, limit: i32, low: i32) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if exponent >= low && exponent < limit {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_follow_names_and_marks() {
        for (path, format) in [
            ("a.yml", Format::Yaml),
            ("a.json", Format::Json),
            (".dockerconfigjson", Format::Json),
            ("a.env", Format::Dotenv),
            ("a.ini", Format::Ini),
            ("token", Format::Binary),
        ] {
            assert_eq!(Format::for_path(path), format, "{path}");
        }
        assert_eq!(Format::detect(b"sops_mac=ENC[x"), Some(Format::Dotenv));
        assert_eq!(Format::detect(b"mac"), None);
    }

    #[test]
    fn numbers_are_printed_as_go_does() {
        for (number, expected) in [
            (1.5, "1.5"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (1e-7, "1e-07"),
        ] {
            assert_eq!(go_float(number, 21, -6), expected);
        }
    }
}
