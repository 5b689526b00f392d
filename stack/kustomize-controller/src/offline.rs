//! What a Kustomization would apply, without a cluster: everything that is otherwise read there comes in a list.

use std::{collections::BTreeMap, path::Path};

use flux_api::{
    Kustomization,
    kustomization::{API_VERSION, PostBuild},
};
use manifest::object;
use serde_json::{Value, json};
use sops::Keys;

use crate::{
    Config,
    build::{self, Inputs},
    decryption,
    files::Tree,
    variables,
};

/// What is built, and from what.
#[derive(Debug, Clone, Copy)]
pub struct Offline<'a> {
    /// The Kustomization's name.
    pub name: &'a str,
    /// It, and the ConfigMaps and Secrets that it refers to. Without one of that name a Kustomization without any
    /// overrides is built, unless there are others.
    pub manifests: &'a [Value],
    /// What the source would hold.
    pub tree: &'a Path,
    /// The directory in it to build.
    pub directory: &'a str,
}

/// The objects that would be applied, in the order of the build.
///
/// # Errors
/// A text in the words of the condition that a cluster would show; also when something is referred to and not given.
pub fn offline(asked: &Offline<'_>) -> Result<Vec<Value>, String> {
    let (object, namespace) = find(asked)?;
    let given = Given {
        manifests: asked.manifests,
        namespace: &namespace,
    };
    let tree = Tree::at(asked.tree, asked.directory);
    if !tree.has_start() {
        return Err(format!("kustomization path not found: {}", asked.directory));
    }
    let inputs = Inputs {
        variables: given.variables(object.spec.post_build.as_ref()),
        keys: given.keys(&object)?,
    };
    let built = build::build(&object, &tree, tree.start(), &inputs, &Config::default())?;
    match built
        .objects
        .iter()
        .find(|object| decryption::is_left_encrypted(object))
    {
        Some(encrypted) => Err(decryption::left_encrypted(encrypted)),
        None => Ok(built.objects),
    }
}

fn find(asked: &Offline<'_>) -> Result<(Kustomization, String), String> {
    let is_one = |value: &&Value| {
        object::kind(value) == "Kustomization"
            && object::api_version(value).starts_with("kustomize.toolkit.fluxcd.io/")
    };
    let all: Vec<&Value> = asked.manifests.iter().filter(is_one).collect();
    let found = all.iter().find(|value| object::name(value) == asked.name);
    let plain = json!({
        "apiVersion": API_VERSION,
        "kind": "Kustomization",
        "metadata": {"name": asked.name},
        "spec": {"interval": "1h", "prune": true, "sourceRef": {"kind": "GitRepository", "name": asked.name}},
    });
    let value = match found {
        Some(found) => (*found).clone(),
        None if all.is_empty() => plain,
        None => {
            let names: Vec<_> = all.iter().map(|value| object::name(value)).collect();
            return Err(format!(
                "no Kustomization {:?}, only: {}",
                asked.name,
                names.join(", ")
            ));
        }
    };
    let namespace = Some(object::namespace(&value)).filter(|namespace| !namespace.is_empty());
    let namespace = namespace.unwrap_or("default").to_owned();
    let mut value = value;
    value["metadata"]["namespace"] = json!(namespace);
    let object =
        serde_json::from_value(value).map_err(|error| format!("Kustomization {:?}: {error}", asked.name))?;
    Ok((object, namespace))
}

/// What would be read from the cluster.
struct Given<'a> {
    manifests: &'a [Value],
    namespace: &'a str,
}

impl Given<'_> {
    fn get(&self, kind: &str, name: &str) -> Option<Value> {
        let found = self.manifests.iter().find(|value| {
            let namespace = object::namespace(value);
            object::kind(value) == kind
                && object::api_version(value) == "v1"
                && object::name(value) == name
                && (namespace.is_empty() || namespace == self.namespace)
        });
        let mut found = found?.clone();
        ssa::normalize::normalize(&mut found);
        Some(found)
    }

    fn variables(&self, post_build: Option<&PostBuild>) -> variables::Variables {
        let mut all = BTreeMap::new();
        let Some(post_build) = post_build else {
            return Ok(all);
        };
        for reference in post_build.substitute_from.iter().flatten() {
            let (kind, name) = (reference.kind.as_str(), &reference.name);
            match self.get(kind, name) {
                Some(found) => all.extend(variables::data(&found, reference.kind)),
                None if reference.optional == Some(true) => {}
                None => return Err(format!("substitute from '{kind}/{name}' error: it is not given")),
            }
        }
        Ok(variables::complete(all, post_build))
    }

    fn keys(&self, object: &Kustomization) -> Result<Option<Keys>, String> {
        let Some(decryption) = &object.spec.decryption else {
            return Ok(None);
        };
        let Some(secret) = &decryption.secret_ref else {
            return Ok(Some(Keys::default()));
        };
        let shown = format!("sops decryption Secret '{}/{}'", self.namespace, secret.name);
        let found = self.get("Secret", &secret.name);
        let found = found.ok_or_else(|| format!("cannot get {shown}: it is not given"))?;
        decryption::import(&found, false, &shown).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        tree
    }

    fn asked<'a>(tree: &'a tempfile::TempDir, name: &'a str, manifests: &'a [Value]) -> Offline<'a> {
        Offline {
            name,
            manifests,
            tree: tree.path(),
            directory: "app",
        }
    }

    const SETTINGS: &str =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {value: \"${v}\"}\n";

    fn kustomization(spec: Value) -> Value {
        let mut value = json!({
            "apiVersion": API_VERSION, "kind": "Kustomization", "metadata": {"name": "app", "namespace": "flux"},
            "spec": {"interval": "1h", "prune": true, "sourceRef": {"kind": "GitRepository", "name": "x"}},
        });
        for (key, member) in spec.as_object().unwrap() {
            value["spec"][key] = member.clone();
        }
        value
    }

    #[test]
    fn overrides_labels_and_variables_are_those_of_the_cluster() {
        let tree = tree(&[("app/settings.yaml", SETTINGS)]);
        let manifests = [
            kustomization(json!({"targetNamespace": "apps", "postBuild": {
                "substituteFrom": [{"kind": "Secret", "name": "vars"}, {"kind": "ConfigMap", "name": "none", "optional": true}]}})),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "vars"}, "stringData": {"v": "one"}}),
        ];
        let objects = offline(&asked(&tree, "app", &manifests)).unwrap();
        assert_eq!(
            objects,
            [
                json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"value": "one"}, "metadata": {
                "name": "settings", "namespace": "apps", "labels": {
                    "kustomize.toolkit.fluxcd.io/name": "app", "kustomize.toolkit.fluxcd.io/namespace": "flux"}}})
            ]
        );
    }

    #[test]
    fn without_a_manifest_the_directory_is_built_as_it_is() {
        let tree = tree(&[("app/settings.yaml", SETTINGS)]);
        let objects = offline(&asked(&tree, "app", &[])).unwrap();
        assert_eq!(objects[0]["data"]["value"], "${v}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let tree = tree(&[("app/settings.yaml", SETTINGS)]);
        let from = json!({"postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "vars"}]}});
        let keys = json!({"decryption": {"provider": "sops", "secretRef": {"name": "keys"}}});
        for (name, spec, expected) in [
            (
                "app",
                from,
                "post build failed for 'ConfigMap.v1.[noGrp]/settings': substitute from 'ConfigMap/vars' error: it is not given",
            ),
            (
                "app",
                keys,
                "cannot get sops decryption Secret 'flux/keys': it is not given",
            ),
            ("other", json!({}), "no Kustomization \"other\", only: app"),
        ] {
            let manifests = [kustomization(spec)];
            assert_eq!(offline(&asked(&tree, name, &manifests)).unwrap_err(), expected);
        }
        let mut elsewhere = asked(&tree, "app", &[]);
        elsewhere.directory = "none";
        assert_eq!(
            offline(&elsewhere).unwrap_err(),
            "kustomization path not found: none"
        );
    }
}
