//! The CustomResourceDefinitions, generated from the types.

use std::sync::LazyLock;

use kube::CustomResourceExt;
use serde_json::{Map, Value, json};

use crate::{
    GitRepository, Kustomization,
    bucket::Bucket,
    external::ExternalArtifact,
    helm::{HelmChart, HelmRepository},
    helm_release::HelmRelease,
    oci::OciRepository,
};

/// The CRDs of all kinds, ordered by name.
pub fn crds() -> Vec<Value> {
    static CRDS: LazyLock<Vec<Value>> = LazyLock::new(make);
    CRDS.clone()
}

fn make() -> Vec<Value> {
    vec![
        finish(serde_json::to_value(Bucket::crd()).unwrap_or_default()),
        external(finish(
            serde_json::to_value(ExternalArtifact::crd()).unwrap_or_default(),
        )),
        finish(serde_json::to_value(GitRepository::crd()).unwrap_or_default()),
        finish(serde_json::to_value(HelmChart::crd()).unwrap_or_default()),
        finish(serde_json::to_value(HelmRelease::crd()).unwrap_or_default()),
        finish(serde_json::to_value(HelmRepository::crd()).unwrap_or_default()),
        finish(serde_json::to_value(Kustomization::crd()).unwrap_or_default()),
        finish(serde_json::to_value(OciRepository::crd()).unwrap_or_default()),
    ]
}

/// An ExternalArtifact's status is its producer's: nothing is said of it beforehand.
fn external(mut crd: Value) -> Value {
    let status = "/spec/versions/0/schema/openAPIV3Schema/properties/status";
    if let Some(status) = crd.pointer_mut(status).and_then(Value::as_object_mut) {
        status.remove("default");
    }
    crd
}

/// Turns what the derive makes into what upstream ships.
fn finish(mut crd: Value) -> Value {
    manifest::object::map_at(&mut crd, &["metadata", "annotations"]).insert(
        "kustomize.toolkit.fluxcd.io/substitute".to_owned(),
        json!("disabled"),
    );
    let versions = crd.pointer_mut("/spec/versions").and_then(Value::as_array_mut);
    for version in versions.into_iter().flatten() {
        let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") else {
            continue;
        };
        plain(schema);
        let root = manifest::object::map_at(schema, &[]);
        // The API server demands nothing of the root, so that an object without a spec can be read back.
        root.remove("required");
        root.remove("title");
        let status = manifest::object::map_at(schema, &["properties", "status"]);
        status.insert("default".to_owned(), json!({"observedGeneration": -1}));
        let properties = manifest::object::map_at(schema, &["properties"]);
        properties.insert("apiVersion".to_owned(), json!({"type": "string"}));
        properties.insert("kind".to_owned(), json!({"type": "string"}));
        properties.insert("metadata".to_owned(), json!({"type": "object"}));
    }
    crd
}

/// Removes what schemars says about Rust's `Option`: absent members are absent in Flux's API, never null.
fn plain(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.remove("nullable");
            if let Some(values) = map.get_mut("enum").and_then(Value::as_array_mut) {
                values.retain(|value| !value.is_null());
            }
            drop_null_default(map);
            map.values_mut().for_each(plain);
        }
        Value::Array(list) => list.iter_mut().for_each(plain),
        _ => {}
    }
}

fn drop_null_default(map: &mut Map<String, Value>) {
    if map.get("default").is_some_and(Value::is_null) {
        map.remove("default");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers: SC-59, RT-02.
    #[test]
    fn crds_are_as_committed() {
        insta::with_settings!({snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true}, {
            for crd in crds() {
                insta::assert_yaml_snapshot!(manifest::object::name(&crd), crd);
            }
        });
    }
}
