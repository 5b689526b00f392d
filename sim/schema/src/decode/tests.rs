//! Findings and errors as kube-apiserver 1.36.2 words them (areas patch-fieldvalidation, fieldvalidation, patch-json).

use super::*;
use serde_json::json;

fn read(gvk: (&str, &str, &str), text: &str) -> Result<Decoded, String> {
    let kinds = crate::builtin("1.36").unwrap();
    decode(
        &Document::parse(text.as_bytes()).unwrap(),
        &kinds.schema,
        kinds.kind(gvk).unwrap(),
    )
}

fn config_map(text: &str) -> Result<Decoded, String> {
    read(("", "v1", "ConfigMap"), text)
}

fn deployment(text: &str) -> Result<Decoded, String> {
    read(("apps", "v1", "Deployment"), text)
}

#[test]
fn findings_come_in_the_order_of_the_document() {
    let decoded = deployment(
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"app","bogus":1}]}},"bogus":{"a":1,"a":2}},
            "metadata":{"bogusMeta":"x","name":"a","name":"b"},"KIND":"Deployment"}"#,
    )
    .unwrap();
    assert_eq!(
        decoded.findings,
        [
            r#"unknown field "spec.template.spec.containers[0].bogus""#,
            r#"unknown field "spec.bogus""#,
            r#"unknown field "metadata.bogusMeta""#,
            r#"duplicate field "metadata.name""#,
            r#"unknown field "KIND""#,
        ]
    );
    let expected =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "app"}]}}}, "metadata": {"name": "b"}});
    assert_eq!(decoded.value, expected);
}

#[test]
fn repeated_structs_add_up() {
    let decoded =
        config_map(r#"{"metadata":{"name":"a"},"data":{"x":"1"},"metadata":{"labels":{}},"data":{"y":"2"}}"#)
            .unwrap();
    assert_eq!(
        decoded.findings,
        [r#"duplicate field "metadata""#, r#"duplicate field "data""#]
    );
    assert_eq!(decoded.value["metadata"], json!({"name": "a", "labels": {}}));
    assert_eq!(decoded.value["data"], json!({"x": "1", "y": "2"}));
}

#[test]
fn nulls_are_left_out_or_zero() {
    let decoded = config_map(
        r#"{"metadata":{"name":null,"finalizers":["a",null]},"data":{"x":null},"immutable":null}"#,
    );
    assert_eq!(
        decoded.unwrap().value,
        json!({"metadata": {"finalizers": ["a", ""]}, "data": {"x": ""}})
    );
}

#[test]
fn wrong_types() {
    let error = |text: &str| config_map(text).unwrap_err();
    assert_eq!(
        error(r#"{"data":{"a":1}}"#),
        "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"
    );
    assert_eq!(
        error(r#"{"data":["x"]}"#),
        "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string"
    );
    assert_eq!(
        error(r#"{"metadata":{"managedFields":"x"}}"#),
        "json: cannot unmarshal string into Go struct field ObjectMeta.metadata.managedFields of type []v1.ManagedFieldsEntry"
    );
    assert_eq!(
        deployment(r#"{"spec":{"replicas":"3"}}"#).unwrap_err(),
        "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
    );
    assert_eq!(
        deployment(r#"{"spec":{"replicas":3000000000}}"#).unwrap_err(),
        "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32"
    );
    let pod = |text| read(("", "v1", "Pod"), text).unwrap_err();
    assert_eq!(
        pod(r#"{"spec":{"containers":[{"command":"x"}]}}"#),
        "json: cannot unmarshal string into Go struct field Container.spec.containers.command of type []string"
    );
    let account = |text| read(("", "v1", "ServiceAccount"), text).unwrap_err();
    assert_eq!(
        account(r#"{"imagePullSecrets":["x"]}"#),
        "json: cannot unmarshal string into Go struct field ServiceAccount.imagePullSecrets of type v1.LocalObjectReference"
    );
    let secret = |text| read(("", "v1", "Secret"), text).unwrap_err();
    assert_eq!(
        secret(r#"{"type":5}"#),
        "json: cannot unmarshal number into Go struct field Secret.type of type v1.SecretType"
    );
    assert_eq!(
        secret(r#"{"data":{"a":1}}"#),
        "json: cannot unmarshal number into Go struct field Secret.data of type []uint8"
    );
    assert_eq!(
        secret(r#"{"data":{"a":"1"}}"#),
        "illegal base64 data at input byte 0"
    );
}

#[test]
fn conversion_has_its_own_words() {
    let kinds = crate::builtin("1.36").unwrap();
    let convert = |gvk, value: Value| crate::convert(&value, &kinds.schema, kinds.kind(gvk).unwrap());
    let deployment = ("apps", "v1", "Deployment");
    let error = |value: Value| convert(deployment, value).unwrap_err();
    let spec = |containers: Value| json!({"spec": {"template": {"spec": {"containers": containers}}}});
    assert_eq!(error(spec(json!("x"))), "cannot restore slice from string");
    assert_eq!(
        error(spec(json!({"name": "app"}))),
        "cannot restore slice from map"
    );
    assert_eq!(
        error(json!({"metadata": {"labels": ["a"]}})),
        "cannot restore map from slice"
    );
    assert_eq!(
        error(json!({"metadata": []})),
        "cannot restore struct from: slice"
    );
    let config_map = convert(("", "v1", "ConfigMap"), json!({"data": {"a": {"b": 1}}}));
    assert_eq!(config_map.unwrap_err(), "unrecognized type: string");
    let unknown = convert(
        deployment,
        json!({"spec": {"z": 1, "template": {"spec": {"containers": [{"b": 1}]}}}}),
    );
    assert_eq!(
        unknown.unwrap().findings,
        [
            r#"unknown field "spec.template.spec.containers[0].b""#,
            r#"unknown field "spec.z""#
        ]
    );
}

#[test]
fn texts_have_members_in_the_order_of_declaration() {
    let kinds = crate::builtin("1.36").unwrap();
    let ty = kinds.kind(("", "v1", "ConfigMap")).unwrap();
    let value = json!({"apiVersion": "v1", "data": {"b": "<", "a": "1"}, "kind": "ConfigMap",
                       "metadata": {"labels": {}, "name": "n", "uid": "u"}});
    assert_eq!(
        in_order(&value, &kinds.schema, ty).to_text(),
        r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"n","uid":"u","labels":{}},"data":{"a":"1","b":"\u003c"}}"#
    );
}
