//! Definitions and what is wrong with them.

use serde_json::{Value, json};

use super::check;

fn definition(schema: &Value) -> Value {
    json!({
        "metadata": {"name": "things.golden.example"},
        "spec": {
            "group": "golden.example", "scope": "Namespaced", "conversion": {"strategy": "None"},
            "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
        "status": {"storedVersions": ["v1"]},
    })
}

fn texts(definition: &Value, old: Option<&Value>) -> Vec<String> {
    let causes = check(definition, old);
    causes
        .iter()
        .map(|cause| {
            let field = cause.field.replace("spec.validation.openAPIV3Schema", "S");
            format!("{field}: {}", cause.message)
        })
        .collect()
}

fn property(property: &Value) -> Vec<String> {
    let schema = json!({"type": "object", "properties": {"a": property}});
    texts(&definition(&schema), None)
}

#[test]
fn a_sound_definition_is_taken() {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object",
        "properties": {"a": {"type": "string", "default": "x", "enum": ["x"]}},
        "x-kubernetes-validations": [{"rule": "self.a == 'x'"}]}}});
    assert!(texts(&definition(&schema), None).is_empty());
}

#[test]
fn schemas_are_structural() {
    for (own, cause) in [
        (
            json!({"description": "x"}),
            "S.properties[a].type: Required value: must not be empty for specified object fields",
        ),
        (
            json!({"type": "array"}),
            "S.properties[a].items: Required value: must be specified",
        ),
        (
            json!({"type": "string", "anyOf": [{"type": "string"}]}),
            "S.properties[a].anyOf[0].type: Forbidden: must be empty to be structural",
        ),
        (
            json!({"type": "integer", "minimum": 5, "default": 1}),
            "S.properties[a].default: Invalid value: 1:  in body should be greater than or equal to 5",
        ),
        (
            json!({"type": "object", "properties": {"x": {"type": "string"}}, "default": {"y": 1}}),
            "S.properties[a].default: Invalid value: {\"y\":1}: must not have unknown fields",
        ),
        (
            json!({"$ref": "#/x"}),
            "S.properties[a].$ref: Forbidden: $ref is not supported",
        ),
        (
            json!({"type": "string", "x-kubernetes-validations": [{"rule": "self == 1"}]}),
            "S.properties[a].x-kubernetes-validations[0].rule: Invalid value: {\"Rule\":\"self == 1\",\"Message\":\"\",\
             \"MessageExpression\":\"\",\"Reason\":null,\"FieldPath\":\"\",\"OptionalOldSelf\":null}: compilation \
             failed: ERROR: <input>:1:6: found no matching overload for '_==_' applied to '(string, int)'\n | self == \
             1\n | .....^",
        ),
    ] {
        assert_eq!(property(&own), [cause], "{own}");
    }
}

#[test]
fn rules_that_cost_too_much_are_refused() {
    let own = json!({"type": "array", "items": {"type": "string"}, "x-kubernetes-validations": [
        {"rule": "self.all(x, self.all(y, x == y))"}]});
    let found = property(&own);
    assert_eq!(found.len(), 3);
    assert!(found[0].contains("estimated rule cost exceeds budget by factor of more than 100x"));
    assert!(found[1].ends_with(
        "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
    ));
}

#[test]
fn some_members_never_change() {
    let schema = json!({"type": "object"});
    let old = definition(&schema);
    let mut new = old.clone();
    new["spec"]["group"] = "other.example".into();
    new["spec"]["versions"][0]["name"] = "v2".into();
    let found = texts(&new, Some(&old));
    assert_eq!(
        found[0],
        "spec.group: Invalid value: \"other.example\": field is immutable"
    );
    assert!(
        found[1]
            .starts_with("status.storedVersions: Invalid value: [\"v1\"]: must have the storage version v2")
    );
    assert!(
        found[2].starts_with(
            "status.storedVersions[0]: Invalid value: \"v1\": missing from spec.versions; v1 was"
        )
    );
    assert_eq!(found.len(), 3);
}
