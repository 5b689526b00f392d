//! Watches: what one shows, planned when it opens; the shell plays the plan.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    list::Selection,
    read::{not_a_revision, revision, view},
};
use crate::{
    call::Call,
    core::stamped,
    failure::{Cause, Failure, Outcome},
    media::Form,
    resource::Resource,
    store::{Event, in_namespace},
    table,
};

/// An opened watch.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) resource: Arc<Resource>,
    pub(crate) namespace: String,
    pub(crate) selection: Selection,
    pub(crate) form: Form,
    /// Sent before anything else.
    pub(crate) first: Vec<Value>,
    /// Events after this revision follow.
    pub(crate) after: u64,
    pub(crate) bookmarks: bool,
    pub(crate) timeout: Duration,
    /// Nothing follows what is sent first.
    pub(crate) ends: bool,
    /// A Table was sent: its columns are not repeated.
    pub(crate) headed: bool,
}

impl Call<'_> {
    pub(crate) fn watch(&mut self, form: &Form) -> Outcome<Plan> {
        self.check_watch_options()?;
        let selection = self.selection()?;
        let bookmarks = self.query.flag("allowWatchBookmarks").unwrap_or(false);
        let seconds = self
            .query
            .number::<u64>("timeoutSeconds")?
            .filter(|seconds| *seconds > 0);
        let seconds = seconds.unwrap_or_else(|| 1800 + self.core.state.rng.below(1800));
        let asked = self.not_too_new_for_watch()?;
        let current = self.core.revision();
        let initial = self
            .query
            .flag("sendInitialEvents")
            .filter(|_| self.query.has("sendInitialEvents"));
        let mut plan = Plan {
            resource: Arc::clone(&self.resource),
            namespace: self.target.namespace.clone(),
            selection,
            form: form.clone(),
            first: Vec::new(),
            after: current,
            bookmarks,
            timeout: Duration::from_secs(seconds),
            ends: false,
            headed: false,
        };
        if initial.unwrap_or(asked == 0) {
            let table = self.core.table(&self.resource.table);
            let present =
                in_namespace(&table, &plan.namespace).map(|(_, stored)| view(&plan.resource, stored));
            let present: Vec<Arc<Value>> = present.filter(|object| plan.selection.matches(object)).collect();
            for object in present {
                let first = entry(&mut plan, "ADDED", &object, self.now);
                plan.first.push(first);
            }
            if bookmarks {
                let mark = bookmark(&mut plan, current, true, self.now);
                plan.first.push(mark);
            }
        } else if initial == Some(false) && asked == 0 {
            plan.after = current;
        } else {
            plan.after = asked;
            if self.core.state.store.since(asked).is_err() {
                plan.first = vec![expired_event(asked, current)];
                plan.ends = true;
            }
        }
        Ok(plan)
    }

    fn not_too_new_for_watch(&self) -> Outcome<u64> {
        let Some(text) = self.query.get("resourceVersion") else {
            return Ok(0);
        };
        let asked = revision(text)
            .ok_or_else(|| Failure::plain(format!("resourceVersion: {}", not_a_revision(text))))?;
        let current = self.core.revision();
        if asked > current {
            return Err(Failure::version_in_the_future(asked, current));
        }
        Ok(asked)
    }

    fn check_watch_options(&self) -> Outcome<()> {
        let initial = self.query.has("sendInitialEvents");
        let how = self.query.get("resourceVersionMatch");
        let mut causes = Vec::new();
        if initial && how != Some("NotOlderThan") {
            let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            causes.push(Cause::forbidden("resourceVersionMatch", detail));
        }
        if let (Some(how), false) = (how, initial) {
            let _ = how;
            let detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            causes.push(Cause::forbidden("resourceVersionMatch", detail));
        }
        if causes.is_empty() {
            return Ok(());
        }
        Err(Failure::invalid("meta.k8s.io", "ListOptions", "", &causes))
    }
}

fn entry(plan: &mut Plan, kind: &str, object: &Arc<Value>, now: Timestamp) -> Value {
    let mut object = plan.form.show(&plan.resource, object, now);
    if matches!(plan.form, Form::Table { .. }) {
        if plan.headed {
            table::without_columns(&mut object);
        }
        plan.headed = true;
    }
    json!({ "type": kind, "object": object })
}

/// A mark of progress; `initial` ends the synthetic first events.
pub(crate) fn bookmark(plan: &mut Plan, revision: u64, initial: bool, now: Timestamp) -> Value {
    let mut meta = json!({ "resourceVersion": revision.to_string() });
    if initial {
        meta["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
    }
    let resource = &plan.resource;
    let object = json!({ "kind": resource.kind, "apiVersion": resource.api_version(), "metadata": meta });
    entry(plan, "BOOKMARK", &Arc::new(object), now)
}

/// The log no longer reaches back: the client has to list again.
pub(crate) fn expired_event(asked: u64, current: u64) -> Value {
    let message = format!("too old resource version: {asked} ({current})");
    json!({ "type": "ERROR", "object": Failure::expired(message).status() })
}

/// What a watch shows of one write: objects that start or stop to match appear and disappear.
pub(crate) fn event_for(plan: &mut Plan, event: &Event, now: Timestamp) -> Option<Value> {
    if event.table != plan.resource.table {
        return None;
    }
    if !plan.namespace.is_empty() && event.key.namespace() != plan.namespace {
        return None;
    }
    let seen = |stored: &Option<Arc<Value>>| {
        let object = view(&plan.resource, stored.as_ref()?);
        plan.selection.matches(&object).then_some(object)
    };
    match (seen(&event.old), seen(&event.new)) {
        (None, None) => None,
        (None, Some(new)) => Some(entry(plan, "ADDED", &new, now)),
        (Some(_), Some(new)) => Some(entry(plan, "MODIFIED", &new, now)),
        (Some(old), None) => {
            let last = Arc::new(stamped(&old, event.revision));
            Some(entry(plan, "DELETED", &last, now))
        }
    }
}
