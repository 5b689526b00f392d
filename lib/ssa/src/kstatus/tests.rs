//! One row a rule.

use serde_json::json;

use super::*;

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason})
}

fn check(name: &str, object: &Value, expected: Status) {
    assert_eq!(
        status(object, Timestamp::from_second(1_000).unwrap()),
        expected,
        "{name}"
    );
}

#[test]
fn generic_rules_come_first() {
    let with = |extra: Value| {
        let mut object =
            json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"generation": 2}});
        for (key, value) in extra.as_object().unwrap() {
            object[key] = value.clone();
        }
        object
    };
    check("nothing known", &with(json!({})), Status::Current);
    check(
        "being deleted",
        &with(json!({"metadata": {"deletionTimestamp": "2024-01-01T00:00:00Z"}})),
        Status::Terminating,
    );
    check(
        "not observed",
        &with(json!({"status": {"observedGeneration": 1}})),
        Status::InProgress,
    );
    for (kind, value, expected) in [
        ("Reconciling", "True", Status::InProgress),
        ("Stalled", "True", Status::Failed),
        ("Ready", "False", Status::InProgress),
        ("Ready", "Unknown", Status::InProgress),
        ("Ready", "True", Status::Current),
        ("Other", "False", Status::Current),
    ] {
        check(
            kind,
            &with(json!({"status": {"observedGeneration": 2, "conditions": [condition(kind, value, "X")]}})),
            expected,
        );
    }
}

#[test]
fn deployments() {
    let done = [
        condition("Progressing", "True", "NewReplicaSetAvailable"),
        condition("Available", "True", "MinimumReplicasAvailable"),
    ];
    let deployment = |ready: i64, conditions: &[Value]| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"generation": 1},
            "spec": {"replicas": 2, "progressDeadlineSeconds": 600},
            "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": ready,
                "availableReplicas": ready, "conditions": conditions}})
    };
    check("rolled out", &deployment(2, &done), Status::Current);
    check("one missing", &deployment(1, &done), Status::InProgress);
    check("not said", &deployment(2, &done[1..]), Status::InProgress);
    let exceeded = [condition("Progressing", "False", "ProgressDeadlineExceeded")];
    check("too late", &deployment(1, &exceeded), Status::Failed);
}

#[test]
fn other_workloads() {
    let stateful = |current: &str| {
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {"replicas": 1}, "status": {
            "replicas": 1, "readyReplicas": 1, "currentReplicas": 1, "currentRevision": current, "updateRevision": "b"}})
    };
    check("stateful set", &stateful("b"), Status::Current);
    check("stateful set rolling", &stateful("a"), Status::InProgress);
    check(
        "daemon set unseen",
        &json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "status": {"desiredNumberScheduled": 0}}),
        Status::InProgress,
    );
    let job = |conditions: &[Value]| json!({"apiVersion": "batch/v1", "kind": "Job", "status": {"startTime": "x", "conditions": conditions}});
    check("job runs", &job(&[]), Status::InProgress);
    check(
        "job done",
        &job(&[condition("Complete", "True", "")]),
        Status::Current,
    );
    check(
        "job failed",
        &job(&[condition("Failed", "True", "")]),
        Status::Failed,
    );
    check(
        "job suspended",
        &job(&[condition("Suspended", "True", "")]),
        Status::Current,
    );
    let pod = |created: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"creationTimestamp": created}, "status": {
            "phase": "Pending", "conditions": [condition("PodScheduled", "False", "Unschedulable")]}})
    };
    check("pod waits", &pod("1970-01-01T00:16:30Z"), Status::InProgress);
    check("pod waits too long", &pod("1970-01-01T00:16:00Z"), Status::Failed);
    check(
        "claim",
        &json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}),
        Status::InProgress,
    );
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"});
    check("definition", &crd, Status::InProgress);
}
