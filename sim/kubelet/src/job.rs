//! Jobs run pods until enough have succeeded.

use manifest::object;
use serde_json::{Map, Value, json};

use crate::{
    actor::{Actor, EventKind, JOBS, PODS},
    driver::Again,
    limits::PODS_PER_PASS,
    owned,
    replicaset::pod_of,
    status::{self, Condition},
};

pub(crate) fn reconcile(actor: &Actor, job: &Value) -> Again {
    let over = ["Complete", "Failed"]
        .iter()
        .any(|kind| object::condition(job, kind).is_some());
    if over || !object::deletion_timestamp(job).is_empty() {
        return Again::Never;
    }
    let suspended = job.pointer("/spec/suspend") == Some(&Value::Bool(true));
    let pods = owned::by(&actor.api, PODS, job);
    let phase = |wanted: &str| {
        let is = |pod: &&std::sync::Arc<Value>| {
            pod.pointer("/status/phase").and_then(Value::as_str) == Some(wanted)
        };
        pods.iter().filter(is).count()
    };
    let (succeeded, failed) = (phase("Succeeded"), phase("Failed"));
    let completions = owned::spec_count(job, "completions", 1);
    let active = pods.iter().filter(|pod| !owned::is_gone(pod)).count();
    let exhausted = failed > owned::spec_count(job, "backoffLimit", 6);
    let mut refused = false;
    if suspended || exhausted {
        for pod in pods.iter().filter(|pod| !owned::is_gone(pod)) {
            actor.delete(PODS, pod, None);
        }
    } else {
        let wanted = owned::spec_count(job, "parallelism", 1).min(completions.saturating_sub(succeeded));
        for _ in 0..wanted.saturating_sub(active).min(PODS_PER_PASS) {
            refused |= !create(actor, job);
        }
    }
    let verdict = if exhausted {
        Some((
            "Failed",
            "BackoffLimitExceeded",
            "Job has reached the specified backoff limit",
        ))
    } else if succeeded >= completions {
        Some((
            "Complete",
            "CompletionsReached",
            "Reached expected number of succeeded pods",
        ))
    } else {
        None
    };
    write_status(actor, job, verdict, suspended);
    if refused { Again::Backoff } else { Again::Never }
}

fn create(actor: &Actor, job: &Value) -> bool {
    let pod = pod_of(
        job,
        json!({"generateName": format!("{}-", object::name(job))}),
        JOBS,
    );
    match actor.create(PODS, object::namespace(job), &pod) {
        Ok(pod) => {
            let text = format!("Created pod: {}", object::name(&pod));
            actor.event(JOBS, job, EventKind::Normal, "SuccessfulCreate", &text);
            true
        }
        Err(refused) => {
            let text = format!("Error creating: {}", refused.message);
            actor.event(JOBS, job, EventKind::Warning, "FailedCreate", &text);
            false
        }
    }
}

fn write_status(actor: &Actor, job: &Value, verdict: Option<(&str, &str, &str)>, suspended: bool) {
    let Some(job) = actor
        .api
        .get(&JOBS.gvr(), object::namespace(job), object::name(job))
    else {
        return;
    };
    let pods = owned::by(&actor.api, PODS, &job);
    let phase = |wanted: &str| {
        let is = |pod: &&std::sync::Arc<Value>| {
            pod.pointer("/status/phase").and_then(Value::as_str) == Some(wanted)
        };
        pods.iter().filter(is).count()
    };
    let active: Vec<_> = pods.iter().filter(|pod| !owned::is_gone(pod)).collect();
    let mut next = Map::new();
    let now = actor.now();
    status::count(&mut next, "active", active.len());
    status::count(&mut next, "succeeded", phase("Succeeded"));
    status::count(&mut next, "failed", phase("Failed"));
    next.insert(
        "ready".to_owned(),
        json!(active.iter().filter(|pod| owned::is_ready(pod)).count()),
    );
    next.insert("terminating".to_owned(), json!(0));
    next.insert("uncountedTerminatedPods".to_owned(), json!({}));
    if !suspended {
        let start = job
            .pointer("/status/startTime")
            .cloned()
            .unwrap_or_else(|| json!(now));
        next.insert("startTime".to_owned(), start);
    }
    let conditions = conditions(&job, verdict, suspended, &now);
    if let Some((kind, ..)) = verdict {
        if kind == "Complete" {
            next.insert("completionTime".to_owned(), json!(now));
        }
        next.remove("active");
    }
    if !conditions.is_empty() {
        next.insert("conditions".to_owned(), Value::Array(conditions));
    }
    actor.set_status(JOBS, &job, Value::Object(next));
}

fn conditions(job: &Value, verdict: Option<(&str, &str, &str)>, suspended: bool, now: &str) -> Vec<Value> {
    let mut list = status::conditions(job);
    let was_suspended = object::condition(job, "Suspended").is_some();
    if suspended || was_suspended {
        let (reason, message) = if suspended {
            ("JobSuspended", "Job suspended")
        } else {
            ("JobResumed", "Job resumed")
        };
        let kind = "Suspended";
        let status = suspended;
        status::set(
            &mut list,
            &Condition {
                kind,
                status,
                reason,
                message,
            },
            now,
            false,
        );
    }
    let Some((kind, reason, message)) = verdict else {
        return list;
    };
    let before = if kind == "Complete" {
        "SuccessCriteriaMet"
    } else {
        "FailureTarget"
    };
    for kind in [before, kind] {
        let status = true;
        status::set(
            &mut list,
            &Condition {
                kind,
                status,
                reason,
                message,
            },
            now,
            false,
        );
    }
    for entry in &mut list {
        if let Some(time) = entry.get("lastTransitionTime").cloned() {
            entry["lastProbeTime"] = time;
        }
    }
    list
}
