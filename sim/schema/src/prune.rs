//! Unknown fields of custom resources: what the definition does not know is dropped and reported.

use crate::document::Path;
use crate::{Document, Map as MapType, Node, Schema, TypeId, decode};
use serde_json::{Map, Value};

const OWN: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Drops what a custom resource's schema does not know, and nulls that may not be and have no default. The findings are in the API server's order: those of the
/// metadata, then the others by name, then those of the metadata of embedded resources. The error is about metadata
/// of a wrong type, in the words of Go's decoder.
pub fn prune(schema: &Schema, ty: TypeId, value: &mut Value) -> Result<Vec<String>, String> {
    let mut pruner = Pruner {
        schema,
        path: Path::default(),
        unknown: Vec::new(),
        embedded: Vec::new(),
    };
    let mut findings = Vec::new();
    if let (Node::Map(map), Value::Object(members)) = (schema.node(ty), &mut *value) {
        findings = pruner.metadata(map, members)?;
    }
    pruner.value(value, ty, true);
    drop_nulls(schema, ty, value, true);
    let mut unknown = std::mem::take(&mut pruner.unknown);
    unknown.sort();
    findings.extend(unknown);
    findings.append(&mut pruner.embedded);
    Ok(findings
        .into_iter()
        .map(|path| format!("unknown field \"{path}\""))
        .collect())
}

struct Pruner<'a> {
    schema: &'a Schema,
    path: Path,
    unknown: Vec<String>,
    embedded: Vec<String>,
}

impl Pruner<'_> {
    /// Brings metadata into its type; the paths of what it does not know.
    fn metadata(&self, map: &MapType, members: &mut Map<String, Value>) -> Result<Vec<String>, String> {
        let (Some(field), Some(metadata)) = (map.fields.get("metadata"), members.get_mut("metadata")) else {
            return Ok(Vec::new());
        };
        let decoded = decode(&Document::from_value(metadata), self.schema, field.ty)?;
        *metadata = decoded.value;
        let paths = decoded.findings.into_iter().filter_map(|finding| {
            let path = finding.strip_prefix("unknown field \"")?.strip_suffix('"')?;
            Some(self.path.member(&format!("metadata.{path}")))
        });
        Ok(paths.collect())
    }

    fn value(&mut self, value: &mut Value, ty: TypeId, root: bool) {
        match (self.schema.node(ty), value) {
            (Node::List(list), Value::Array(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    let length = self.path.enter_index(index);
                    self.value(item, list.items, false);
                    self.path.leave(length);
                }
            }
            (Node::Map(map), Value::Object(members)) => {
                if map.embedded && !root {
                    let found = self.metadata(map, members).unwrap_or_default();
                    self.embedded.extend(found);
                }
                let open = match map.values {
                    _ if map.preserve_unknown => Members::Kept,
                    Some(_) if self.schema.is_pruned(ty) => Members::Dropped,
                    Some(values) => Members::Typed(values),
                    None => Members::Dropped,
                };
                self.members(members, map, open, map.embedded || root);
            }
            (Node::Any, _) if !self.schema.is_pruned(ty) => {}
            // A map where the schema knows none, or a list where it knows no list: nothing in it is known.
            (_, value) => self.empty(value),
        }
    }

    fn members(&mut self, members: &mut Map<String, Value>, map: &MapType, open: Members, resource: bool) {
        let names: Vec<String> = members.keys().cloned().collect();
        for name in names {
            if resource && OWN.contains(&name.as_str()) {
                continue;
            }
            let length = self.path.enter(&name);
            match (map.fields.get(&name), &open) {
                (Some(field), _) => {
                    if let Some(member) = members.get_mut(&name) {
                        self.value(member, field.ty, false);
                    }
                }
                (None, Members::Typed(values)) => {
                    if let Some(member) = members.get_mut(&name) {
                        self.value(member, *values, false);
                    }
                }
                (None, Members::Kept) => {}
                (None, Members::Dropped) => {
                    members.remove(&name);
                    self.unknown.push(self.path.text().to_owned());
                }
            }
            self.path.leave(length);
        }
    }

    /// Where nothing is known, maps lose all members.
    fn empty(&mut self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                for name in std::mem::take(members).keys() {
                    self.unknown.push(self.path.member(name));
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    let length = self.path.enter_index(index);
                    self.empty(item);
                    self.path.leave(length);
                }
            }
            _ => {}
        }
    }
}

/// Nulls that are not nullable go, unless a default takes their place later. Where nothing is declared they stay.
fn drop_nulls(schema: &Schema, ty: TypeId, value: &mut Value, root: bool) {
    match (schema.node(ty), value) {
        (Node::List(list), Value::Array(items)) => {
            items
                .iter_mut()
                .for_each(|item| drop_nulls(schema, list.items, item, false));
        }
        (Node::Map(map), Value::Object(members)) => {
            let own = |name: &str| (root || map.embedded) && OWN.contains(&name);
            let values = map.values.filter(|&values| *schema.node(values) != Node::Any);
            members.retain(|name, member| {
                let kept = match map.fields.get(name) {
                    Some(field) => field.nullable || field.default.is_some() || own(name),
                    None => values.is_none_or(|values| schema.is_nullable_value(values)),
                };
                kept || !member.is_null()
            });
            for (name, member) in members.iter_mut().filter(|(name, _)| !own(name)) {
                if let Some(ty) = map.fields.get(name).map(|field| field.ty).or(values) {
                    drop_nulls(schema, ty, member, false);
                }
            }
        }
        _ => {}
    }
}

/// What becomes of members that are not declared.
enum Members {
    Kept,
    Typed(TypeId),
    Dropped,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structural;
    use serde_json::json;

    #[test]
    fn metadata_comes_first_and_the_rest_by_name() {
        let (schema, ty) = structural(&json!({"type": "object", "properties": {
            "spec": {"type": "object", "properties": {
                "a": {"type": "string"},
                "items": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
                "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "closed": {"type": "object"},
                "map": {"type": "object", "additionalProperties": {"type": "object",
                        "properties": {"x": {"type": "integer"}}}},
                "template": {"type": "object", "x-kubernetes-embedded-resource": true}}}}}))
        .unwrap();
        let mut value = json!({
            "apiVersion": "v1", "kind": "K", "aaa": 1,
            "metadata": {"name": "n", "zzz": 1, "labels": {"l": "v"}},
            "spec": {"a": "1", "items": [{"n": 1, "$patch": "delete"}], "open": {"anything": {"x": 1}},
                     "closed": {"b": 1}, "map": {"k": {"x": 1, "y": 2}},
                     "template": {"apiVersion": "v1", "kind": "P", "metadata": {"name": "n", "no": 1}, "spec": {}}}});
        let findings = prune(&schema, ty, &mut value).unwrap();
        assert_eq!(
            findings,
            [
                "unknown field \"metadata.zzz\"",
                "unknown field \"aaa\"",
                "unknown field \"spec.closed.b\"",
                "unknown field \"spec.items[0].$patch\"",
                "unknown field \"spec.map.k.y\"",
                "unknown field \"spec.template.spec\"",
                "unknown field \"spec.template.metadata.no\"",
            ]
        );
        assert_eq!(
            value,
            json!({
            "apiVersion": "v1", "kind": "K",
            "metadata": {"name": "n", "labels": {"l": "v"}},
            "spec": {"a": "1", "items": [{"n": 1}], "open": {"anything": {"x": 1}}, "closed": {},
                     "map": {"k": {"x": 1}},
                     "template": {"apiVersion": "v1", "kind": "P", "metadata": {"name": "n"}}}})
        );
    }

    #[test]
    fn values_of_a_wrong_type_are_emptied() {
        let (schema, ty) = structural(
            &json!({"type": "object", "properties": {"spec": {"type": "object",
            "properties": {"s": {"type": "string"}, "l": {"type": "array", "items": {"type": "string"}}}}}}),
        )
        .unwrap();
        let mut value = json!({"spec": {"s": {"x": 1}, "l": {"y": 1}}});
        // Vector: kube-apiserver 1.36.2, patch-json-0034.
        let findings = prune(&schema, ty, &mut value).unwrap();
        assert_eq!(
            findings,
            ["unknown field \"spec.l.y\"", "unknown field \"spec.s.x\""]
        );
        assert_eq!(value, json!({"spec": {"s": {}, "l": {}}}));
    }

    #[test]
    fn nulls() {
        let (schema, ty) = structural(
            &json!({"type": "object", "properties": {"spec": {"type": "object",
            "additionalProperties": {"type": "string"},
            "properties": {
                "plain": {"type": "string"},
                "nullable": {"type": "string", "nullable": true},
                "defaulted": {"type": "string", "default": "x"},
                "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "map": {"type": "object", "additionalProperties": {"type": "string", "nullable": true}}}}}}),
        )
        .unwrap();
        let mut value = json!({"spec": {"plain": null, "nullable": null, "defaulted": null, "other": null,
                                        "open": {"a": null}, "map": {"a": null}}});
        // Vectors: kube-apiserver 1.36.2, patch-json-0011, patch-merge-0033, ssa-crd-0174.
        assert!(prune(&schema, ty, &mut value).unwrap().is_empty());
        let expected =
            json!({"spec": {"nullable": null, "defaulted": null, "open": {"a": null}, "map": {"a": null}}});
        assert_eq!(value, expected);
    }

    #[test]
    fn metadata_of_a_wrong_type_is_an_error() {
        let (schema, ty) = crate::untyped();
        let mut value = json!({"metadata": {"labels": {"a": 1}}});
        // Vector: kube-apiserver 1.36.2, patch-json-0100.
        assert_eq!(
            prune(&schema, ty, &mut value).unwrap_err(),
            "json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string"
        );
        let mut value = json!({"anything": {"goes": [1]}, "metadata": {"name": "n"}});
        let before = value.clone();
        assert!(prune(&schema, ty, &mut value).unwrap().is_empty());
        assert_eq!(value, before);
    }
}
