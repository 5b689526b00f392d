//! Rules of strategic merge on small objects. Answers as kube-apiserver 1.36.2 gives them (area patch-strategic).

use super::*;
use serde_json::json;

fn patched(target: Value, patch: Value) -> Result<Value, PatchError> {
    let kinds = kube_schema::builtin("1.36").unwrap();
    let ty = kinds.kind(("", "v1", "Pod")).unwrap();
    strategic_merge(
        &kinds.schema,
        ty,
        &json!({"spec": target}),
        &json!({"spec": patch}),
    )
    .map(|value| value["spec"].clone())
}

fn containers() -> Value {
    json!({"containers": [{"name": "a", "image": "1", "args": ["x"]}, {"name": "b", "image": "2"}]})
}

fn message(target: Value, patch: Value) -> (u16, String) {
    let error = patched(target, patch).unwrap_err();
    (error.code, error.message)
}

#[test]
fn items_merge_by_key_in_the_order_of_the_patch() {
    let result = patched(
        containers(),
        json!({"containers": [{"name": "c", "image": "3", "args": null}, {"name": "b", "image": "4"}]}),
    );
    // What only the server has goes before the first item that it came before; nothing else can be said of its place.
    let expected = json!({"containers": [
        {"name": "c", "image": "3", "args": null},
        {"name": "a", "image": "1", "args": ["x"]},
        {"name": "b", "image": "4"}]});
    assert_eq!(result.unwrap(), expected);
}

#[test]
fn lists_without_strategy_are_replaced() {
    let result = patched(
        containers(),
        json!({"containers": [{"name": "a", "args": ["y"]}]}),
    )
    .unwrap();
    assert_eq!(
        result["containers"][0],
        json!({"name": "a", "image": "1", "args": ["y"]})
    );
}

#[test]
fn directives_in_lists() {
    let with =
        |items: Value| patched(containers(), json!({"containers": items})).unwrap()["containers"].clone();
    assert_eq!(
        with(json!([{"name": "a", "$patch": "delete"}])),
        json!([{"name": "b", "image": "2"}])
    );
    assert_eq!(
        with(json!([{"name": "z", "image": "9"}, {"$patch": "replace"}])),
        json!([{"name": "z", "image": "9"}])
    );
    assert_eq!(with(json!([{"name": "a", "$patch": "replace"}])), json!([]));
    let fails = |items: Value| message(containers(), json!({"containers": items}));
    assert_eq!(
        fails(json!([{"image": "x"}])),
        (
            500,
            "map: map[image:x] does not contain declared merge key: name".to_owned()
        )
    );
    assert_eq!(
        fails(json!([{"$patch": "delete"}])),
        (
            500,
            "map: map[$patch:delete] does not contain declared merge key: name".to_owned()
        )
    );
    assert_eq!(
        fails(json!([{"name": "a", "$patch": "merge"}])),
        (
            500,
            "merging lists cannot yet be specified in the patch".to_owned()
        )
    );
    let (code, text) = fails(json!([null]));
    assert_eq!(code, 500);
    assert!(
        text.starts_with("list element types are not identical: [[map[args:[x] image:1 name:a] "),
        "{text}"
    );
    assert!(text.ends_with(" [<nil>]]"), "{text}");
}

#[test]
fn directives_in_maps() {
    let with = |change: Value| {
        patched(
            json!({"nodeSelector": {"a": "1", "b": "2"}}),
            json!({"nodeSelector": change}),
        )
        .unwrap()
    };
    assert_eq!(
        with(json!({"$patch": "replace", "c": "3"})),
        json!({"nodeSelector": {"c": "3"}})
    );
    assert_eq!(with(json!({"$patch": "delete"})), json!({"nodeSelector": {}}));
    assert_eq!(with(json!({"a": null})), json!({"nodeSelector": {"b": "2"}}));
    let fails = message(
        json!({"nodeSelector": {"a": "1"}}),
        json!({"nodeSelector": {"$patch": "x"}}),
    );
    assert_eq!(
        fails,
        (500, "unknown patch type: x in map: map[$patch:x]".to_owned())
    );
}

#[test]
fn retained_keys() {
    let volume = |change: Value| {
        patched(
            json!({"volumes": [{"name": "v", "emptyDir": {}}]}),
            json!({"volumes": [change]}),
        )
    };
    let kept = volume(json!({"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}));
    assert_eq!(
        kept.unwrap(),
        json!({"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]})
    );
    let bad = volume(json!({"name": "v", "$retainKeys": ["name"], "hostPath": {"path": "/x"}})).unwrap_err();
    assert_eq!((bad.code, bad.reason), (400, "BadRequest"));
    assert_eq!(bad.message, "invalid patch format of retainKeys");
}

#[test]
fn wanted_order() {
    let order = json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
                       "containers": [{"name": "a", "image": "3"}]});
    let result = patched(containers(), order).unwrap();
    assert_eq!(result["containers"][0]["name"], "b");
    assert_eq!(result["containers"][1]["image"], "3");
    let fails = |patch: Value| message(containers(), patch);
    assert_eq!(
        fails(json!({"$setElementOrder/containers": [{"name": "b"}], "containers": [{"name": "a"}]})).1,
        "The order in patch list:\n[map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n"
    );
    assert_eq!(
        fails(json!({"$setElementOrder/bogus": ["a"]})).1,
        "unable to find api field in struct PodSpec for the json field \"bogus\""
    );
    assert_eq!(
        fails(json!({"$setElementOrder/containers": "x"})).1,
        "expected a []interface {}, but received a string"
    );
}

#[test]
fn sets_of_scalars() {
    let kinds = kube_schema::builtin("1.36").unwrap();
    let ty = kinds.kind(("", "v1", "ConfigMap")).unwrap();
    let with = |change: Value| {
        let target = json!({"metadata": {"finalizers": ["a", "b"]}});
        let patch = json!({"metadata": change});
        strategic_merge(&kinds.schema, ty, &target, &patch).unwrap()["metadata"]["finalizers"].clone()
    };
    assert_eq!(with(json!({"finalizers": ["c", "a"]})), json!(["c", "a", "b"]));
    assert_eq!(
        with(json!({"$deleteFromPrimitiveList/finalizers": ["a"]})),
        json!(["b"])
    );
    assert_eq!(
        with(json!({"$deleteFromPrimitiveList/finalizers": "a"})),
        json!(["a", "b"])
    );
    assert_eq!(
        with(json!({"$setElementOrder/finalizers": ["b", "a"]})),
        json!(["b", "a"])
    );
}

#[test]
fn the_patch_is_left_as_upstream_leaves_it() {
    let kinds = kube_schema::builtin("1.36").unwrap();
    let ty = kinds.kind(("", "v1", "Pod")).unwrap();
    let mut patch = json!({"spec": {"volumes": "x", "$retainKeys": ["volumes"]}});
    strategic_merge_changing(&kinds.schema, ty, &json!({"spec": {"volumes": []}}), &mut patch).unwrap();
    assert_eq!(display(&patch), "map[spec:map[volumes:x]]");
}

#[test]
fn findings_of_a_patch() {
    let kinds = kube_schema::builtin("1.36").unwrap();
    let ty = kinds.kind(("", "v1", "ConfigMap")).unwrap();
    let target = json!({"metadata": {"name": "n"}});
    let body = br#"{"metadata":{"labels":{"b":"1","b":"2"}},"bogus":1}"#;
    let run = |validation| strategic_patch(&kinds.schema, ty, &target, body, validation);
    let expected = json!({"metadata": {"name": "n", "labels": {"b": "2"}}});
    let findings = [
        r#"duplicate field "metadata.labels.b""#,
        r#"unknown field "bogus""#,
    ];
    let warned = run(Validation::Warn).unwrap();
    assert_eq!(warned.value, expected);
    assert_eq!(warned.findings, findings);
    assert!(run(Validation::Ignore).unwrap().findings.is_empty());
    let refused = run(Validation::Strict).unwrap_err();
    assert_eq!(
        refused.message,
        format!(
            " \"\" is invalid: patch: Invalid value: \"map[bogus:1 metadata:map[labels:map[b:2]]]\": \
             strict decoding error: {}, {}",
            findings[0], findings[1]
        )
    );
}
