//! Which node a pod may run on: names, selectors, affinity and taints.

use manifest::object;
use serde_json::Value;

use crate::owned;

/// Why a pod does not fit on a node, in the scheduler's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Misfit {
    /// `spec.nodeSelector`, or the required node affinity.
    Selector,
    /// A taint that is not tolerated.
    Taint,
    /// `spec.unschedulable`.
    Unschedulable,
    /// `spec.nodeName` of another node.
    Name,
    /// As many pods as it takes.
    Full,
}

/// Whether a pod's own rules allow the node.
pub(crate) fn selects(pod: &Value, node: &Value) -> bool {
    let wanted = pod.pointer("/spec/nodeSelector").and_then(Value::as_object);
    let labelled = wanted.is_none_or(|all| {
        all.iter()
            .all(|(key, value)| object::label(node, key) == value.as_str())
    });
    let terms = pod.pointer(
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms",
    );
    let terms = terms.and_then(Value::as_array);
    labelled && terms.is_none_or(|terms| terms.iter().any(|term| term_matches(term, node)))
}

fn term_matches(term: &Value, node: &Value) -> bool {
    let labels = owned::list(term, "/matchExpressions");
    let fields = owned::list(term, "/matchFields");
    if labels.is_empty() && fields.is_empty() {
        return false;
    }
    let label = |key: &str| object::label(node, key);
    let field = |key: &str| (key == "metadata.name").then(|| object::name(node));
    labels.iter().all(|rule| rule_matches(rule, label)) && fields.iter().all(|rule| rule_matches(rule, field))
}

fn rule_matches<'a>(rule: &Value, value: impl Fn(&str) -> Option<&'a str>) -> bool {
    let found = value(owned::text(rule, "/key"));
    let values = owned::list(rule, "/values");
    let among = found.is_some_and(|found| values.iter().any(|value| value == found));
    let compared = |wanted: std::cmp::Ordering| {
        let bound = values.first().and_then(Value::as_str);
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
        match (number(found), number(bound)) {
            (Some(found), Some(bound)) => found.cmp(&bound) == wanted,
            _ => false,
        }
    };
    match owned::text(rule, "/operator") {
        "In" => among,
        "NotIn" => !among,
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        "Gt" => compared(std::cmp::Ordering::Greater),
        "Lt" => compared(std::cmp::Ordering::Less),
        _ => false,
    }
}

/// The first taint with one of the effects that the pod does not tolerate.
pub(crate) fn intolerable<'a>(pod: &Value, node: &'a Value, effects: &[&str]) -> Option<&'a Value> {
    owned::list(node, "/spec/taints")
        .iter()
        .filter(|taint| effects.contains(&owned::text(taint, "/effect")))
        .find(|taint| {
            !owned::list(pod, "/spec/tolerations")
                .iter()
                .any(|one| tolerates(one, taint))
        })
}

/// Whether a toleration covers a taint.
pub(crate) fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let (key, effect) = (
        owned::text(toleration, "/key"),
        owned::text(toleration, "/effect"),
    );
    let exists = owned::text(toleration, "/operator") == "Exists";
    (effect.is_empty() || effect == owned::text(taint, "/effect"))
        && (if key.is_empty() {
            exists
        } else {
            key == owned::text(taint, "/key")
        })
        && (exists || owned::text(toleration, "/value") == owned::text(taint, "/value"))
}

/// Why the scheduler would not take the node, if anything.
pub(crate) fn misfit<'a>(pod: &Value, node: &'a Value, pods: usize) -> Option<(Misfit, Option<&'a Value>)> {
    let unschedulable = serde_json::json!({
        "key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule",
    });
    let closed = node.pointer("/spec/unschedulable") == Some(&Value::Bool(true));
    if closed
        && !owned::list(pod, "/spec/tolerations")
            .iter()
            .any(|one| tolerates(one, &unschedulable))
    {
        return Some((Misfit::Unschedulable, None));
    }
    let name = owned::text(pod, "/spec/nodeName");
    if !name.is_empty() && name != object::name(node) {
        return Some((Misfit::Name, None));
    }
    if let Some(taint) = intolerable(pod, node, &["NoSchedule", "NoExecute"]) {
        return Some((Misfit::Taint, Some(taint)));
    }
    if !selects(pod, node) {
        return Some((Misfit::Selector, None));
    }
    let most = node
        .pointer("/status/allocatable/pods")
        .and_then(Value::as_str)
        .and_then(|text| text.parse().ok());
    most.is_some_and(|most: usize| pods >= most)
        .then_some((Misfit::Full, None))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn affinity_selectors_and_taints_decide() {
        let node = json!({"metadata": {"name": "a", "labels": {"zone": "x", "n": "5"}}});
        let pod = |rule: Value| {
            json!({"spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}}}}})
        };
        for (rule, fits) in [
            (
                json!({"key": "zone", "operator": "In", "values": ["x", "y"]}),
                true,
            ),
            (
                json!({"key": "zone", "operator": "NotIn", "values": ["x"]}),
                false,
            ),
            (json!({"key": "other", "operator": "DoesNotExist"}), true),
            (json!({"key": "n", "operator": "Gt", "values": ["4"]}), true),
            (json!({"key": "n", "operator": "Lt", "values": ["4"]}), false),
        ] {
            assert_eq!(selects(&pod(rule.clone()), &node), fits, "{rule}");
        }
        let tainted = json!({"metadata": {"name": "a"}, "spec": {"taints": [
            {"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}});
        assert_eq!(
            misfit(&json!({}), &tainted, 0).map(|found| found.0),
            Some(Misfit::Taint)
        );
        let tolerant = json!({"spec": {"tolerations": [{"key": "gpu", "operator": "Exists"}]}});
        assert_eq!(misfit(&tolerant, &tainted, 0), None);
    }
}
