//! HorizontalPodAutoscalers in a cluster without metrics: they say that they cannot tell.

use std::{sync::Arc, time::Duration};

use apiserver::Gvr;
use manifest::object;
use serde_json::{Value, json};

use crate::{
    actor::{Actor, EventKind},
    driver::Again,
    owned,
    resources::AUTOSCALERS,
};

/// Autoscalers look again after this.
const PERIOD: Duration = Duration::from_secs(15);

/// What nobody answers here.
const MISSING: &str = "the server could not find the requested resource";

/// Notes whether the target can be scaled, and that there are no metrics to go by.
///
/// DIFFERENCE: looks again only while something has changed, not every 15 seconds for ever, so that a cluster at rest
/// writes nothing. Targets are found by the plural that their kind would have.
pub(crate) fn reconcile(actor: &Actor, scaler: &Arc<Value>) -> Again {
    if owned::is_deleting(scaler) {
        return Again::Never;
    }
    let mut status = scaler.get("status").cloned().unwrap_or_else(|| json!({}));
    let (group, version) =
        manifest::split_api_version(owned::text(scaler, "/spec/scaleTargetRef/apiVersion"));
    let kind = owned::text(scaler, "/spec/scaleTargetRef/kind");
    let name = owned::text(scaler, "/spec/scaleTargetRef/name");
    let plural = format!("{}s", kind.to_ascii_lowercase());
    let gvr = Gvr::new(group, version, &plural);
    let target = actor.api.get(&gvr, object::namespace(scaler), name);
    let Some(target) = target else {
        let qualified = if group.is_empty() {
            plural
        } else {
            format!("{plural}.{group}")
        };
        let error = format!("{qualified} {name:?} not found");
        let text = format!("the HPA controller was unable to get the target's current scale: {error}");
        set(
            actor,
            &mut status,
            "AbleToScale",
            "False",
            "FailedGetScale",
            &text,
        );
        if scaler.get("status") != Some(&status) {
            tell(actor, scaler, "FailedGetScale", &error);
            actor.set_status(AUTOSCALERS, scaler, status);
        }
        return Again::After(PERIOD);
    };
    let replicas = owned::spec_count(&target, "replicas", 1);
    let text = "the HPA controller was able to get the target's current scale";
    set(
        actor,
        &mut status,
        "AbleToScale",
        "True",
        "SucceededGetScale",
        text,
    );
    let mut told = Vec::new();
    if replicas == 0 {
        let text = "scaling is disabled since the replica count of the target is zero";
        set(
            actor,
            &mut status,
            "ScalingActive",
            "False",
            "ScalingDisabled",
            text,
        );
    } else if let Some(metric) = owned::list(scaler, "/spec/metrics").first() {
        told = judge_metric(actor, scaler, &mut status, metric);
    }
    if replicas > 0 {
        status["currentReplicas"] = json!(replicas);
        let metrics = owned::list(scaler, "/spec/metrics").len();
        status["currentMetrics"] = json!(vec![json!({"type": ""}); metrics]);
    }
    if scaler.get("status") != Some(&status) {
        for (reason, text) in told {
            tell(actor, scaler, reason, &text);
        }
        actor.set_status(AUTOSCALERS, scaler, status);
    }
    Again::Never
}

/// Notes that a metric is not to be had; the answer is what there is to tell of it.
fn judge_metric(
    actor: &Actor,
    scaler: &Value,
    status: &mut Value,
    metric: &Value,
) -> Vec<(&'static str, String)> {
    let resource = owned::text(metric, "/resource/name");
    let utilization = owned::text(metric, "/resource/target/type") == "Utilization";
    let (reason, error, context) = match owned::text(metric, "/type") {
        "Resource" => {
            let fetch = format!(
                "unable to get metrics for resource {resource}: unable to fetch metrics from resource metrics API: \
                 {MISSING} (get pods.metrics.k8s.io)"
            );
            let error = if utilization {
                format!("failed to get {resource} utilization: {fetch}")
            } else {
                format!("failed to get {resource} usage: {fetch}")
            };
            let context = format!("failed to get {resource} resource metric value: ");
            ("FailedGetResourceMetric", error, context)
        }
        kind => {
            let name = owned::text(metric, &format!("/{}/metric/name", kind.to_ascii_lowercase()));
            let error = format!("unable to get metric {name}: no custom metrics API is registered");
            let reason = match kind {
                "Pods" => "FailedGetPodsMetric",
                "Object" => "FailedGetObjectMetric",
                "External" => "FailedGetExternalMetric",
                _ => "FailedGetContainerResourceMetric",
            };
            let context = format!("failed to get {} metric value: ", kind.to_ascii_lowercase());
            (reason, error, context)
        }
    };
    let total = owned::list(scaler, "/spec/metrics").len();
    let summary =
        format!("invalid metrics ({total} invalid out of {total}), first error is: {context}{error}");
    let text = format!("the HPA was unable to compute the replica count: {error}");
    set(actor, status, "ScalingActive", "False", reason, &text);
    vec![(reason, error), ("FailedComputeMetricsReplicas", summary)]
}

fn tell(actor: &Actor, scaler: &Value, reason: &str, text: &str) {
    actor.event(AUTOSCALERS, scaler, EventKind::Warning, reason, text);
}

fn set(actor: &Actor, status: &mut Value, kind: &str, value: &str, reason: &str, message: &str) {
    let mut entry = json!({
        "type": kind, "status": value, "lastTransitionTime": actor.now(), "reason": reason, "message": message,
    });
    let list = object::map_at(status, &[])
        .entry("conditions")
        .or_insert_with(|| json!([]));
    if !list.is_array() {
        *list = json!([]);
    }
    let Some(list) = list.as_array_mut() else { return };
    match list.iter_mut().find(|known| known["type"] == kind) {
        Some(known) => {
            if known["status"] == value {
                entry["lastTransitionTime"] = known["lastTransitionTime"].clone();
            }
            *known = entry;
        }
        None => list.push(entry),
    }
}
