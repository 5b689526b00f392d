//! Stage: from the tree to the objects to apply. Pure but for reading the tree.

use flux_api::{
    Kustomization,
    kustomization::{GROUP, SubstituteStrategy},
    meta,
};
use kube::ResourceExt;
use kustomize::{
    Files,
    flux::{self, Substitution},
};
use manifest::object::{self, map_at};
use serde_json::{Value, json};
use sops::Keys;
use ssa::{Mark, is_marked};

use crate::{
    Config,
    decryption::{self, Readable},
    variables::Variables,
};

const SUBSTITUTE_DISABLED: Mark = (meta::SUBSTITUTE, "disabled");

/// What is to be applied.
pub(crate) struct Built {
    pub(crate) objects: Vec<Value>,
    /// Digest of the manifests as kustomize wrote them.
    pub(crate) digest: String,
}

/// What is read from the cluster for a build.
pub(crate) struct Inputs {
    pub(crate) variables: Variables,
    /// Nothing when no decryption is asked for.
    pub(crate) keys: Option<Keys>,
}

/// Builds the directory of the tree and prepares its objects for this Kustomization.
pub(crate) fn build(
    object: &Kustomization,
    tree: &dyn Files,
    start: &str,
    inputs: &Inputs,
    config: &Config,
) -> Result<Built, String> {
    let Inputs { variables, keys } = inputs;
    let spec = serde_json::to_value(&object.spec).map_err(|error| error.to_string())?;
    let documents = documents(tree, start, &spec, keys.as_ref())?;
    let strategy = object
        .spec
        .post_build
        .as_ref()
        .and_then(|post_build| post_build.substitute_strategy);
    let how = Substitution {
        strict: config.strict_substitution,
        always: strategy == Some(SubstituteStrategy::Always),
    };
    let documents = if object.spec.post_build.is_some() {
        let substituted = documents
            .iter()
            .map(|document| substitute(document, variables, how));
        substituted.collect::<Result<Vec<_>, _>>()?
    } else {
        documents
    };
    let text = kustomize::to_yaml(&documents);
    let digest = format!("sha256:{}", stdx::sha256_hex(text.as_bytes()));
    let mut objects = Vec::new();
    for document in documents {
        flatten(document, &mut objects);
    }
    for built in &mut objects {
        ssa::normalize::normalize(built);
        add_metadata(built, object);
    }
    Ok(Built { objects, digest })
}

/// What kustomize builds, decrypted.
fn documents(tree: &dyn Files, start: &str, spec: &Value, keys: Option<&Keys>) -> Result<Vec<Value>, String> {
    let Some(keys) = keys else {
        return flux::build(tree, start, spec).map_err(|error| error.to_string());
    };
    let generated = flux::generate(tree, start, spec).map_err(|error| error.to_string())?;
    let readable = Readable::new(tree, start, &generated, keys)
        .map_err(|error| format!("error decrypting sources: {error}"))?;
    let built = flux::build(&readable, start, spec).map_err(|error| error.to_string())?;
    let decrypted = built.into_iter().map(|document| {
        let name = flux::short_id(&document);
        decryption::decrypt(document, keys)
            .map_err(|error| format!("decryption failed for '{name}': {error}"))
    });
    decrypted.collect()
}

fn substitute(document: &Value, variables: &Variables, how: Substitution) -> Result<Value, String> {
    match variables {
        Ok(variables) => flux::substitute(document, variables, how).map_err(|error| error.to_string()),
        // What opts out of substitution does not care that there are no variables.
        Err(_) if is_marked(document, &[SUBSTITUTE_DISABLED]) => Ok(document.clone()),
        Err(error) => {
            let name = flux::short_id(document);
            Err(format!("post build failed for '{name}': {error}"))
        }
    }
}

/// Lists become their items; what configures kustomize is no object.
fn flatten(document: Value, objects: &mut Vec<Value>) {
    let (group, _) = manifest::split_api_version(object::api_version(&document));
    if group == "kustomize.config.k8s.io" || object::kind(&document).is_empty() {
        return;
    }
    if let (true, Some(items)) = (
        object::kind(&document).ends_with("List"),
        document.get("items").and_then(Value::as_array),
    ) {
        items.iter().for_each(|item| flatten(item.clone(), objects));
        return;
    }
    objects.push(document);
}

/// The labels that say whose an object is.
pub(crate) fn owner_labels(name: &str, namespace: &str) -> [(String, String); 2] {
    [
        (format!("{GROUP}/name"), name.to_owned()),
        (format!("{GROUP}/namespace"), namespace.to_owned()),
    ]
}

fn add_metadata(built: &mut Value, owner: &Kustomization) {
    let namespace = owner.namespace().unwrap_or_default();
    let common = owner.spec.common_metadata.clone().unwrap_or_default();
    let labels = map_at(built, &["metadata", "labels"]);
    for (key, value) in owner_labels(&owner.name_any(), &namespace) {
        labels.insert(key, json!(value));
    }
    for (key, value) in common.labels.into_iter().flatten() {
        labels.insert(key, json!(value));
    }
    if let Some(annotations) = common.annotations.filter(|annotations| !annotations.is_empty()) {
        let target = map_at(built, &["metadata", "annotations"]);
        target.extend(annotations.into_iter().map(|(key, value)| (key, json!(value))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(spec: Value) -> Kustomization {
        let mut all =
            json!({"interval": "1h", "prune": true, "sourceRef": {"kind": "GitRepository", "name": "x"}});
        for (key, value) in spec.as_object().unwrap() {
            all[key] = value.clone();
        }
        serde_json::from_value(json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": "app", "namespace": "flux"}, "spec": all,
        }))
        .unwrap()
    }

    #[test]
    fn lists_are_flattened_and_configuration_is_dropped() {
        let config_map =
            |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        let mut objects = Vec::new();
        flatten(
            json!({"apiVersion": "v1", "kind": "List", "items": [config_map("a"), config_map("b")]}),
            &mut objects,
        );
        flatten(
            json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}),
            &mut objects,
        );
        flatten(Value::Null, &mut objects);
        assert_eq!(objects, [config_map("a"), config_map("b")]);
    }

    #[test]
    fn objects_say_whose_they_are() {
        let mut object = json!({"kind": "ConfigMap", "metadata": {"name": "a"}});
        let owner = owner(json!({"commonMetadata": {"labels": {"team": "x"}, "annotations": {"a": "b"}}}));
        add_metadata(&mut object, &owner);
        assert_eq!(
            object["metadata"],
            json!({"name": "a", "annotations": {"a": "b"}, "labels": {
                "kustomize.toolkit.fluxcd.io/name": "app",
                "kustomize.toolkit.fluxcd.io/namespace": "flux",
                "team": "x",
            }})
        );
    }
}
