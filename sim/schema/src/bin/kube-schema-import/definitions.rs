//! OpenAPI definitions to the model.

use crate::gosource::{self, Sources};
use kube_schema::codec::Package;
use kube_schema::{Field, List, ListKind, Map, Node, Patch, Scalar, Schema, TypeId};
use serde_json::{Map as Object, Value};
use std::collections::BTreeMap;

const PREFIX: &str = "#/$defs/";

/// Member and default, where a list is keyed by a member that may be left out. The definitions hold no defaults.
const DEFAULTS: [(&str, &str, &str); 2] = [
    ("io.k8s.api.core.v1.ContainerPort", "protocol", "TCP"),
    ("io.k8s.api.core.v1.ServicePort", "protocol", "TCP"),
];

/// Definitions whose JSON form their properties do not tell.
const SPECIAL: [(&str, Node); 9] = [
    (
        "io.k8s.apimachinery.pkg.api.resource.Quantity",
        Node::Scalar(Scalar::Quantity),
    ),
    (
        "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
        Node::Scalar(Scalar::IntOrString),
    ),
    (
        "io.k8s.apimachinery.pkg.apis.meta.v1.Time",
        Node::Scalar(Scalar::Untyped),
    ),
    (
        "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime",
        Node::Scalar(Scalar::Untyped),
    ),
    // Merged as one leaf, whatever it is.
    (
        "io.k8s.apimachinery.pkg.runtime.RawExtension",
        Node::Scalar(Scalar::Untyped),
    ),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
        Node::Any,
    ),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray",
        Node::Any,
    ),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool",
        Node::Any,
    ),
    (
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray",
        Node::Any,
    ),
];

struct Converter<'a> {
    definitions: &'a Object<String, Value>,
    go: &'a Sources,
    schema: Schema,
    known: BTreeMap<String, TypeId>,
    leaves: BTreeMap<(String, String), TypeId>,
}

/// Converts one document.
pub(crate) fn convert(document: &Value, go: &Sources) -> Result<Package, String> {
    let definitions = document
        .get("$defs")
        .and_then(Value::as_object)
        .ok_or("no $defs")?;
    let mut converter = Converter {
        definitions,
        go,
        schema: Schema::default(),
        known: BTreeMap::new(),
        leaves: BTreeMap::new(),
    };
    let mut kinds = BTreeMap::new();
    for (name, definition) in definitions {
        let id = converter.named(name)?;
        let gvks = definition
            .get("x-kubernetes-group-version-kind")
            .and_then(Value::as_array);
        for gvk in gvks.into_iter().flatten() {
            let part = |part| {
                gvk.get(part)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            kinds.insert((part("group"), part("version"), part("kind")), id);
        }
    }
    Ok(Package {
        schema: converter.schema,
        kinds,
    })
}

fn kind_of(definition: &Value) -> &str {
    match definition.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|&kind| kind != "null")
            .unwrap_or_default(),
        _ => "",
    }
}

fn text<'a>(definition: &'a Value, member: &str) -> &'a str {
    definition.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn patch_of(definition: &Value) -> Option<Patch> {
    gosource::patch(
        text(definition, "x-kubernetes-patch-strategy"),
        text(definition, "x-kubernetes-patch-merge-key"),
    )
}

/// A list says how it merges by its list type, or, where that is older, by its patch strategy.
fn list_kind(definition: &Value) -> ListKind {
    match text(definition, "x-kubernetes-list-type") {
        "set" => return ListKind::Set,
        "map" => {
            let keys = definition
                .get("x-kubernetes-list-map-keys")
                .and_then(Value::as_array);
            let keys = keys
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned);
            return ListKind::Map(keys.collect());
        }
        "atomic" => return ListKind::Atomic,
        _ => {}
    }
    match patch_of(definition) {
        Some(Patch {
            merge: true,
            key: Some(key),
            ..
        }) => ListKind::Map(vec![key]),
        Some(Patch {
            merge: true,
            key: None,
            ..
        }) => ListKind::Set,
        _ => ListKind::Atomic,
    }
}

impl Converter<'_> {
    fn leaf(&mut self, scalar: Scalar, spelling: &str) -> TypeId {
        let key = (format!("{scalar:?}"), spelling.to_owned());
        if let Some(&id) = self.leaves.get(&key) {
            return id;
        }
        let id = self.schema.push(Node::Scalar(scalar));
        self.schema.spell(id, spelling);
        self.leaves.insert(key, id);
        id
    }

    fn named(&mut self, name: &str) -> Result<TypeId, String> {
        if let Some(&id) = self.known.get(name) {
            return Ok(id);
        }
        let definition = self
            .definitions
            .get(name)
            .ok_or_else(|| format!("{name} is not defined"))?;
        let id = self.schema.push(Node::Any);
        self.known.insert(name.to_owned(), id);
        self.schema.spell(id, &gosource::spelling(name));
        if let Some((_, node)) = SPECIAL.iter().find(|(special, _)| *special == name) {
            self.schema.set(id, node.clone());
            return Ok(id);
        }
        if kind_of(definition) == "object" && definition.get("properties").is_some() {
            let map = self.structure(name, definition)?;
            let order = self.go.order(name, &map);
            self.schema.set(id, Node::Map(map));
            if let Some(order) = order {
                self.schema.order(id, order);
            }
        } else if kind_of(definition) == "string" {
            self.schema.set(id, Node::Scalar(Scalar::String));
        }
        Ok(id)
    }

    fn structure(&mut self, name: &str, definition: &Value) -> Result<Map, String> {
        let required = definition.get("required").and_then(Value::as_array);
        let required: Vec<_> = required.into_iter().flatten().filter_map(Value::as_str).collect();
        let mut fields = BTreeMap::new();
        for (member, declared) in definition
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let go = self.go.member(name, member).cloned();
            let ty = self.typed(declared, go.as_ref())?;
            let patch = match &go {
                Some(go) => go.patch.clone(),
                None => patch_of(declared),
            };
            let default = DEFAULTS
                .iter()
                .find(|(owner, key, _)| *owner == name && key == member);
            fields.insert(
                member.clone(),
                Field {
                    ty,
                    default: default.map(|(_, _, value)| Value::from(*value)),
                    nullable: false,
                    required: required.contains(&member.as_str()),
                    patch: if matches!(self.schema.node(ty), Node::List(_)) {
                        None
                    } else {
                        patch
                    },
                },
            );
        }
        let atomic = text(definition, "x-kubernetes-map-type") == "atomic";
        Ok(Map {
            fields,
            atomic,
            ..Map::default()
        })
    }

    /// A struct that merges otherwise where it is used than its definition says. It cannot refer to itself, since it
    /// is copied as it stands.
    fn related(&mut self, id: TypeId, atomic: bool) -> Result<TypeId, String> {
        let Node::Map(map) = self.schema.node(id) else {
            return Err("a map type on what is no map".to_owned());
        };
        let copy = Map {
            atomic,
            ..map.clone()
        };
        let order = self
            .schema
            .members(id)
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect::<Vec<_>>();
        let places = order
            .iter()
            .map(|name| copy.fields.keys().position(|key| key == name).unwrap_or_default());
        let places = places
            .map(|place| u16::try_from(place).unwrap_or_default())
            .collect();
        let spelling = self.schema.spelling(id).map(str::to_owned);
        let copied = self.schema.push(Node::Map(copy));
        self.schema.order(copied, places);
        if let Some(spelling) = spelling {
            self.schema.spell(copied, &spelling);
        }
        Ok(copied)
    }

    /// The type of a member or of items.
    fn typed(&mut self, definition: &Value, go: Option<&gosource::Member>) -> Result<TypeId, String> {
        if let Some(reference) = definition.get("$ref").and_then(Value::as_str) {
            let id = self.named(reference.strip_prefix(PREFIX).ok_or("a foreign reference")?)?;
            let relationship = text(definition, "x-kubernetes-map-type");
            if !relationship.is_empty() {
                return self.related(id, relationship == "atomic");
            }
            return Ok(id);
        }
        let spelling = go.map(|go| go.spelling.as_str());
        Ok(match kind_of(definition) {
            "string" => {
                let format = text(definition, "format");
                let scalar = if matches!(format, "" | "byte") {
                    Scalar::String
                } else {
                    Scalar::Untyped
                };
                let plain = if format == "byte" { "[]uint8" } else { "string" };
                self.leaf(scalar, spelling.unwrap_or(plain))
            }
            "integer" => {
                let plain = if text(definition, "format") == "int32" {
                    "int32"
                } else {
                    "int64"
                };
                self.leaf(Scalar::Integer, spelling.unwrap_or(plain))
            }
            "number" => self.leaf(Scalar::Number, spelling.unwrap_or("float64")),
            "boolean" => self.leaf(Scalar::Boolean, spelling.unwrap_or("bool")),
            "array" => {
                let inner = go.and_then(gosource::Member::items);
                let items = self.typed(definition.get("items").unwrap_or(&Value::Null), inner.as_ref())?;
                let patch = match go {
                    Some(go) => go.patch.clone(),
                    None => patch_of(definition),
                };
                let id = self.schema.push(Node::List(List {
                    items,
                    kind: list_kind(definition),
                    patch,
                }));
                if let Some(spelling) = spelling {
                    self.schema.spell(id, spelling);
                }
                id
            }
            "object" => match definition.get("additionalProperties") {
                Some(values @ Value::Object(_)) => {
                    let inner = go.and_then(gosource::Member::values);
                    let values = self.typed(values, inner.as_ref())?;
                    let atomic = text(definition, "x-kubernetes-map-type") == "atomic";
                    let map = Map {
                        values: Some(values),
                        atomic,
                        ..Map::default()
                    };
                    let id = self.schema.push(Node::Map(map));
                    if let Some(spelling) = spelling {
                        self.schema.spell(id, spelling);
                    }
                    id
                }
                _ => self.schema.push(Node::Any),
            },
            _ => self.schema.push(Node::Any),
        })
    }
}
