//! ValidatingAdmissionPolicies: rules in CEL, put into force by bindings.

use std::sync::Arc;

use manifest::labels::Selector;
use serde_json::Value;

use super::{
    expressions::{self, Scope, Trouble},
    matching::{self, Write},
};
use crate::{
    call::Call,
    failure::{Cause, Failure, Outcome},
    gvr::Gvr,
    store::{Key, in_namespace},
};

const POLICIES: &str = "validatingadmissionpolicies.admissionregistration.k8s.io";
const BINDINGS: &str = "validatingadmissionpolicybindings.admissionregistration.k8s.io";

/// A policy that a binding puts into force.
struct Bound<'a> {
    policy: &'a Value,
    binding: &'a Value,
}

/// Something against a write.
struct Finding {
    message: String,
    reason: String,
}

pub(super) fn validate(call: &mut Call<'_>, write: Write<'_>) -> Outcome<()> {
    let bindings = call.core.table(BINDINGS);
    if bindings.is_empty() || matching::exempt(call) {
        return Ok(());
    }
    let policies = call.core.table(POLICIES);
    let mut refusal = None;
    for policy in policies.values() {
        let spec = &policy["spec"];
        let speaks = spec
            .get("matchConstraints")
            .is_some_and(|own| matching::matches(call, own, "resourceRules", write));
        if !speaks {
            continue;
        }
        let name = manifest::object::name(policy);
        for binding in bindings.values() {
            let narrower = binding.pointer("/spec/matchResources");
            let bound = binding.pointer("/spec/policyName").and_then(Value::as_str) == Some(name)
                && narrower.is_none_or(|own| matching::matches(call, own, "resourceRules", write));
            if bound {
                let bound = Bound { policy, binding };
                let first = bound.judge(call, write);
                refusal = refusal.or(first);
            }
        }
    }
    refusal.map_or(Ok(()), Err)
}

impl Bound<'_> {
    /// Carries the findings out; the refusal is that of the first one.
    fn judge(&self, call: &mut Call<'_>, write: Write<'_>) -> Option<Box<Failure>> {
        let findings = self.findings(call, write);
        let actions = self.binding.pointer("/spec/validationActions");
        let does = |action: &str| {
            let list = actions.and_then(Value::as_array);
            list.into_iter().flatten().any(|own| own.as_str() == Some(action))
        };
        let (policy, binding) = (
            manifest::object::name(self.policy),
            manifest::object::name(self.binding),
        );
        let (denies, warns) = (does("Deny"), does("Warn"));
        let mut refusal = None;
        for finding in findings {
            if warns {
                call.warn(format!(
                    "Validation failed for ValidatingAdmissionPolicy '{policy}' with binding '{binding}': {}",
                    finding.message
                ));
            }
            if denies && refusal.is_none() {
                let message = format!(
                    "ValidatingAdmissionPolicy '{policy}' with binding '{binding}' denied request: {}",
                    finding.message
                );
                refusal = Some(refuse(call, write, &message, &finding.reason));
            }
        }
        refusal
    }

    fn findings(&self, call: &Call<'_>, write: Write<'_>) -> Vec<Finding> {
        let spec = &self.policy["spec"];
        // With `Ignore`, what cannot be evaluated is let through.
        let ignores = spec["failurePolicy"] == "Ignore";
        let broken = |message: String| {
            let finding = Finding {
                message,
                reason: "Invalid".to_owned(),
            };
            if ignores { Vec::new() } else { vec![finding] }
        };
        let mut scope = Scope::new(call, write);
        let params = match self.params(call) {
            Ok(params) => params,
            Err(error) => return broken(format!("failed to configure binding: {error}")),
        };
        let mut all = Vec::new();
        for param in params {
            scope.set("params", param.as_deref().unwrap_or(&Value::Null));
            match expressions::conditions(&scope, spec.get("matchConditions")) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => {
                    all.extend(broken(error));
                    continue;
                }
            }
            scope.define(spec.get("variables"));
            let start = all.len();
            for validation in spec["validations"].as_array().into_iter().flatten() {
                let expression = validation["expression"].as_str().unwrap_or_default();
                match scope.holds(expression) {
                    Ok(true) => {}
                    Ok(false) => all.push(failed(&scope, validation)),
                    // What was found before it no longer counts.
                    Err(Trouble::Spent) => {
                        all.truncate(start);
                        all.extend(broken(Trouble::Spent.text()));
                        break;
                    }
                    Err(trouble) => all.extend(broken(trouble.about(expression))),
                }
            }
        }
        all
    }

    /// The objects that the policy is configured by; one `None` if it has no parameters.
    fn params(&self, call: &Call<'_>) -> Result<Vec<Option<Arc<Value>>>, String> {
        let Some(kind) = self
            .policy
            .pointer("/spec/paramKind")
            .filter(|kind| !kind.is_null())
        else {
            return Ok(vec![None]);
        };
        let Some(reference) = self
            .binding
            .pointer("/spec/paramRef")
            .filter(|own| !own.is_null())
        else {
            return Ok(vec![None]);
        };
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let resource = find_kind(call, &text(kind, "apiVersion"), &text(kind, "kind"))
            .ok_or_else(|| "paramKind kind not known".to_owned())?;
        let mut namespace = String::new();
        if resource.1 {
            namespace = text(reference, "namespace");
            if namespace.is_empty() {
                namespace.clone_from(&call.target.namespace);
            }
        }
        let name = text(reference, "name");
        let found: Vec<Option<Arc<Value>>> = if name.is_empty() {
            let given = reference.get("selector").unwrap_or(&Value::Null);
            let selector = Selector::from_object(given).map_err(|error| error.to_string())?;
            in_namespace(&call.core.table(&resource.0), &namespace)
                .filter(|(_, object)| selector.matches(manifest::object::labels(object)))
                .map(|(_, object)| Some(Arc::clone(object)))
                .collect()
        } else {
            let stored = call.core.stored(&resource.0, &Key::new(&namespace, &name));
            stored.map(Some).into_iter().collect()
        };
        if found.is_empty() && reference["parameterNotFoundAction"] == "Deny" {
            return Err("no params found for policy binding with `Deny` parameterNotFoundAction".to_owned());
        }
        Ok(found)
    }
}

/// The table of a kind, and whether its objects live in namespaces.
fn find_kind(call: &Call<'_>, api_version: &str, kind: &str) -> Option<(Arc<str>, bool)> {
    let (group, version) = manifest::split_api_version(api_version);
    let plural = match crate::kinds::find_kind(group, version, kind) {
        Some(own) => own.resource.to_owned(),
        None => {
            let mut all = call.core.state.definitions.values();
            all.find(|own| own.group == group && own.kind == kind)?
                .plural
                .clone()
        }
    };
    let resource = call.core.resolve(&Gvr::new(group, version, &plural))?;
    Some((Arc::clone(&resource.table), resource.namespaced))
}

fn failed(scope: &Scope, validation: &Value) -> Finding {
    let text = |key: &str| validation[key].as_str().unwrap_or_default();
    let computed = scope
        .text(text("messageExpression"))
        .filter(|_| !text("messageExpression").is_empty());
    let message = computed.unwrap_or_else(|| match text("message") {
        "" => format!("failed expression: {}", text("expression").trim()),
        own => own.trim().to_owned(),
    });
    let reason = match text("reason") {
        "" => "Invalid",
        own => own,
    };
    Finding {
        message,
        reason: reason.to_owned(),
    }
}

fn refuse(call: &Call<'_>, write: Write<'_>, message: &str, reason: &str) -> Box<Failure> {
    let name = if write.name.is_empty() {
        "Unknown"
    } else {
        write.name
    };
    let mut failure = call
        .forbidden(name, message)
        .with_causes(&[Cause::new("", "", message)]);
    (failure.code, failure.reason) = match reason {
        "Unauthorized" => (401, Some("Unauthorized")),
        "Forbidden" => (403, Some("Forbidden")),
        "RequestEntityTooLarge" => (413, Some("RequestEntityTooLarge")),
        _ => (422, Some("Invalid")),
    };
    failure
}
