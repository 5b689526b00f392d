//! Operations that the genuine library was given at random, replayed: the same objects, owners and texts.

use std::collections::BTreeMap;

use field_manager::{ConvertError, FieldManager, Filter, ResetFields, Set, Typed, Versions};
use kube_schema::{Node, Schema, TypeId, structural};
use serde_json::{Value, json};

const OPERATIONS: &str = include_str!("../vectors/operations.jsonl");

/// A kind in two API versions that differ in their schemas. A third is refused, all others are unknown.
struct Kind(BTreeMap<String, (Schema, TypeId)>);

impl Versions for Kind {
    fn typed(&self, api_version: &str) -> Option<Typed<'_>> {
        let (schema, ty) = self.0.get(api_version)?;
        Some(Typed { schema, ty: *ty })
    }

    fn convert(&self, object: &Value, api_version: &str) -> Result<Value, ConvertError> {
        if api_version.ends_with("/v8") {
            let text = format!("request to convert CR to an invalid group/version: {api_version}");
            return Err(ConvertError::Failed(text));
        }
        if !self.0.contains_key(api_version) {
            return Err(ConvertError::MissingVersion);
        }
        let mut object = object.clone();
        object["apiVersion"] = json!(api_version);
        Ok(object)
    }
}

fn kind(schemas: &Value, deduced: bool) -> Kind {
    let typed = |version: &str, openapi: &Value| {
        let typed = if deduced {
            let mut schema = Schema::default();
            let any = schema.push(Node::Any);
            (schema, any)
        } else {
            structural(openapi).expect("a structural schema")
        };
        (format!("example.com/{version}"), typed)
    };
    Kind(BTreeMap::from([
        typed("v1", &schemas[0]),
        typed("v2", &schemas[1]),
    ]))
}

fn reset(subresource: &str) -> ResetFields {
    let paths = match subresource {
        "" => Set::of_fields(&[&["status"]]),
        _ => Set::of_fields(&[&["spec"], &["metadata", "labels"]]),
    };
    let filter = |version: &str| (format!("example.com/{version}"), Filter::Exclude(paths.clone()));
    BTreeMap::from([filter("v1"), filter("v2")])
}

/// What a step gives here.
fn run(kind: &Kind, step: &Value) -> Value {
    let text = |name: &str| step[name].as_str().unwrap_or_default();
    let api_version = format!("example.com/{}", text("version"));
    let empty = json!({"apiVersion": api_version, "kind": "T"});
    let manager = FieldManager {
        versions: kind,
        api_version: &api_version,
        kind: "T",
        subresource: text("subresource"),
        reset: &reset(text("subresource")),
        empty: Ok(&empty),
    };
    let now = "2030-01-01T00:00:00Z".parse().expect("a time");
    let live = step.get("live");
    if text("op") == "update" {
        return manager.update(live, step["new"].clone(), text("manager"), now);
    }
    match manager.apply(live, &step["config"], text("manager"), step["force"] == true, now) {
        Ok(applied) => applied.or_else(|| live.cloned()).unwrap_or_default(),
        Err(error) if error.code() == 500 => json!({"code": 500, "message": error.to_string()}),
        Err(error) => json!({"code": error.code(), "message": error.to_string(), "causes": error.causes()}),
    }
}

/// Takes out what the genuine library leaves to chance or does to the version.
fn normal(mut value: Value, version: &Value) -> Value {
    if value.get("kind").is_some() {
        value["apiVersion"] = json!(format!("example.com/{}", version.as_str().unwrap_or_default()));
    }
    if let Some(Value::Array(causes)) = value.get_mut("causes") {
        causes.sort_by_key(ToString::to_string);
    }
    value
}

#[test]
fn operations_agree_with_the_genuine_library() {
    let mut steps = 0;
    for line in OPERATIONS.lines() {
        let case: Value = serde_json::from_str(line).expect("a case");
        let phases: Vec<_> = case["schemas"]
            .as_array()
            .expect("schemas")
            .iter()
            .map(|s| kind(s, case["deduced"] == true))
            .collect();
        for (index, step) in case["steps"].as_array().expect("steps").iter().enumerate() {
            let phase = if step["phase"] == 1 { 1 } else { 0 };
            let want = step
                .get("result")
                .or(step.get("error"))
                .cloned()
                .unwrap_or_default();
            let got = normal(run(&phases[phase], step), &step["version"]);
            assert_eq!(
                got,
                normal(want, &step["version"]),
                "case {}, step {index}",
                case["case"]
            );
            steps += 1;
        }
    }
    assert!(steps > 300, "{steps}");
}
