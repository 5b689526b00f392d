//! Who owns which fields: the way into the field manager.

use std::collections::BTreeMap;

use field_manager::{
    ApplyError, ConvertError, FieldManager, Filter, Matcher, PathElement, ResetFields, ScaleHandler, Set,
    Typed, Versions, with_entries,
};
use serde_json::{Value, json};

use crate::{
    call::Call,
    failure::{Failure, Outcome},
    gvr::api_version,
    kinds,
    registry::view_value,
    resource::{Model, Resource},
    strategy,
};

const SCALE: &str = "autoscaling/v1";
/// What the genuine server says when a scale of a custom resource has no owners yet.
const NO_CUSTOM_SCALE: &str = "request to convert CR to an invalid group/version: autoscaling/v1";

/// A kind in all its versions.
struct Family<'a>(&'a Resource);

impl Versions for Family<'_> {
    fn typed(&self, wanted: &str) -> Option<Typed<'_>> {
        let (group, version) = manifest::split_api_version(wanted);
        match &self.0.model {
            Model::Builtin(kind) => {
                let builtin = kube_schema::builtin(strategy::MINOR)?;
                let other = kinds::find_kind(group, version, kind.kind)
                    .filter(|other| other.storage == kind.storage)?;
                let ty = builtin.kind((other.group, other.version, other.kind))?;
                Some(Typed {
                    schema: &builtin.schema,
                    ty,
                })
            }
            Model::Custom(definition, _) => {
                let version = definition
                    .version(version)
                    .filter(|_| definition.group == group)?;
                Some(Typed {
                    schema: &version.typed().0,
                    ty: version.typed().1,
                })
            }
        }
    }

    fn convert(&self, object: &Value, wanted: &str) -> Result<Value, ConvertError> {
        let known = match &self.0.model {
            Model::Builtin(kind) => {
                let (group, version) = manifest::split_api_version(wanted);
                let other =
                    kinds::find_kind(group, version, kind.kind).filter(|other| other.storage == kind.storage);
                other.and_then(|_| kinds::convert(object, kind, wanted))
            }
            Model::Custom(definition, _) => {
                let (group, version) = manifest::split_api_version(wanted);
                let version = definition.version(version).filter(|_| definition.group == group);
                version.map(|version| view_value(definition, version, object))
            }
        };
        known.ok_or(ConvertError::MissingVersion)
    }
}

/// The scale of any kind.
struct Scales;

impl Versions for Scales {
    fn typed(&self, wanted: &str) -> Option<Typed<'_>> {
        let builtin = kube_schema::builtin(strategy::MINOR)?;
        let ty = builtin
            .kind(("autoscaling", "v1", "Scale"))
            .filter(|_| wanted == SCALE)?;
        Some(Typed {
            schema: &builtin.schema,
            ty,
        })
    }

    fn convert(&self, _: &Value, _: &str) -> Result<Value, ConvertError> {
        Err(ConvertError::MissingVersion)
    }
}

/// What a write through this subresource can never set, by API version.
fn reset(resource: &Resource, subresource: &str) -> ResetFields {
    match &resource.model {
        Model::Builtin(kind) => kinds::all()
            .iter()
            .filter(|other| other.kind == kind.kind && other.storage == kind.storage)
            .map(|other| (other.api_version(), kinds::reset_fields(other, subresource)))
            .filter(|(_, paths)| !paths.is_empty())
            .map(|(version, paths)| (version, Filter::Exclude(Set::of_fields(paths))))
            .collect(),
        Model::Custom(definition, _) => definition
            .versions
            .iter()
            .filter(|version| version.status)
            .map(|version| {
                let filter = if subresource == "status" {
                    Filter::Include(Matcher::prefix(&[Some(PathElement::field("status"))]))
                } else {
                    Filter::Exclude(Set::of_fields(&[&["status"]]))
                };
                (api_version(&definition.group, &version.name), filter)
            })
            .collect(),
    }
}

/// An object of the kind before anything is set.
fn empty(resource: &Resource) -> Value {
    let mut object = json!({ "apiVersion": resource.api_version(), "kind": resource.kind });
    if let Model::Builtin(kind) = resource.model {
        kinds::settle(kind, &mut object);
    }
    object
}

fn with_manager<T>(call: &Call<'_>, work: impl FnOnce(&FieldManager<'_>) -> T) -> T {
    let resource = &call.resource;
    let (reset, empty) = (reset(resource, &call.target.subresource), empty(resource));
    work(&FieldManager {
        versions: &Family(resource),
        api_version: &resource.api_version(),
        kind: &resource.kind,
        subresource: &call.target.subresource,
        reset: &reset,
        empty: Ok(&empty),
    })
}

fn with_scale_manager<T>(call: &Call<'_>, work: impl FnOnce(&FieldManager<'_>) -> T) -> T {
    let empty =
        json!({"apiVersion": SCALE, "kind": "Scale", "metadata": {}, "spec": {}, "status": {"replicas": 0}});
    let custom = call.resource.is_custom();
    work(&FieldManager {
        versions: &Scales,
        api_version: SCALE,
        kind: "Scale",
        subresource: "scale",
        reset: &ResetFields::new(),
        empty: if custom { Err(NO_CUSTOM_SCALE) } else { Ok(&empty) },
    })
}

/// Books the changes of a create, update or patch.
pub(crate) fn update(call: &Call<'_>, live: Option<&Value>, new: Value) -> Value {
    with_manager(call, |manager| manager.update(live, new, &call.manager, call.now))
}

/// One type, in one version.
struct Single<'a>(&'a str, &'a str);

impl Versions for Single<'_> {
    fn typed(&self, wanted: &str) -> Option<Typed<'_>> {
        let typed = strategy::builtin(self.0, self.1).filter(|_| wanted == self.0)?;
        Some(Typed {
            schema: typed.schema,
            ty: typed.ty,
        })
    }

    fn convert(&self, _: &Value, _: &str) -> Result<Value, ConvertError> {
        Err(ConvertError::MissingVersion)
    }
}

/// Books the fields of an object of another type that is answered and never stored.
pub(crate) fn passing(call: &Call<'_>, api_version: &str, kind: &str, new: Value) -> Value {
    // Its spec is there before anything is set in it.
    let empty = json!({ "apiVersion": api_version, "kind": kind, "spec": {} });
    let manager = FieldManager {
        versions: &Single(api_version, kind),
        api_version,
        kind,
        subresource: &call.target.subresource,
        reset: &ResetFields::new(),
        empty: Ok(&empty),
    };
    manager.update(None, new, &call.manager, call.now)
}

/// Merges an applied configuration; `None` where nothing changes.
pub(crate) fn apply(call: &Call<'_>, live: Option<&Value>, applied: &Value) -> Outcome<Option<Value>> {
    let force = call.query.flag("force").unwrap_or(false);
    let merged = with_manager(call, |manager| {
        manager.apply(live, applied, &call.manager, force, call.now)
    });
    let mut merged = merged.map_err(refusal)?;
    if let (true, Some(live), Some(merged)) = (call.resource.is_custom(), live, &mut merged) {
        settle_emptied(live, applied, merged);
    }
    Ok(merged)
}

/// What an apply emptied: a map stays as an empty one, a list goes. (Typed kinds have forms of their own for both.)
fn settle_emptied(live: &Value, applied: &Value, merged: &mut Value) {
    let Value::Object(members) = merged else { return };
    members.retain(|name, member| {
        let before = live.get(name).unwrap_or(&Value::Null);
        let config = applied.get(name);
        if member.is_null() && !config.is_some_and(Value::is_null) {
            match before {
                Value::Object(_) => *member = json!({}),
                Value::Array(_) => return false,
                _ => {}
            }
        } else {
            settle_emptied(before, config.unwrap_or(&Value::Null), member);
        }
        true
    });
}

fn refusal(error: ApplyError) -> Box<Failure> {
    let message = error.to_string();
    let Some(reason) = error.reason() else {
        return Failure::plain(message);
    };
    let mut failure = Failure::new(error.code(), reason, message);
    let causes = error.causes();
    if !causes.is_empty() {
        failure
            .details
            .get_or_insert_default()
            .insert("causes".into(), causes.into());
    }
    failure
}

/// Where every version of a resource keeps its replicas.
fn paths(resource: &Resource) -> BTreeMap<String, Vec<PathElement>> {
    let elements = |path: &str| {
        path.trim_start_matches('.')
            .split('.')
            .map(PathElement::field)
            .collect()
    };
    match &resource.model {
        Model::Builtin(kind) => BTreeMap::from([(kind.api_version(), elements("spec.replicas"))]),
        Model::Custom(definition, _) => definition
            .versions
            .iter()
            .map(|version| {
                let path = version
                    .scale
                    .as_ref()
                    .map(|scale| elements(&scale.spec))
                    .unwrap_or_default();
                (api_version(&definition.group, &version.name), path)
            })
            .collect(),
    }
}

fn handler<T>(resource: &Resource, work: impl FnOnce(&ScaleHandler<'_>) -> T) -> T {
    let paths = paths(resource);
    work(&ScaleHandler {
        api_version: &resource.api_version(),
        paths: &paths,
    })
}

/// The managed fields of a scale.
pub(crate) fn scale_view(resource: &Resource, object: &Value) -> Vec<Value> {
    handler(resource, |handler| handler.to_scale(object)).unwrap_or_default()
}

/// Books the changes of an update of a scale.
pub(crate) fn scale_update(call: &Call<'_>, old: &Value, new: Value) -> Value {
    with_scale_manager(call, |manager| {
        manager.update(Some(old), new, &call.manager, call.now)
    })
}

/// Merges an applied scale.
pub(crate) fn scale_apply(call: &Call<'_>, old: &Value, config: &Value) -> Outcome<Value> {
    let force = call.query.flag("force").unwrap_or(false);
    let applied = with_scale_manager(call, |manager| {
        manager.apply(Some(old), config, &call.manager, force, call.now)
    });
    let Some(scale) = applied.map_err(refusal)? else {
        return Ok(old.clone());
    };
    if call.resource.is_custom() {
        // QUIRK: the scale of a custom resource cannot be applied, though everything before this point is done.
        let (namespace, name) = (
            manifest::object::namespace(config),
            manifest::object::name(config),
        );
        return Err(Failure::plain(format!(
            "failed to convert new object ({namespace}/{name}; autoscaling/v1, Kind=Scale) to proper version: {NO_CUSTOM_SCALE}"
        )));
    }
    Ok(scale)
}

/// Carries the managed fields of a scale over to its object.
pub(crate) fn scale_store(resource: &Resource, live: &Value, scale: &Value, object: &mut Value) {
    let own = scale
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let entries = handler(resource, |handler| handler.to_parent(live, &with_entries(own)));
    let Ok(entries) = entries else { return };
    let meta = manifest::object::map_at(object, &["metadata"]);
    if entries.is_empty() {
        meta.remove("managedFields");
    } else {
        meta.insert("managedFields".into(), entries.into());
    }
}
