//! Amounts of resources by name, and what a pod asks for in all.

use std::collections::BTreeMap;

use serde_json::Value;

use manifest::quantity::Quantity;

/// Amounts by the name of what is counted.
pub(super) type Amounts = BTreeMap<String, Quantity>;

/// Reads a list of amounts (`{"cpu": "1"}`).
pub(super) fn read(value: Option<&Value>) -> Amounts {
    let list = value.and_then(Value::as_object);
    list.into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), Quantity::of(value)?)))
        .collect()
}

/// Writes it back.
pub(super) fn write(amounts: &Amounts) -> Value {
    amounts
        .iter()
        .map(|(key, amount)| (key.clone(), Value::from(amount.to_string())))
        .collect()
}

/// Adds the second list to the first.
pub(super) fn add(to: &mut Amounts, other: &Amounts) {
    for (key, amount) in other {
        let sum = to.get(key).map_or(*amount, |own| own.plus(*amount));
        to.insert(key.clone(), sum);
    }
}

/// Takes the greater of both for each name.
fn raise(to: &mut Amounts, other: &Amounts) {
    for (key, amount) in other {
        if to.get(key).is_none_or(|own| own < amount) {
            to.insert(key.clone(), *amount);
        }
    }
}

/// The containers of a list in a pod's spec.
pub(super) fn containers<'a>(pod: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    pod.get("spec")
        .and_then(|spec| spec.get(list))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// What a pod asks for in all, under `requests` or `limits`: its containers together, or the greatest of what its
/// initialization needs at once.
pub(super) fn of_pod(pod: &Value, kind: &str) -> Amounts {
    let own = |container: &Value| read(container.get("resources").and_then(|own| own.get(kind)));
    let mut sum = Amounts::new();
    for container in containers(pod, "containers") {
        add(&mut sum, &own(container));
    }
    let mut sidecars = Amounts::new();
    let mut starting = Amounts::new();
    for container in containers(pod, "initContainers") {
        let mut needed = own(container);
        if container["restartPolicy"] == "Always" {
            add(&mut sum, &needed);
            add(&mut sidecars, &needed);
            needed.clone_from(&sidecars);
        } else {
            add(&mut needed, &sidecars);
        }
        raise(&mut starting, &needed);
    }
    raise(&mut sum, &starting);
    // What the pod says about itself stands above its containers.
    sum.extend(read(pod.pointer(&format!("/spec/resources/{kind}"))));
    let overhead = read(pod.pointer("/spec/overhead"));
    for (key, amount) in overhead {
        match sum.get(&key) {
            Some(own) => {
                let more = own.plus(amount);
                sum.insert(key, more);
            }
            None if kind == "requests" => {
                sum.insert(key, amount);
            }
            None => {}
        }
    }
    sum
}
