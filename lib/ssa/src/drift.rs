//! Whether a live object is as wanted, judged by what a dry run would make of it.

use std::collections::BTreeMap;

use manifest::object;
use serde_json::{Map, Value};

/// Whether applying would change labels, annotations or anything but metadata and status.
pub(crate) fn has_drifted(live: Option<&Value>, dry_run: &Value) -> bool {
    let Some(live) = live else { return true };
    if object::resource_version(dry_run).is_empty() {
        return true;
    }
    // An absent map and an empty one are the same.
    let same = |a: Option<&Map<String, Value>>, b: Option<&Map<String, Value>>| {
        a.into_iter().flatten().collect::<BTreeMap<_, _>>()
            == b.into_iter().flatten().collect::<BTreeMap<_, _>>()
    };
    !same(object::labels(live), object::labels(dry_run))
        || !same(object::annotations(live), object::annotations(dry_run))
        || body(live) != body(dry_run)
}

fn body(object: &Value) -> BTreeMap<&String, &Value> {
    let members = object.as_object().into_iter().flatten();
    members
        .filter(|(key, _)| !matches!(key.as_str(), "metadata" | "status"))
        .collect()
}

/// Hands fields over to others: where the object exists, the wanted value of each path becomes the live one, or is
/// left out if another manager applies it.
pub(crate) fn hand_over<'a>(
    desired: &mut Value,
    live: &Value,
    paths: impl Iterator<Item = &'a str>,
    manager: &str,
) {
    for path in paths {
        let applied_by_other = applied_by_others(live, path, manager);
        match live.pointer(path) {
            Some(value) if !applied_by_other && desired.pointer(path).is_some() => {
                if let Some(slot) = desired.pointer_mut(path) {
                    *slot = value.clone();
                }
            }
            _ => remove(desired, path),
        }
    }
}

fn remove(object: &mut Value, path: &str) {
    let Some((parent, key)) = path.rsplit_once('/') else {
        return;
    };
    let key = key.replace("~1", "/").replace("~0", "~");
    match object.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&key);
        }
        Some(Value::Array(list)) => {
            if let Ok(index) = key.parse::<usize>()
                && index < list.len()
            {
                list.remove(index);
            }
        }
        _ => {}
    }
}

/// Whether a manager other than `manager` owns the field at `path` by applying it.
fn applied_by_others(live: &Value, path: &str, manager: &str) -> bool {
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    entries.into_iter().flatten().any(|entry| {
        let is = |key: &str, wanted: &str| entry.get(key).and_then(Value::as_str) == Some(wanted);
        if !is("operation", "Apply") || is("manager", manager) {
            return false;
        }
        let mut here = entry.get("fieldsV1");
        for key in path.split('/').skip(1) {
            let key = key.replace("~1", "/").replace("~0", "~");
            here = here.and_then(|fields| fields.get(format!("f:{key}")));
        }
        here.is_some()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn drift_is_what_applying_would_change() {
        let live = json!({"metadata": {"resourceVersion": "1", "labels": {"a": "b"}, "managedFields": [1]}, "spec": {"x": 1}, "status": {"s": 1}});
        let like = |change: &dyn Fn(&mut Value)| {
            let mut dry_run = live.clone();
            change(&mut dry_run);
            dry_run
        };
        assert!(has_drifted(None, &live));
        for (dry_run, expected) in [
            (like(&|_| {}), false),
            (like(&|o| o["status"] = json!({})), false),
            (like(&|o| o["metadata"]["managedFields"] = json!([2])), false),
            (like(&|o| o["metadata"]["annotations"] = json!({})), false),
            (like(&|o| o["metadata"]["annotations"] = json!({"x": "y"})), true),
            (like(&|o| o["metadata"]["labels"] = json!({})), true),
            (like(&|o| o["spec"]["x"] = json!(2)), true),
            (like(&|o| o["data"] = json!({})), true),
        ] {
            assert_eq!(has_drifted(Some(&live), &dry_run), expected, "{dry_run}");
        }
    }

    #[test]
    fn fields_are_handed_over() {
        let live = json!({"metadata": {"managedFields": [
            {"manager": "hpa", "operation": "Apply", "fieldsV1": {"f:spec": {"f:b": {}}}}]},
            "spec": {"a": 5, "b": 6}});
        let mut desired = json!({"spec": {"a": 1, "b": 2, "c": 3}});
        hand_over(
            &mut desired,
            &live,
            ["/spec/a", "/spec/b", "/spec/c"].into_iter(),
            "us",
        );
        assert_eq!(desired, json!({"spec": {"a": 5}}));
    }
}
