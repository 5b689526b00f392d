//! The pods of a Job: how many, which, and after what wait.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use manifest::object;
use serde_json::{Value, json};

use super::{Look, TRACKING, release_orphan};
use crate::{
    driver::Again,
    limits::PODS_PER_PASS,
    owned,
    replicaset::{create_pod, delete_pod, pod_of},
    resources::JOBS,
};

const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// Seconds before a failed pod is replaced; doubled with each failure in a row, up to ten minutes.
const BACKOFF: u64 = 10;
const MOST_BACKOFF: u64 = 600;

/// The place of an indexed Job's pod.
pub(super) fn index(pod: &Value) -> Option<usize> {
    object::annotation(pod, INDEX)?.parse().ok()
}

/// When the last container of a pod ended.
fn ended_at(pod: &Value) -> Option<Timestamp> {
    owned::list(pod, "/status/containerStatuses")
        .iter()
        .filter_map(|entry| owned::time(entry, "/state/terminated/finishedAt"))
        .max()
}

impl Look<'_> {
    /// Deletes pods that nobody waits for any more; only those that are `counted` count as failed then.
    pub(super) fn stop(&mut self, pods: Vec<Arc<Value>>, counted: bool) {
        for pod in pods {
            if !counted {
                release_orphan(self.actor, &pod);
            }
            self.stopped.push(object::uid(&pod).to_owned());
            delete_pod(self.actor, JOBS, &self.job, &pod);
        }
        self.pods = owned::by(&self.actor.api, crate::resources::PODS, &self.job);
    }

    /// Makes the pods that are missing and deletes those that are too many.
    pub(super) fn manage(&mut self, succeeded: usize) -> Result<Again, ()> {
        let active = self.active();
        if self.is_suspended() {
            self.stop(active, false);
            return Ok(Again::Never);
        }
        let wanted = match self.completions() {
            Some(completions) => self.parallelism().min(completions.saturating_sub(succeeded)),
            None if succeeded > 0 => active.len().min(self.parallelism()),
            None => self.parallelism(),
        };
        if active.len() > wanted {
            let surplus = active.len() - wanted;
            self.stop(active.into_iter().rev().take(surplus).collect(), false);
            return Ok(Again::Never);
        }
        let going = if self.waits_for_end() {
            self.terminating()
        } else {
            0
        };
        let missing = wanted.saturating_sub(active.len() + going);
        if missing == 0 {
            return Ok(Again::Never);
        }
        if let Some(wait) = self.backoff() {
            return Ok(Again::After(wait));
        }
        let free = self.free_indexes(&active);
        for at in 0..missing.min(PODS_PER_PASS) {
            let index = match &free {
                Some(free) => match free.get(at) {
                    Some(index) => Some(*index),
                    None => break,
                },
                None => None,
            };
            self.create(index)?;
        }
        self.pods = owned::by(&self.actor.api, crate::resources::PODS, &self.job);
        Ok(Again::Never)
    }

    /// The places of an indexed Job that have neither succeeded nor run now.
    fn free_indexes(&self, active: &[Arc<Value>]) -> Option<Vec<usize>> {
        if !self.is_indexed() {
            return None;
        }
        let mut taken: BTreeSet<usize> = active.iter().filter_map(|pod| index(pod)).collect();
        taken.extend(self.completed());
        let over = self.pods.iter().filter(|pod| owned::phase(pod) == "Succeeded");
        taken.extend(over.filter_map(|pod| index(pod)));
        let all = 0..self.completions().unwrap_or_default();
        Some(all.filter(|index| !taken.contains(index)).collect())
    }

    /// How long to wait before the next pod, after failures in a row.
    fn backoff(&self) -> Option<Duration> {
        let last_success = self
            .pods
            .iter()
            .filter(|pod| owned::phase(pod) == "Succeeded")
            .filter_map(|pod| ended_at(pod))
            .max();
        let failures: Vec<Timestamp> = self
            .pods
            .iter()
            .filter(|pod| self.has_failed(pod) && owned::phase(pod) == "Failed")
            .filter_map(|pod| ended_at(pod))
            .filter(|at| last_success.is_none_or(|success| *at > success))
            .collect();
        let last = failures.iter().max()?;
        let doublings = u32::try_from(failures.len() - 1).unwrap_or(u32::MAX).min(10);
        let wait = Duration::from_secs((BACKOFF << doublings).min(MOST_BACKOFF));
        let left = wait.saturating_sub(self.actor.clock.since(*last));
        (!left.is_zero()).then_some(left)
    }

    fn create(&self, index: Option<usize>) -> Result<(), ()> {
        let name = object::name(&self.job);
        let prefix = match index {
            Some(index) => format!("{name}-{index}-"),
            None => format!("{name}-"),
        };
        let mut pod = pod_of(&self.job, json!({"generateName": prefix}), JOBS);
        let metadata = object::map_at(&mut pod, &["metadata"]);
        let finalizers = metadata.entry("finalizers").or_insert_with(|| json!([]));
        if let Some(list) = finalizers.as_array_mut() {
            list.push(json!(TRACKING));
        }
        if let Some(index) = index {
            for place in ["labels", "annotations"] {
                object::map_at(&mut pod, &["metadata", place])
                    .insert(INDEX.to_owned(), json!(index.to_string()));
            }
            add_index(&mut pod, name, index);
        }
        create_pod(self.actor, JOBS, &self.job, &pod)
            .map(drop)
            .map_err(drop)
    }
}

/// Tells an indexed pod its place: by its host name, and by a variable in each container.
fn add_index(pod: &mut Value, job: &str, index: usize) {
    let spec = object::map_at(pod, &["spec"]);
    spec.insert("hostname".to_owned(), json!(format!("{job}-{index}")));
    let variable = json!({
        "name": "JOB_COMPLETION_INDEX",
        "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": format!("metadata.labels['{INDEX}']")}},
    });
    for key in ["initContainers", "containers"] {
        let list = spec.get_mut(key).and_then(Value::as_array_mut);
        for container in list.into_iter().flatten() {
            let env = object::map_at(container, &[])
                .entry("env")
                .or_insert_with(|| json!([]));
            if let Some(env) = env.as_array_mut()
                && !env.iter().any(|entry| entry["name"] == "JOB_COMPLETION_INDEX")
            {
                env.push(variable.clone());
            }
        }
    }
}
