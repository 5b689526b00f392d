//! What is taken but warned of.

use serde_json::Value;

use super::{Shared, structural, text};

const FORMATS: [&str; 26] = [
    "bsonobjectid",
    "uri",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "cidr",
    "mac",
    "uuid",
    "uuid3",
    "uuid4",
    "uuid5",
    "isbn",
    "isbn10",
    "isbn13",
    "creditcard",
    "ssn",
    "hexcolor",
    "rgbcolor",
    "byte",
    "password",
    "date",
    "duration",
    "datetime",
    "k8sshortname",
    "k8slongname",
];

/// Whether a format means something for values of a type.
pub(crate) fn known_format(kind: &str, format: &str) -> bool {
    match kind {
        "" | "string" => FORMATS.contains(&format.replace('-', "").as_str()),
        "integer" => ["int32", "int64"].contains(&format),
        "number" => ["float", "double"].contains(&format),
        _ => false,
    }
}

fn all(definition: &Value) -> Vec<String> {
    let shared = Shared::of(definition);
    let versions = if shared.schema {
        shared.versions.get(..1).unwrap_or_default()
    } else {
        shared.versions
    };
    let mut formats = Vec::new();
    for schema in versions
        .iter()
        .filter_map(|version| version.pointer("/schema/openAPIV3Schema"))
    {
        structural::walk(schema, &mut |own| {
            let format = text(own, "format");
            if !format.is_empty() && !known_format(text(own, "type"), format) {
                formats.push(format!(
                    "unrecognized format {}",
                    kube_schema::gotext::quote(format)
                ));
            }
        });
    }
    formats
}

/// The warnings about a definition that is created (`old` is `None`) or replaces `old`.
pub(crate) fn warnings(new: &Value, old: Option<&Value>) -> Vec<String> {
    let before = old.map(all).unwrap_or_default();
    let mut found = all(new);
    found.retain(|warning| !before.contains(warning));
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn formats_nobody_knows_are_named_once_they_come() {
        let definition = |format: &str| {
            json!({"spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"properties": {
                "a": {"type": "string", "format": format}, "b": {"type": "integer", "format": "int64"}}}}}]}})
        };
        let odd = definition("odd");
        assert_eq!(warnings(&odd, None), ["unrecognized format \"odd\""]);
        assert!(warnings(&odd, Some(&odd)).is_empty());
        assert!(warnings(&definition("date-time"), None).is_empty());
    }
}
