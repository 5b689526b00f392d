//! Stage: the HelmChart that a release asks for, kept as its spec says.

use flux_api::{
    HelmRelease, HelmReleaseStatus,
    helm_release::{GROUP, HelmChartTemplate},
    reason::{
        ARTIFACT_FAILED, HELM_CHART_CONFIGURED, HELM_CHART_CREATED, HELM_CHART_DELETED, HELM_CHART_SYNC_ERROR,
    },
    source,
};
use flux_runtime::{EventType, Failure, Progress};
use kube::ResourceExt;
use manifest::{Gvk, ObjectRef};
use serde_json::{Value, json};
use ssa::ApiError;

use crate::{config::NAME, reconcile::Helmsman};

/// Makes the HelmChart, or takes away one that is no longer asked for.
pub(crate) async fn sync(
    cx: &Helmsman,
    object: &HelmRelease,
    status: &mut HelmReleaseStatus,
    progress: &Progress,
) -> Result<(), Failure> {
    let wanted = object
        .spec
        .chart
        .as_ref()
        .map(|template| helm_chart(object, template));
    let name = wanted.as_ref().map(|chart| {
        let reference = ObjectRef::of(chart);
        format!("{}/{}", reference.namespace, reference.name)
    });
    if status.helm_chart.is_some() && status.helm_chart != name {
        delete(cx, status, progress).await?;
    }
    let (Some(wanted), Some(name)) = (wanted, name) else {
        return Ok(());
    };
    // One that may not be used is not made either.
    let reference = ObjectRef::of(&wanted);
    if cx.config.no_cross_namespace_refs && Some(&reference.namespace) != object.namespace().as_ref() {
        return Ok(());
    }
    match apply(cx, &wanted, &reference).await {
        Ok(None) => {}
        Ok(Some(is_new)) => {
            let (reason, word) = if is_new {
                (HELM_CHART_CREATED, "Created")
            } else {
                (HELM_CHART_CONFIGURED, "Configured")
            };
            let from = &wanted["spec"]["sourceRef"];
            let text = format!(
                "{word} {reference} with SourceRef '{}/{}/{}'",
                from["kind"].as_str().unwrap_or_default(),
                reference.namespace,
                from["name"].as_str().unwrap_or_default()
            );
            progress.event(EventType::Trace, Some(reason), text).await;
        }
        Err(error) => {
            let text = format!("failed to run server-side apply: {error}");
            progress
                .event(EventType::Trace, Some(HELM_CHART_SYNC_ERROR), &text)
                .await;
            return Err(Failure::retry(ARTIFACT_FAILED, text).silent());
        }
    }
    status.helm_chart = Some(name);
    Ok(())
}

/// Applies the HelmChart if that changes anything; tells whether it is new.
async fn apply(cx: &Helmsman, wanted: &Value, reference: &ObjectRef) -> Result<Option<bool>, ApiError> {
    let live = match cx.cluster.get(reference).await {
        Ok(live) => Some(live),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    let dry_run = match &live {
        Some(_) => Some(cx.cluster.apply(wanted, NAME, true).await?),
        None => None,
    };
    let same = |a: &Value, b: &Value| {
        ["/spec", "/metadata/labels", "/metadata/annotations"]
            .iter()
            .all(|part| a.pointer(part) == b.pointer(part))
    };
    if let (Some(live), Some(dry_run)) = (&live, &dry_run)
        && same(live, dry_run)
    {
        return Ok(None);
    }
    cx.cluster.apply(wanted, NAME, false).await?;
    Ok(Some(live.is_none()))
}

/// Deletes the HelmChart that was made.
pub(crate) async fn delete(
    cx: &Helmsman,
    status: &mut HelmReleaseStatus,
    progress: &Progress,
) -> Result<(), Failure> {
    let Some(name) = status.helm_chart.take() else {
        return Ok(());
    };
    let Some((namespace, own)) = name.split_once('/') else {
        return Ok(());
    };
    let reference = ObjectRef {
        gvk: Gvk::new(source::API_VERSION, "HelmChart"),
        namespace: namespace.to_owned(),
        name: own.to_owned(),
    };
    match cx.cluster.delete(&reference).await {
        Ok(()) => {
            let text = format!("deleted HelmChart '{name}'");
            progress
                .event(EventType::Trace, Some(HELM_CHART_DELETED), text)
                .await;
            Ok(())
        }
        Err(error) if error.is_absent() => Ok(()),
        Err(error) => {
            status.helm_chart = Some(name.clone());
            let text = format!("failed to delete HelmChart '{name}': {error}");
            Err(Failure::retry(ARTIFACT_FAILED, text).silent())
        }
    }
}

/// The HelmChart that a template asks for.
fn helm_chart(object: &HelmRelease, template: &HelmChartTemplate) -> Value {
    let spec = &template.spec;
    let mut chart = json!({
        "apiVersion": source::API_VERSION,
        "kind": "HelmChart",
        "metadata": {
            "name": object.helm_chart_name(),
            "namespace": object.helm_chart_namespace(),
            "labels": template.metadata.as_ref().and_then(|it| it.labels.clone()).unwrap_or_default(),
        },
        "spec": {
            "chart": spec.chart,
            "version": spec.version.clone().unwrap_or_else(|| "*".to_owned()),
            "interval": spec.interval.unwrap_or(object.spec.interval),
            "reconcileStrategy": spec.reconcile_strategy.map_or("ChartVersion", |it| it.as_str()),
            "sourceRef": {"kind": spec.source_ref.kind, "name": spec.source_ref.name},
        },
    });
    let labels = &mut chart["metadata"]["labels"];
    labels[format!("{GROUP}/name")] = json!(object.name_any());
    labels[format!("{GROUP}/namespace")] = json!(object.namespace());
    if let Some(annotations) = template.metadata.as_ref().and_then(|it| it.annotations.clone()) {
        chart["metadata"]["annotations"] = json!(annotations);
    }
    let members = [
        ("valuesFiles", json!(spec.values_files)),
        (
            "ignoreMissingValuesFiles",
            json!(spec.ignore_missing_values_files),
        ),
        ("verify", json!(spec.verify)),
    ];
    for (member, value) in members.into_iter().filter(|(_, value)| !value.is_null()) {
        chart["spec"][member] = value;
    }
    chart
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers: HC-01.
    #[test]
    fn a_template_becomes_a_chart() {
        let object: HelmRelease = serde_json::from_value(json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
            "metadata": {"name": "web", "namespace": "apps"},
            "spec": {"interval": "10m", "chart": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"chart": "./charts/web", "valuesFiles": ["v.yaml"],
                    "sourceRef": {"kind": "GitRepository", "name": "repo"}}}},
        }))
        .unwrap();
        let template = object.spec.chart.clone().unwrap();
        assert_eq!(
            helm_chart(&object, &template),
            json!({
                "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmChart",
                "metadata": {"name": "apps-web", "namespace": "apps", "labels": {
                    "a": "b", "helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "apps"}},
                "spec": {"chart": "./charts/web", "version": "*", "interval": "10m0s",
                    "reconcileStrategy": "ChartVersion", "valuesFiles": ["v.yaml"],
                    "sourceRef": {"kind": "GitRepository", "name": "repo"}},
            })
        );
    }
}
