//! Custom resources: their definitions as the server serves them.

mod convert;
mod defaults;
mod definition;
mod formats;
mod gopattern;
mod lists;
mod meta;
mod rules;
mod validate;

use std::sync::Arc;

use kube_schema::{Schema, TypeId};
use serde_json::Value;

use self::{convert::Webhook, rules::Rules, validate::Patterns};
pub(crate) use self::{
    convert::convertible,
    definition::{approval_condition, check as check_definition, warnings as definition_warnings},
    meta::{coerce, finalizer_warnings},
};
use crate::{
    failure::Cause,
    gvr::{api_version, qualified},
    strategy,
    table::{PrinterColumn, printer_columns},
};

/// A CustomResourceDefinition that is established.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub(crate) group: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    /// The version objects are stored in.
    pub(crate) storage: String,
    pub(crate) table: Arc<str>,
    pub(crate) versions: Vec<Arc<Version>>,
    /// The revision at which the definition was last written.
    pub(crate) revision: u64,
    /// The definition is being deleted.
    pub(crate) terminating: bool,
    /// What converts objects, if versions differ by more than their names.
    pub(crate) webhook: Option<Webhook>,
}

/// One version of a definition.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) served: bool,
    pub(crate) status: bool,
    pub(crate) scale: Option<ScalePaths>,
    pub(crate) selectable: Vec<String>,
    /// The warning that a deprecated version gives.
    pub(crate) warning: Option<String>,
    /// Its schema and what is made of it.
    compiled: Arc<Compiled>,
    /// Unknown members of objects are kept everywhere.
    pub(crate) preserve: bool,
    /// The columns of its Tables.
    pub(crate) columns: Arc<[PrinterColumn]>,
}

/// A schema in all the forms that are asked for.
#[derive(Debug)]
struct Compiled {
    /// `openAPIV3Schema`.
    schema: Value,
    /// The same as types, with metadata.
    typed: (Schema, TypeId),
    patterns: Patterns,
    /// Its CEL rules.
    rules: Rules,
}

impl Compiled {
    fn new(schema: &Value, preserve: bool) -> Self {
        let typed = if preserve {
            kube_schema::untyped()
        } else {
            kube_schema::structural(schema).unwrap_or_else(|_| kube_schema::untyped())
        };
        let mut patterns = Patterns::new();
        validate::patterns(schema, &mut patterns);
        Self {
            typed,
            patterns,
            rules: Rules::read(schema, true),
            schema: schema.clone(),
        }
    }
}

/// Where a custom resource keeps what its scale subresource shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScalePaths {
    pub(crate) spec: String,
    pub(crate) status: String,
    pub(crate) selector: Option<String>,
}

impl Definition {
    /// Reads a definition object; what `known`, an earlier state of it, has compiled is used again.
    pub(crate) fn read(object: &Value, known: Option<&Self>) -> Option<Self> {
        let spec = object.get("spec")?;
        let text = |at: &Value, key: &str| at.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let accepted = object
            .pointer("/status/acceptedNames")
            .filter(|names| names.get("plural").is_some());
        let names = accepted.or_else(|| spec.get("names"))?;
        let group = text(spec, "group");
        let plural = text(names, "plural");
        let versions = spec.get("versions")?.as_array()?;
        let preserve = spec
            .get("preserveUnknownFields")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        let strings = |key: &str| {
            let list = names.get(key).and_then(Value::as_array);
            list.into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let kind = text(names, "kind");
        let storage = versions
            .iter()
            .find(|version| version["storage"] == Value::Bool(true))?;
        Some(Self {
            table: qualified(&group, &plural).into(),
            versions: versions
                .iter()
                .map(|version| {
                    let known = known.and_then(|known| known.version(version["name"].as_str()?));
                    Arc::new(Version::read(
                        version,
                        &group,
                        &kind,
                        preserve,
                        known.map(Arc::as_ref),
                    ))
                })
                .collect(),
            webhook: Webhook::read(spec),
            storage: text(storage, "name"),
            namespaced: text(spec, "scope") == "Namespaced",
            singular: text(names, "singular"),
            list_kind: text(names, "listKind"),
            short_names: strings("shortNames"),
            categories: strings("categories"),
            revision: manifest::object::resource_version(object).parse().unwrap_or(0),
            terminating: !manifest::object::deletion_timestamp(object).is_empty(),
            group,
            plural,
            kind,
        })
    }

    pub(crate) fn version(&self, name: &str) -> Option<&Arc<Version>> {
        self.versions.iter().find(|version| version.name == name)
    }
}

impl Version {
    /// `openAPIV3Schema`.
    pub(crate) fn schema(&self) -> &Value {
        &self.compiled.schema
    }

    /// The schema as types, with metadata.
    pub(crate) fn typed(&self) -> &(Schema, TypeId) {
        &self.compiled.typed
    }

    fn read(object: &Value, group: &str, kind: &str, preserve: bool, known: Option<&Self>) -> Self {
        let text = |at: &Value, key: &str| at.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = text(object, "name");
        let deprecated = object.get("deprecated").and_then(Value::as_bool).unwrap_or(false);
        let own = object.get("deprecationWarning").and_then(Value::as_str);
        let warning = deprecated
            .then(|| own.map_or_else(|| format!("{group}/{name} {kind} is deprecated"), str::to_owned));
        let scale = object.pointer("/subresources/scale").map(|scale| ScalePaths {
            spec: text(scale, "specReplicasPath"),
            status: text(scale, "statusReplicasPath"),
            selector: scale
                .get("labelSelectorPath")
                .and_then(Value::as_str)
                .map(str::to_owned),
        });
        let selectable = object.get("selectableFields").and_then(Value::as_array);
        let schema = object.pointer("/schema/openAPIV3Schema").unwrap_or(&Value::Null);
        let compiled = known
            .filter(|known| known.compiled.schema == *schema && known.preserve == preserve)
            .map_or_else(
                || Arc::new(Compiled::new(schema, preserve)),
                |known| Arc::clone(&known.compiled),
            );
        Self {
            columns: printer_columns(object),
            compiled,
            served: object.get("served").and_then(Value::as_bool).unwrap_or(false),
            status: object.pointer("/subresources/status").is_some(),
            selectable: selectable
                .into_iter()
                .flatten()
                .map(|field| text(field, "jsonPath").trim_start_matches('.').to_owned())
                .collect(),
            name,
            scale,
            warning,
            preserve,
        }
    }
}

/// A stored object in one of its versions.
pub(crate) fn view(definition: &Definition, version: &Version, stored: &Arc<Value>) -> Arc<Value> {
    let revision = manifest::object::resource_version(stored)
        .parse::<u64>()
        .unwrap_or(0);
    let current = manifest::object::api_version(stored) == api_version(&definition.group, &version.name);
    if current && revision > definition.revision {
        return Arc::clone(stored);
    }
    // The schema is another one, or newer than the object: what it prunes and defaults shows on reading.
    let mut object = view_value(definition, version, stored);
    if !version.preserve {
        kube_schema::unknown_fields(&version.typed().0, version.typed().1, &mut object);
    }
    default(version, &mut object);
    if object == **stored {
        Arc::clone(stored)
    } else {
        Arc::new(object)
    }
}

/// An object in another version: nothing but its `apiVersion` differs.
pub(crate) fn view_value(definition: &Definition, version: &Version, object: &Value) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = api_version(&definition.group, &version.name).into();
    object
}

/// An object in the version it is stored in, without what that version does not know.
pub(crate) fn stored(definition: &Definition, version: &Version, object: &Value) -> Value {
    let mut object = view_value(definition, version, object);
    if !version.preserve {
        kube_schema::unknown_fields(&version.typed().0, version.typed().1, &mut object);
    }
    default(version, &mut object);
    object
}

/// Fills in the defaults of the schema.
pub(crate) fn default(version: &Version, object: &mut Value) {
    defaults::fill(version.schema(), object);
    meta::tidy_all(version.schema(), object);
}

/// What the schema does not allow.
pub(crate) fn validate(version: &Version, subresource: &str, new: &Value, old: Option<&Value>) -> Vec<Cause> {
    let mut causes = match (subresource, new.get("status")) {
        ("status", Some(status)) => {
            let schema = version
                .schema()
                .pointer("/properties/status")
                .unwrap_or(&Value::Null);
            validate::check(
                schema,
                &version.compiled.patterns,
                status,
                old.and_then(|old| old.get("status")),
                "status",
            )
        }
        ("status", None) => Vec::new(),
        _ => validate::check(version.schema(), &version.compiled.patterns, new, old, ""),
    };
    if let Some(scale) = &version.scale {
        causes.extend(replicas(scale, subresource, new));
    }
    causes.extend(validate::check_structure(version.schema(), subresource, new, old));
    if version.compiled.rules.is_empty() {
        return causes;
    }
    if validate::blocks_rules(&causes) {
        causes.push(Cause::invalid(
            "<nil>",
            "Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
        ));
    } else {
        causes.extend(version.compiled.rules.check(new, old, ""));
    }
    causes
}

/// The numbers and the selector that the scale subresource shows.
fn replicas(scale: &ScalePaths, subresource: &str, new: &Value) -> Vec<Cause> {
    let find = |path: &str| {
        let mut names = path.trim_start_matches('.').split('.');
        names.try_fold(new, |here, key| here.get(key))
    };
    let mut causes = Vec::new();
    let mut wrong = |path: &str, shown: &str, found: &Value, wanted: &str| {
        let kind = match found {
            Value::String(_) => "string",
            Value::Bool(_) => "bool",
            Value::Number(number) if number.is_f64() => "float64",
            Value::Number(_) => "int64",
            Value::Array(_) => "[]interface {}",
            Value::Object(_) => "map[string]interface {}",
            Value::Null => "<nil>",
        };
        let own = manifest_text(found);
        let text = format!(
            "Invalid value: {shown}: {path} accessor error: {own} is of the type {kind}, expected {wanted}"
        );
        causes.push(Cause::invalid(path, text));
    };
    let mut outside = Vec::new();
    for path in [&scale.spec, &scale.status] {
        if subresource == "status" && path == &scale.spec {
            continue;
        }
        let Some(found) = find(path) else { continue };
        let Some(number) = found.as_i64() else {
            wrong(path, "0", found, "int64");
            continue;
        };
        let limit = i64::from(i32::MAX);
        let detail = match number {
            ..0 => "should be a non-negative integer".to_owned(),
            _ if number > limit => format!("should be less than or equal to {limit}"),
            _ => continue,
        };
        outside.push(Cause::invalid(path, format!("Invalid value: {number}: {detail}")));
    }
    if let Some(path) = scale.selector.as_deref().filter(|path| !path.is_empty())
        && let Some(found) = find(path).filter(|found| !found.is_string())
    {
        wrong(path, "\"\"", found, "string");
    }
    outside.extend(causes);
    outside
}

/// A scalar as Go prints it.
fn manifest_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<nil>".to_owned(),
        other => other.to_string(),
    }
}

/// Status and the rest are written through different doors; the generation follows the rest.
pub(crate) fn prepare_update(version: &Version, subresource: &str, new: &mut Value, old: &Value) {
    if subresource == "status" {
        let status = new.get("status").cloned();
        let revision = new.pointer("/metadata/resourceVersion").cloned();
        let managed = new.pointer("/metadata/managedFields").cloned();
        *new = old.clone();
        strategy::restore(new, "status", status);
        let meta = manifest::object::map_at(new, &["metadata"]);
        strategy::put(meta, "resourceVersion", revision);
        strategy::put(meta, "managedFields", managed);
        return;
    }
    if version.status {
        strategy::restore(new, "status", old.get("status").cloned());
    }
    let content = |object: &Value| {
        let mut members = object.as_object().cloned().unwrap_or_default();
        members.remove("metadata");
        if version.status {
            members.remove("status");
        }
        members
    };
    if content(new) != content(old) {
        let generation = manifest::object::generation(old) + 1;
        manifest::object::map_at(new, &["metadata"]).insert("generation".into(), generation.into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_compiled_once() {
        let definition = |minimum: i64| {
            json!({"metadata": {"name": "as.x.io"}, "spec": {
                "group": "x.io", "scope": "Cluster", "names": {"plural": "as", "kind": "A"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"n": {"type": "integer", "minimum": minimum}}}}}],
            }})
        };
        let first = Definition::read(&definition(1), None).unwrap();
        let mut told = definition(1);
        told["status"] = json!({"conditions": []});
        let same = Definition::read(&told, Some(&first)).unwrap();
        assert!(Arc::ptr_eq(
            &first.versions[0].compiled,
            &same.versions[0].compiled
        ));
        let other = Definition::read(&definition(2), Some(&first)).unwrap();
        assert_eq!(other.versions[0].schema()["properties"]["n"]["minimum"], 2);
    }
}
