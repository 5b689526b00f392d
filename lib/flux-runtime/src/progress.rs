//! What a reconciler tells the world while it works.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use edges::Clock;
use flux_api::{
    Condition, ConditionStatus, Reason, Time,
    meta::{READY, REQUESTED_AT},
    reason,
};
use jiff::Timestamp;
use kube::Client;
use manifest::object;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::{Conditions, EventDraft, EventType, Failure, Recorder, api};

/// Who called for the next pass while this one is under way, as `Kind/namespace/name`.
pub(crate) type Called = watch::Receiver<Option<String>>;

/// One pass over one object: its conditions, its events, its status as last written.
pub struct Progress {
    client: Client,
    clock: Clock,
    recorder: Arc<Recorder>,
    controller: &'static str,
    group: String,
    path: String,
    object: Value,
    started: Timestamp,
    state: Mutex<State>,
    called: Option<Called>,
}

struct State {
    conditions: Conditions,
    observed_generation: Option<i64>,
    written: Value,
    annotations: BTreeMap<String, String>,
}

impl Progress {
    pub(crate) fn new(
        client: Client,
        clock: Clock,
        recorder: Arc<Recorder>,
        controller: &'static str,
        path: String,
        object: Value,
    ) -> Self {
        let started = clock.now();
        let written = object.get("status").cloned().unwrap_or_else(|| json!({}));
        let list = written.get("conditions").cloned().unwrap_or_default();
        let list: Vec<Condition> = serde_json::from_value(list).unwrap_or_default();
        let state = State {
            conditions: Conditions::new(list, object::generation(&object), Time::new(started)),
            observed_generation: written.get("observedGeneration").and_then(Value::as_i64),
            written,
            annotations: BTreeMap::new(),
        };
        Self {
            client,
            clock,
            recorder,
            controller,
            group: manifest::split_api_version(object::api_version(&object))
                .0
                .to_owned(),
            path,
            object,
            started,
            state: Mutex::new(state),
            called: None,
        }
    }

    /// The same pass, told of calls for the next one.
    pub(crate) fn listening(mut self, called: Called) -> Self {
        self.called = Some(called);
        self
    }

    /// Waits until something calls for the next pass over this object; tells what, as `Kind/namespace/name`.
    pub async fn superseded(&self) -> String {
        if let Some(mut called) = self.called.clone()
            && let Ok(by) = called.wait_for(Option::is_some).await
            && let Some(by) = by.clone()
        {
            return by;
        }
        // Nobody will ever tell.
        std::future::pending().await
    }

    /// When the pass began.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// The object as it was read at the start of the pass.
    pub fn object(&self) -> &Value {
        &self.object
    }

    /// A condition as it stands now.
    pub fn condition(&self, kind: &str) -> Option<Condition> {
        self.lock().conditions.get(kind).cloned()
    }

    /// Sets a condition of the controller's own; Ready, Reconciling and Stalled are the shell's.
    pub fn set(&self, kind: &str, status: ConditionStatus, reason: Reason, message: impl AsRef<str>) {
        let mut state = self.lock();
        state.conditions.at(Time::new(self.clock.now()));
        state.conditions.set(kind, status, reason, message.as_ref());
    }

    /// Removes a condition of the controller's own.
    pub fn clear(&self, kind: &str) {
        self.lock().conditions.remove(kind);
    }

    /// Ready becomes Unknown with this message, until the verdict.
    pub fn unready(&self, message: impl AsRef<str>) {
        self.set(READY, ConditionStatus::Unknown, reason::PROGRESSING, message);
    }

    /// Reconciling becomes True with this message; not written yet.
    pub fn reconciling(&self, message: impl AsRef<str>) {
        let mut state = self.lock();
        state.conditions.at(Time::new(self.clock.now()));
        state
            .conditions
            .reconciling(reason::PROGRESSING, message.as_ref());
    }

    /// Reconciling becomes True with this message, and everything so far is written.
    ///
    /// # Errors
    /// A silent failure with back-off when the status cannot be written.
    pub async fn report<S: Serialize>(&self, status: &S, message: impl AsRef<str>) -> Result<(), Failure> {
        self.reconciling(message);
        self.save(status).await
    }

    /// Writes everything so far, whatever is under way.
    ///
    /// # Errors
    /// A silent failure with back-off when the status cannot be written.
    pub async fn save<S: Serialize>(&self, status: &S) -> Result<(), Failure> {
        self.write(status).await.map_err(|error| {
            let text = format!("failed to update status: {}", api::explain(&error));
            Failure::retry(reason::FAILED, text).silent().with_backoff()
        })
    }

    /// Adds metadata to all later events of this pass; the key is qualified with the API group.
    pub fn annotate(&self, key: &str, value: impl Into<String>) {
        self.lock().annotations.insert(self.qualify(key), value.into());
    }

    /// Writes a Normal event with the reason that Ready has now.
    pub async fn announce(&self, message: impl Into<String>) {
        self.event(EventType::Normal, None, message).await;
    }

    /// Writes an event, with the reason that Ready has now unless one is given.
    pub async fn event(&self, kind: EventType, reason: Option<Reason>, message: impl Into<String>) {
        self.event_with(kind, reason, message, &[]).await;
    }

    pub(crate) async fn event_with(
        &self,
        kind: EventType,
        reason: Option<Reason>,
        message: impl Into<String>,
        more: &[(String, String)],
    ) {
        let draft = {
            let state = self.lock();
            let mut annotations = state.annotations.clone();
            annotations.extend(more.iter().map(|(key, value)| (self.qualify(key), value.clone())));
            EventDraft {
                kind,
                reason: match reason {
                    Some(reason) => reason.as_str().to_owned(),
                    None => self.ready_reason(&state, kind),
                },
                message: message.into(),
                annotations,
            }
        };
        self.recorder.record(&self.object, draft).await;
    }

    fn ready_reason(&self, state: &State, kind: EventType) -> String {
        let severity = match kind {
            EventType::Normal | EventType::Trace => "info",
            EventType::Warning => "error",
        };
        let ready = state.conditions.get(READY);
        ready.map_or_else(|| severity.to_owned(), |ready| ready.reason.clone())
    }

    fn qualify(&self, key: &str) -> String {
        format!("{}/{key}", self.group)
    }

    /// Lets the shell change conditions and the observed generation.
    pub(crate) fn conclude(&self, change: impl FnOnce(&mut Conditions, &mut Option<i64>)) {
        let mut state = self.lock();
        state.conditions.at(Time::new(self.clock.now()));
        let State {
            conditions,
            observed_generation,
            ..
        } = &mut *state;
        change(conditions, observed_generation);
    }

    /// Writes the status if it differs from what was last written.
    pub(crate) async fn write<S: Serialize>(&self, status: &S) -> kube::Result<()> {
        let facts = serde_json::to_value(status).map_err(kube::Error::SerdeError)?;
        let new = self.whole_status(facts);
        self.persist(new).await
    }

    /// Writes the status with the request for reconciliation marked as handled.
    pub(crate) async fn finish<S: Serialize>(&self, status: &S) -> kube::Result<()> {
        let facts = serde_json::to_value(status).map_err(kube::Error::SerdeError)?;
        let mut new = self.whole_status(facts);
        self.mark_handled(&mut new);
        self.persist(new).await
    }

    /// Marks the request for reconciliation as handled and leaves everything else as it is.
    pub(crate) async fn acknowledge(&self) -> kube::Result<()> {
        let mut new = self.lock().written.clone();
        self.mark_handled(&mut new);
        self.persist(new).await
    }

    /// Empties the status; whether there was something in it.
    pub(crate) async fn forget(&self) -> kube::Result<bool> {
        let empty = json!({});
        if self.lock().written == empty {
            return Ok(false);
        }
        self.persist(empty).await?;
        Ok(true)
    }

    async fn persist(&self, new: Value) -> kube::Result<()> {
        let Some(patch) = api::merge_diff(&self.lock().written, &new) else {
            return Ok(());
        };
        let path = format!("{}/status", self.path);
        let manager = format!("gotk-{}", self.controller);
        api::merge_patch(&self.client, &path, &manager, &json!({"status": patch})).await?;
        self.lock().written = new;
        Ok(())
    }

    /// The reconciler's facts with the members that the shell owns.
    fn whole_status(&self, facts: Value) -> Value {
        let state = self.lock();
        let mut status = match facts {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        let mut own = |name: &str, value: Option<Value>| {
            status.remove(name);
            if let Some(value) = value {
                status.insert(name.to_owned(), value);
            }
        };
        let conditions = state.conditions.list();
        own("conditions", (!conditions.is_empty()).then(|| json!(conditions)));
        own("observedGeneration", state.observed_generation.map(Value::from));
        // Handled when the pass ends, not before.
        own(
            "lastHandledReconcileAt",
            state.written.get("lastHandledReconcileAt").cloned(),
        );
        Value::Object(status)
    }

    fn mark_handled(&self, status: &mut Value) {
        if let Some(requested) = object::annotation(&self.object, REQUESTED_AT) {
            status["lastHandledReconcileAt"] = json!(requested);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
