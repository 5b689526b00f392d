//! Parts of a definition as the genuine server prints its internal form.

use serde_json::Value;

use super::Shared;

/// What an absent member is printed as.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    Null,
    Schema,
    Schemas,
    Map,
    Rules,
    SchemaOrFlag,
    Items,
}

/// Members of a schema in the order of the internal form.
const SCHEMA: [(&str, &str, Kind); 43] = [
    ("ID", "id", Kind::Text),
    ("Schema", "$schema", Kind::Text),
    ("Ref", "$ref", Kind::Null),
    ("Description", "description", Kind::Text),
    ("Type", "type", Kind::Text),
    ("Nullable", "nullable", Kind::Flag),
    ("Format", "format", Kind::Text),
    ("Title", "title", Kind::Text),
    ("Default", "default", Kind::Null),
    ("Maximum", "maximum", Kind::Null),
    ("ExclusiveMaximum", "exclusiveMaximum", Kind::Flag),
    ("Minimum", "minimum", Kind::Null),
    ("ExclusiveMinimum", "exclusiveMinimum", Kind::Flag),
    ("MaxLength", "maxLength", Kind::Null),
    ("MinLength", "minLength", Kind::Null),
    ("Pattern", "pattern", Kind::Text),
    ("MaxItems", "maxItems", Kind::Null),
    ("MinItems", "minItems", Kind::Null),
    ("UniqueItems", "uniqueItems", Kind::Flag),
    ("MultipleOf", "multipleOf", Kind::Null),
    ("Enum", "enum", Kind::Null),
    ("MaxProperties", "maxProperties", Kind::Null),
    ("MinProperties", "minProperties", Kind::Null),
    ("Required", "required", Kind::Null),
    ("Items", "items", Kind::Items),
    ("AllOf", "allOf", Kind::Schemas),
    ("OneOf", "oneOf", Kind::Schemas),
    ("AnyOf", "anyOf", Kind::Schemas),
    ("Not", "not", Kind::Schema),
    ("Properties", "properties", Kind::Map),
    ("AdditionalProperties", "additionalProperties", Kind::SchemaOrFlag),
    ("PatternProperties", "patternProperties", Kind::Map),
    ("Dependencies", "dependencies", Kind::Null),
    ("AdditionalItems", "additionalItems", Kind::SchemaOrFlag),
    ("Definitions", "definitions", Kind::Map),
    ("ExternalDocs", "externalDocs", Kind::Null),
    ("Example", "example", Kind::Null),
    (
        "XPreserveUnknownFields",
        "x-kubernetes-preserve-unknown-fields",
        Kind::Null,
    ),
    ("XEmbeddedResource", "x-kubernetes-embedded-resource", Kind::Flag),
    ("XIntOrString", "x-kubernetes-int-or-string", Kind::Flag),
    ("XListMapKeys", "x-kubernetes-list-map-keys", Kind::Null),
    ("XListType", "x-kubernetes-list-type", Kind::Null),
    ("XMapType", "x-kubernetes-map-type", Kind::Null),
];

/// A value as Go's JSON encoder writes it.
pub(crate) fn json(value: &Value) -> String {
    value
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

fn object(members: &[(&str, String)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn own(value: Option<&Value>, absent: &str) -> String {
    match value {
        None | Some(Value::Null) => absent.to_owned(),
        Some(value) => json(value),
    }
}

fn member(value: Option<&Value>, kind: Kind) -> String {
    let absent = match kind {
        Kind::Text => "\"\"",
        Kind::Flag => "false",
        _ => "null",
    };
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return absent.to_owned();
    };
    match (kind, value) {
        (Kind::Schema, value) => schema(value),
        (Kind::Schemas, Value::Array(several)) => array(several.iter().map(schema)),
        (Kind::Map, Value::Object(members)) => {
            let members: Vec<(String, String)> = members
                .iter()
                .map(|(name, inner)| (json(&name.as_str().into()), schema(inner)))
                .collect();
            let members: Vec<String> = members
                .iter()
                .map(|(name, inner)| format!("{name}:{inner}"))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        (Kind::Items, Value::Array(several)) => object(&[
            ("Schema", "null".into()),
            ("JSONSchemas", array(several.iter().map(schema))),
        ]),
        (Kind::Items, value) => object(&[("Schema", schema(value)), ("JSONSchemas", "null".into())]),
        (Kind::SchemaOrFlag, Value::Bool(allows)) => {
            object(&[("Allows", allows.to_string()), ("Schema", "null".into())])
        }
        (Kind::SchemaOrFlag, value) => object(&[("Allows", "true".into()), ("Schema", schema(value))]),
        (Kind::Rules, Value::Array(rules)) => array(rules.iter().map(crate::custom::rules::printed)),
        (_, value) => json(value),
    }
}

/// A schema.
pub(super) fn schema(value: &Value) -> String {
    let rules = [("XValidations", "x-kubernetes-validations", Kind::Rules)];
    let members: Vec<(&str, String)> = SCHEMA
        .iter()
        .chain(&rules)
        .map(|(name, key, kind)| (*name, member(value.get(*key), *kind)))
        .collect();
    object(&members)
}

fn subresources(value: Option<&Value>) -> String {
    let Some(value) = value.filter(|value| value.is_object()) else {
        return "null".to_owned();
    };
    let scale = value.get("scale").map_or_else(
        || "null".to_owned(),
        |scale| {
            object(&[
                ("SpecReplicasPath", own(scale.get("specReplicasPath"), "\"\"")),
                ("StatusReplicasPath", own(scale.get("statusReplicasPath"), "\"\"")),
                ("LabelSelectorPath", own(scale.get("labelSelectorPath"), "null")),
            ])
        },
    );
    object(&[("Status", own(value.get("status"), "null")), ("Scale", scale)])
}

fn column(value: &Value) -> String {
    object(&[
        ("Name", own(value.get("name"), "\"\"")),
        ("Type", own(value.get("type"), "\"\"")),
        ("Format", own(value.get("format"), "\"\"")),
        ("Description", own(value.get("description"), "\"\"")),
        ("Priority", own(value.get("priority"), "0")),
        ("JSONPath", own(value.get("jsonPath"), "\"\"")),
    ])
}

/// All versions, without what they share.
pub(super) fn versions(shared: &Shared<'_>) -> String {
    if shared.versions.is_empty() {
        return "null".to_owned();
    }
    array(shared.versions.iter().map(|version| {
        let several = |key: &str, shared: bool, show: &dyn Fn(&Value) -> String| match version.get(key) {
            Some(Value::Array(several)) if !shared => array(several.iter().map(show)),
            _ => "null".to_owned(),
        };
        let schema = version
            .pointer("/schema/openAPIV3Schema")
            .filter(|_| !shared.schema)
            .map_or_else(
                || "null".to_owned(),
                |own| object(&[("OpenAPIV3Schema", schema(own))]),
            );
        object(&[
            ("Name", own(version.get("name"), "\"\"")),
            ("Served", own(version.get("served"), "false")),
            ("Storage", own(version.get("storage"), "false")),
            ("Deprecated", own(version.get("deprecated"), "false")),
            (
                "DeprecationWarning",
                own(version.get("deprecationWarning"), "null"),
            ),
            ("Schema", schema),
            (
                "Subresources",
                subresources(version.get("subresources").filter(|_| !shared.subresources)),
            ),
            (
                "AdditionalPrinterColumns",
                several("additionalPrinterColumns", shared.columns, &column),
            ),
            (
                "SelectableFields",
                several("selectableFields", shared.selectable, &|field| {
                    object(&[("JSONPath", own(field.get("jsonPath"), "\"\""))])
                }),
            ),
        ])
    }))
}
