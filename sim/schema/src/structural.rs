//! Custom resources: from `openAPIV3Schema` to the same model as the built-in kinds.
//!
//! Merging takes what the API server's own published document says, so `apiVersion`, `kind` and a typed `metadata`
//! are added at the root and in embedded resources, whatever the definition says of them. Pruning follows the
//! definition itself, see [`Schema::is_pruned`].

use crate::{Field, List, ListKind, Map, Node, Scalar, Schema, TypeId, builtin::any_builtin, limits};
use serde_json::Value;
use std::collections::BTreeMap;

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StructuralError {
    /// Not an object.
    #[error("the schema of {0} is not an object")]
    NotAnObject(String),
    /// Too deep.
    #[error("the schema is nested too deeply at {0}")]
    TooDeep(String),
    /// The built-in kinds, which `metadata` comes from, are not there.
    #[error("the schema of ObjectMeta is missing")]
    NoObjectMeta,
}

/// A custom resource's structural schema (`openAPIV3Schema`), with apiVersion, kind and a typed metadata added.
pub fn structural(openapi: &Value) -> Result<(Schema, TypeId), StructuralError> {
    let mut builder = Builder::new()?;
    let root = builder.node(openapi, &mut Vec::new(), false)?;
    let root = builder.resource(root);
    Ok((builder.schema, root))
}

/// A schema-less custom resource: anything, with typed ObjectMeta.
pub fn untyped() -> (Schema, TypeId) {
    let open = serde_json::json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    structural(&open).unwrap_or_else(|_| {
        let mut schema = Schema::default();
        let any = schema.push(Node::Any);
        (schema, any)
    })
}

struct Builder {
    schema: Schema,
    meta: TypeId,
    text: TypeId,
    any: TypeId,
}

fn flag(openapi: &Value, name: &str) -> bool {
    openapi.get(name).and_then(Value::as_bool).unwrap_or_default()
}

fn plain(ty: TypeId) -> Field {
    Field {
        ty,
        default: None,
        nullable: false,
        required: false,
        patch: None,
    }
}

impl Builder {
    fn new() -> Result<Self, StructuralError> {
        let kinds = any_builtin().ok_or(StructuralError::NoObjectMeta)?;
        let owner = kinds
            .kind(("", "v1", "ConfigMap"))
            .ok_or(StructuralError::NoObjectMeta)?;
        let Node::Map(map) = kinds.schema.node(owner) else {
            return Err(StructuralError::NoObjectMeta);
        };
        let meta = map
            .fields
            .get("metadata")
            .ok_or(StructuralError::NoObjectMeta)?
            .ty;
        let mut schema = Schema::default();
        let meta = schema.graft(&kinds.schema, meta);
        let text = schema.push(Node::Scalar(Scalar::String));
        let any = schema.push(Node::Any);
        Ok(Self {
            schema,
            meta,
            text,
            any,
        })
    }

    /// Adds what every resource has to a struct.
    fn resource(&mut self, id: TypeId) -> TypeId {
        let mut map = match self.schema.node(id) {
            Node::Map(map) => map.clone(),
            Node::Any | Node::Scalar(_) | Node::List(_) => Map {
                values: Some(self.any),
                preserve_unknown: true,
                ..Map::default()
            },
        };
        for (name, ty) in [
            ("apiVersion", self.text),
            ("kind", self.text),
            ("metadata", self.meta),
        ] {
            map.fields.insert(name.to_owned(), plain(ty));
        }
        self.schema.set(id, Node::Map(map));
        id
    }

    /// `open` says that something above preserves unknown fields.
    fn node(
        &mut self,
        openapi: &Value,
        path: &mut Vec<String>,
        open: bool,
    ) -> Result<TypeId, StructuralError> {
        if path.len() > limits::SCHEMA_DEPTH {
            return Err(StructuralError::TooDeep(path.join(".")));
        }
        if !openapi.is_object() {
            return Err(StructuralError::NotAnObject(path.join(".")));
        }
        if flag(openapi, "x-kubernetes-int-or-string") {
            return Ok(self.schema.push(Node::Scalar(Scalar::IntOrString)));
        }
        match openapi.get("type").and_then(Value::as_str).unwrap_or_default() {
            "integer" => Ok(self.schema.push(Node::Scalar(Scalar::Integer))),
            "number" => Ok(self.schema.push(Node::Scalar(Scalar::Number))),
            "boolean" => Ok(self.schema.push(Node::Scalar(Scalar::Boolean))),
            "string" => {
                let format = openapi.get("format").and_then(Value::as_str).unwrap_or_default();
                let leaf = if matches!(format, "" | "byte") {
                    Scalar::String
                } else {
                    Scalar::Untyped
                };
                Ok(self.schema.push(Node::Scalar(leaf)))
            }
            "array" => self.list(openapi, path, open),
            "object" => self.map(openapi, path, open),
            _ if openapi.get("properties").is_some() || openapi.get("additionalProperties").is_some() => {
                self.map(openapi, path, open)
            }
            _ => {
                let id = self.schema.push(Node::Any);
                if !flag(openapi, "x-kubernetes-preserve-unknown-fields") {
                    self.schema.prune(id);
                }
                Ok(id)
            }
        }
    }

    fn list(
        &mut self,
        openapi: &Value,
        path: &mut Vec<String>,
        open: bool,
    ) -> Result<TypeId, StructuralError> {
        let items = match openapi.get("items") {
            Some(items) => {
                path.push("items".to_owned());
                let items = self.node(items, path, open)?;
                path.pop();
                items
            }
            None => self.schema.push(Node::Scalar(Scalar::Untyped)),
        };
        let keys = openapi
            .get("x-kubernetes-list-map-keys")
            .and_then(Value::as_array);
        let kind = match openapi.get("x-kubernetes-list-type").and_then(Value::as_str) {
            Some("set") => ListKind::Set,
            Some("map") => {
                let keys = keys.map(Vec::as_slice).unwrap_or_default();
                ListKind::Map(keys.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            _ => ListKind::Atomic,
        };
        Ok(self.schema.push(Node::List(List {
            items,
            kind,
            patch: None,
        })))
    }

    fn map(
        &mut self,
        openapi: &Value,
        path: &mut Vec<String>,
        open: bool,
    ) -> Result<TypeId, StructuralError> {
        let preserve = flag(openapi, "x-kubernetes-preserve-unknown-fields");
        let embedded = flag(openapi, "x-kubernetes-embedded-resource");
        let open = open || preserve;
        let mut fields = BTreeMap::new();
        if let Some(properties) = openapi.get("properties").and_then(Value::as_object) {
            for (name, member) in properties {
                path.push(name.clone());
                let ty = self.node(member, path, open)?;
                path.pop();
                let default = member.get("default").cloned();
                let nullable = flag(member, "nullable");
                fields.insert(
                    name.clone(),
                    Field {
                        ty,
                        default,
                        nullable,
                        required: false,
                        patch: None,
                    },
                );
            }
        }
        let required = openapi.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if let Some(field) = fields.get_mut(name) {
                field.required = true;
            }
        }
        let mut pruned = false;
        let values = match openapi.get("additionalProperties") {
            Some(values @ Value::Object(_)) => {
                let nullable = flag(values, "nullable");
                path.push("*".to_owned());
                let values = self.node(values, path, open)?;
                path.pop();
                if nullable {
                    self.schema.allow_null_value(values);
                }
                Some(values)
            }
            Some(Value::Bool(true)) => Some(self.any),
            Some(_) => None,
            None if open || fields.is_empty() => {
                pruned = !preserve;
                Some(self.any)
            }
            None => None,
        };
        let atomic = openapi.get("x-kubernetes-map-type").and_then(Value::as_str) == Some("atomic");
        let map = Map {
            fields,
            values,
            preserve_unknown: preserve,
            atomic,
            embedded,
        };
        let id = self.schema.push(Node::Map(map));
        if pruned {
            self.schema.prune(id);
        }
        Ok(if embedded { self.resource(id) } else { id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(schema: &Schema, id: TypeId) -> &Map {
        match schema.node(id) {
            Node::Map(map) => map,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_root_gets_typed_metadata() {
        let (schema, root) = structural(&json!({"type": "object", "properties": {"spec": {
            "type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "default": 3}}}}}))
        .unwrap();
        let root = map(&schema, root);
        assert!(root.values.is_none());
        let meta = map(&schema, root.fields["metadata"].ty);
        assert!(meta.fields.contains_key("ownerReferences"));
        let spec = map(&schema, root.fields["spec"].ty);
        assert!(spec.fields["n"].required);
        assert_eq!(spec.fields["n"].default, Some(json!(3)));
    }

    #[test]
    fn free_form_objects_merge_freely_but_are_pruned() {
        let (schema, root) = structural(&json!({"type": "object", "properties": {
            "closed": {"type": "object"},
            "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                     "properties": {"inner": {"type": "object", "properties": {"a": {"type": "string"}}}}},
            "template": {"type": "object", "x-kubernetes-embedded-resource": true,
                         "x-kubernetes-preserve-unknown-fields": true}}}))
        .unwrap();
        let root = map(&schema, root);
        let closed = root.fields["closed"].ty;
        assert!(map(&schema, closed).values.is_some() && schema.is_pruned(closed));
        let open = root.fields["open"].ty;
        assert!(map(&schema, open).values.is_some() && !schema.is_pruned(open));
        let inner = map(&schema, open).fields["inner"].ty;
        assert!(map(&schema, inner).values.is_some() && schema.is_pruned(inner));
        let template = map(&schema, root.fields["template"].ty);
        assert!(template.embedded && template.fields.contains_key("metadata"));
    }

    #[test]
    fn lists_keep_their_type() {
        let (schema, root) = structural(&json!({"type": "object", "properties": {
            "set": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            "map": {"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["b", "a"]},
            "plain": {"type": "array", "items": {"type": "string"}}}}))
        .unwrap();
        let kind = |name: &str| match schema.node(map(&schema, root).fields[name].ty) {
            Node::List(list) => list.kind.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(kind("set"), ListKind::Set);
        assert_eq!(kind("map"), ListKind::Map(vec!["b".to_owned(), "a".to_owned()]));
        assert_eq!(kind("plain"), ListKind::Atomic);
    }

    #[test]
    fn a_schema_may_not_nest_without_end() {
        let mut deep = json!({"type": "object"});
        for _ in 0..200 {
            deep = json!({"type": "array", "items": deep});
        }
        assert!(matches!(structural(&deep), Err(StructuralError::TooDeep(_))));
        assert!(structural(&json!([])).is_err());
    }
}
