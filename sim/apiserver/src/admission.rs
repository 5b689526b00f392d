//! The steps between a decoded object and the strategy: what the cluster's state says about a write.

mod amounts;
mod classes;
mod expressions;
pub(crate) use expressions::Programs;
mod matching;
mod mutations;
mod nodes;
mod openshift;
mod pods;
mod podsecurity;
mod policies;
mod pool;
pub(crate) mod quota;
mod ranges;
mod webhooks;
pub(crate) use webhooks::asks as asks_webhooks;

use serde_json::Value;

use self::matching::Write;
use crate::{
    call::Call,
    failure::{Cause, Failure, Outcome},
    kinds::{self, Refused},
    names,
    store::Key,
};

/// Changes an object on its way in.
pub(crate) fn mutate(call: &mut Call<'_>, object: &mut Value, old: Option<&Value>) -> Outcome<()> {
    if old.is_none() {
        namespace_exists(call, object)?;
    }
    if old.is_none() && call.resource.is("", "namespaces") {
        let name = manifest::object::name(object).to_owned();
        manifest::object::map_at(object, &["metadata", "labels"])
            .insert("kubernetes.io/metadata.name".into(), name.into());
    }
    ranges::mutate(call, object, old);
    classes::mutate(call, object, old);
    if call.resource.is("", "pods") && call.target.subresource.is_empty() {
        match old {
            None => {
                pods::mutate(call, object)?;
                classes::runtime(call, object)?;
            }
            Some(old) => pods::mutate_again(object, old),
        }
    }
    if call.resource.is("", "nodes") && old.is_none() {
        nodes::taint(object);
    }
    openshift::mutate(call, object, old)?;
    mutations::mutate(call, object, old)?;
    webhooks::mutate(call, object, old)?;
    if old.is_none() && call.resource.is_custom() {
        definition_stays(call, object)?;
    }
    Ok(())
}

/// What the changing plugins call an object: its name is generated after them, so that they know only its start.
fn shown_name(call: &Call<'_>, object: &Value) -> String {
    let name = manifest::object::name(object);
    call.generated.as_deref().unwrap_or(name).to_owned()
}

/// What the strategy of a new object does after its warnings were said.
pub(crate) fn settle(call: &Call<'_>, object: &mut Value) {
    if call.resource.is("", "pods") {
        pods::profile(object);
    }
}

/// Refuses an object that the cluster's state forbids.
pub(crate) fn validate(call: &mut Call<'_>, object: &Value, old: Option<&Value>) -> Outcome<()> {
    ranges::validate(call, object, old)?;
    podsecurity::validate(call, object, old)?;
    classes::validate(call, object, old)?;
    openshift::validate(call, object, old)?;
    let write = Write::of(object, old);
    policies::validate(call, write)?;
    webhooks::validate(call, write)?;
    quota::charge(call, object, old)
}

/// Hands out what only the cluster can: addresses and ports.
pub(crate) fn allocate(call: &mut Call<'_>, object: &mut Value, old: Option<&Value>) -> Outcome<()> {
    if !call.resource.is("", "services") || !call.target.subresource.is_empty() {
        return Ok(());
    }
    let mut pool = pool::Services::new(call.core, old, call.dry_run);
    let errors = match kinds::allocate(object, old, &mut pool) {
        Ok(()) => Vec::new(),
        Err(Refused::Fields(errors)) => errors,
        Err(Refused::Exhausted(text)) => return Err(Failure::internal(text)),
        Err(Refused::Health(text)) => return Err(Failure::plain(text)),
    };
    let causes: Vec<Cause> = errors
        .into_iter()
        .map(|e| Cause {
            reason: e.reason,
            field: e.field,
            message: e.message,
        })
        .chain(nameless(call, object))
        .collect();
    if causes.is_empty() {
        return Ok(());
    }
    Err(call.invalid(object, &causes))
}

/// An address is kept under the name of its Service: one without a name gets none.
fn nameless(call: &Call<'_>, service: &Value) -> Option<Cause> {
    let address = service
        .pointer("/spec/clusterIP")
        .and_then(Value::as_str)
        .filter(|address| !matches!(*address, "" | "None"))?;
    let named = !manifest::object::name(service).is_empty();
    if named || call.dry_run {
        return None;
    }
    let message = format!(
        "Invalid value: [\"\"]: failed to allocate IP: IPAddress.networking.k8s.io {address:?} is invalid: spec.parentRef.name: Required value"
    );
    Some(Cause::invalid("spec.clusterIPs", message))
}

/// Deletions that are not allowed; those of a whole collection name no object.
pub(crate) fn delete(call: &mut Call<'_>, key: &Key) -> Outcome<()> {
    const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];
    if call.resource.is("", "namespaces") && IMMORTAL.contains(&key.name()) {
        return Err(call.forbidden(key.name(), "this namespace may not be deleted"));
    }
    let Some(old) = call.core.stored(&call.resource.table, key) else {
        return Ok(());
    };
    let name = call.target.name.clone();
    let write = Write::deletion(&old, &name);
    webhooks::deleting(call, write)?;
    policies::validate(call, write)?;
    webhooks::validate(call, write)?;
    Ok(())
}

/// Objects are created only in namespaces that exist and stay.
fn namespace_exists(call: &Call<'_>, object: &Value) -> Outcome<()> {
    let namespace = manifest::object::namespace(object);
    if !call.resource.namespaced {
        return Ok(());
    }
    let Some(found) = call.core.stored(names::NAMESPACES, &Key::new("", namespace)) else {
        return Err(Failure::not_found("", "namespaces", namespace));
    };
    let terminating = found.pointer("/status/phase").and_then(Value::as_str) == Some("Terminating");
    if !terminating && manifest::object::deletion_timestamp(&found).is_empty() {
        return Ok(());
    }
    let name = manifest::object::name(object);
    let detail =
        format!("unable to create new content in namespace {namespace} because it is being terminated");
    let cause = Cause::new(
        "NamespaceTerminating",
        "metadata.namespace",
        format!("namespace {namespace} is being terminated"),
    );
    Err(call.forbidden(name, &detail).with_causes(&[cause]))
}

/// While a definition goes, its objects only go too.
fn definition_stays(call: &Call<'_>, object: &Value) -> Outcome<()> {
    let crate::resource::Model::Custom(definition, _) = &call.resource.model else {
        return Ok(());
    };
    if !definition.terminating {
        return Ok(());
    }
    let detail = "create not allowed while custom resource definition is terminating";
    Err(call.forbidden(manifest::object::name(object), detail))
}
