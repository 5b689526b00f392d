//! Rules applied to objects.

use serde_json::json;

use super::*;

fn texts(rules: &Rules, new: &Value, old: Option<&Value>) -> Vec<String> {
    let causes = rules.check(new, old, "");
    causes
        .iter()
        .map(|cause| format!("{} {}", cause.field, cause.message))
        .collect()
}

#[test]
fn rules_are_enforced() {
    let schema = json!({"type": "object", "properties": {"spec": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "ref": {"type": "object", "properties": {
            "tag": {"type": "string"}, "branch": {"type": "string"}}}},
        "x-kubernetes-validations": [
            {"rule": "!has(self.a) || self.a == oldSelf.a", "message": "a is immutable"},
            {"rule": "has(self.ref.tag) || has(self.ref.branch)", "message": "one is needed", "fieldPath": ".ref"},
        ],
    }}});
    let rules = Rules::read(&schema, true);
    let old = json!({"spec": {"a": 1, "ref": {"tag": "x"}}});
    assert!(texts(&rules, &old, None).is_empty());
    let new = json!({"spec": {"a": 2, "ref": {}}});
    assert_eq!(
        texts(&rules, &new, Some(&old)),
        [
            "spec Invalid value: a is immutable",
            "spec.ref Invalid value: one is needed"
        ]
    );
    // What did not change is let be.
    let bad = json!({"spec": {"ref": {}}});
    assert_eq!(texts(&rules, &bad, None).len(), 1);
    assert!(texts(&rules, &bad, Some(&bad)).is_empty());
}

#[test]
fn items_belong_together_by_their_keys() {
    let schema = json!({"type": "object", "properties": {"l": {"type": "array",
        "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"],
        "items": {"type": "object", "properties": {"n": {"type": "string"}, "v": {"type": "integer"}},
            "x-kubernetes-validations": [{"rule": "self.v >= oldSelf.v"}]}}}});
    let rules = Rules::read(&schema, true);
    let old = json!({"l": [{"n": "a", "v": 1}, {"n": "b", "v": 5}]});
    let new = json!({"l": [{"n": "b", "v": 4}, {"n": "a", "v": 2}, {"n": "c", "v": 0}]});
    assert_eq!(
        texts(&rules, &new, Some(&old)),
        ["l[0] Invalid value: failed rule: self.v >= oldSelf.v"]
    );
}

#[test]
fn a_long_list_finds_its_items_by_their_keys() {
    let schema = json!({"type": "object", "properties": {"l": {"type": "array", "maxItems": 50000,
        "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"],
        "items": {"type": "object", "properties": {"n": {"type": "integer"}, "v": {"type": "object", "properties": {
            "w": {"type": "integer"}}}}, "x-kubernetes-validations": [{"rule": "self.n == oldSelf.n"}]}}}});
    let rules = Rules::read(&schema, true);
    let items = |from: u32| -> Value {
        (0..50_000)
            .map(|n| json!({"n": from - n, "v": {"w": n}}))
            .collect()
    };
    let (old, new) = (json!({"l": items(50_000)}), json!({"l": items(50_001)}));
    assert!(texts(&rules, &new, Some(&old)).is_empty());
}
