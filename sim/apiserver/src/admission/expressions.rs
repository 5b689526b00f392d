//! CEL in admission: what expressions may speak of, and how they are evaluated.

use std::{collections::BTreeMap, sync::Arc};

use kube_cel::{Environment, Fault, Key, Type, Value as Cel};
use serde_json::{Value, json};

use super::matching::{self, Write};
use crate::call::Call;

/// What expressions of one write are evaluated over.
pub(super) struct Scope {
    values: Vec<(&'static str, Cel)>,
    variables: BTreeMap<Key, Cel>,
    /// What went wrong with a variable, by its name.
    failed: BTreeMap<String, String>,
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
            values: vec![
                ("object", whole(write.object)),
                ("oldObject", whole(write.old)),
                ("request", Cel::dynamic(&request(call, write))),
                ("params", Cel::Null),
                ("namespaceObject", namespace),
            ],
            variables: BTreeMap::new(),
            failed: BTreeMap::new(),
        }
    }

    pub(super) fn set(&mut self, name: &'static str, value: &Value) {
        if let Some(own) = self.values.iter_mut().find(|(own, _)| *own == name) {
            own.1 = Cel::dynamic(value);
        }
    }

    /// Computes the variables of a policy, each from those before it.
    pub(super) fn define(&mut self, variables: Option<&Value>) {
        self.variables.clear();
        self.failed.clear();
        for variable in variables.and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| variable[key].as_str().unwrap_or_default();
            let name = text("name");
            match self.run(text("expression")) {
                Ok(value) => {
                    self.variables.insert(Key::String(name.into()), value);
                }
                Err(error) => {
                    self.failed.insert(name.to_owned(), error);
                }
            }
        }
    }

    fn run(&self, expression: &str) -> Result<Cel, String> {
        let names = self.values.iter().map(|(name, _)| *name).chain(["variables"]);
        let environment = names.fold(Environment::new(), |environment, name| {
            environment.with(name, Type::Dyn)
        });
        let program = environment.compile(expression)?;
        let mut values: Vec<(&str, Cel)> = self.values.clone();
        values.push(("variables", Cel::Map(Arc::new(self.variables.clone()))));
        let (outcome, _) = program.evaluate(&values, kube_cel::PER_CALL);
        outcome.map_err(|fault| match fault {
            Fault::Error(text) => self.explain(text),
            Fault::Budget => "operation cancelled: actual cost limit exceeded".to_owned(),
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
    pub(super) fn holds(&self, expression: &str) -> Result<bool, String> {
        match self.run(expression)? {
            Cel::Bool(value) => Ok(value),
            other => Err(format!(
                "cel expression evaluated to {}, not to a bool",
                other.type_name()
            )),
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
        self.run(expression).map(|value| json_of(&value))
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
