//! `values.schema.json`: whether values are what the charts allow.
//!
//! The validator is of the author of the one that Helm has, with the same tree of errors; [`told`] puts it in Helm's
//! words.

mod collapsed;
mod told;

use std::error::Error as StdError;

use boon::{CompileError, Compiler, Schemas, UrlLoader};
use serde_json::Value;

use crate::{
    chart::Chart,
    error::Error,
    limits::{MAX_SCHEMA, MAX_SCHEMA_DEPTH},
};

/// Whether values are held against the schemas of the charts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SchemaValidation {
    /// What does not meet them is an error.
    #[default]
    Enforce,
    /// Schemas are not looked at.
    Skip,
}

/// What Helm calls the file.
const URL: &str = "file:///values.schema.json";

/// Holds the values of a chart, and those of the charts inside it, against their schemas.
pub(crate) fn check(chart: &Chart, values: &Value) -> Result<(), Error> {
    let mut found = String::new();
    collect(chart, values, &mut found);
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::new(format!(
        "values don't meet the specifications of the schema(s) in the following chart(s):\n{found}"
    )))
}

fn collect(chart: &Chart, values: &Value, found: &mut String) {
    if let Some(schema) = &chart.schema
        && let Err(text) = check_one(schema, values)
    {
        found.push_str(&format!("{}:\n{text}", chart.name()));
    }
    for inner in &chart.dependencies {
        // Coalescing has made a table of it, or has failed.
        if let Some(own @ Value::Object(_)) = values.get(inner.name()) {
            collect(inner, own, found);
        }
    }
}

/// QUIRK: what is wrong with the schema itself ends without a line break, so that the next chart follows on its line.
fn check_one(schema: &[u8], values: &Value) -> Result<(), String> {
    let schema = read(schema)?;
    let mut compiler = Compiler::new();
    compiler.use_loader(Box::new(Loader));
    let mut compiled = Schemas::new();
    let failed = |error: CompileError| told::uncompiled(&error);
    compiler.add_resource(URL, schema).map_err(failed)?;
    let index = compiler.compile(URL, &mut compiled).map_err(failed)?;
    compiled
        .validate(values, index)
        .map_err(|error| format!("{}\n", told::causes(&error)))
}

/// Reads a schema.
///
/// DIFFERENCE: schemas of more than `MAX_SCHEMA` bytes or `MAX_SCHEMA_DEPTH` levels are refused, and mistakes in the JSON
/// are worded otherwise unless the text just ends or goes on.
fn read(schema: &[u8]) -> Result<Value, String> {
    if schema.len() > MAX_SCHEMA {
        return Err(format!("the schema has more than {MAX_SCHEMA} bytes"));
    }
    if schema.iter().all(u8::is_ascii_whitespace) {
        return Err("EOF".to_owned());
    }
    let schema: Value = serde_json::from_slice(schema).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof => "unexpected EOF".to_owned(),
        _ if error.to_string().starts_with("trailing characters") => {
            "invalid character after top-level value".to_owned()
        }
        _ => error.to_string(),
    })?;
    if deeper(&schema, MAX_SCHEMA_DEPTH) {
        return Err(format!("the schema has more than {MAX_SCHEMA_DEPTH} levels"));
    }
    Ok(schema)
}

fn deeper(value: &Value, levels: usize) -> bool {
    let Some(levels) = levels.checked_sub(1) else {
        return true;
    };
    match value {
        Value::Array(items) => items.iter().any(|it| deeper(it, levels)),
        Value::Object(map) => map.values().any(|it| deeper(it, levels)),
        _ => false,
    }
}

/// Gives what schemas refer to outside of themselves.
///
/// DIFFERENCE: Helm reads files of the machine it runs on and fetches what has an address; here both are errors, since a
/// chart has no business with either.
struct Loader;

impl UrlLoader for Loader {
    fn load(&self, url: &str) -> Result<Value, Box<dyn StdError>> {
        match url.split_once(':') {
            // Nobody knows what is meant, so Helm lets everything pass.
            Some(("urn", _)) => Ok(Value::Bool(true)),
            Some(("file", _)) => Err("schemas may not refer to files".into()),
            Some(("http" | "https", _)) => Err("schemas may not refer to other servers".into()),
            _ => Err(CompileError::UnsupportedUrlScheme { url: url.to_owned() }.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(schema: &str, values: Value) -> Result<(), String> {
        check_one(schema.as_bytes(), &values)
    }

    #[test]
    fn a_hostile_schema_is_refused() {
        let deep = format!("{}true{}", "{\"not\":".repeat(100), "}".repeat(100));
        let error = checked(&deep, json!({})).unwrap_err();
        assert_eq!(error, "the schema has more than 100 levels");
        let deeper = "[".repeat(1_000_000);
        assert!(checked(&deeper, json!({})).is_err());
        let large = format!("{{\"title\":\"{}\"}}", "x".repeat(MAX_SCHEMA));
        let error = checked(&large, json!({})).unwrap_err();
        assert_eq!(error, "the schema has more than 4194304 bytes");
    }

    #[test]
    fn nothing_outside_of_the_schema_is_read() {
        for (reference, said) in [
            (
                "https://example.com/x.json",
                "schemas may not refer to other servers",
            ),
            ("file:///etc/hosts", "schemas may not refer to files"),
        ] {
            let error = checked(&json!({"$ref": reference}).to_string(), json!({})).unwrap_err();
            assert_eq!(error, format!("failing loading {reference:?}: {said}"));
        }
    }

    #[test]
    fn what_no_schema_evaluated_is_told_in_order() {
        let schema = json!({"unevaluatedProperties": false}).to_string();
        let error = checked(&schema, json!({"c": 1, "a": 1, "b": 1, "d": 1})).unwrap_err();
        let places: Vec<&str> = error.lines().filter_map(|line| line.get(6..8)).collect();
        assert_eq!(places, ["/a", "/b", "/c", "/d"]);
    }
}
