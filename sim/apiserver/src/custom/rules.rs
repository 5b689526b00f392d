//! `x-kubernetes-validations`: CEL rules of a schema.
//!
//! DIFFERENCE: rules are not checked against the types of the schema, and the estimated cost is not limited. What the
//! evaluator lacks (optionals, quantities, URLs, addresses, `format`, `sets` …) is refused when the definition is
//! written, so that no rule is ever taken without being enforced.

use std::{collections::BTreeMap, sync::Arc};

use cel::{Context, ExecutionError, Program};
use serde_json::Value;

use crate::failure::Cause;

/// Functions that the evaluator has; operators and macros come under names of their own.
const FUNCTIONS: [&str; 23] = [
    "size",
    "has",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "bytes",
    "type",
    "dyn",
    "duration",
    "timestamp",
    "all",
    "exists",
    "exists_one",
    "map",
    "filter",
    "max",
    "min",
];

/// The compiled rules of a schema by their texts.
#[derive(Clone, Default)]
pub(crate) struct Rules(BTreeMap<String, Arc<Program>>);

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn text<'a>(rule: &'a Value, key: &str) -> &'a str {
    rule.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list(schema: &Value) -> &[Value] {
    schema
        .get("x-kubernetes-validations")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn compile(text: &str) -> Result<Program, String> {
    let program = Program::compile(text).map_err(|error| format!("compilation failed: {error}"))?;
    let references = program.references();
    let operator = |name: &str| !name.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let unknown = references
        .functions()
        .into_iter()
        .filter(|name| !operator(name) && !FUNCTIONS.contains(name))
        .min();
    let undeclared = references
        .variables()
        .into_iter()
        .filter(|name| !known_variable(text, name))
        .min();
    match unknown.or(undeclared) {
        Some(name) => Err(format!(
            "compilation failed: ERROR: undeclared reference to '{name}' (in container '')"
        )),
        None => Ok(program),
    }
}

/// `self`, `oldSelf`, types, and what the rule's own macros bind.
fn known_variable(rule: &str, name: &str) -> bool {
    const KNOWN: [&str; 14] = [
        "self",
        "oldSelf",
        "int",
        "uint",
        "double",
        "string",
        "bool",
        "bytes",
        "list",
        "map",
        "type",
        "null_type",
        "true",
        "false",
    ];
    let bound = || {
        ["all", "exists", "exists_one", "map", "filter"]
            .iter()
            .any(|name_of_macro| {
                rule.split(&format!(".{name_of_macro}(")[..])
                    .skip(1)
                    .any(|rest| rest.split(',').take(2).any(|part| part.trim() == name))
            })
    };
    KNOWN.contains(&name) || name.starts_with('@') || name.starts_with("__") || bound()
}

impl Rules {
    /// Compiles what can be compiled; the rest was refused when the definition was written.
    pub(crate) fn read(schema: &Value) -> Self {
        let mut rules = Self::default();
        rules.collect(schema);
        rules
    }

    fn collect(&mut self, schema: &Value) {
        for rule in list(schema) {
            for key in ["rule", "messageExpression"] {
                let source = text(rule, key);
                if let (false, Ok(program)) = (source.is_empty(), compile(source)) {
                    self.0.insert(source.to_owned(), Arc::new(program));
                }
            }
        }
        match schema {
            Value::Object(members) => members.values().for_each(|member| self.collect(member)),
            Value::Array(items) => items.iter().for_each(|item| self.collect(item)),
            _ => {}
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the rules say of a value and of everything below it.
    pub(crate) fn check(&self, schema: &Value, value: &Value, old: Option<&Value>, path: &str) -> Vec<Cause> {
        let mut causes = Vec::new();
        self.walk(schema, value, old, path, &mut causes);
        causes
    }

    fn walk(&self, schema: &Value, value: &Value, old: Option<&Value>, path: &str, causes: &mut Vec<Cause>) {
        if value.is_null() {
            return;
        }
        for rule in list(schema) {
            causes.extend(self.judge(rule, schema, value, old, path));
        }
        let below = |name: &str| {
            if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            }
        };
        match value {
            Value::Object(members) => {
                let properties = schema.get("properties").and_then(Value::as_object);
                let rest = schema.get("additionalProperties").filter(|rest| rest.is_object());
                for (name, member) in members {
                    let before = old.and_then(|old| old.get(name));
                    if let Some(own) = properties.and_then(|properties| properties.get(name)) {
                        self.walk(own, member, before, &below(name), causes);
                    } else if let Some(rest) = rest {
                        self.walk(rest, member, before, &format!("{path}[{name}]"), causes);
                    }
                }
            }
            Value::Array(items) => {
                let Some(own) = schema.get("items") else { return };
                for (at, item) in items.iter().enumerate() {
                    let before = correlated(schema, item, old);
                    self.walk(own, item, before, &format!("{path}[{at}]"), causes);
                }
            }
            _ => {}
        }
    }

    fn judge(
        &self,
        rule: &Value,
        schema: &Value,
        value: &Value,
        old: Option<&Value>,
        path: &str,
    ) -> Option<Cause> {
        let source = text(rule, "rule");
        let program = self.0.get(source)?;
        let transition = program.references().has_variable("oldSelf");
        match old {
            // A rule about a change needs something that changes.
            None if transition => return None,
            // What was wrong before and did not change is let be.
            Some(old) if !transition && old == value => return None,
            _ => {}
        }
        match run(program, value, old) {
            Ok(cel::Value::Bool(true)) => None,
            Ok(_) => Some(self.failed(rule, value, old, path)),
            Err(error) => {
                let kind = schema.get("type").and_then(Value::as_str).unwrap_or_default();
                let message = format!(
                    "Invalid value: {kind:?}: {} evaluating rule: {source}",
                    wording(&error)
                );
                Some(Cause::invalid(field(path), message))
            }
        }
    }

    fn failed(&self, rule: &Value, value: &Value, old: Option<&Value>, path: &str) -> Cause {
        let message = self.message(rule, value, old);
        let inner = text(rule, "fieldPath");
        let whole = !inner.is_empty() || matches!(value, Value::Object(_) | Value::Array(_));
        let place = if inner.is_empty() {
            field(path)
        } else {
            field(&joined(path, inner))
        };
        let shown = if whole {
            message.clone()
        } else {
            format!("{value}: {message}")
        };
        match text(rule, "reason") {
            "FieldValueRequired" => {
                Cause::new("FieldValueRequired", place, format!("Required value: {message}"))
            }
            "FieldValueForbidden" => {
                Cause::new("FieldValueForbidden", place, format!("Forbidden: {message}"))
            }
            "FieldValueDuplicate" => {
                Cause::new("FieldValueDuplicate", place, format!("Duplicate value: {shown}"))
            }
            _ => Cause::new("FieldValueInvalid", place, format!("Invalid value: {shown}")),
        }
    }

    fn message(&self, rule: &Value, value: &Value, old: Option<&Value>) -> String {
        let computed =
            self.0
                .get(text(rule, "messageExpression"))
                .and_then(|program| match run(program, value, old) {
                    Ok(cel::Value::String(text)) if !text.trim().is_empty() && !text.contains('\n') => {
                        Some(text.to_string())
                    }
                    _ => None,
                });
        let given = text(rule, "message").trim();
        computed.unwrap_or_else(|| {
            if given.is_empty() {
                format!("failed rule: {}", text(rule, "rule").trim())
            } else {
                given.to_owned()
            }
        })
    }
}

fn run(program: &Program, value: &Value, old: Option<&Value>) -> Result<cel::Value, ExecutionError> {
    let mut context = Context::default();
    for (name, value) in [("self", Some(value)), ("oldSelf", old)] {
        if let Some(value) = value {
            let value =
                cel::to_value(value).map_err(|error| ExecutionError::InternalError(error.to_string()))?;
            context.add_variable_from_value(name, value);
        }
    }
    program.execute(&context)
}

/// Errors of an evaluation in the words of the genuine evaluator.
fn wording(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "modulus by zero".to_owned(),
        ExecutionError::IndexOutOfBounds(cel::Value::Int(at)) => format!("index out of bounds: {at}"),
        other => other.to_string(),
    }
}

fn field(path: &str) -> String {
    if path.is_empty() {
        "<nil>".to_owned()
    } else {
        path.to_owned()
    }
}

/// `.i` and `['k']` after a path.
fn joined(path: &str, inner: &str) -> String {
    let inner = inner.replace("['", "[").replace("']", "]");
    format!("{path}{inner}").trim_start_matches('.').to_owned()
}

/// The item of an old list that is the same by its keys.
fn correlated<'a>(schema: &Value, item: &Value, old: Option<&'a Value>) -> Option<&'a Value> {
    if text(schema, "x-kubernetes-list-type") != "map" {
        return None;
    }
    let keys = schema
        .get("x-kubernetes-list-map-keys")
        .and_then(Value::as_array)?;
    let old = old?.as_array()?;
    old.iter().find(|other| {
        keys.iter()
            .filter_map(Value::as_str)
            .all(|key| other.get(key) == item.get(key))
    })
}

/// What is wrong with the rules of a definition that is written.
pub(crate) fn check_definition(definition: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let versions = definition
        .pointer("/spec/versions")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    for (at, version) in versions.iter().enumerate() {
        let root = if versions.len() == 1 {
            "spec.validation.openAPIV3Schema".to_owned()
        } else {
            format!("spec.versions[{at}].schema.openAPIV3Schema")
        };
        if let Some(schema) = version.pointer("/schema/openAPIV3Schema") {
            check_schema(schema, &root, &mut causes);
        }
    }
    causes
}

fn check_schema(schema: &Value, path: &str, causes: &mut Vec<Cause>) {
    for (at, rule) in list(schema).iter().enumerate() {
        let here = format!("{path}.x-kubernetes-validations[{at}]");
        let source = text(rule, "rule");
        if source.trim().is_empty() {
            causes.push(Cause::required(format!("{here}.rule"), "rule is not specified"));
            continue;
        }
        if let Err(error) = compile(source) {
            causes.push(Cause::invalid(
                format!("{here}.rule"),
                format!("Invalid value: {}: {error}", printed(rule)),
            ));
        }
        let expression = text(rule, "messageExpression");
        if let (false, Err(error)) = (expression.is_empty(), compile(expression)) {
            let message = format!("Invalid value: {}: {error}", printed(rule));
            causes.push(Cause::invalid(format!("{here}.messageExpression"), message));
        }
    }
    for (name, property) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        check_schema(property, &format!("{path}.properties[{name}]"), causes);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(key).filter(|inner| inner.is_object()) {
            check_schema(inner, &format!("{path}.{key}"), causes);
        }
    }
}

/// A rule as Go prints its own type.
fn printed(rule: &Value) -> String {
    let mut out = Vec::new();
    for (name, key) in [
        ("Rule", "rule"),
        ("Message", "message"),
        ("MessageExpression", "messageExpression"),
        ("Reason", "reason"),
        ("FieldPath", "fieldPath"),
        ("OptionalOldSelf", "optionalOldSelf"),
    ] {
        let empty = if matches!(name, "Reason" | "OptionalOldSelf") {
            Value::Null
        } else {
            "".into()
        };
        let value = rule.get(key).cloned().unwrap_or(empty);
        out.push(format!(
            "\"{name}\":{}",
            kube_schema::Document::from_value(&value).to_text()
        ));
    }
    format!("{{{}}}", out.join(","))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_are_enforced_or_refused() {
        let schema = json!({"properties": {"spec": {
            "type": "object",
            "properties": {"ref": {"type": "object"}},
            "x-kubernetes-validations": [
                {"rule": "!has(self.a) || self.a == oldSelf.a", "message": "a is immutable"},
                {"rule": "has(self.ref.tag) || has(self.ref.branch)", "message": "one is needed"},
            ],
        }}});
        let rules = Rules::read(&schema);
        let old = json!({"spec": {"a": 1, "ref": {"tag": "x"}}});
        assert_eq!(rules.check(&schema, &old, None, ""), []);
        let new = json!({"spec": {"a": 2, "ref": {}}});
        let causes = rules.check(&schema, &new, Some(&old), "");
        let texts: Vec<&str> = causes.iter().map(|cause| cause.message.as_str()).collect();
        assert_eq!(
            texts,
            ["Invalid value: a is immutable", "Invalid value: one is needed"]
        );
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused() {
        for rule in [
            "self.?a.orValue(1) == 1",
            "quantity(self.q).isInteger()",
            "foo == 1",
            "self.a >",
            " ",
        ] {
            let definition = json!({"spec": {"versions": [{"schema": {"openAPIV3Schema": {
                "x-kubernetes-validations": [{"rule": rule}]}}}]}});
            assert_eq!(check_definition(&definition).len(), 1, "{rule}");
        }
        for rule in [
            "self.l.all(x, x.size() > 0)",
            "size(self.s) < 5 && self.i in [1, 2]",
            "type(self.i) == int",
        ] {
            let definition = json!({"spec": {"versions": [{"schema": {"openAPIV3Schema": {
                "x-kubernetes-validations": [{"rule": rule}]}}}]}});
            assert_eq!(check_definition(&definition), [], "{rule}");
        }
    }
}
