//! How kinds differ: one place that asks the built-in tables or the custom definition.

use kube_schema::{Schema, TypeId};
use serde_json::{Map, Value};

use crate::{
    custom,
    failure::Cause,
    kinds::{self, Kind},
    resource::{Model, Resource},
};

/// A schema with the type of a kind in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Typed<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) ty: TypeId,
    /// Custom resources keep nulls and members by name.
    pub(crate) custom: bool,
}

/// The built-in schema of the one served minor.
pub(crate) const MINOR: &str = "1.36";

/// The schema of a built-in kind.
pub(crate) fn builtin(api_version: &str, kind: &str) -> Option<Typed<'static>> {
    let builtin = kube_schema::builtin(MINOR)?;
    let (group, version) = manifest::split_api_version(api_version);
    let ty = builtin.kind((group, version, kind))?;
    Some(Typed {
        schema: &builtin.schema,
        ty,
        custom: false,
    })
}

/// The schema of a resource.
pub(crate) fn typed(resource: &Resource) -> Option<Typed<'_>> {
    match &resource.model {
        Model::Builtin(kind) => {
            let builtin = kube_schema::builtin(MINOR)?;
            let ty = builtin.kind((kind.group, kind.version, kind.kind))?;
            Some(Typed {
                schema: &builtin.schema,
                ty,
                custom: false,
            })
        }
        Model::Custom(_, version) => Some(Typed {
            schema: &version.typed().0,
            ty: version.typed().1,
            custom: true,
        }),
    }
}

/// Fills in what the kind's defaults say.
pub(crate) fn default(resource: &Resource, object: &mut Value) {
    match &resource.model {
        Model::Builtin(kind) => kinds::default(kind, object),
        Model::Custom(_, version) => custom::default(version, object),
    }
}

/// What the kind does to a new object before validation.
pub(crate) fn prepare_create(resource: &Resource, object: &mut Value) {
    match &resource.model {
        Model::Builtin(kind) => kinds::prepare_create(kind, object),
        Model::Custom(_, version) => {
            if version.status
                && let Some(members) = object.as_object_mut()
            {
                members.remove("status");
                // What the schema has for an absent status shows whenever the object is read.
                custom::default(version, object);
            }
            set_generation(object, 1);
        }
    }
}

/// What the kind does to a changed object before validation.
pub(crate) fn prepare_update(resource: &Resource, subresource: &str, new: &mut Value, old: &Value) {
    match &resource.model {
        Model::Builtin(kind) => kinds::prepare_update(kind, subresource, new, old),
        Model::Custom(_, version) => custom::prepare_update(version, subresource, new, old),
    }
}

pub(crate) fn restore(object: &mut Value, key: &str, value: Option<Value>) {
    if let Some(members) = object.as_object_mut() {
        put(members, key, value);
    }
}

pub(crate) fn put(members: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    match value {
        Some(value) => members.insert(key.to_owned(), value),
        None => members.remove(key),
    };
}

/// What a changed object says about the time of the change.
pub(crate) fn stamp(resource: &Resource, new: &mut Value, old: &Value, now: &str) {
    if !resource.is("", "persistentvolumes") || new.pointer("/status/phase") == old.pointer("/status/phase") {
        return;
    }
    let status = manifest::object::map_at(new, &["status"]);
    if status.get("lastPhaseTransitionTime").is_none_or(Value::is_null) {
        status.insert("lastPhaseTransitionTime".into(), now.into());
    }
}

/// Everything wrong with an object.
pub(crate) fn validate(
    resource: &Resource,
    subresource: &str,
    new: &Value,
    old: Option<&Value>,
) -> Vec<Cause> {
    let kind = match &resource.model {
        Model::Builtin(kind) => kind,
        Model::Custom(..) if resource.namespaced => &CUSTOM,
        Model::Custom(..) => &CUSTOM_CLUSTER,
    };
    let mut own = kinds::validate(kind, subresource, new, old);
    if resource.is_custom() && old.is_some() && !own.is_empty() {
        // Custom metadata is judged as any other's, and as an update once more.
        let by_itself = kinds::validate(kind, subresource, new, None).len();
        own.extend(own.get(by_itself..).unwrap_or_default().to_vec());
    }
    let mut causes: Vec<Cause> = own
        .into_iter()
        .map(|error| Cause {
            reason: error.reason,
            field: error.field,
            message: error.message,
        })
        .collect();
    if resource.is("apiextensions.k8s.io", "customresourcedefinitions") && subresource.is_empty() {
        causes.extend(custom::check_definition(new, old));
    }
    if let Model::Custom(_, version) = &resource.model {
        let types = type_causes(resource, new);
        if !types.is_empty() {
            return types;
        }
        causes.extend(custom::validate(version, subresource, new, old));
    }
    causes
}

/// A custom object must stay what it is.
fn type_causes(resource: &Resource, object: &Value) -> Vec<Cause> {
    let (kind, version) = (
        manifest::object::kind(object),
        manifest::object::api_version(object),
    );
    let mut causes = Vec::new();
    if kind != resource.kind {
        causes.push(Cause::invalid(
            "kind",
            format!("Invalid value: {kind:?}: must be {}", resource.kind),
        ));
    }
    let wanted = resource.api_version();
    if version != wanted {
        causes.push(Cause::invalid(
            "apiVersion",
            format!("Invalid value: {version:?}: must be {wanted}"),
        ));
    }
    causes
}

/// How the metadata of custom objects is judged.
const CUSTOM: Kind = Kind {
    group: "",
    version: "v1",
    kind: "",
    resource: "",
    singular: "",
    short_names: &[],
    categories: &[],
    namespaced: true,
    verbs: &[],
    subresources: &[],
    generation: kinds::Generation::None,
    unconditional_update: false,
    create_on_update: false,
    graceful: false,
    storage: ("", "v1"),
};
const CUSTOM_CLUSTER: Kind = Kind {
    namespaced: false,
    ..CUSTOM
};

/// Warnings about an accepted object.
pub(crate) fn warnings(resource: &Resource, new: &Value, old: Option<&Value>) -> Vec<String> {
    let mut warnings = resource
        .kind_model()
        .map_or_else(Vec::new, |kind| kinds::warnings(kind, new, old));
    if resource.is("apiextensions.k8s.io", "customresourcedefinitions") {
        warnings.extend(custom::definition_warnings(new, old));
    }
    if resource.is_custom() {
        warnings.extend(custom::finalizer_warnings(new, old));
    }
    warnings
}

/// The warning that every request to a deprecated version gets.
pub(crate) fn deprecation(resource: &Resource) -> Option<String> {
    match &resource.model {
        Model::Builtin(_) if resource.is("", "endpoints") => {
            Some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice".to_owned())
        }
        Model::Builtin(_) if resource.is("", "componentstatuses") => {
            Some("v1 ComponentStatus is deprecated in v1.19+".to_owned())
        }
        Model::Builtin(_) => None,
        Model::Custom(_, version) => version.warning.clone(),
    }
}

/// The kind in the version it is stored in.
pub(crate) fn stored_kind(kind: &'static Kind) -> &'static Kind {
    kinds::find_kind(kind.storage.0, kind.storage.1, kind.kind).unwrap_or(kind)
}

/// The directory of a resource in the genuine server's storage.
pub(crate) fn storage_prefix(group: &str, resource: &str) -> String {
    match (group, resource) {
        ("", "endpoints") => "services/endpoints".to_owned(),
        ("", "services") => "services/specs".to_owned(),
        ("", "nodes") => "minions".to_owned(),
        ("", "replicationcontrollers") => "controllers".to_owned(),
        ("networking.k8s.io", "ingresses") => "ingress".to_owned(),
        ("policy", "poddisruptionbudgets") => "poddisruptionbudgets".to_owned(),
        // Servers behind the main one keep the group in their keys.
        ("apiextensions.k8s.io" | "apiregistration.k8s.io", resource) => format!("{group}/{resource}"),
        (group, resource) if group.is_empty() || !group.contains('.') || group.ends_with(".k8s.io") => {
            resource.to_owned()
        }
        (group, resource) => format!("{group}/{resource}"),
    }
}

/// Whether an object without finalizers whose deletion is due may go.
pub(crate) fn may_vanish(resource: &Resource, object: &Value) -> bool {
    !held_by_spec(resource, object)
}

/// Namespaces have finalizers in their spec too.
pub(crate) fn held_by_spec(resource: &Resource, object: &Value) -> bool {
    resource.is("", "namespaces")
        && object
            .pointer("/spec/finalizers")
            .and_then(Value::as_array)
            .is_some_and(|finalizers| !finalizers.is_empty())
}

/// What else shows that an object is being deleted.
pub(crate) fn deleting(resource: &Resource, object: &mut Value) {
    if resource.is("", "namespaces") {
        manifest::object::map_at(object, &["status"]).insert("phase".into(), "Terminating".into());
    }
}

/// Kinds that have a way of their own to be deleted: they get a time stamp and nothing else.
pub(crate) fn deletes_itself(resource: &Resource) -> bool {
    resource.is("", "namespaces") || resource.is("apiextensions.k8s.io", "customresourcedefinitions")
}

/// Kinds whose deletion answers with the object instead of a Status.
pub(crate) fn returns_deleted(resource: &Resource) -> bool {
    resource.kind_model().is_some_and(Kind::returns_deleted)
}

/// The grace that a deletion of this object gets.
pub(crate) fn grace(object: &Value, asked: Option<i64>) -> i64 {
    const DEFAULT: i64 = 30;
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    if text("/spec/nodeName").is_empty() || matches!(text("/status/phase"), "Failed" | "Succeeded") {
        return 0;
    }
    let own = object
        .pointer("/spec/terminationGracePeriodSeconds")
        .and_then(Value::as_i64);
    let grace = asked.or(own).unwrap_or(DEFAULT);
    if grace < 0 { 1 } else { grace }
}

/// What a deletion without a policy does to dependents.
pub(crate) fn default_propagation(resource: &Resource) -> &'static str {
    // The oldest kinds keep what they did before there was a collector.
    let orphans = resource.is("", "replicationcontrollers") || resource.is("batch", "jobs");
    if orphans { "Orphan" } else { "Background" }
}

fn set_generation(object: &mut Value, generation: i64) {
    manifest::object::map_at(object, &["metadata"]).insert("generation".into(), generation.into());
}
