//! DaemonSets run one pod on each node that suits them.

use std::{collections::BTreeMap, sync::Arc};

use manifest::object;
use serde_json::{Map, Value, json};

use crate::{
    actor::{Actor, EventKind},
    driver::Again,
    hash,
    history::{self, Naming},
    owned,
    replicaset::{create_pod, delete_pod, pod_of},
    resources::{DAEMON_SETS, NODES, PODS},
    scheduling, status,
};

const REVISION_LABEL: &str = "controller-revision-hash";
const GENERATION: &str = "deprecated.daemonset.template.generation";

/// The taints that a daemon's pod lives with, and whether they would evict it.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// A DaemonSet in the course of one look at it.
struct Look<'a> {
    actor: &'a Actor,
    set: &'a Value,
    hash: String,
    nodes: Vec<Arc<Value>>,
    /// The pods of each node, oldest first.
    pods: BTreeMap<String, Vec<Arc<Value>>>,
}

pub(crate) fn reconcile(actor: &Actor, set: &Arc<Value>) -> Again {
    let pods = owned::claimed(actor, PODS, DAEMON_SETS, set);
    if owned::is_deleting(set) {
        return Again::Never;
    }
    let collisions = set.pointer("/status/collisionCount").and_then(Value::as_u64);
    let hash = hash::template(set.pointer("/spec/template").unwrap_or(&Value::Null), collisions);
    let known = history::of(actor, DAEMON_SETS, set);
    let naming = Naming {
        hash: &hash,
        label: REVISION_LABEL,
    };
    let Some(current) = history::current(actor, DAEMON_SETS, set, &known, &naming) else {
        return Again::Backoff;
    };
    let hash = object::label(&current, REVISION_LABEL)
        .unwrap_or(&hash)
        .to_owned();
    let mut by_node: BTreeMap<String, Vec<Arc<Value>>> = BTreeMap::new();
    for pod in &pods {
        by_node.entry(node_of(pod)).or_default().push(Arc::clone(pod));
    }
    for list in by_node.values_mut() {
        list.sort_by(|a, b| creation(a).cmp(creation(b)));
    }
    let mut look = Look {
        actor,
        set,
        hash,
        nodes: actor.all(NODES, ""),
        pods: by_node,
    };
    let stuck = look.manage().is_err();
    if !stuck && owned::text(set, "/spec/updateStrategy/type") != "OnDelete" {
        look.update();
    }
    let live = |revision: &Value| {
        let hash = object::label(revision, REVISION_LABEL);
        object::name(revision) == object::name(&current)
            || pods.iter().any(|pod| object::label(pod, REVISION_LABEL) == hash)
    };
    history::truncate(actor, set, &known, live);
    let waiting = look.write_status();
    if stuck {
        return Again::Backoff;
    }
    waiting.map_or(Again::Never, Again::After)
}

fn creation(pod: &Value) -> &str {
    owned::text(pod, "/metadata/creationTimestamp")
}

/// The node a pod runs on, or is meant for.
fn node_of(pod: &Value) -> String {
    let bound = owned::text(pod, "/spec/nodeName");
    if !bound.is_empty() {
        return bound.to_owned();
    }
    let terms =
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    owned::list(pod, terms)
        .iter()
        .flat_map(|term| owned::list(term, "/matchFields"))
        .find(|rule| rule["key"] == "metadata.name")
        .map(|rule| owned::text(rule, "/values/0").to_owned())
        .unwrap_or_default()
}

impl Look<'_> {
    /// Whether a node shall get a pod, and whether one that it has may stay.
    fn suits(&self, node: &Value) -> (bool, bool) {
        let mut pod = json!({"spec": self.set.pointer("/spec/template/spec")});
        tolerate(&mut pod);
        if !scheduling::selects(&pod, node) {
            return (false, false);
        }
        if scheduling::intolerable(&pod, node, &["NoExecute"]).is_some() {
            return (false, false);
        }
        let starts = scheduling::intolerable(&pod, node, &["NoSchedule"]).is_none();
        (starts, true)
    }

    /// Makes the pods that are missing, and deletes those that no node wants.
    fn manage(&mut self) -> Result<(), String> {
        for node in self.nodes.clone() {
            let (starts, stays) = self.suits(&node);
            let name = object::name(&node).to_owned();
            let pods = self.pods.get(&name).cloned().unwrap_or_default();
            let (over, living): (Vec<_>, Vec<_>) = pods.iter().partition(|pod| owned::phase(pod) == "Failed");
            for pod in over {
                if !owned::is_deleting(pod) {
                    let text = format!(
                        "Found failed daemon pod {}/{} on node {name}, will try to kill it",
                        object::namespace(pod),
                        object::name(pod)
                    );
                    self.actor.event(
                        DAEMON_SETS,
                        self.set,
                        EventKind::Warning,
                        "FailedDaemonPod",
                        &text,
                    );
                    delete_pod(self.actor, DAEMON_SETS, self.set, pod);
                }
            }
            let active: Vec<_> = living
                .into_iter()
                .filter(|pod| !owned::is_deleting(pod))
                .collect();
            if !stays {
                active
                    .iter()
                    .for_each(|pod| delete_pod(self.actor, DAEMON_SETS, self.set, pod));
            } else if active.is_empty() && pods.is_empty() && starts {
                let made = self.create(&name)?;
                self.pods.insert(name, vec![Arc::new(made)]);
            } else {
                for pod in active.iter().skip(1) {
                    delete_pod(self.actor, DAEMON_SETS, self.set, pod);
                }
            }
        }
        Ok(())
    }

    fn create(&self, node: &str) -> Result<Value, String> {
        let names = json!({"generateName": format!("{}-", object::name(self.set))});
        let mut pod = pod_of(self.set, names, DAEMON_SETS);
        let labels = object::map_at(&mut pod, &["metadata", "labels"]);
        labels.insert(REVISION_LABEL.to_owned(), json!(self.hash));
        if let Some(generation) = object::annotation(self.set, GENERATION) {
            labels.insert("pod-template-generation".to_owned(), json!(generation));
        }
        tolerate(&mut pod);
        let rule = json!([{"key": "metadata.name", "operator": "In", "values": [node]}]);
        let required = object::map_at(
            &mut pod,
            &[
                "spec",
                "affinity",
                "nodeAffinity",
                "requiredDuringSchedulingIgnoredDuringExecution",
            ],
        );
        let terms = required.entry("nodeSelectorTerms").or_insert_with(|| json!([{}]));
        for term in terms.as_array_mut().into_iter().flatten() {
            term["matchFields"] = rule.clone();
        }
        create_pod(self.actor, DAEMON_SETS, self.set, &pod)
    }

    fn is_outdated(&self, pod: &Value) -> bool {
        object::label(pod, REVISION_LABEL) != Some(&self.hash)
    }

    fn available(&self, pod: &Value) -> bool {
        let seconds = owned::spec_count(self.set, "minReadySeconds", 0);
        owned::is_available(pod, seconds, self.actor.clock.now())
    }

    /// Replaces outdated pods, as many at once as may be unavailable.
    ///
    /// DIFFERENCE: `maxSurge` is taken for zero, so an outdated pod goes before its successor comes.
    fn update(&self) {
        let wanted: Vec<&Arc<Value>> = self.nodes.iter().filter(|node| self.suits(node).0).collect();
        let most = match self
            .set
            .pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable")
        {
            Some(Value::String(text)) => {
                let percent: usize = text.trim_end_matches('%').parse().unwrap_or_default();
                (wanted.len() * percent).div_ceil(100)
            }
            Some(number) => number.as_u64().unwrap_or(1) as usize,
            None => 1,
        };
        let mut missing = 0;
        let mut outdated = Vec::new();
        for node in wanted {
            let pods = self.pods.get(object::name(node)).cloned().unwrap_or_default();
            match pods.iter().find(|pod| !owned::is_gone(pod)) {
                None => missing += 1,
                Some(pod) if self.is_outdated(pod) && self.available(pod) => outdated.push(Arc::clone(pod)),
                Some(pod) if self.is_outdated(pod) => {
                    missing += 1;
                    delete_pod(self.actor, DAEMON_SETS, self.set, pod);
                }
                Some(pod) if !self.available(pod) => missing += 1,
                Some(_) => {}
            }
        }
        for pod in outdated.iter().take(most.max(1).saturating_sub(missing)) {
            delete_pod(self.actor, DAEMON_SETS, self.set, pod);
        }
    }

    fn write_status(&self) -> Option<std::time::Duration> {
        let set = self.actor.fresh(DAEMON_SETS, self.set)?;
        let (mut desired, mut scheduled, mut misplaced, mut ready, mut available, mut updated) =
            (0, 0, 0, 0, 0, 0);
        for node in &self.nodes {
            let pods = self.pods.get(object::name(node)).map_or(&[][..], Vec::as_slice);
            if !self.suits(node).0 {
                misplaced += usize::from(!pods.is_empty());
                continue;
            }
            desired += 1;
            let Some(pod) = pods.iter().find(|pod| !owned::is_deleting(pod)) else {
                continue;
            };
            scheduled += 1;
            ready += usize::from(owned::is_ready(pod));
            available += usize::from(self.available(pod));
            updated += usize::from(!self.is_outdated(pod));
        }
        let mut next = Map::new();
        next.insert(
            "observedGeneration".to_owned(),
            json!(object::generation(self.set)),
        );
        next.insert("currentNumberScheduled".to_owned(), json!(scheduled));
        next.insert("numberMisscheduled".to_owned(), json!(misplaced));
        next.insert("desiredNumberScheduled".to_owned(), json!(desired));
        next.insert("numberReady".to_owned(), json!(ready));
        status::count(&mut next, "updatedNumberScheduled", updated);
        status::count(&mut next, "numberAvailable", available);
        status::count(&mut next, "numberUnavailable", desired - available.min(desired));
        if let Some(collisions) = set.pointer("/status/collisionCount") {
            next.insert("collisionCount".to_owned(), collisions.clone());
        }
        self.actor.set_status(DAEMON_SETS, &set, Value::Object(next));
        let pods = self.pods.values().flatten().map(AsRef::as_ref);
        let seconds = owned::spec_count(&set, "minReadySeconds", 0);
        owned::until_available(pods, seconds, self.actor.clock.now())
    }
}

/// Adds the tolerations that keep daemons on troubled nodes.
fn tolerate(pod: &mut Value) {
    let spec = object::map_at(pod, &["spec"]);
    let host = spec.get("hostNetwork") == Some(&Value::Bool(true));
    let list = spec.entry("tolerations").or_insert_with(|| json!([]));
    let Some(list) = list.as_array_mut() else { return };
    let unavailable = ("node.kubernetes.io/network-unavailable", "NoSchedule");
    for (key, effect) in TOLERATED.into_iter().chain(host.then_some(unavailable)) {
        let entry = json!({"key": key, "operator": "Exists", "effect": effect});
        if !list.contains(&entry) {
            list.push(entry);
        }
    }
}
