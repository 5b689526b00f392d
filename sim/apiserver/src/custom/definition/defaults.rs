//! Defaults in a schema must be what the schema allows.

use serde_json::Value;

use super::{flag, invalid};
use crate::{
    custom::{
        rules::Rules,
        validate::{self, Patterns},
    },
    failure::Cause,
};

/// What is wrong with the defaults in a schema.
pub(super) fn check(schema: &Value, path: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut patterns = Patterns::new();
    let mut any = false;
    super::structural::walk(schema, &mut |own| any |= own.get("default").is_some());
    if any {
        validate::patterns(schema, &mut patterns);
        walk(schema, path, (true, false), &patterns, &mut causes);
    }
    causes
}

fn walk(
    schema: &Value,
    path: &str,
    (embedded, meta): (bool, bool),
    patterns: &Patterns,
    causes: &mut Vec<Cause>,
) {
    let embedded = embedded || flag(schema, "x-kubernetes-embedded-resource");
    let meta = meta && !embedded;
    if let Some(default) = schema.get("default").filter(|default| !default.is_null()) {
        one(
            schema,
            default,
            &format!("{path}.default"),
            meta,
            patterns,
            causes,
        );
    }
    if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
        walk(items, &format!("{path}.items"), (false, meta), patterns, causes);
    }
    for (name, property) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let meta = meta || embedded && ["metadata", "apiVersion", "kind"].contains(&name.as_str());
        let path = format!("{path}.properties[{name}]");
        walk(property, &path, (false, meta), patterns, causes);
    }
}

fn one(
    schema: &Value,
    default: &Value,
    path: &str,
    meta: bool,
    patterns: &Patterns,
    causes: &mut Vec<Cause>,
) {
    if !meta && !pruned(schema, default) {
        causes.push(invalid(path, default, "must not have unknown fields"));
    }
    let mut found = validate::check(schema, patterns, default, None, path);
    if found.is_empty() {
        let rules = Rules::read(schema, flag(schema, "x-kubernetes-embedded-resource"));
        found = rules.check(default, Some(default), path);
        if found.is_empty() {
            found = rules.check(default, None, path);
        }
    }
    causes.extend(found);
}

/// Whether the schema knows every member.
fn pruned(schema: &Value, value: &Value) -> bool {
    match value {
        Value::Array(items) => {
            let inner = schema.get("items");
            items
                .iter()
                .all(|item| inner.is_none_or(|inner| pruned(inner, item)))
        }
        Value::Object(members) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let rest = schema.get("additionalProperties").filter(|rest| !rest.is_null());
            let keeps = flag(schema, "x-kubernetes-preserve-unknown-fields");
            let embedded = flag(schema, "x-kubernetes-embedded-resource");
            members.iter().all(|(name, member)| {
                if let Some(own) = properties.and_then(|properties| properties.get(name)) {
                    return pruned(own, member);
                }
                match rest {
                    Some(inner) if inner.is_object() => pruned(inner, member),
                    Some(inner) => inner == &Value::Bool(true) || keeps,
                    None => keeps || embedded && ["metadata", "apiVersion", "kind"].contains(&name.as_str()),
                }
            })
        }
        _ => true,
    }
}
