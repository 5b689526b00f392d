//! CEL in admission: what expressions may speak of, and how they are evaluated.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use kube_cel::{Environment, Fault, Key, Program, Type, Value as Cel};
use kube_schema::gotext::aggregate;
use serde_json::{Value, json};

use super::matching::{self, Write};
use crate::{call::Call, limits};

/// What expressions may speak of.
const NAMES: [&str; 6] = [
    "object",
    "oldObject",
    "request",
    "params",
    "namespaceObject",
    "variables",
];

/// Expressions that were compiled before, or why they cannot be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Programs(Arc<Mutex<BTreeMap<String, Result<Program, String>>>>);

impl Programs {
    fn get(&self, expression: &str) -> Result<Program, String> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = known.get(expression) {
            return program.clone();
        }
        let environment = NAMES.iter().fold(Environment::new(), |environment, name| {
            environment.with(name, Type::Dyn)
        });
        let program = environment.compile(expression);
        if known.len() >= limits::PROGRAMS {
            known.clear();
        }
        known.insert(expression.to_owned(), program.clone());
        program
    }
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// What the compiler or the evaluator says.
    Error(String),
    /// The expressions before it, or it, spent what all of them may cost.
    Spent,
}

impl Trouble {
    /// What is told of an expression that could not be evaluated.
    pub(super) fn about(self, expression: &str) -> String {
        match self {
            Self::Error(text) => format!("expression '{expression}' resulted in error: {text}"),
            Self::Spent => self.text(),
        }
    }

    pub(super) fn text(self) -> String {
        match self {
            Self::Error(text) => text,
            Self::Spent => {
                "validation failed due to running out of cost budget, no further validation rules will be run"
                    .to_owned()
            }
        }
    }
}

/// What expressions of one write are evaluated over.
pub(super) struct Scope {
    programs: Programs,
    values: Vec<(&'static str, Cel)>,
    variables: BTreeMap<Key, Cel>,
    /// What went wrong with a variable, by its name.
    failed: BTreeMap<String, String>,
    /// What the expressions may still cost.
    budget: Cell<u64>,
}

impl Scope {
    pub(super) fn new(call: &Call<'_>, write: Write<'_>) -> Self {
        let whole = |object: Option<&Value>| object.map_or(Cel::Null, Cel::dynamic);
        let namespace = if call.resource.namespaced {
            matching::namespace(call).map_or(Cel::Null, |namespace| Cel::dynamic(&namespace))
        } else {
            Cel::Null
        };
        Self {
            programs: call.core.programs.clone(),
            values: vec![
                ("object", whole(write.object)),
                ("oldObject", whole(write.old)),
                ("request", Cel::dynamic(&request(call, write))),
                ("params", Cel::Null),
                ("namespaceObject", namespace),
            ],
            variables: BTreeMap::new(),
            failed: BTreeMap::new(),
            budget: Cell::new(limits::RULES),
        }
    }

    pub(super) fn set(&mut self, name: &'static str, value: &Value) {
        if let Some(own) = self.values.iter_mut().find(|(own, _)| *own == name) {
            own.1 = Cel::dynamic(value);
        }
    }

    /// Computes the variables of a policy, each from those before it, and gives its expressions their budget.
    pub(super) fn define(&mut self, variables: Option<&Value>) {
        self.budget.set(limits::RULES);
        self.variables.clear();
        self.failed.clear();
        for variable in variables.and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| variable[key].as_str().unwrap_or_default();
            let name = text("name");
            match self.run(text("expression")) {
                Ok(value) => {
                    self.variables.insert(Key::String(name.into()), value);
                }
                Err(trouble) => {
                    self.failed.insert(name.to_owned(), trouble.text());
                }
            }
        }
    }

    fn run(&self, expression: &str) -> Result<Cel, Trouble> {
        let program = self.programs.get(expression).map_err(Trouble::Error)?;
        let lookup = |name: &str| {
            if name == "variables" {
                return Some(Ok(Cel::Map(Arc::new(self.variables.clone()))));
            }
            let found = self.values.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| Ok(value.clone()))
        };
        let (outcome, cost) = program.evaluate_with(&lookup, kube_cel::PER_CALL);
        let Some(left) = self.budget.get().checked_sub(cost) else {
            self.budget.set(0);
            return Err(Trouble::Spent);
        };
        self.budget.set(left);
        outcome.map_err(|fault| {
            Trouble::Error(match fault {
                Fault::Error(text) => self.explain(text),
                Fault::Budget => "operation cancelled: actual cost limit exceeded".to_owned(),
            })
        })
    }

    /// A variable that could not be computed is missing; the reason is what is told.
    fn explain(&self, text: String) -> String {
        let name = text.strip_prefix("no such key: ").unwrap_or_default();
        match self.failed.get(name) {
            Some(error) => format!("composited variable {name:?} fails to evaluate: {error}"),
            None => text,
        }
    }

    /// The truth of an expression; the error is the evaluator's.
    pub(super) fn holds(&self, expression: &str) -> Result<bool, Trouble> {
        match self.run(expression)? {
            Cel::Bool(value) => Ok(value),
            other => Err(Trouble::Error(format!(
                "cel expression evaluated to {}, not to a bool",
                other.type_name()
            ))),
        }
    }

    /// The text that an expression yields, if it yields one.
    pub(super) fn text(&self, expression: &str) -> Option<String> {
        match self.run(expression) {
            Ok(Cel::String(text)) if !text.trim().is_empty() => Some(text.to_string()),
            _ => None,
        }
    }

    /// What an expression yields, as JSON.
    pub(super) fn value(&self, expression: &str) -> Result<Value, String> {
        self.run(expression)
            .map(|value| json_of(&value))
            .map_err(Trouble::text)
    }
}

fn json_of(value: &Cel) -> Value {
    match value {
        Cel::Bool(own) => (*own).into(),
        Cel::Int(own) => (*own).into(),
        Cel::Uint(own) => (*own).into(),
        Cel::Double(own) => (*own).into(),
        Cel::String(own) => (**own).into(),
        Cel::List(list) => list.items.iter().map(json_of).collect(),
        Cel::Map(members) => members
            .iter()
            .filter_map(|(key, value)| match key {
                Key::String(key) => Some((key.to_string(), json_of(value))),
                _ => None,
            })
            .collect(),
        Cel::Object(members) => members
            .iter()
            .map(|(key, value)| (key.to_string(), json_of(value)))
            .collect(),
        Cel::Optional(Some(own)) => json_of(own),
        Cel::Timestamp(own) => own.to_string().into(),
        _ => Value::Null,
    }
}

/// The request as expressions and webhooks see it.
pub(super) fn request(call: &Call<'_>, write: Write<'_>) -> Value {
    let gvr = &call.resource.gvr;
    let kind = json!({"group": gvr.group, "version": gvr.version, "kind": call.resource.kind});
    let resource = json!({"group": gvr.group, "version": gvr.version, "resource": gvr.resource});
    let mut user = json!({"username": call.user.name, "groups": call.user.groups});
    if !call.user.uid.is_empty() {
        user["uid"] = call.user.uid.clone().into();
    }
    if !call.user.extra.is_empty() {
        user["extra"] = json!(call.user.extra);
    }
    let mut request = json!({
        "kind": kind, "resource": resource, "requestKind": kind, "requestResource": resource,
        "name": write.name, "operation": write.operation, "userInfo": user, "dryRun": call.dry_run,
    });
    if call.resource.namespaced {
        request["namespace"] = call.target.namespace.clone().into();
    } else if call.resource.is("", "namespaces") {
        request["namespace"] = write.name.into();
    }
    if !call.target.subresource.is_empty() {
        request["subResource"] = call.target.subresource.clone().into();
        request["requestSubResource"] = call.target.subresource.clone().into();
    }
    request
}

/// Whether all match conditions hold; an error that no false condition outweighs is told.
pub(super) fn conditions(scope: &Scope, conditions: Option<&Value>) -> Result<bool, String> {
    scope.budget.set(limits::MATCH_CONDITIONS);
    let mut errors = Vec::new();
    for condition in conditions.and_then(Value::as_array).into_iter().flatten() {
        let expression = condition["expression"].as_str().unwrap_or_default();
        match scope.holds(expression) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(Trouble::Spent) => return Err(Trouble::Spent.text()),
            Err(trouble) => errors.push(trouble.about(expression)),
        }
    }
    if errors.is_empty() {
        return Ok(true);
    }
    Err(aggregate(&errors))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(object: &Value) -> Scope {
        Scope {
            programs: Programs::default(),
            values: vec![("object", Cel::dynamic(object))],
            variables: BTreeMap::new(),
            failed: BTreeMap::new(),
            budget: Cell::new(limits::RULES),
        }
    }

    #[test]
    fn all_expressions_of_a_policy_share_one_budget() {
        let numbers: Vec<u32> = (0..300).collect();
        let scope = scope(&json!(numbers));
        let dear = "object.all(x, object.all(y, x + y >= 0))";
        assert_eq!(scope.holds(dear), Ok(true));
        let outcome = (0..100)
            .map(|_| scope.holds(dear))
            .find(|outcome| *outcome != Ok(true));
        assert_eq!(outcome, Some(Err(Trouble::Spent)));
        assert_eq!(scope.holds("true"), Ok(true));
        assert_eq!(scope.holds("size(object) > 1"), Err(Trouble::Spent));
    }

    #[test]
    fn an_expression_is_compiled_once() {
        let scope = scope(&json!(1));
        for _ in 0..3 {
            assert_eq!(scope.holds("object == 1"), Ok(true));
            assert!(scope.holds("object ==").is_err());
        }
        assert_eq!(scope.programs.0.lock().unwrap().len(), 2);
    }
}
