//! What stands for a key that an item of a keyed list leaves out.

use crate::{ListKind, Map, Node, Scalar, Schema, TypeId};
use serde_json::{Value, json};

/// Gives the keys of built-in kinds the default that the published schema has for them: members that Go always writes
/// default to the zero of their type, so that an item without `name` is the item whose name is empty.
pub(crate) fn fill(schema: &mut Schema) {
    let ids = 0..u32::try_from(schema.len()).unwrap_or(u32::MAX);
    for id in ids.map(TypeId) {
        let Node::List(list) = schema.node(id) else {
            continue;
        };
        let (ListKind::Map(keys), items) = (list.kind.clone(), list.items) else {
            continue;
        };
        let Node::Map(map) = schema.node(items) else {
            continue;
        };
        let mut map = map.clone();
        for key in keys {
            let zero = zero(schema, &map, &key);
            if let Some(field) = map.fields.get_mut(&key) {
                field.default = field.default.take().or(zero);
            }
        }
        schema.set(items, Node::Map(map));
    }
}

fn zero(schema: &Schema, map: &Map, key: &str) -> Option<Value> {
    let field = map.fields.get(key)?;
    // A reference to an object by its name alone says so of its name, which need not be there.
    let reference = map.fields.len() == 1 && key == "name";
    match schema.node(field.ty) {
        Node::Scalar(Scalar::String) if field.required || reference => Some(json!("")),
        Node::Scalar(Scalar::Integer | Scalar::Number) if field.required => Some(json!(0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::{ListKind, Node, builtin};
    use serde_json::json;

    #[test]
    fn keys_of_built_in_kinds_default_to_their_zero() {
        let kinds = builtin("1.36").unwrap();
        let step = |id, name: &str| match kinds.schema.node(id) {
            Node::Map(map) => map.fields[name].ty,
            other => panic!("{name}: {other:?}"),
        };
        let deployment = kinds.kind(("apps", "v1", "Deployment")).unwrap();
        let conditions = step(step(deployment, "status"), "conditions");
        let Node::List(list) = kinds.schema.node(conditions) else {
            panic!()
        };
        assert_eq!(list.kind, ListKind::Map(vec!["type".to_owned()]));
        let Node::Map(condition) = kinds.schema.node(list.items) else {
            panic!()
        };
        assert_eq!(condition.fields["type"].default, Some(json!("")));
        assert_eq!(condition.fields["status"].default, None);
    }
}
