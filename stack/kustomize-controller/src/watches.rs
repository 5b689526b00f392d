//! What wakes the controller besides its own objects: sources with a new revision, and labelled configuration.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use flux_api::{Bucket, ExternalArtifact, GitRepository, Kustomization, OciRepository, meta, meta::is_ready};
use flux_runtime::{Change, Objects, Watch, artifact_revision, configuration_watches, parsed};
use kube::discovery::ApiResource;
use manifest::{Key, object};

use crate::Config;

/// The watches of the controller.
pub(crate) fn watches(config: &Config) -> Vec<Watch> {
    let source = |resource: ApiResource| {
        let kind = resource.kind.clone();
        Watch {
            resource,
            labels: None,
            map: Arc::new(move |change, objects| of_source(&kind, change, objects)),
        }
    };
    let mut watches = vec![
        source(ApiResource::erase::<GitRepository>(&())),
        source(ApiResource::erase::<OciRepository>(&())),
        source(ApiResource::erase::<Bucket>(&())),
    ];
    if config.external_artifact {
        watches.push(source(ApiResource::erase::<ExternalArtifact>(&())));
    }
    if let Some(labels) = &config.config_selector {
        watches.extend(configuration_watches(labels, refers));
    }
    watches
}

/// The Kustomizations that have not tried a source's new revision, those that others depend on first.
fn of_source(kind: &str, change: &Change<'_>, objects: &Objects) -> Vec<Key> {
    let Some(now) = artifact_revision(change.new) else {
        return Vec::new();
    };
    if change.old.is_some_and(|old| artifact_revision(old) == Some(now)) {
        return Vec::new();
    }
    let mut dependents = BTreeMap::new();
    for (key, found) in parsed::<Kustomization>(objects) {
        let refers = found.spec.source_ref.kind.as_str() == kind
            && found.spec.source_ref.name == object::name(change.new)
            && found.source_namespace() == object::namespace(change.new);
        let status = found.status.clone().unwrap_or_default();
        let up_to_date = is_ready(status.conditions.as_deref().unwrap_or_default())
            && status.last_attempted_revision.as_deref() == Some(now);
        if refers && !up_to_date {
            dependents.insert(key.clone(), found);
        }
    }
    sorted(&dependents)
}

/// QUIRK: of a batch with a circle of dependencies nothing is woken.
fn sorted(batch: &BTreeMap<Key, Kustomization>) -> Vec<Key> {
    let mut order = Vec::new();
    let mut waiting: BTreeMap<&Key, BTreeSet<Key>> = BTreeMap::new();
    for (key, found) in batch {
        let dependencies = found.spec.depends_on.iter().flatten().map(|dependency| {
            let namespace = dependency
                .namespace
                .clone()
                .filter(|namespace| !namespace.is_empty());
            Key::new(
                namespace.unwrap_or_else(|| key.namespace.clone()),
                &dependency.name,
            )
        });
        waiting.insert(key, dependencies.filter(|key| batch.contains_key(key)).collect());
    }
    while !waiting.is_empty() {
        let free = waiting.iter().find(|(_, dependencies)| dependencies.is_empty());
        let Some(free) = free.map(|(key, _)| (*key).clone()) else {
            return Vec::new();
        };
        waiting.remove(&free);
        for dependencies in waiting.values_mut() {
            dependencies.remove(&free);
        }
        order.push(free);
    }
    order
}

/// Whether a Kustomization refers to a ConfigMap or Secret of its namespace.
fn refers(found: &Kustomization, kind: &str, name: &str) -> bool {
    let variables = found
        .spec
        .post_build
        .iter()
        .flat_map(|post_build| post_build.substitute_from.iter().flatten());
    let mut variables = variables.map(|source| (source.kind.as_str(), source.name.as_str()));
    let decryption = found
        .spec
        .decryption
        .iter()
        .filter_map(|decryption| decryption.secret_ref.as_ref());
    let mut decryption =
        decryption.map(|secret: &meta::LocalObjectReference| ("Secret", secret.name.as_str()));
    let remote = found.spec.kube_config.iter();
    let mut remote = remote.flat_map(|remote| {
        let secret = remote
            .secret_ref
            .iter()
            .map(|secret| ("Secret", secret.name.as_str()));
        let config = remote
            .config_map_ref
            .iter()
            .map(|config| ("ConfigMap", config.name.as_str()));
        secret.chain(config)
    });
    variables.any(|found| found == (kind, name))
        || decryption.any(|found| found == (kind, name))
        || remote.any(|found| found == (kind, name))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn objects(all: &[(&str, &[&str], &str)]) -> Objects {
        let entries = all.iter().map(|(name, dependencies, attempted)| {
            let depends_on: Vec<_> = dependencies.iter().map(|name| json!({"name": name})).collect();
            let object = json!({
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
                "metadata": {"name": name, "namespace": "ns"},
                "spec": {"interval": "1h", "prune": true, "dependsOn": depends_on,
                    "sourceRef": {"kind": "GitRepository", "name": "repo"},
                    "postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": format!("{name}-vars")}]}},
                "status": {"lastAttemptedRevision": attempted, "conditions": [{"type": "Ready", "status": "True",
                    "reason": "X", "message": "", "lastTransitionTime": "2024-01-01T00:00:00Z"}]},
            });
            (Key::new("ns", *name), Arc::new(object))
        });
        entries.collect()
    }

    fn source(revision: Option<&str>) -> Value {
        json!({"metadata": {"name": "repo", "namespace": "ns"}, "status": {"artifact": {"revision": revision}}})
    }

    fn names(keys: &[Key]) -> Vec<&str> {
        keys.iter().map(|key| key.name.as_str()).collect()
    }

    #[test]
    fn a_new_revision_wakes_those_that_have_not_tried_it() {
        let objects = objects(&[("a", &["z"], "r1"), ("b", &[], "r2"), ("z", &[], "r1")]);
        let (old, new) = (source(Some("r1")), source(Some("r2")));
        let wake =
            |old: Option<&Value>, new: &Value| of_source("GitRepository", &Change { old, new }, &objects);
        assert_eq!(names(&wake(Some(&old), &new)), ["z", "a"]);
        assert_eq!(names(&wake(Some(&source(None)), &new)), ["z", "a"]);
        assert!(wake(Some(&new), &new).is_empty());
        assert!(wake(None, &source(None)).is_empty());
    }

    #[test]
    fn a_circle_wakes_nobody() {
        let objects = objects(&[("a", &["b"], ""), ("b", &["a"], ""), ("c", &[], "")]);
        let new = source(Some("r2"));
        assert!(of_source("GitRepository", &Change { old: None, new: &new }, &objects).is_empty());
    }

    // Covers: KC-38.
    #[test]
    fn configuration_wakes_those_that_refer_to_it() {
        let objects = objects(&[("a", &[], ""), ("b", &[], "")]);
        let new = json!({"metadata": {"name": "b-vars", "namespace": "ns", "resourceVersion": "2"}});
        let change = Change { old: None, new: &new };
        let [maps, secrets] = [0, 1].map(|kind| configuration_watches("", refers)[kind].clone());
        assert_eq!(names(&(maps.map)(&change, &objects)), ["b"]);
        assert!((secrets.map)(&change, &objects).is_empty());
    }
}
