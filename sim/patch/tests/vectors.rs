//! Recorded patches: what a genuine API server made of an object, or what it said.

use kube_schema::{Document, Schema, TypeId, decode, in_order, prune};
use serde_json::Value;

type Answer = Result<Value, (u64, String)>;

struct Kind<'a> {
    schema: &'a Schema,
    ty: TypeId,
    custom: bool,
}

fn invalid(text: &str, problem: &str) -> (u64, String) {
    failed(kube_patch::PatchError::unreadable(text, problem))
}

fn failed(error: kube_patch::PatchError) -> (u64, String) {
    (u64::from(error.code), error.message)
}

fn patched(kind: &Kind<'_>, before: &Value, patch: &str, content_type: &str) -> Answer {
    let target = if kind.custom {
        Document::from_value(before)
    } else {
        in_order(before, kind.schema, kind.ty)
    };
    let document = match content_type {
        "application/strategic-merge-patch+json" => {
            let body = patch.as_bytes();
            let patched = kube_patch::strategic_patch(
                kind.schema,
                kind.ty,
                before,
                body,
                kube_patch::Validation::Ignore,
            );
            return patched.map(|patched| patched.value).map_err(failed);
        }
        "application/json-patch+json" => {
            let (operations, _) = kube_patch::operations(patch.as_bytes()).map_err(failed)?;
            kube_patch::patch_document(target, &operations).map_err(failed)?
        }
        _ => kube_patch::merge_document(
            &target,
            &kube_patch::read_merge_patch(patch.as_bytes()).map_err(failed)?,
        ),
    };
    let text = document.to_text();
    if kind.custom {
        let mut value = document.into_value();
        prune(kind.schema, kind.ty, &mut value).map_err(|error| invalid(&text, &error))?;
        return Ok(value);
    }
    decode(&document, kind.schema, kind.ty)
        .map(|decoded| decoded.value)
        .map_err(|error| invalid(&text, &error))
}

fn comparable(mut value: Value) -> Value {
    if let Some(metadata) = value["metadata"].as_object_mut() {
        metadata
            .retain(|name, _| !matches!(name.as_str(), "managedFields" | "resourceVersion" | "generation"));
    }
    value
}

#[test]
fn recorded_patches() {
    let builtin = kube_schema::builtin("1.36").unwrap();
    let schema: Value = serde_json::from_str(include_str!("../vectors/widget-schema.json")).unwrap();
    let widget = kube_schema::structural(&schema).unwrap();
    let (mut count, mut wrong) = (0, Vec::new());
    for line in include_str!("../vectors/kube-apiserver.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let before = &case["before"];
        let name = before["kind"].as_str().unwrap();
        let kind = if name == "Widget" {
            Kind {
                schema: &widget.0,
                ty: widget.1,
                custom: true,
            }
        } else {
            let (group, version) = before["apiVersion"]
                .as_str()
                .unwrap()
                .rsplit_once('/')
                .unwrap_or(("", "v1"));
            let ty = builtin.kind((group, version, name)).unwrap();
            Kind {
                schema: &builtin.schema,
                ty,
                custom: false,
            }
        };
        let text = case["patch"].as_str().unwrap();
        let answer = patched(&kind, before, text, case["contentType"].as_str().unwrap()).map(comparable);
        let expected = match case.get("after") {
            Some(after) => Ok(comparable(after.clone())),
            None => Err((
                case["code"].as_u64().unwrap(),
                case["message"].as_str().unwrap().to_owned(),
            )),
        };
        if answer != expected {
            wrong.push(format!("{}: {answer:?} instead of {expected:?}", case["case"]));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 50, "{count}");
}
