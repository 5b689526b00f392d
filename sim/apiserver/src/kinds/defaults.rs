//! What the server fills in. Every rule belongs to a type and holds wherever that type occurs.

mod autoscaling;
mod core;
mod pod;
mod policies;
mod workloads;

use manifest::quantity::Quantity;
use serde_json::{Map, Value, json};

use super::{
    Kind,
    shape::{self, Ty},
};

/// The members of an object.
pub(super) type Members = Map<String, Value>;

/// Fills in the defaults of an object of this kind and brings it into the server's form. Idempotent.
pub fn default(kind: &Kind, object: &mut Value) {
    let Some(index) = shape::of(kind) else { return };
    shape::settle(index, object);
    if let Value::Object(map) = object {
        map.insert("apiVersion".into(), Value::from(kind.api_version()));
        map.insert("kind".into(), Value::from(kind.kind));
    }
    walk(index, object);
    shape::settle(index, object);
}

/// Brings an object of this kind into the server's form without filling in defaults.
pub fn settle(kind: &Kind, object: &mut Value) {
    if let Some(index) = shape::of(kind) {
        shape::settle(index, object);
    }
}

fn walk(index: usize, object: &mut Value) {
    let Value::Object(map) = object else { return };
    let shape = shape::shape(index);
    for rules in [
        core::rules,
        pod::rules,
        workloads::rules,
        autoscaling::rules,
        policies::rules,
    ] {
        rules(shape.name, map);
    }
    for member in &shape.members {
        if let Some(default) = &member.default
            && (member.pointer || !zero(default))
            && unset(map.get(member.name))
        {
            map.insert(member.name.to_owned(), default.clone());
        }
        let Some(value) = map.get_mut(member.name) else {
            continue;
        };
        if matches!(member.ty.plain(), Ty::Map(amount) if **amount == Ty::Quantity)
            && shape.name.starts_with("core/")
        {
            round_up(value);
        }
        descend(&member.ty, value);
    }
}

fn descend(ty: &Ty, value: &mut Value) {
    match (ty.plain(), value) {
        (Ty::Struct(index), value @ Value::Object(_)) => walk(*index, value),
        (Ty::List(item), Value::Array(items)) => items.iter_mut().for_each(|v| descend(item, v)),
        (Ty::Map(item), Value::Object(members)) => members.values_mut().for_each(|v| descend(item, v)),
        _ => {}
    }
}

/// Amounts of resources have no parts smaller than a thousandth.
fn round_up(value: &mut Value) {
    let Value::Object(amounts) = value else { return };
    for amount in amounts.values_mut() {
        if let Some(quantity) = Quantity::of(amount) {
            *amount = Value::from(quantity.to_milli().to_string());
        }
    }
}

/// Whether a member is absent or has the zero of its type.
fn unset(value: Option<&Value>) -> bool {
    value.is_none_or(|v| v.is_null() || zero(v) && !v.is_boolean() && !v.is_number())
}

fn zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(b) => !b,
        Value::Number(n) => n.as_i64() == Some(0),
        Value::String(s) => s.is_empty(),
        Value::Array(_) | Value::Object(_) => false,
    }
}

/// Sets a member that is absent.
fn fill(map: &mut Members, name: &str, value: impl Into<Value>) {
    if unset(map.get(name)) {
        map.insert(name.to_owned(), value.into());
    }
}

/// Sets a number whose zero counts as absent.
fn fill_number(map: &mut Members, name: &str, value: i64) {
    if map.get(name).is_none_or(zero) {
        map.insert(name.to_owned(), Value::from(value));
    }
}

/// A member that is an object, made if absent.
fn object<'a>(map: &'a mut Members, name: &str) -> Option<&'a mut Members> {
    let value = map.entry(name).or_insert_with(|| json!({}));
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut()
}

/// The text of a member, empty if there is none.
fn text<'a>(map: &'a Members, name: &str) -> &'a str {
    map.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a member is a list or map without entries, or absent.
fn empty(map: &Members, name: &str) -> bool {
    match map.get(name) {
        Some(Value::Array(a)) => a.is_empty(),
        Some(Value::Object(m)) => m.is_empty(),
        other => unset(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::default;
    use crate::kinds::find;

    fn defaulted(group: &str, resource: &str, mut object: Value) -> Value {
        let kind = find(group, "v1", resource).unwrap();
        default(kind, &mut object);
        let once = object.clone();
        default(kind, &mut object);
        assert_eq!(once, object, "defaults are the same when filled in again");
        object
    }

    #[test]
    fn a_deployment_is_filled_in() {
        let object = defaulted(
            "apps",
            "deployments",
            json!({"metadata": {"name": "a"}, "spec": {"template": {"spec": {"containers": [
                {"name": "c", "image": "i", "ports": [{"containerPort": 80}], "args": []}]}}}}),
        );
        let spec = &object["spec"];
        assert_eq!(
            spec["strategy"]["rollingUpdate"],
            json!({"maxSurge": "25%", "maxUnavailable": "25%"})
        );
        assert_eq!(spec["selector"], Value::Null);
        let container = &spec["template"]["spec"]["containers"][0];
        assert_eq!(container["imagePullPolicy"], "Always");
        assert_eq!(container["ports"][0]["protocol"], "TCP");
        assert_eq!(container["resources"], json!({}));
        assert!(container.get("args").is_none());
        assert_eq!(object["status"], json!({}));
    }

    #[test]
    fn texts_of_a_secret_become_data() {
        let object = defaulted(
            "",
            "secrets",
            json!({"stringData": {"a": "b"}, "data": {"a": "eA=="}}),
        );
        assert_eq!(object["data"], json!({"a": "Yg=="}));
        assert!(object.get("stringData").is_none());
    }

    #[test]
    fn amounts_get_their_canonical_form() {
        let object = defaulted(
            "",
            "resourcequotas",
            json!({"spec": {"hard": {"cpu": 0.5, "memory": "1024Mi", "pods": "10"}}}),
        );
        assert_eq!(
            object["spec"]["hard"],
            json!({"cpu": "500m", "memory": "1Gi", "pods": "10"})
        );
    }
}
