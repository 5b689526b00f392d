//! MutatingAdmissionPolicies: changes in CEL, put into force by bindings.

mod literals;

use serde_json::Value;

use super::{
    expressions::{self, Scope},
    matching::{self, Write},
};
use crate::{
    call::Call,
    failure::{Cause, Failure, Outcome},
    strategy,
};

const POLICIES: &str = "mutatingadmissionpolicies.admissionregistration.k8s.io";
const BINDINGS: &str = "mutatingadmissionpolicybindings.admissionregistration.k8s.io";

/// Lets every policy in force change the object, in order of their names.
///
/// DIFFERENCE: a policy is never asked again after another one changed the object, and parameters are not read.
pub(super) fn mutate(call: &Call<'_>, object: &mut Value, old: Option<&Value>) -> Outcome<()> {
    let bindings = call.core.table(BINDINGS);
    if bindings.is_empty() || matching::exempt(call) {
        return Ok(());
    }
    for policy in call.core.table(POLICIES).values() {
        let spec = &policy["spec"];
        let name = manifest::object::name(policy);
        for binding in bindings.values() {
            if binding.pointer("/spec/policyName").and_then(Value::as_str) != Some(name) {
                continue;
            }
            let write = Write::of(object, old);
            let speaks = |own: Option<&Value>| {
                own.is_none_or(|own| matching::matches(call, own, "resourceRules", write))
            };
            if !speaks(spec.get("matchConstraints")) || !speaks(binding.pointer("/spec/matchResources")) {
                continue;
            }
            match changed(call, spec, object, old) {
                Ok(Some(next)) => *object = next,
                Ok(None) => {}
                // With `Ignore`, what cannot be evaluated changes nothing.
                Err(_) if spec["failurePolicy"] == "Ignore" => {}
                Err(error) => {
                    let binding = manifest::object::name(binding);
                    let text = format!("policy '{name}' with binding '{binding}' denied request: {error}");
                    return Err(refuse(call, object, text));
                }
            }
        }
    }
    Ok(())
}

fn refuse(call: &Call<'_>, object: &Value, text: String) -> Box<Failure> {
    let mut failure = call
        .forbidden(manifest::object::name(object), "")
        .with_causes(&[Cause::new("", "", text.clone())]);
    failure.reason = Some("Invalid");
    failure.message = text;
    failure
}

/// The object after all changes of a policy; `None` if its conditions keep it away.
fn changed(
    call: &Call<'_>,
    spec: &Value,
    object: &Value,
    old: Option<&Value>,
) -> Result<Option<Value>, String> {
    if spec.get("paramKind").is_some_and(|kind| !kind.is_null()) {
        return Err("parameters of mutating policies are not supported".to_owned());
    }
    let mut scope = Scope::new(call, Write::of(object, old));
    if !expressions::conditions(&scope, spec.get("matchConditions"))? {
        return Ok(None);
    }
    scope.define(spec.get("variables"));
    let mut object = object.clone();
    for mutation in spec["mutations"].as_array().into_iter().flatten() {
        let expression = |key: &str| mutation[key]["expression"].as_str().unwrap_or_default();
        scope.set("object", &object);
        object = match mutation["patchType"].as_str() {
            Some("JSONPatch") => {
                let patch = scope.value(&literals::plain(expression("jsonPatch")))?;
                kube_patch::json_patch(&object, &patch)
                    .map_err(|error| format!("JSON Patch: {}", error.cause.unwrap_or(error.message)))?
            }
            Some("ApplyConfiguration") => {
                let patch = scope.value(&literals::plain(expression("applyConfiguration")))?;
                merge(call, &object, &patch)?
            }
            _ => return Err("unsupported patch type".to_owned()),
        };
    }
    Ok(Some(object))
}

/// Brings what was applied into the object: by the keys of its lists, as server-side apply does.
fn merge(call: &Call<'_>, object: &Value, patch: &Value) -> Result<Value, String> {
    match strategy::typed(&call.resource).filter(|typed| !typed.custom) {
        Some(typed) => kube_patch::strategic_merge(typed.schema, typed.ty, object, patch)
            .map_err(|error| error.to_string()),
        None => Ok(kube_patch::merge_patch(object, patch)),
    }
}
