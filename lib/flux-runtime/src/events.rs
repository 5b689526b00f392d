//! Writes core/v1 Events, counting repetitions instead of writing them again, and hands them over to be posted.

mod correlate;
pub(crate) mod forward;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use edges::{Clock, Seed};
use flux_api::{Time, meta::EVENT_ANNOTATION_PREFIX};
use kube::Client;
use manifest::object;
use serde_json::{Value, json};

use crate::{api, limits};
use correlate::{Admitted, Correlator};
use forward::Outbox;

/// Whether an event is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventType {
    /// It is.
    Normal,
    /// It is not.
    Warning,
    /// It is for who looks closely: written as a Normal one, and not posted.
    Trace,
}

impl EventType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Normal | Self::Trace => "Normal",
            Self::Warning => "Warning",
        }
    }

    /// The word of whom events are posted to.
    fn severity(self) -> &'static str {
        match self {
            Self::Normal | Self::Trace => "info",
            Self::Warning => "error",
        }
    }
}

/// An event that is not written yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDraft {
    /// Good news or not.
    pub kind: EventType,
    /// One word.
    pub reason: String,
    /// A sentence or lines.
    pub message: String,
    /// Metadata; keys are qualified with an API group.
    pub annotations: BTreeMap<String, String>,
}

/// Writes the events of one controller.
pub struct Recorder {
    client: Client,
    clock: Clock,
    controller: &'static str,
    seen: Mutex<Seen>,
    /// Where events are posted, and how this process calls itself there.
    outbox: Option<(Outbox, String)>,
}

#[derive(Default)]
struct Seen {
    written: u64,
    correlator: Correlator,
    by_content: BTreeMap<Content, (String, u64)>,
}

/// Controllers begin to count at different numbers, below a millisecond's worth: two of them may speak of objects of one
/// name at one instant.
const FIRST_SERIALS: u64 = 1_000_000;

/// What makes two events the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Content {
    uid: String,
    object: String,
    kind: EventType,
    reason: String,
    message: String,
}

impl Recorder {
    /// A recorder that writes as `controller`.
    pub fn new(client: Client, clock: Clock, controller: &'static str) -> Self {
        Self {
            client,
            clock,
            controller,
            seen: Mutex::new(Seen {
                written: Seed(0).derive(controller).rng().below(FIRST_SERIALS),
                ..Seen::default()
            }),
            outbox: None,
        }
    }

    /// Also hands events over to be posted, as this instance of the controller.
    #[must_use]
    pub(crate) fn forwarding(mut self, outbox: Outbox, instance: String) -> Self {
        self.outbox = Some((outbox, instance));
        self
    }

    /// Writes an event about `about`. Failures are logged and otherwise ignored: events are news, not state.
    pub async fn record(&self, about: &Value, mut draft: EventDraft) {
        for (key, value) in object::annotations(about).into_iter().flatten() {
            if let (true, Some(value)) = (key.starts_with(EVENT_ANNOTATION_PREFIX), value.as_str()) {
                draft.annotations.insert(key.clone(), value.to_owned());
            }
        }
        self.hand_over(about, &draft);
        if let Err(error) = self.write(about, draft).await {
            tracing::warn!(controller = self.controller, error = %api::explain(&error), "event not written");
        }
    }

    async fn write(&self, about: &Value, mut draft: EventDraft) -> kube::Result<()> {
        draft.message = limits::cut(&draft.message, limits::EVENT_MESSAGE, "...");
        let reference = manifest::ObjectRef::of(about);
        let namespace = if reference.namespace.is_empty() {
            "default"
        } else {
            &reference.namespace
        };
        let content = Content {
            uid: object::uid(about).to_owned(),
            object: format!("{} {reference}", reference.gvk),
            kind: draft.kind,
            reason: draft.reason.clone(),
            message: draft.message.clone(),
        };
        let now = Time::new(self.clock.now());
        let admitted = self.lock().correlator.admit(content, self.clock.now());
        let Some(Admitted {
            key: content,
            message,
        }) = admitted
        else {
            return Ok(());
        };
        draft.message = message;
        let known = self.lock().by_content.get(&content).cloned();
        let events = format!("/api/v1/namespaces/{namespace}/events");
        if let Some((name, count)) = known {
            let mut patch = json!({"count": count + 1, "lastTimestamp": now});
            if content.is_combined() {
                patch["message"] = json!(draft.message);
            }
            match api::merge_patch(&self.client, &format!("{events}/{name}"), self.controller, &patch).await {
                Ok(_) => {
                    self.lock().by_content.insert(content, (name, count + 1));
                    return Ok(());
                }
                // The server forgets events after an hour; then it is news again.
                Err(error) if api::is_not_found(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let name = format!("{}.{:x}", reference.name, self.serial());
        let event = self.event(&name, namespace, about, &draft, now);
        api::create(&self.client, &events, self.controller, &event).await?;
        let mut seen = self.lock();
        if seen.by_content.len() >= limits::REMEMBERED_EVENTS {
            seen.by_content.clear();
        }
        seen.by_content.insert(content, (name, 1));
        Ok(())
    }

    /// Nanoseconds, as client-go names events; the count keeps names apart while virtual time stands still.
    fn serial(&self) -> i128 {
        let mut seen = self.lock();
        seen.written += 1;
        self.clock.now().as_nanosecond() + i128::from(seen.written)
    }

    fn event(&self, name: &str, namespace: &str, about: &Value, draft: &EventDraft, now: Time) -> Value {
        let mut event = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved(about),
            "type": draft.kind.as_str(),
            "reason": draft.reason,
            "message": draft.message,
            "source": {"component": self.controller},
            "reportingComponent": self.controller,
            "reportingInstance": "",
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
        });
        if !draft.annotations.is_empty() {
            event["metadata"]["annotations"] = json!(draft.annotations);
        }
        event
    }

    /// Hands an event over to be posted, unless nobody waits for it.
    fn hand_over(&self, about: &Value, draft: &EventDraft) {
        let Some((outbox, instance)) = &self.outbox else {
            return;
        };
        if draft.kind == EventType::Trace {
            return;
        }
        let mut event = json!({
            "involvedObject": involved(about),
            "severity": draft.kind.severity(),
            "timestamp": Time::new(self.clock.now()),
            "message": draft.message,
            "reason": draft.reason,
            "reportingController": self.controller,
            "reportingInstance": instance,
        });
        if !draft.annotations.is_empty() {
            event["metadata"] = json!(draft.annotations);
        }
        if outbox.try_send(event.to_string().into()).is_err() {
            tracing::warn!(controller = self.controller, "event not posted: too many wait");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn involved(about: &Value) -> Value {
    json!({
        "apiVersion": object::api_version(about),
        "kind": object::kind(about),
        "namespace": object::namespace(about),
        "name": object::name(about),
        "uid": object::uid(about),
        "resourceVersion": object::resource_version(about),
    })
}
