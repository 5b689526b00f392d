//! Deployments, sets, controllers and jobs.

use serde_json::{Value, json};

use super::{Members, empty, fill, object, text, unset};
use crate::kinds::prepare::TEMPLATE_GENERATION;

pub(super) fn rules(shape: &str, map: &mut Members) {
    match shape {
        "apps/v1.DeploymentSpec" => {
            fill(map, "replicas", 1);
            fill(map, "revisionHistoryLimit", 10);
            fill(map, "progressDeadlineSeconds", 600);
            rolling_update(map, "strategy", json!("25%"), json!("25%"));
        }
        "apps/v1.DaemonSetSpec" => {
            fill(map, "revisionHistoryLimit", 10);
            rolling_update(map, "updateStrategy", json!(1), json!(0));
        }
        "apps/v1.DaemonSet" => template_generation(map),
        "apps/v1.StatefulSetSpec" => stateful_set(map),
        "apps/v1.ReplicaSetSpec" => fill(map, "replicas", 1),
        "batch/v1.Job" => job(map),
        "batch/v1.CronJobSpec" => {
            fill(map, "concurrencyPolicy", "Allow");
            fill(map, "suspend", false);
            fill(map, "successfulJobsHistoryLimit", 3);
            fill(map, "failedJobsHistoryLimit", 1);
        }
        "batch/v1.PodFailurePolicyOnPodConditionsPattern" => fill(map, "status", "True"),
        _ => {}
    }
}

fn rolling_update(spec: &mut Members, member: &str, unavailable: Value, surge: Value) {
    let Some(strategy) = object(spec, member) else {
        return;
    };
    fill(strategy, "type", "RollingUpdate");
    if text(strategy, "type") == "RollingUpdate"
        && let Some(rolling) = object(strategy, "rollingUpdate")
    {
        rolling.entry("maxUnavailable").or_insert(unavailable);
        rolling.entry("maxSurge").or_insert(surge);
    }
}

fn stateful_set(spec: &mut Members) {
    fill(spec, "podManagementPolicy", "OrderedReady");
    if let Some(strategy) = object(spec, "updateStrategy") {
        if text(strategy, "type").is_empty() {
            strategy.insert("type".into(), Value::from("RollingUpdate"));
            strategy.entry("rollingUpdate").or_insert_with(|| json!({}));
        }
        if text(strategy, "type") == "RollingUpdate"
            && let Some(Value::Object(rolling)) = strategy.get_mut("rollingUpdate")
        {
            fill(rolling, "partition", 0);
        }
    }
    claims(spec);
    if let Some(retention) = object(spec, "persistentVolumeClaimRetentionPolicy") {
        fill(retention, "whenDeleted", "Retain");
        fill(retention, "whenScaled", "Retain");
    }
    fill(spec, "replicas", 1);
    fill(spec, "revisionHistoryLimit", 10);
}

/// Claims inside a set say what they are.
fn claims(spec: &mut Members) {
    let claims = spec.get_mut("volumeClaimTemplates").and_then(Value::as_array_mut);
    for claim in claims.into_iter().flatten().filter_map(Value::as_object_mut) {
        claim.insert("apiVersion".into(), Value::from("v1"));
        claim.insert("kind".into(), Value::from("PersistentVolumeClaim"));
    }
}

fn job(map: &mut Members) {
    if let Some(spec) = object(map, "spec") {
        if unset(spec.get("completions")) && unset(spec.get("parallelism")) {
            spec.insert("completions".into(), Value::from(1));
        }
        fill(spec, "parallelism", 1);
        let limit = if unset(spec.get("backoffLimitPerIndex")) {
            6
        } else {
            i64::from(i32::MAX)
        };
        fill(spec, "backoffLimit", limit);
        fill(spec, "completionMode", "NonIndexed");
        fill(spec, "suspend", false);
        let replace = if unset(spec.get("podFailurePolicy")) {
            "TerminatingOrFailed"
        } else {
            "Failed"
        };
        fill(spec, "podReplacementPolicy", replace);
        fill(spec, "manualSelector", false);
    }
    labels_from_template(map);
}

/// An object without labels takes those of its pods.
fn labels_from_template(map: &mut Members) {
    let labels = map
        .get("spec")
        .and_then(|s| s.pointer("/template/metadata/labels"))
        .cloned();
    if let Some(labels) = labels
        && let Some(metadata) = object(map, "metadata")
        && empty(metadata, "labels")
    {
        metadata.insert("labels".into(), labels);
    }
}

pub(super) fn replication_controller(map: &mut Members) {
    labels_from_template(map);
    let Some(spec) = object(map, "spec") else { return };
    let labels = spec
        .get("template")
        .and_then(|t| t.pointer("/metadata/labels"))
        .cloned();
    if let Some(labels) = labels
        && empty(spec, "selector")
    {
        spec.insert("selector".into(), labels);
    }
}

/// The template's generation has no member: an annotation carries it, always.
fn template_generation(map: &mut Members) {
    if let Some(annotations) = object(map, "metadata").and_then(|m| object(m, "annotations")) {
        annotations
            .entry(TEMPLATE_GENERATION)
            .or_insert_with(|| Value::from("0"));
    }
}
