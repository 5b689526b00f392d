//! Structural schemas: everything about which something is said has a type, and only one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{flag, invalid, invalid_text, list, text};
use crate::failure::Cause;

/// Keywords with which a schema is not even tried.
const HOPELESS: [&str; 6] = [
    "id",
    "$ref",
    "additionalItems",
    "patternProperties",
    "definitions",
    "dependencies",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Calls `visit` for a schema and all within it.
pub(super) fn walk<'a>(schema: &'a Value, visit: &mut dyn FnMut(&'a Value)) {
    visit(schema);
    for key in ["properties", "patternProperties", "definitions"] {
        for inner in schema.get(key).and_then(Value::as_object).into_iter().flatten() {
            walk(inner.1, visit);
        }
    }
    for key in ["items", "additionalProperties", "not", "additionalItems"] {
        match schema.get(key) {
            Some(inner) if inner.is_object() => walk(inner, visit),
            Some(Value::Array(inner)) => inner.iter().for_each(|inner| walk(inner, visit)),
            _ => {}
        }
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        list(schema, key).iter().for_each(|inner| walk(inner, visit));
    }
}

/// Whether the schema has a structure to be judged at all.
pub(super) fn feasible(schema: &Value) -> bool {
    let mut feasible = true;
    walk(schema, &mut |own| {
        let hopeless = |key: &str| match own.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::Object(members)) => !members.is_empty() || key == "additionalItems",
            Some(Value::String(text)) => !text.is_empty(),
            Some(_) => true,
        };
        feasible &= !HOPELESS.iter().any(|key| hopeless(key)) && !own["items"].is_array();
    });
    feasible
}

/// What keeps a schema from being structural, sorted.
pub(super) fn check(schema: &Value, path: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    invariants(schema, Level::Root, path, &mut causes);
    completeness(schema, Some(schema), path, path, &mut causes);
    causes.sort_by_key(|cause: &Cause| format!("{}: {}", cause.field, cause.message));
    causes
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn int_or_string(branches: &[Value]) -> bool {
    matches!(branches, [first, second] if *first == json!({"type": "integer"}) && *second == json!({"type": "string"}))
}

fn invariants(schema: &Value, level: Level, path: &str, causes: &mut Vec<Cause>) {
    let kind = text(schema, "type");
    let items = schema.get("items").filter(|items| items.is_object());
    if kind == "array" && items.is_none() {
        causes.push(Cause::required(format!("{path}.items"), "must be specified"));
    }
    if let Some(items) = items {
        invariants(items, Level::Item, &format!("{path}.items"), causes);
    }
    for (name, property) in properties(schema) {
        invariants(
            property,
            Level::Field,
            &format!("{path}.properties[{name}]"),
            causes,
        );
    }
    if let Some(rest) = schema.get("additionalProperties").filter(|rest| !rest.is_null()) {
        let field = format!("{path}.additionalProperties");
        if level == Level::Root {
            causes.push(Cause::forbidden(&field, "must not be used at the root"));
        }
        if rest.is_object() {
            invariants(rest, Level::Field, &field, causes);
        }
    }
    extensions(schema, path, causes);
    let skip = int_or_string(list(schema, "anyOf"));
    let first = list(schema, "allOf")
        .first()
        .is_some_and(|first| int_or_string(list(first, "anyOf")));
    value_validation(schema, skip, first, path, causes);
    types(schema, level, path, causes);
    metadata(schema, level, path, causes);
}

fn extensions(schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    if !flag(schema, "x-kubernetes-int-or-string") {
        return;
    }
    for key in [
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-embedded-resource",
    ] {
        if flag(schema, key) {
            let detail = "must be false if x-kubernetes-int-or-string is true";
            causes.push(invalid(format!("{path}.{key}"), &Value::Bool(true), detail));
        }
    }
}

fn types(schema: &Value, level: Level, path: &str, causes: &mut Vec<Cause>) {
    let kind = text(schema, "type");
    let embedded = flag(schema, "x-kubernetes-embedded-resource");
    let field = format!("{path}.type");
    if embedded && kind != "object" {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        causes.push(if kind.is_empty() {
            Cause::required(field, detail)
        } else {
            invalid_text(field, kind, detail)
        });
    } else if kind.is_empty()
        && !flag(schema, "x-kubernetes-int-or-string")
        && !flag(schema, "x-kubernetes-preserve-unknown-fields")
    {
        let detail = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        causes.push(Cause::required(field, detail));
    }
    if embedded && schema.get("additionalProperties").is_some() {
        causes.push(Cause::forbidden(
            format!("{path}.additionalProperties"),
            "must not be used if x-kubernetes-embedded-resource is set",
        ));
    }
    if level == Level::Root && !kind.is_empty() && kind != "object" {
        causes.push(invalid_text(
            format!("{path}.type"),
            kind,
            "must be object at the root",
        ));
    }
}

fn metadata(schema: &Value, level: Level, path: &str, causes: &mut Vec<Cause>) {
    let embedded = flag(schema, "x-kubernetes-embedded-resource");
    let known = |name: &str| {
        schema
            .get("properties")
            .and_then(|properties| properties.get(name))
    };
    let checked = level == Level::Root || embedded;
    for name in ["kind", "apiVersion"] {
        if let Some(own) = known(name).filter(|own| checked && text(own, "type") != "string") {
            let field = format!("{path}.properties[{name}].type");
            causes.push(invalid_text(field, text(own, "type"), "must be string"));
        }
    }
    if let Some(own) = known("metadata") {
        let field = format!("{path}.properties[metadata]");
        if checked && text(own, "type") != "object" {
            causes.push(invalid_text(
                format!("{field}.type"),
                text(own, "type"),
                "must be object",
            ));
        }
        let mut rest = own.as_object().cloned().unwrap_or_default();
        let names: BTreeSet<&str> = properties(own).map(|(name, _)| name.as_str()).collect();
        if names.iter().all(|name| ["name", "generateName"].contains(name)) {
            rest.remove("properties");
        }
        for key in ["type", "default"] {
            rest.remove(key);
        }
        rest.retain(|_, value| !matches!(value, Value::Null | Value::Bool(false)));
        if level == Level::Root && !rest.is_empty() {
            causes.push(Cause::forbidden(
                field,
                "must not specify anything other than name and generateName, but metadata is implicitly specified",
            ));
        }
    }
    if embedded
        && !flag(schema, "x-kubernetes-preserve-unknown-fields")
        && properties(schema).next().is_none()
    {
        causes.push(Cause::required(
            format!("{path}.properties"),
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
        ));
    }
}

fn value_validation(schema: &Value, skip: bool, skip_first: bool, path: &str, causes: &mut Vec<Cause>) {
    if !skip {
        for (at, branch) in list(schema, "anyOf").iter().enumerate() {
            nested(branch, false, &format!("{path}.anyOf[{at}]"), causes);
        }
    }
    for (at, branch) in list(schema, "allOf").iter().enumerate() {
        nested(
            branch,
            skip_first && at == 0,
            &format!("{path}.allOf[{at}]"),
            causes,
        );
    }
    for (at, branch) in list(schema, "oneOf").iter().enumerate() {
        nested(branch, false, &format!("{path}.oneOf[{at}]"), causes);
    }
    if let Some(not) = schema.get("not").filter(|not| not.is_object()) {
        nested(not, false, &format!("{path}.not"), causes);
    }
    let pattern = text(schema, "pattern");
    if let Some(why) = crate::custom::gopattern::problem(pattern) {
        let detail = format!("must be a valid regular expression, but isn't: {why}");
        causes.push(invalid_text(format!("{path}.pattern"), pattern, &detail));
    }
}

/// What may stand in no branch of a condition.
const STRUCTURE: [(&str, &str); 12] = [
    ("type", "must be empty to be structural"),
    ("additionalProperties", "must be undefined to be structural"),
    ("default", "must be undefined to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("nullable", "must be false to be structural"),
    (
        "x-kubernetes-preserve-unknown-fields",
        "must be false to be structural",
    ),
    ("x-kubernetes-embedded-resource", "must be false to be structural"),
    ("x-kubernetes-int-or-string", "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
];

fn nested(schema: &Value, skip: bool, path: &str, causes: &mut Vec<Cause>) {
    value_validation(schema, skip, false, path, causes);
    if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
        nested(items, false, &format!("{path}.items"), causes);
    }
    for (name, property) in properties(schema) {
        nested(property, false, &format!("{path}.properties[{name}]"), causes);
    }
    for (key, detail) in STRUCTURE {
        let set = match schema.get(key) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::String(own)) if detail == "must be empty to be structural" => !own.is_empty(),
            Some(Value::Array(own)) => !own.is_empty(),
            Some(_) => true,
        };
        if set {
            causes.push(Cause::forbidden(format!("{path}.{key}"), detail));
        }
    }
    if !list(schema, "x-kubernetes-validations").is_empty() {
        causes.push(Cause::forbidden(
            format!("{path}.x-kubernetes-validations"),
            "must be empty to be structural",
        ));
    }
    if properties(schema).any(|(name, _)| name == "metadata") {
        causes.push(Cause::forbidden(
            format!("{path}.properties[metadata]"),
            "must not be specified in a nested context",
        ));
    }
}

/// What conditions speak of is also said outside of them.
fn completeness(own: &Value, structure: Option<&Value>, path: &str, at: &str, causes: &mut Vec<Cause>) {
    for key in ["allOf", "anyOf", "oneOf"] {
        for (number, branch) in list(own, key).iter().enumerate() {
            branch_completeness(branch, structure, path, &format!("{at}.{key}[{number}]"), causes);
        }
    }
    if let Some(not) = own.get("not").filter(|not| not.is_object()) {
        branch_completeness(not, structure, path, &format!("{at}.not"), causes);
    }
}

fn branch_completeness(
    own: &Value,
    structure: Option<&Value>,
    path: &str,
    at: &str,
    causes: &mut Vec<Cause>,
) {
    let Some(structure) = structure else {
        causes.push(Cause::required(path, &format!("because it is defined in {at}")));
        return;
    };
    completeness(own, Some(structure), path, at, causes);
    if let Some(items) = own.get("items").filter(|items| items.is_object()) {
        let inner = structure.get("items").filter(|items| items.is_object());
        branch_completeness(
            items,
            inner,
            &format!("{path}.items"),
            &format!("{at}.items"),
            causes,
        );
    }
    for (name, property) in properties(own) {
        let inner = structure
            .get("properties")
            .and_then(|properties| properties.get(name));
        let (path, at) = (
            format!("{path}.properties[{name}]"),
            format!("{at}.properties[{name}]"),
        );
        branch_completeness(property, inner, &path, &at, causes);
    }
}
