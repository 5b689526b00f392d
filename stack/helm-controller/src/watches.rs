//! What wakes the controller besides its own objects: charts with a new revision, and labelled configuration.

use std::sync::Arc;

use flux_api::{
    ExternalArtifact, HelmChart, HelmRelease, OciRepository,
    helm_release::ChartReferenceKind,
    meta::{READY, is_ready},
};
use flux_runtime::{Change, Objects, Watch, artifact_revision, configuration_watches, parsed};
use kube::discovery::ApiResource;
use manifest::{Key, object};
use serde_json::Value;

use crate::Config;

/// The watches of the controller.
pub(crate) fn watches(config: &Config) -> Vec<Watch> {
    let source = |resource: ApiResource, kind: ChartReferenceKind| Watch {
        resource,
        labels: None,
        map: Arc::new(move |change, objects| of_source(kind, change, objects)),
    };
    let mut watches = vec![
        source(
            ApiResource::erase::<HelmChart>(&()),
            ChartReferenceKind::HelmChart,
        ),
        source(
            ApiResource::erase::<OciRepository>(&()),
            ChartReferenceKind::OciRepository,
        ),
    ];
    if config.external_artifact {
        watches.push(source(
            ApiResource::erase::<ExternalArtifact>(&()),
            ChartReferenceKind::ExternalArtifact,
        ));
    }
    if let Some(labels) = &config.config_selector {
        watches.extend(configuration_watches(labels, refers));
    }
    watches
}

fn ready(source: &Value) -> bool {
    let ready = object::condition(source, READY);
    ready.is_some_and(|ready| ready.get("status").and_then(Value::as_str) == Some("True"))
}

/// The HelmReleases that have not tried a source's new revision.
fn of_source(kind: ChartReferenceKind, change: &Change<'_>, objects: &Objects) -> Vec<Key> {
    let Some(now) = artifact_revision(change.new) else {
        return Vec::new();
    };
    let known = change
        .old
        .is_some_and(|old| artifact_revision(old) == Some(now) && (ready(old) || !ready(change.new)));
    if known {
        return Vec::new();
    }
    let (namespace, name) = (object::namespace(change.new), object::name(change.new));
    let referring = parsed::<HelmRelease>(objects).filter(|(_, found)| {
        let status = found.status.clone().unwrap_or_default();
        let tried = match kind {
            ChartReferenceKind::HelmChart => status.last_attempted_revision,
            _ => status.last_attempted_revision_digest,
        };
        let same = tried.is_some_and(|tried| now == tried || now.ends_with(&format!("@{tried}")));
        let up_to_date = same && is_ready(status.conditions.as_deref().unwrap_or_default());
        let source = found.chart_source();
        let refers = source.is_some_and(|(own, in_namespace, called)| {
            own == kind && in_namespace == namespace && called == name
        });
        refers && !up_to_date
    });
    referring.map(|(key, _)| key.clone()).collect()
}

/// Whether a HelmRelease refers to a ConfigMap or Secret of its namespace.
fn refers(found: &HelmRelease, kind: &str, name: &str) -> bool {
    let mut values = found.spec.values_from.iter().flatten();
    let secret = found
        .spec
        .kube_config
        .as_ref()
        .and_then(|config| config.secret_ref.as_ref());
    values.any(|reference| reference.kind.as_str() == kind && reference.name == name)
        || (kind == "Secret" && secret.is_some_and(|secret| secret.name == name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn objects(status: Value) -> Objects {
        let object = json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
            "metadata": {"name": "web", "namespace": "ns"},
            "spec": {"interval": "1h", "valuesFrom": [{"kind": "Secret", "name": "v"}],
                "chart": {"spec": {"chart": "c", "sourceRef": {"kind": "HelmRepository", "name": "r"}}}},
            "status": status,
        });
        Objects::from([(Key::new("ns", "web"), Arc::new(object))])
    }

    fn chart(revision: &str, ready: &str) -> Value {
        json!({"metadata": {"name": "ns-web", "namespace": "ns"}, "status": {
            "artifact": {"revision": revision}, "conditions": [{"type": "Ready", "status": ready}]}})
    }

    // Covers: HC-44.
    #[test]
    fn a_new_version_wakes_its_releases_once() {
        let wake = |old: Option<&Value>, new: &Value, status: Value| {
            of_source(
                ChartReferenceKind::HelmChart,
                &Change { old, new },
                &objects(status),
            )
            .len()
        };
        let (one, two) = (chart("1.0.0", "True"), chart("2.0.0", "True"));
        assert_eq!(wake(Some(&one), &two, json!({})), 1);
        assert_eq!(wake(Some(&two), &two, json!({})), 0);
        assert_eq!(wake(Some(&chart("2.0.0", "False")), &two, json!({})), 1);
        let tried = json!({"lastAttemptedRevision": "2.0.0", "conditions": [{"type": "Ready", "status": "True",
            "reason": "R", "message": "", "lastTransitionTime": "2024-01-01T00:00:00Z"}]});
        assert_eq!(wake(None, &two, tried), 0);
    }

    // Covers: HC-11.
    #[test]
    fn configuration_wakes_those_that_refer_to_it() {
        let new = json!({"metadata": {"name": "v", "namespace": "ns", "resourceVersion": "2"}});
        let change = Change { old: None, new: &new };
        let woken: Vec<_> = configuration_watches("", refers)
            .iter()
            .map(|watch| {
                (
                    watch.resource.kind.clone(),
                    (watch.map)(&change, &objects(json!({}))).len(),
                )
            })
            .collect();
        assert_eq!(woken, [("ConfigMap".to_owned(), 0), ("Secret".to_owned(), 1)]);
    }
}
