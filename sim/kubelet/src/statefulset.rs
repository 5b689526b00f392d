//! StatefulSets make their pods one after the other, each under a name that stays.

use manifest::object;
use serde_json::{Map, Value, json};

use crate::{
    actor::{Actor, EventKind, PODS, STATEFUL_SETS},
    driver::Again,
    owned,
    replicaset::pod_of,
    status,
};

const REVISION_LABEL: &str = "controller-revision-hash";

pub(crate) fn reconcile(actor: &Actor, set: &Value) -> Again {
    if !object::deletion_timestamp(set).is_empty() {
        return Again::Never;
    }
    let wanted = owned::spec_count(set, "replicas", 1);
    let revision = revision(set);
    let parallel = set.pointer("/spec/podManagementPolicy").and_then(Value::as_str) == Some("Parallel");
    let rolling = set.pointer("/spec/updateStrategy/type").and_then(Value::as_str) != Some("OnDelete");
    let pods = owned::by(&actor.api, PODS, set);
    let find = |ordinal: usize| {
        let name = format!("{}-{ordinal}", object::name(set));
        pods.iter().find(move |pod| object::name(pod) == name)
    };
    let mut waiting = false;
    for ordinal in 0..wanted {
        match find(ordinal) {
            None => {
                if create(actor, set, ordinal, &revision).is_err() {
                    write_status(actor, set, &revision);
                    return Again::Backoff;
                }
                waiting = true;
            }
            Some(pod) if !owned::is_ready(pod) => waiting = true,
            Some(_) => {}
        }
        if waiting && !parallel {
            break;
        }
    }
    let highest = pods
        .iter()
        .rfind(|pod| ordinal(set, pod).is_none_or(|n| n >= wanted));
    if let Some(pod) = highest.filter(|pod| object::deletion_timestamp(pod).is_empty()) {
        actor.delete(PODS, pod, None);
    } else if rolling && !waiting {
        let outdated =
            |n: &usize| find(*n).is_some_and(|pod| object::label(pod, REVISION_LABEL) != Some(&revision));
        if let Some(pod) = (partition(set)..wanted).rev().find(outdated).and_then(find) {
            actor.delete(PODS, pod, None);
        }
    }
    write_status(actor, set, &revision);
    Again::Never
}

fn partition(set: &Value) -> usize {
    let number = set
        .pointer("/spec/updateStrategy/rollingUpdate/partition")
        .and_then(Value::as_u64);
    number.and_then(|n| usize::try_from(n).ok()).unwrap_or_default()
}

fn revision(set: &Value) -> String {
    let template = set.pointer("/spec/template").unwrap_or(&Value::Null);
    format!("{}-{}", object::name(set), owned::template_hash(template))
}

fn ordinal(set: &Value, pod: &Value) -> Option<usize> {
    object::name(pod)
        .strip_prefix(object::name(set))?
        .strip_prefix('-')?
        .parse()
        .ok()
}

fn create(actor: &Actor, set: &Value, ordinal: usize, revision: &str) -> Result<(), ()> {
    let name = format!("{}-{ordinal}", object::name(set));
    let mut pod = pod_of(set, json!({"name": name}), STATEFUL_SETS);
    let labels = object::map_at(&mut pod, &["metadata", "labels"]);
    labels.insert(REVISION_LABEL.to_owned(), json!(revision));
    labels.insert("statefulset.kubernetes.io/pod-name".to_owned(), json!(name));
    labels.insert(
        "apps.kubernetes.io/pod-index".to_owned(),
        json!(ordinal.to_string()),
    );
    let spec = object::map_at(&mut pod, &["spec"]);
    spec.insert("hostname".to_owned(), json!(name));
    let service = set
        .pointer("/spec/serviceName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !service.is_empty() {
        spec.insert("subdomain".to_owned(), json!(service));
    }
    match actor.create(PODS, object::namespace(set), &pod) {
        Ok(_) => {
            let text = format!(
                "create Pod {name} in StatefulSet {} successful",
                object::name(set)
            );
            actor.event(STATEFUL_SETS, set, EventKind::Normal, "SuccessfulCreate", &text);
            Ok(())
        }
        Err(refused) => {
            let text = format!(
                "create Pod {name} in StatefulSet {} failed error: {}",
                object::name(set),
                refused.message
            );
            actor.event(STATEFUL_SETS, set, EventKind::Warning, "FailedCreate", &text);
            Err(())
        }
    }
}

fn write_status(actor: &Actor, set: &Value, revision: &str) {
    let (namespace, name) = (object::namespace(set), object::name(set));
    let Some(set) = actor.api.get(&STATEFUL_SETS.gvr(), namespace, name) else {
        return;
    };
    let pods = owned::by(&actor.api, PODS, &set);
    let wanted = owned::spec_count(&set, "replicas", 1);
    let ready = pods.iter().filter(|pod| owned::is_ready(pod)).count();
    let at = |revision: &str| {
        pods.iter()
            .filter(|pod| object::label(pod, REVISION_LABEL) == Some(revision))
            .count()
    };
    let updated = at(revision);
    let old = set
        .pointer("/status/currentRevision")
        .and_then(Value::as_str)
        .unwrap_or(revision)
        .to_owned();
    let current = if updated == wanted && ready == wanted && pods.len() == wanted {
        revision.to_owned()
    } else {
        old
    };
    let mut next = Map::new();
    next.insert("observedGeneration".to_owned(), json!(object::generation(&set)));
    next.insert("replicas".to_owned(), json!(pods.len()));
    status::count(&mut next, "readyReplicas", ready);
    next.insert("availableReplicas".to_owned(), json!(ready));
    status::count(&mut next, "currentReplicas", at(&current));
    status::count(&mut next, "updatedReplicas", updated);
    next.insert("currentRevision".to_owned(), json!(current));
    next.insert("updateRevision".to_owned(), json!(revision));
    next.insert("collisionCount".to_owned(), json!(0));
    actor.set_status(STATEFUL_SETS, &set, Value::Object(next));
}
