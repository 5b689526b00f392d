//! Conditions that a step waits for.

use manifest::object;
use serde_json::Value;

use super::template::{Known, find, segments};

/// An answer as conditions look at it.
pub(super) struct Seen<'a> {
    pub(super) code: u16,
    pub(super) body: Option<&'a Value>,
}

impl Seen<'_> {
    /// Whether a condition holds.
    pub(super) fn meets(&self, condition: &Value, known: &Known) -> bool {
        if let Some(code) = condition.get("code").and_then(Value::as_u64) {
            return u64::from(self.code) == code;
        }
        let Some(body) = self.body else { return false };
        let path = segments(condition["path"].as_str().unwrap_or_default());
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let found = find(body, &path);
        let value = known.value(&condition["value"]);
        let length = || match found {
            Some(Value::Array(items)) => items.len() as u64,
            Some(Value::Object(members)) => members.len() as u64,
            _ => 0,
        };
        match condition.get("op").and_then(Value::as_str).unwrap_or("eq") {
            "exists" => found.is_some(),
            "absent" => found.is_none(),
            "ne" => found != Some(&value),
            "len" => Some(length()) == value.as_u64(),
            "lenge" => value.as_u64().is_some_and(|least| length() >= least),
            "ge" => match (found.and_then(Value::as_f64), value.as_f64()) {
                (Some(found), Some(least)) => found >= least,
                _ => false,
            },
            "condition" => found.is_some_and(|list| has_condition(list, condition)),
            _ => found == Some(&value),
        }
    }
}

fn has_condition(list: &Value, wanted: &Value) -> bool {
    let holder = serde_json::json!({"status": {"conditions": list}});
    let kind = wanted["type"].as_str().unwrap_or_default();
    object::condition(&holder, kind).is_some_and(|entry| {
        ["status", "reason"].iter().all(|key| {
            wanted
                .get(*key)
                .is_none_or(|value| entry.get(*key) == Some(value))
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_look_at_lengths_numbers_and_conditions() {
        let body =
            json!({"items": [1, 2], "status": {"n": 3, "conditions": [{"type": "A", "status": "True"}]}});
        let seen = Seen {
            code: 200,
            body: Some(&body),
        };
        for (condition, holds) in [
            (json!({"code": 200}), true),
            (json!({"path": "items", "op": "len", "value": 2}), true),
            (json!({"path": "items", "op": "lenge", "value": 3}), false),
            (json!({"path": "items[1]", "value": 2}), true),
            (json!({"path": "status.n", "op": "ge", "value": 2}), true),
            (json!({"path": "status.x", "op": "absent"}), true),
            (
                json!({"path": "status.conditions", "op": "condition", "type": "A", "status": "True"}),
                true,
            ),
            (
                json!({"path": "status.conditions", "op": "condition", "type": "A", "reason": "R"}),
                false,
            ),
        ] {
            assert_eq!(seen.meets(&condition, &Known::default()), holds, "{condition}");
        }
    }
}
