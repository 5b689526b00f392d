//! Who owns which fields: the way into the field manager.

use serde_json::{Map, Value};

use crate::{
    call::Call,
    failure::{Failure, Outcome},
    resource::Resource,
};

/// Books the changes of a create, update or patch.
pub(crate) fn update(call: &Call<'_>, live: &Value, new: Value) -> Value {
    let _ = (call, live);
    new
}

/// Merges an applied configuration.
pub(crate) fn apply(call: &Call<'_>, live: &Value, applied: &Value) -> Outcome<Value> {
    let _ = (call, live, applied);
    Err(Failure::internal("server-side apply is not there yet"))
}

/// The managed fields of a scale.
pub(crate) fn scale_view(resource: &Resource, object: &Value, path: &[String]) -> Vec<Value> {
    let _ = (resource, object, path);
    Vec::new()
}

/// Books the changes of an update of a scale.
pub(crate) fn scale_update(call: &Call<'_>, old: &Value, new: Value) -> Value {
    let _ = (call, old);
    new
}

/// Merges an applied scale.
pub(crate) fn scale_apply(call: &Call<'_>, old: &Value, applied: &Value) -> Outcome<Value> {
    let _ = (call, old, applied);
    Err(Failure::internal("server-side apply is not there yet"))
}

/// Carries the managed fields of a scale over to its object.
pub(crate) fn scale_store(resource: &Resource, live: &Value, scale: &Value, path: &[String], object: &mut Value) {
    let _ = (resource, live, scale, path, object, Map::<String, Value>::new());
}
