//! `x-kubernetes-validations`: the rules of a schema, compiled once and applied to objects.

#[cfg(test)]
mod tests;

use std::{cell::Cell, collections::BTreeMap, sync::Arc};

use kube_cel::{Environment, Fault, PER_CALL, Program, Shape, Type};
use serde_json::Value;

use super::definition::valid_path;
use crate::{failure::Cause, limits};

fn text<'a>(rule: &'a Value, key: &str) -> &'a str {
    rule.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list(schema: &Value) -> &[Value] {
    schema
        .get("x-kubernetes-validations")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn embedded(schema: &Value) -> bool {
    schema.get("x-kubernetes-embedded-resource") == Some(&Value::Bool(true))
}

/// A rule's expressions, or why they cannot be compiled.
pub(super) struct Compiled {
    pub(super) program: Result<Program, String>,
    pub(super) message: Option<Result<Program, String>>,
}

impl Compiled {
    /// Whether the rule is about a change.
    pub(super) fn transition(&self) -> bool {
        self.program.as_ref().is_ok_and(|program| program.uses("oldSelf"))
    }
}

/// Compiles one rule of a schema with this shape.
pub(super) fn compile(rule: &Value, shape: &Shape) -> Compiled {
    let optional = rule.get("optionalOldSelf") == Some(&Value::Bool(true));
    let old = if optional {
        Type::optional(shape.ty.clone())
    } else {
        shape.ty.clone()
    };
    let environment = Environment::new()
        .with("self", shape.ty.clone())
        .with("oldSelf", old);
    let program = environment
        .compile(text(rule, "rule"))
        .map_err(|why| format!("compilation failed: {why}"))
        .and_then(|program| match program.result() {
            Type::Bool => Ok(program),
            _ => Err("cel expression must evaluate to a bool".to_owned()),
        });
    let source = text(rule, "messageExpression");
    let message = (!source.is_empty() && program.is_ok()).then(|| {
        environment
            .compile(source)
            .map_err(|why| format!("messageExpression compilation failed: {why}"))
            .and_then(|program| match program.result() {
                Type::String => Ok(program),
                _ => Err("messageExpression must evaluate to a string".to_owned()),
            })
    });
    Compiled { program, message }
}

/// One compiled rule.
#[derive(Debug)]
struct Rule {
    source: Value,
    program: Result<Program, String>,
    message: Option<Program>,
    /// The field it blames, below its own.
    target: String,
    transition: bool,
    optional: bool,
}

/// The rules of a schema and of those below it.
#[derive(Debug, Default)]
struct Node {
    schema: Value,
    root: bool,
    rules: Vec<Rule>,
    properties: BTreeMap<String, Self>,
    inner: Option<Box<Self>>,
}

/// The compiled rules of a schema.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules(Option<Arc<Node>>);

impl Node {
    fn read(schema: &Value, root: bool, shape: Option<&Shape>) -> Option<Self> {
        let own = list(schema);
        let made = if own.is_empty() || shape.is_some() {
            None
        } else {
            Shape::of(schema, root, "selfType")
        };
        let shape = shape.or(made.as_ref());
        let mut node = Self {
            root,
            ..Self::default()
        };
        if let Some(shape) = shape {
            node.rules = own.iter().map(|rule| Rule::read(rule, schema, shape)).collect();
        }
        for (name, property) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let inner = shape.and_then(|shape| shape.field(&kube_cel::escape(name)?).map(Arc::as_ref));
            if let Some(below) = Self::read(property, embedded(property), inner) {
                node.properties.insert(name.clone(), below);
            }
        }
        let rest = ["items", "additionalProperties"]
            .iter()
            .filter_map(|key| schema.get(*key))
            .find(|inner| inner.is_object());
        if let Some(rest) = rest {
            let inner = shape.and_then(|shape| shape.inner.as_deref());
            node.inner = Self::read(rest, embedded(rest), inner).map(Box::new);
        }
        if node.rules.is_empty() && node.properties.is_empty() && node.inner.is_none() {
            return None;
        }
        node.schema = schema.clone();
        Some(node)
    }
}

impl Rule {
    fn read(rule: &Value, schema: &Value, shape: &Shape) -> Self {
        let compiled = compile(rule, shape);
        let target = text(rule, "fieldPath");
        let target = match valid_path(target, schema, true) {
            Ok((shown, _)) => shown,
            Err(_) => String::new(),
        };
        Self {
            source: rule.clone(),
            transition: compiled.transition(),
            program: compiled.program,
            message: compiled.message.and_then(Result::ok),
            target,
            optional: rule.get("optionalOldSelf") == Some(&Value::Bool(true)),
        }
    }

    /// What names the rule in errors.
    fn name(&self) -> &str {
        let message = text(&self.source, "message").trim();
        if message.is_empty() {
            text(&self.source, "rule").trim()
        } else {
            message
        }
    }
}

/// A value, the one it replaces, and what is known of their parents.
#[derive(Clone, Copy)]
struct Pair<'a> {
    new: &'a Value,
    /// What belongs to it by its place or its keys.
    old: Option<&'a Value>,
    /// What the old object has there, for letting be what did not change.
    before: Option<&'a Value>,
    /// The nearest value above that has a counterpart did not change.
    settled: bool,
}

impl Pair<'_> {
    fn unchanged(&self) -> bool {
        self.before.map_or(self.settled, |before| before == self.new)
    }
}

impl Rules {
    /// Compiles the rules of a schema; `root`: it is that of a whole resource.
    pub(crate) fn read(schema: &Value, root: bool) -> Self {
        Self(Node::read(schema, root, None).map(Arc::new))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What the rules say of a value and of everything below it.
    pub(crate) fn check(&self, value: &Value, old: Option<&Value>, path: &str) -> Vec<Cause> {
        let Some(node) = &self.0 else { return Vec::new() };
        let mut run = Run {
            causes: Vec::new(),
            budget: Cell::new(limits::RULES),
            stopped: false,
        };
        let pair = Pair {
            new: value,
            old,
            before: old,
            settled: false,
        };
        run.walk(node, pair, path);
        run.causes
    }
}

struct Run {
    causes: Vec<Cause>,
    budget: Cell<u64>,
    stopped: bool,
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

impl Run {
    fn walk(&mut self, node: &Node, pair: Pair<'_>, path: &str) {
        if pair.new.is_null() || self.stopped {
            return;
        }
        self.rules(node, pair, path);
        match pair.new {
            Value::Object(members) => {
                for (name, member) in members {
                    let (inner, path) = match (node.properties.get(name), &node.inner) {
                        (Some(inner), _) => (inner, below(path, name)),
                        (None, Some(inner)) => (&**inner, format!("{path}[{name}]")),
                        _ => continue,
                    };
                    // Both are always converted to the version at hand.
                    let typed = node.root && ["apiVersion", "kind"].contains(&name.as_str());
                    let inner_pair = Pair {
                        new: member,
                        old: pair.old.and_then(|old| old.get(name)),
                        before: pair.before.and_then(|before| before.get(name)).filter(|_| !typed),
                        settled: pair.unchanged() && !typed,
                    };
                    self.walk(inner, inner_pair, &path);
                }
            }
            Value::Array(items) => {
                let Some(inner) = &node.inner else { return };
                let old = Correlated::new(&node.schema, pair.old);
                let before = Correlated::new(&node.schema, pair.before);
                for (at, item) in items.iter().enumerate() {
                    let inner_pair = Pair {
                        new: item,
                        old: old.of(item),
                        before: before.of(item),
                        settled: pair.unchanged(),
                    };
                    self.walk(inner, inner_pair, &format!("{path}[{at}]"));
                }
            }
            _ => {}
        }
    }

    fn rules(&mut self, node: &Node, pair: Pair<'_>, path: &str) {
        if node.rules.is_empty() {
            return;
        }
        let read = |value: &Value| kube_cel::Value::read(value, &node.schema, node.root);
        let own = read(pair.new);
        let old = pair.old.filter(|old| !old.is_null()).map(read);
        for rule in &node.rules {
            if self.stopped {
                return;
            }
            if rule.transition && old.is_none() && !rule.optional {
                continue;
            }
            self.rule(rule, node, pair, (&own, old.as_ref()), path);
        }
    }

    fn rule(
        &mut self,
        rule: &Rule,
        node: &Node,
        pair: Pair<'_>,
        (own, old): (&kube_cel::Value, Option<&kube_cel::Value>),
        path: &str,
    ) {
        let kind = text(&node.schema, "type");
        let mut failed = |detail: String| {
            self.causes.push(Cause::invalid(
                field(path),
                format!("Invalid value: {kind:?}: {detail}"),
            ));
        };
        let program = match &rule.program {
            Ok(program) => program,
            Err(why) => {
                failed(format!("rule compile error: {why}"));
                return;
            }
        };
        let mut variables = vec![("self", own.clone())];
        if rule.optional {
            let old = kube_cel::Value::Optional(old.cloned().map(Arc::new));
            variables.push(("oldSelf", old));
        } else {
            variables.extend(old.cloned().map(|old| ("oldSelf", old)));
        }
        let (outcome, cost) = program.evaluate(&variables, PER_CALL);
        if cost > self.budget.get() {
            failed(
                "validation failed due to running out of cost budget, no further validation rules will be run"
                    .to_owned(),
            );
            self.stopped = true;
            return;
        }
        self.budget.set(self.budget.get() - cost);
        match outcome {
            Ok(kube_cel::Value::Bool(true)) => {}
            Ok(_) => {
                // What was wrong before and did not change is let be.
                if rule.transition || !pair.unchanged() {
                    let message = self.message(rule, &variables);
                    self.causes.push(blame(rule, node, pair.new, &message, path));
                }
            }
            Err(Fault::Budget) => {
                failed(format!(
                    "'{}': no further validation rules will be run due to call cost exceeds limit for rule: {}",
                    Fault::Budget,
                    rule.name()
                ));
                self.stopped = true;
            }
            Err(Fault::Error(why)) if why.starts_with("no such overload") => failed(format!(
                "'{why}': call arguments did not match a supported operator, function or macro signature for rule: {}",
                rule.name()
            )),
            Err(Fault::Error(why)) => failed(format!("{why} evaluating rule: {}", rule.name())),
        }
    }

    fn message(&self, rule: &Rule, variables: &[(&str, kube_cel::Value)]) -> String {
        let computed = rule.message.as_ref().and_then(|program| {
            let (outcome, cost) = program.evaluate(variables, PER_CALL.min(self.budget.get()));
            self.budget.set(self.budget.get().saturating_sub(cost));
            match outcome {
                Ok(kube_cel::Value::String(text)) => {
                    let text = text.trim();
                    let fits = !text.is_empty() && !text.contains('\n') && text.len() <= limits::MESSAGE;
                    fits.then(|| text.to_owned())
                }
                _ => None,
            }
        });
        let given = text(&rule.source, "message").trim();
        computed.unwrap_or_else(|| {
            if given.is_empty() {
                format!("failed rule: {}", rule.name())
            } else {
                given.to_owned()
            }
        })
    }
}

fn blame(rule: &Rule, node: &Node, value: &Value, message: &str, path: &str) -> Cause {
    let place = match (path.is_empty(), rule.target.is_empty()) {
        (_, true) => field(path),
        (true, false) => rule.target.clone(),
        (false, false) if rule.target.starts_with('[') => format!("{path}{}", rule.target),
        (false, false) => format!("{path}.{}", rule.target),
    };
    let whole = ["object", "array"].contains(&text(&node.schema, "type"));
    let shown = match value {
        _ if whole => None,
        Value::String(own) => Some(kube_schema::gotext::quote(own)),
        other => Some(other.to_string()),
    };
    match text(&rule.source, "reason") {
        "FieldValueRequired" => Cause::new("FieldValueRequired", place, format!("Required value: {message}")),
        "FieldValueForbidden" => Cause::new("FieldValueForbidden", place, format!("Forbidden: {message}")),
        "FieldValueDuplicate" => Cause::new(
            "FieldValueDuplicate",
            place,
            shown.map_or_else(
                || "Duplicate value".to_owned(),
                |shown| format!("Duplicate value: {shown}"),
            ),
        ),
        _ => {
            let shown = shown.map_or_else(String::new, |shown| format!("{shown}: "));
            Cause::new(
                "FieldValueInvalid",
                place,
                format!("Invalid value: {shown}{message}"),
            )
        }
    }
}

fn field(path: &str) -> String {
    if path.is_empty() {
        "<nil>".to_owned()
    } else {
        path.to_owned()
    }
}

/// The items of an old list by their keys, so that a new item finds its own.
pub(super) struct Correlated<'a> {
    keys: Vec<&'a str>,
    items: BTreeMap<String, &'a Value>,
}

impl<'a> Correlated<'a> {
    /// Empty if the list has no keys.
    pub(super) fn new(schema: &'a Value, old: Option<&'a Value>) -> Self {
        let keys = schema
            .get("x-kubernetes-list-map-keys")
            .and_then(Value::as_array)
            .filter(|_| text(schema, "x-kubernetes-list-type") == "map");
        let mut own = Self {
            keys: keys.into_iter().flatten().filter_map(Value::as_str).collect(),
            items: BTreeMap::new(),
        };
        if keys.is_some() {
            for item in old.and_then(Value::as_array).into_iter().flatten() {
                own.items.entry(own.identity(item)).or_insert(item);
            }
        }
        own
    }

    /// The old item with the same keys.
    pub(super) fn of(&self, item: &Value) -> Option<&'a Value> {
        if self.items.is_empty() {
            return None;
        }
        self.items.get(&self.identity(item)).copied()
    }

    fn identity(&self, item: &Value) -> String {
        self.keys
            .iter()
            .map(|key| item.get(*key).map_or_else(String::new, Value::to_string) + "\n")
            .collect()
    }
}

/// A rule as Go prints its own type.
pub(super) fn printed(rule: &Value) -> String {
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
        out.push(format!("\"{name}\":{}", super::definition::json(&value)));
    }
    format!("{{{}}}", out.join(","))
}
