//! Conditions in a status.

use serde_json::Value;

/// Sets a condition in the place of the one of its type, whose time of transition it keeps if the status is the same.
pub(crate) fn set(list: &mut Vec<Value>, mut next: Value) {
    match list.iter_mut().find(|entry| entry["type"] == next["type"]) {
        Some(entry) => {
            if entry["status"] == next["status"]
                && let Some(time) = entry.get("lastTransitionTime")
            {
                next["lastTransitionTime"] = time.clone();
            }
            *entry = next;
        }
        None => list.push(next),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_time_is_that_of_the_last_transition() {
        let condition =
            |status: &str, time: &str| json!({"type": "A", "status": status, "lastTransitionTime": time});
        let mut list = vec![json!({"type": "B"})];
        set(&mut list, condition("True", "1"));
        set(&mut list, condition("True", "2"));
        assert_eq!(list, [json!({"type": "B"}), condition("True", "1")]);
        set(&mut list, condition("False", "3"));
        assert_eq!(list[1], condition("False", "3"));
    }
}
