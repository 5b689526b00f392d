//! Taking fields over from other managers: what kubectl wrote and the source does not have shall go.

use manifest::object;
use serde_json::{Map, Value, json};

/// Managers whose fields are taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    /// Start of the manager's name.
    pub prefix: String,
    /// `Apply` or `Update`.
    pub operation: &'static str,
}

impl Manager {
    /// A manager of this name and operation.
    pub fn new(prefix: impl Into<String>, operation: &'static str) -> Self {
        Self {
            prefix: prefix.into(),
            operation,
        }
    }

    fn is(&self, entry: &Value) -> bool {
        text(entry, "manager").starts_with(&self.prefix)
            && text(entry, "operation") == self.operation
            && text(entry, "subresource").is_empty()
    }
}

/// Annotations that are removed from live objects.
const ANNOTATIONS: [&str; 3] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "kustomize.toolkit.fluxcd.io/checksum",
    "fluxcd.io/sync-checksum",
];
/// Labels that are removed from live objects.
const LABELS: [&str; 1] = ["fluxcd.io/sync-gc-mark"];

fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The JSON patch that makes `name` the owner of what `managers` own; empty when there is nothing to take.
pub(crate) fn patch(live: &Value, managers: &[Manager], name: &str) -> Vec<Value> {
    let mut patch = Vec::new();
    let removals = |path: &str, present: Option<&Map<String, Value>>, keys: &[&str]| -> Vec<Value> {
        let found = keys
            .iter()
            .filter(|key| present.is_some_and(|map| map.contains_key(**key)));
        found
            .map(|key| json!({"op": "remove", "path": format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))}))
            .collect()
    };
    patch.extend(removals(
        "/metadata/annotations",
        object::annotations(live),
        &ANNOTATIONS,
    ));
    patch.extend(removals("/metadata/labels", object::labels(live), &LABELS));
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    if let Some(entries) = entries.and_then(|entries| merged(entries, managers, name)) {
        patch.push(json!({"op": "replace", "path": "/metadata/managedFields", "value": entries}));
    }
    patch
}

/// The entries with those of `managers` merged into the Apply entry of `name`.
fn merged(entries: &[Value], managers: &[Manager], name: &str) -> Option<Vec<Value>> {
    let own = |entry: &Value| text(entry, "manager") == name && text(entry, "operation") == "Apply";
    let at = entries.iter().rposition(own);
    let mut ours = at.map(|at| entries[at].clone());
    let mut rest = Vec::new();
    let mut taken = false;
    for (index, entry) in entries.iter().enumerate() {
        if at == Some(index) {
            continue;
        }
        if !managers.iter().any(|manager| manager.is(entry)) {
            rest.push(entry.clone());
            continue;
        }
        taken = true;
        match &mut ours {
            None => {
                let mut renamed = entry.clone();
                renamed["manager"] = json!(name);
                renamed["operation"] = json!("Apply");
                ours = Some(renamed);
            }
            Some(ours) => {
                let fields = entry.get("fieldsV1").cloned().unwrap_or_else(|| json!({}));
                let target = ours
                    .as_object_mut()
                    .map(|map| map.entry("fieldsV1").or_insert_with(|| json!({})));
                if let Some(target) = target {
                    union(target, fields);
                }
            }
        }
    }
    if !taken {
        return None;
    }
    rest.extend(ours);
    Some(rest)
}

/// Field sets are tries whose leaves are empty maps: their union is the union of their keys.
fn union(target: &mut Value, more: Value) {
    let (Value::Object(target), Value::Object(more)) = (target, more) else {
        return;
    };
    for (key, value) in more {
        match target.get_mut(&key) {
            Some(known) => union(known, value),
            None => {
                target.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "fieldsV1": fields})
    }

    fn kubectl() -> Vec<Manager> {
        vec![
            Manager::new("kubectl", "Apply"),
            Manager::new("kubectl", "Update"),
        ]
    }

    #[test]
    fn fields_of_kubectl_become_ours() {
        let live = json!({"metadata": {
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
            "managedFields": [
                entry("kubectl-edit", "Update", json!({"f:data": {"f:a": {}}})),
                entry("hpa", "Update", json!({"f:spec": {}})),
                entry("us", "Apply", json!({"f:data": {"f:b": {}}})),
            ],
        }});
        let patch = patch(&live, &kubectl(), "us");
        assert_eq!(
            patch[0],
            json!({"op": "remove", "path": "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"})
        );
        assert_eq!(
            patch[1]["value"],
            json!([
                entry("hpa", "Update", json!({"f:spec": {}})),
                entry("us", "Apply", json!({"f:data": {"f:a": {}, "f:b": {}}})),
            ])
        );
    }

    #[test]
    fn a_first_match_is_renamed_and_strangers_are_left_alone() {
        let fields = json!({"f:data": {}});
        let live = json!({"metadata": {"managedFields": [entry("kubectl", "Apply", fields.clone())]}});
        assert_eq!(
            patch(&live, &kubectl(), "us")[0]["value"],
            json!([entry("us", "Apply", fields.clone())])
        );
        let live = json!({"metadata": {"managedFields": [
            entry("us", "Apply", fields.clone()), entry("helm", "Update", fields)]}});
        assert!(patch(&live, &kubectl(), "us").is_empty());
    }
}
