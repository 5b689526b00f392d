//! The eviction subresource of pods: a deletion that asks the disruption budgets first.

use std::sync::Arc;

use manifest::{labels::Selector, object};
use serde_json::{Value, json};

use super::delete::DeleteOptions;
use crate::{
    call::Call,
    conditions,
    controllers::Actor,
    core::time,
    failure::{Cause, Failure, Outcome},
    store::in_namespace,
};

const BUDGETS: &str = "poddisruptionbudgets.policy";
const REFUSAL: &str = "Cannot evict pod as it would violate the pod's disruption budget.";
/// Evictions that a budget remembers at most.
const DISRUPTED: usize = 2000;

impl Call<'_> {
    /// Evicts a pod.
    pub(crate) fn evict(&mut self) -> Outcome<(u16, Arc<Value>)> {
        let mut eviction = self.decode(Some(("policy/v1", "Eviction")))?;
        self.check_namespace(&mut eviction)?;
        if object::name(&eviction) != self.target.name {
            return Err(Failure::bad_request(
                "name in URL does not match name in Eviction object",
            ));
        }
        let asked = eviction.get("deleteOptions").cloned().unwrap_or_default();
        let mut options = DeleteOptions::read(&asked);
        self.dry_run |= asked["dryRun"].as_array().is_some_and(|list| !list.is_empty());
        let pod = self.stored()?;
        if !exempt(&pod) {
            self.spend_budget(&pod, &mut options)?;
        } else if pod["status"]["phase"] == "Pending" && options.revision.is_none() {
            options.revision = Some(object::resource_version(&pod).to_owned());
        }
        self.mark_disrupted(&mut options);
        self.delete_object(&self.key(), &options)?;
        let done =
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
        Ok((201, Arc::new(done)))
    }

    /// Takes one disruption off the budget that guards the pod, or refuses.
    fn spend_budget(&mut self, pod: &Value, options: &mut DeleteOptions) -> Outcome<()> {
        let table = self.core.table(BUDGETS);
        let guards: Vec<Arc<Value>> = in_namespace(&table, &self.target.namespace)
            .map(|(_, budget)| Arc::clone(budget))
            .filter(|budget| guards(budget, pod))
            .collect();
        let budget = match guards.as_slice() {
            [] => return Ok(()),
            [one] => one,
            _ => {
                return Err(Failure::plain(
                    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
                ));
            }
        };
        let count = |key: &str| budget["status"][key].as_i64().unwrap_or(0);
        if !ready(pod) {
            let always = budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow";
            let healthy = count("currentHealthy") >= count("desiredHealthy") && count("desiredHealthy") > 0;
            if always || healthy {
                options
                    .revision
                    .get_or_insert_with(|| object::resource_version(pod).to_owned());
                return Ok(());
            }
        }
        let name = object::name(budget);
        check_budget(budget)?;
        let mut next = (**budget).clone();
        let left = count("disruptionsAllowed") - 1;
        let now = time(self.now);
        let status = object::map_at(&mut next, &["status"]);
        status.insert("disruptionsAllowed".into(), left.into());
        if left == 0 {
            exhausted(&mut next, &now);
        }
        if self.dry_run {
            return Ok(());
        }
        object::map_at(&mut next, &["status", "disruptedPods"]).insert(self.target.name.clone(), now.into());
        let collection = format!(
            "/apis/policy/v1/namespaces/{}/poddisruptionbudgets",
            self.target.namespace
        );
        if Actor::server(self.now).replace_status(self.core, &collection, &next) {
            return Ok(());
        }
        Err(Failure::conflict(
            "policy",
            "poddisruptionbudgets",
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        ))
    }

    /// The pod says why it goes before it goes.
    fn mark_disrupted(&mut self, options: &mut DeleteOptions) {
        let (resource, key) = (Arc::clone(&self.resource), self.key());
        let Some(stored) = self.core.stored(&resource.table, &key).filter(|_| !self.dry_run) else {
            return;
        };
        if options
            .check(&self.target.gvr, &resource.kind, &key, &stored)
            .is_err()
        {
            return;
        }
        let mut pod = (*stored).clone();
        let status = object::map_at(&mut pod, &["status"]);
        let list = status.entry("conditions").or_insert_with(|| json!([]));
        let Some(list) = list.as_array_mut() else { return };
        let condition = json!({
            "type": "DisruptionTarget", "status": "True", "lastProbeTime": null, "lastTransitionTime": time(self.now),
            "reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting",
        });
        conditions::set(list, condition);
        let written = self.core.put(&resource, key, pod);
        if options.revision.is_some() {
            options.revision = Some(object::resource_version(&written).to_owned());
        }
    }
}

/// Pods that no budget counts: they run no more, or not yet.
fn exempt(pod: &Value) -> bool {
    let phase = pod["status"]["phase"].as_str().unwrap_or_default();
    matches!(phase, "Succeeded" | "Failed" | "Pending") || !object::deletion_timestamp(pod).is_empty()
}

fn ready(pod: &Value) -> bool {
    object::condition(pod, "Ready").is_some_and(|condition| condition.get("status") == Some(&json!("True")))
}

fn guards(budget: &Value, pod: &Value) -> bool {
    let Some(selector) = budget["spec"].get("selector").filter(|value| !value.is_null()) else {
        return false;
    };
    Selector::from_object(selector).is_ok_and(|selector| selector.matches(object::labels(pod)))
}

fn check_budget(budget: &Value) -> Outcome<()> {
    let name = object::name(budget);
    let count = |key: &str| budget["status"][key].as_i64().unwrap_or(0);
    let refuse = |text: String| {
        let cause = Cause::new("DisruptionBudget", "", text);
        Err(Failure::new(429, "TooManyRequests", REFUSAL).with_causes(&[cause]))
    };
    if count("observedGeneration") < object::generation(budget) {
        return refuse(format!(
            "The disruption budget {name} is still being processed by the server."
        ))
        .map_err(|failure: Box<Failure>| failure.retry_after(10));
    }
    let forbid = |detail: &str| Err(Failure::forbidden("policy", "poddisruptionbudget", name, detail));
    if count("disruptionsAllowed") < 0 {
        return forbid("pdb disruptions allowed is negative");
    }
    let disrupted = budget["status"]["disruptedPods"].as_object();
    if disrupted.is_some_and(|pods| pods.len() > DISRUPTED) {
        return forbid("DisruptedPods map too big - too many evictions not confirmed by PDB controller");
    }
    if count("disruptionsAllowed") == 0 {
        return refuse(format!(
            "The disruption budget {name} needs {} healthy pods and has {} currently",
            count("desiredHealthy"),
            count("currentHealthy")
        ));
    }
    Ok(())
}

/// The budget's condition once nothing may be disrupted any more.
fn exhausted(budget: &mut Value, now: &str) {
    let observed = budget["status"]["observedGeneration"].as_i64().unwrap_or(0);
    let status = object::map_at(budget, &["status"]);
    let list = status.entry("conditions").or_insert_with(|| json!([]));
    let Some(list) = list.as_array_mut() else { return };
    let condition = json!({
        "type": "DisruptionAllowed", "status": "False", "observedGeneration": observed,
        "lastTransitionTime": now, "reason": "InsufficientPods", "message": "",
    });
    conditions::set(list, condition);
}
