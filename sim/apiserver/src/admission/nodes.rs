//! New nodes take no pods until the node controller has found them ready.

use serde_json::{Value, json};

const NOT_READY: &str = "node.kubernetes.io/not-ready";

/// Adds the taint of a node that is not ready, unless it is there.
pub(super) fn taint(node: &mut Value) {
    let spec = manifest::object::map_at(node, &["spec"]);
    let taints = spec.entry("taints").or_insert_with(|| json!([]));
    if !taints.is_array() {
        *taints = json!([]);
    }
    let known = |taint: &Value| taint["key"] == NOT_READY && taint["effect"] == "NoSchedule";
    if let Some(list) = taints.as_array_mut()
        && !list.iter().any(known)
    {
        list.push(json!({"key": NOT_READY, "effect": "NoSchedule"}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_taint_comes_once_and_last() {
        let mut node = json!({"spec": {"taints": [{"key": "a", "effect": "NoExecute"}]}});
        taint(&mut node);
        taint(&mut node);
        assert_eq!(
            node["spec"]["taints"],
            json!([{"key": "a", "effect": "NoExecute"}, {"key": NOT_READY, "effect": "NoSchedule"}])
        );
    }
}
