//! Conditions in a status.

use serde_json::{Map, Value, json};

/// One condition's content.
pub(crate) struct Condition<'a> {
    pub(crate) kind: &'a str,
    pub(crate) status: bool,
    pub(crate) reason: &'a str,
    pub(crate) message: &'a str,
}

/// The list of conditions in `old`, for editing.
pub(crate) fn conditions(old: &Value) -> Vec<Value> {
    old.pointer("/status/conditions")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

/// Sets a condition. `lastTransitionTime` moves with the status only; `lastUpdateTime`, where asked for (workloads
/// of apps/v1 have it), with every change.
pub(crate) fn set(list: &mut Vec<Value>, condition: &Condition<'_>, now: &str, updates: bool) {
    let status = if condition.status { "True" } else { "False" };
    let known = list
        .iter_mut()
        .find(|entry| entry.get("type").and_then(Value::as_str) == Some(condition.kind));
    let same = |entry: &Value, key: &str, value: &str| {
        entry.get(key).and_then(Value::as_str).unwrap_or_default() == value
    };
    let mut next = Map::new();
    let mut transition = json!(now);
    if let Some(entry) = &known {
        let unchanged = same(entry, "status", status)
            && same(entry, "reason", condition.reason)
            && same(entry, "message", condition.message);
        if unchanged {
            return;
        }
        if same(entry, "status", status) {
            transition = entry.get("lastTransitionTime").cloned().unwrap_or(transition);
        }
    }
    next.insert("type".to_owned(), json!(condition.kind));
    next.insert("status".to_owned(), json!(status));
    next.insert("lastTransitionTime".to_owned(), transition);
    if updates {
        next.insert("lastUpdateTime".to_owned(), json!(now));
    }
    for (key, text) in [("reason", condition.reason), ("message", condition.message)] {
        if !text.is_empty() {
            next.insert(key.to_owned(), json!(text));
        }
    }
    match known {
        Some(entry) => *entry = Value::Object(next),
        None => list.push(Value::Object(next)),
    }
}

/// Removes a condition.
pub(crate) fn remove(list: &mut Vec<Value>, kind: &str) {
    list.retain(|entry| entry.get("type").and_then(Value::as_str) != Some(kind));
}

/// Puts a number where the API omits zero.
pub(crate) fn count(status: &mut Map<String, Value>, key: &str, value: usize) {
    if value > 0 {
        status.insert(key.to_owned(), json!(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transition_time_moves_with_the_status_only() {
        let mut list = Vec::new();
        let at = |status, message| Condition {
            kind: "Available",
            status,
            reason: "R",
            message,
        };
        set(&mut list, &at(false, "a"), "t1", true);
        set(&mut list, &at(false, "b"), "t2", true);
        assert_eq!(list[0]["lastTransitionTime"], "t1");
        assert_eq!(list[0]["lastUpdateTime"], "t2");
        set(&mut list, &at(false, "b"), "t3", true);
        assert_eq!(list[0]["lastUpdateTime"], "t2");
        set(&mut list, &at(true, "b"), "t4", true);
        assert_eq!(list[0]["lastTransitionTime"], "t4");
    }
}
