//! CEL in admission: what expressions may speak of, and how they are evaluated.

use cel::{Context, ExecutionError, Program};
use serde_json::{Map, Value, json};

use super::matching::{self, Write};
use crate::call::Call;

/// What expressions of one write are evaluated over.
pub(super) struct Scope(Vec<(&'static str, Value)>);

impl Scope {
    pub(super) fn new(call: &Call<'_>, write: Write<'_>) -> Self {
        let whole = |object: Option<&Value>| object.cloned().unwrap_or(Value::Null);
        let namespace = if call.resource.namespaced {
            matching::namespace(call).map_or(Value::Null, |namespace| (*namespace).clone())
        } else {
            Value::Null
        };
        Self(vec![
            ("object", whole(write.object)),
            ("oldObject", whole(write.old)),
            ("request", request(call, write)),
            ("params", Value::Null),
            ("namespaceObject", namespace),
            ("variables", Value::Object(Map::new())),
        ])
    }

    pub(super) fn set(&mut self, name: &'static str, value: Value) {
        if let Some(own) = self.0.iter_mut().find(|(own, _)| *own == name) {
            own.1 = value;
        }
    }

    /// Adds what an expression yields to `variables`; without a value the name stays unknown.
    pub(super) fn define(&mut self, name: &str, expression: &str) {
        if let Ok(value) = self.value(expression)
            && let Some((_, Value::Object(variables))) =
                self.0.iter_mut().find(|(own, _)| *own == "variables")
        {
            variables.insert(name.to_owned(), value);
        }
    }

    fn run(&self, expression: &str) -> Result<cel::Value, String> {
        let program = Program::compile(expression).map_err(|error| format!("compilation failed: {error}"))?;
        let mut context = Context::default();
        for (name, value) in &self.0 {
            let value = cel::to_value(value).map_err(|error| error.to_string())?;
            context.add_variable_from_value(*name, value);
        }
        program.execute(&context).map_err(|error| match error {
            ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
            ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
            ExecutionError::RemainderByZero(_) => "modulus by zero".to_owned(),
            ExecutionError::UndeclaredReference(name) => {
                format!("undeclared reference to '{name}' (in container '')")
            }
            other => other.to_string(),
        })
    }

    /// The truth of an expression; the error is the evaluator's.
    pub(super) fn holds(&self, expression: &str) -> Result<bool, String> {
        match self.run(expression)? {
            cel::Value::Bool(value) => Ok(value),
            other => Err(format!("cel expression evaluated to {other:?}, not to a bool")),
        }
    }

    /// The text that an expression yields, if it yields one.
    pub(super) fn text(&self, expression: &str) -> Option<String> {
        match self.run(expression) {
            Ok(cel::Value::String(text)) if !text.trim().is_empty() => Some(text.to_string()),
            _ => None,
        }
    }

    fn value(&self, expression: &str) -> Result<Value, String> {
        self.run(expression)?.json().map_err(|error| error.to_string())
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
    let mut errors = Vec::new();
    for condition in conditions.and_then(Value::as_array).into_iter().flatten() {
        let expression = condition["expression"].as_str().unwrap_or_default();
        match scope.holds(expression) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) => errors.push(format!("expression '{expression}' resulted in error: {error}")),
        }
    }
    match errors.as_slice() {
        [] => Ok(true),
        [one] => Err(one.clone()),
        all => Err(format!("[{}]", all.join(", "))),
    }
}
