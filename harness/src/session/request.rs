//! Where time is real nobody waits for an interval: users ask for a reconciliation, and so does the harness.

use std::time::Duration;

use flux_api::meta::REQUESTED_AT;
use jiff::Timestamp;
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams},
};
use manifest::object;
use serde_json::{Value, json};

use super::Session;
use crate::{
    journal::{Key, later},
    limits, matching, step, target,
    verdict::Miss,
};

const SOURCES: &str = "source.toolkit.fluxcd.io";
const KUSTOMIZATIONS: &str = "kustomize.toolkit.fluxcd.io";

/// When the next request is due, if requests are made at all.
pub(crate) struct Requests(Option<Timestamp>);

impl Session {
    /// The requests of one wait.
    pub(crate) fn requests(&self) -> Requests {
        Requests(self.requests.then(|| self.after(limits::REQUEST_AFTER)))
    }

    /// As `Journal::next`, with a request whenever one is due.
    pub(crate) async fn next(&mut self, deadline: Timestamp, requests: &mut Requests) -> Result<bool, Miss> {
        let Some(due) = requests.0.filter(|due| *due < deadline) else {
            return self.journal.next(deadline).await;
        };
        if self.clock().now() < due && self.journal.next(due).await? {
            return Ok(true);
        }
        self.request(Duration::MAX).await?;
        requests.0 = Some(self.after(limits::REQUEST_EVERY));
        Ok(true)
    }

    /// Asks for what the intervals of the scenario's objects would bring within `span`.
    pub(super) async fn stand_in(&mut self, span: Duration) -> Result<(), Miss> {
        if self.requests {
            self.request(span).await?;
        }
        Ok(())
    }

    /// Asks for a reconciliation of all that is the scenario's and reconciles at least every `interval`: what
    /// `flux reconcile` does.
    async fn request(&mut self, interval: Duration) -> Result<(), Miss> {
        self.requested = true;
        let now = self.clock().now().to_string();
        let patch = json!({"metadata": {"annotations": {REQUESTED_AT: now}}});
        let wanted: Vec<(Key, Value)> = self
            .journal
            .objects()
            .iter()
            .filter(|(key, object)| self.is_own(key) && reconciles(key, object, interval))
            .map(|(key, object)| (key.clone(), (**object).clone()))
            .collect();
        for (key, object) in wanted {
            let api: Api<DynamicObject> = match step::api_of(&object, self).await? {
                Ok(api) => api,
                Err(_) => continue,
            };
            // An object that is gone meanwhile needs no reconciliation.
            let _ = api
                .patch(&key.name, &PatchParams::default(), &Patch::Merge(&patch))
                .await;
        }
        Ok(())
    }

    /// Waits until the watches have told of a write: what is expected next must not be true of the time before.
    pub(crate) async fn see(&mut self, written: &Value) -> Result<(), Miss> {
        if !self.cluster.is_real_time() {
            return Ok(());
        }
        let (key, version) = (Key::of(written), target::version(written));
        let deadline = later(self.clock().now(), limits::SEEN_WITHIN);
        loop {
            self.journal.catch_up()?;
            let told = |object: &Value| target::version(object) >= version;
            let mut since = self.journal.history()[self.since..].iter();
            if self
                .journal
                .objects()
                .get(&key)
                .is_some_and(|object| told(object))
                || since.any(|seen| seen.key == key && told(&seen.object))
            {
                return Ok(());
            }
            if !self.journal.next(deadline).await? {
                let message = format!("the watches never told of the write to {key}");
                return Err(Miss::broken("target.watch", message));
            }
        }
    }
}

fn reconciles(key: &Key, object: &Value, within: Duration) -> bool {
    let interval = object.pointer("/spec/interval").and_then(Value::as_str);
    let interval = interval.and_then(|text| stdx::duration::parse(text).ok());
    (key.group == SOURCES || key.group == KUSTOMIZATIONS)
        && object.pointer("/spec/suspend") != Some(&Value::Bool(true))
        && interval.is_some_and(|interval| interval <= within)
        && object::deletion_timestamp(object).is_empty()
        && !is_under_way(object)
}

/// Whether a reconciliation goes on: another request would hide how it ends.
fn is_under_way(object: &Value) -> bool {
    matching::conditions(object)
        .any(|condition| condition["type"] == "Reconciling" && condition["reason"] == "Progressing")
}
