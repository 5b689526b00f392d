//! Types as OpenAPI schemas.

use std::collections::BTreeSet;

use kube_schema::{Field, List, ListKind, Node, Patch, Scalar, Schema, TypeId};
use serde_json::{Map, Value, json};

use super::names::{META, kind, names, types};
use crate::custom::{Definition, Version};

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Words about members that every object has.
fn words(member: &str) -> Option<&'static str> {
    Some(match member {
        "apiVersion" => "The version of the API that this object is written in.",
        "kind" => "The name of the object's type.",
        "metadata" => "What every object has: its name, labels, annotations and the like.",
        "spec" => "The state that is wanted.",
        "status" => "The state that was seen last.",
        _ => return None,
    })
}

/// Kinds of the discovery documents: no resource of the core group is one.
const DISCOVERY: [&str; 3] = ["APIGroup", "APIGroupList", "APIVersions"];

/// Types that are no structs but have names all the same.
const COMMON: [&str; 6] = [
    "io.k8s.apimachinery.pkg.api.resource.Quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
];

fn common(name: &str) -> Value {
    match name.rsplit('.').next() {
        Some("Quantity") => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
        Some("IntOrString") => {
            json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]})
        }
        Some("Time" | "MicroTime") => json!({"type": "string", "format": "date-time"}),
        _ => json!({"type": "object"}),
    }
}

/// All types of a built-in group version.
pub(super) fn builtin(group: &str, version: &str) -> Map<String, Value> {
    let Some(types) = types() else {
        return Map::new();
    };
    let mut writer = Writer::new(&types.schema);
    let kinds = types.kinds().filter(|((own, own_version, kind), _)| {
        *own == group && *own_version == version && !DISCOVERY.contains(kind)
    });
    for (_, id) in kinds {
        writer.want(id);
    }
    // Operations speak of kinds of other groups too.
    for kind in crate::kinds::all() {
        for sub in kind.subresources.iter().filter(|sub| !sub.kind.is_empty()) {
            if kind.group == group && kind.version == version {
                let wanted = sub_kind(kind, sub);
                if let Some(id) = types.kind(wanted) {
                    writer.want(id);
                }
            }
        }
    }
    let mut schemas = writer.finish();
    for kind in crate::kinds::all()
        .iter()
        .filter(|own| own.group == group && own.version == version && own.verbs.contains(&"list"))
    {
        let list = self::kind(group, version, &format!("{}List", kind.kind));
        let item = self::kind(group, version, kind.kind);
        if !schemas.contains_key(&list) && schemas.contains_key(&item) {
            let gvk = json!({"group": group, "version": version, "kind": format!("{}List", kind.kind)});
            schemas.insert(list, list_of(&item, &gvk));
        }
    }
    schemas.extend(shared());
    schemas
}

/// Group, version and kind of a subresource.
pub(super) fn sub_kind(
    kind: &'static crate::kinds::Kind,
    sub: &'static crate::kinds::Subresource,
) -> (&'static str, &'static str, &'static str) {
    let own = if sub.kind.is_empty() { kind.kind } else { sub.kind };
    if sub.version.is_empty() {
        (kind.group, kind.version, own)
    } else {
        (sub.group, sub.version, own)
    }
}

fn list_of(item: &str, gvk: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string", "description": words("apiVersion")},
            "kind": {"type": "string", "description": words("kind")},
            "metadata": reference(&format!("{META}.ListMeta")),
            "items": {"type": "array", "items": reference(item)},
        },
        "x-kubernetes-group-version-kind": [gvk],
    })
}

/// The types that custom resources refer to as well.
pub(super) fn shared() -> Map<String, Value> {
    let mut schemas = Map::new();
    if let Some(types) = types() {
        let mut writer = Writer::new(&types.schema);
        let wanted = [
            "APIResourceList",
            "ObjectMeta",
            "ListMeta",
            "DeleteOptions",
            "Status",
        ];
        let names = names();
        for (id, name) in names {
            let short = name.strip_prefix(META).map(|rest| rest.trim_start_matches('.'));
            if short.is_some_and(|short| wanted.contains(&short)) {
                writer.want(*id);
            }
        }
        schemas = writer.finish();
    }
    schemas.insert(format!("{META}.Patch"), json!({"type": "object"}));
    let list_meta = format!("{META}.ListMeta");
    if !schemas.contains_key(&list_meta) {
        let text = json!({"type": "string"});
        let meta = json!({
            "type": "object",
            "properties": {
                "continue": text, "remainingItemCount": {"type": "integer", "format": "int64"},
                "resourceVersion": text, "selfLink": text,
            },
        });
        schemas.insert(list_meta, meta);
    }
    schemas
}

/// The type of a custom resource and that of its lists.
pub(super) fn custom(definition: &Definition, version: &Version) -> Map<String, Value> {
    let gvk = |kind: &str| json!({"group": definition.group, "version": version.name, "kind": kind});
    let mut schema = match version.schema() {
        Value::Object(schema) => schema.clone(),
        _ => Map::new(),
    };
    schema.insert("type".into(), "object".into());
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        for key in ["apiVersion", "kind"] {
            properties.insert(key.into(), json!({"type": "string", "description": words(key)}));
        }
        let meta = reference(&format!("{META}.ObjectMeta"));
        properties.insert(
            "metadata".into(),
            json!({"allOf": [meta], "description": words("metadata")}),
        );
    }
    schema.insert(
        "x-kubernetes-group-version-kind".into(),
        json!([gvk(&definition.kind)]),
    );
    let name = custom_name(definition, version, &definition.kind);
    let list = custom_name(definition, version, &definition.list_kind);
    let mut schemas = Map::new();
    schemas.insert(list, list_of(&name, &gvk(&definition.list_kind)));
    schemas.insert(name, Value::Object(schema));
    schemas
}

/// The name of a custom type: its group backwards, version and kind.
pub(super) fn custom_name(definition: &Definition, version: &Version, kind: &str) -> String {
    let mut parts: Vec<&str> = definition.group.split('.').rev().collect();
    parts.push(&version.name);
    parts.push(kind);
    parts.join(".")
}

/// Writes types and whatever they refer to.
struct Writer<'a> {
    schema: &'a Schema,
    open: Vec<TypeId>,
    wanted: BTreeSet<TypeId>,
    common: BTreeSet<&'static str>,
}

impl<'a> Writer<'a> {
    fn new(schema: &'a Schema) -> Self {
        Self {
            schema,
            open: Vec::new(),
            wanted: BTreeSet::new(),
            common: BTreeSet::new(),
        }
    }

    fn want(&mut self, id: TypeId) {
        if self.wanted.insert(id) {
            self.open.push(id);
        }
    }

    fn finish(mut self) -> Map<String, Value> {
        let mut schemas = Map::new();
        while let Some(id) = self.open.pop() {
            if let Some(name) = names().get(&id) {
                let schema = self.whole(id);
                schemas.insert(name.clone(), schema);
            }
        }
        for name in self.common {
            schemas.insert(name.to_owned(), common(name));
        }
        schemas
    }

    /// A named type.
    fn whole(&mut self, id: TypeId) -> Value {
        let mut schema = self.body(id);
        let kinds = types().into_iter().flat_map(|types| types.kinds());
        let own: Vec<Value> = kinds
            .filter(|(_, own)| *own == id)
            .map(|((group, version, kind), _)| json!({"group": group, "version": version, "kind": kind}))
            .collect();
        if !own.is_empty() {
            schema["x-kubernetes-group-version-kind"] = own.into();
        }
        schema
    }

    /// A type where it is used: its name, or what it is.
    fn used(&mut self, id: TypeId) -> Value {
        match names().get(&id) {
            Some(name) => {
                self.want(id);
                reference(name)
            }
            None => match self.named(id) {
                Some(name) => {
                    self.common.insert(name);
                    reference(name)
                }
                None => self.body(id),
            },
        }
    }

    /// The name of a type that is no struct.
    fn named(&self, id: TypeId) -> Option<&'static str> {
        let short = match (self.schema.node(id), self.schema.spelling(id)) {
            (Node::Scalar(Scalar::Quantity), _) => "Quantity",
            (Node::Scalar(Scalar::IntOrString), _) => "IntOrString",
            (_, Some(spelling)) => spelling.rsplit('.').next()?,
            _ => return None,
        };
        COMMON
            .into_iter()
            .find(|name| name.rsplit('.').next() == Some(short))
    }

    fn body(&mut self, id: TypeId) -> Value {
        match self.schema.node(id) {
            Node::Scalar(scalar) => self.scalar(*scalar, id),
            Node::List(list) => self.list(list),
            Node::Any => json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
            Node::Map(map) => {
                let mut schema = Map::new();
                schema.insert("type".into(), "object".into());
                let mut properties = Map::new();
                let mut required = Vec::new();
                for (name, field) in &map.fields {
                    let mut property = self.field(field);
                    if let Some(words) = words(name)
                        && names().contains_key(&id)
                    {
                        property = described(property, words);
                    }
                    properties.insert(name.clone(), property);
                    if field.required {
                        required.push(Value::from(name.as_str()));
                    }
                }
                if !properties.is_empty() {
                    schema.insert("properties".into(), properties.into());
                }
                if !required.is_empty() {
                    schema.insert("required".into(), required.into());
                }
                if let Some(values) = map.values {
                    schema.insert("additionalProperties".into(), self.used(values));
                }
                if map.preserve_unknown {
                    schema.insert("x-kubernetes-preserve-unknown-fields".into(), true.into());
                }
                if map.atomic {
                    schema.insert("x-kubernetes-map-type".into(), "atomic".into());
                }
                schema.into()
            }
        }
    }

    fn field(&mut self, field: &Field) -> Value {
        let mut property = self.used(field.ty);
        if let Some(strategy) = field.patch.as_ref().and_then(strategy) {
            if property.get("$ref").is_some() {
                property = json!({ "allOf": [property] });
            }
            property["x-kubernetes-patch-strategy"] = strategy.into();
        }
        if let Some(default) = &field.default {
            property["default"] = default.clone();
        }
        property
    }

    fn list(&mut self, list: &List) -> Value {
        let mut schema = json!({"type": "array", "items": self.used(list.items)});
        match &list.kind {
            ListKind::Atomic => schema["x-kubernetes-list-type"] = "atomic".into(),
            ListKind::Set => schema["x-kubernetes-list-type"] = "set".into(),
            ListKind::Map(keys) => {
                schema["x-kubernetes-list-type"] = "map".into();
                schema["x-kubernetes-list-map-keys"] = json!(keys);
            }
        }
        if let Some(patch) = &list.patch {
            if let Some(strategy) = strategy(patch) {
                schema["x-kubernetes-patch-strategy"] = strategy.into();
            }
            if let Some(key) = &patch.key {
                schema["x-kubernetes-patch-merge-key"] = key.as_str().into();
            }
        }
        schema
    }

    fn scalar(&self, scalar: Scalar, id: TypeId) -> Value {
        let spelling = self.schema.spelling(id).unwrap_or_default();
        match scalar {
            Scalar::String => match spelling {
                "[]uint8" | "[]byte" => json!({"type": "string", "format": "byte"}),
                _ => json!({"type": "string"}),
            },
            Scalar::Integer => match spelling {
                "int32" | "int64" => json!({"type": "integer", "format": spelling}),
                _ => json!({"type": "integer"}),
            },
            Scalar::Number => json!({"type": "number", "format": "double"}),
            Scalar::Boolean => json!({"type": "boolean"}),
            Scalar::IntOrString | Scalar::Quantity | Scalar::Untyped => json!({}),
        }
    }
}

fn described(property: Value, words: &str) -> Value {
    let mut property = if property.get("$ref").is_some() {
        json!({ "allOf": [property] })
    } else {
        property
    };
    property["description"] = words.into();
    property
}

fn strategy(patch: &Patch) -> Option<String> {
    let parts = [(patch.merge, "merge"), (patch.retain_keys, "retainKeys")];
    let parts: Vec<&str> = parts
        .iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| *name)
        .collect();
    (!parts.is_empty()).then(|| parts.join(","))
}
