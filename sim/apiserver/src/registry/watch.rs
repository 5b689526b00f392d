//! Watches: what one shows, planned when it opens.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    options::Selection,
    play::{INITIAL_END, Line},
    read::{not_a_revision, revision, view},
};
use crate::{
    call::Call,
    failure::{Failure, Outcome},
    kinds,
    media::Form,
    resource::Resource,
    store::{Event, in_namespace},
};

/// An opened watch.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) resource: Arc<Resource>,
    pub(crate) namespace: String,
    pub(crate) selection: Selection,
    pub(crate) form: Form,
    /// Sent before anything else.
    pub(super) first: Vec<Line>,
    /// Events after this revision follow.
    pub(crate) after: u64,
    pub(super) bookmarks: bool,
    /// What is sent first ends with a bookmark, soon followed by another.
    pub(super) initial: bool,
    pub(super) timeout: Duration,
    /// Nothing follows what is sent first.
    pub(super) ends: bool,
}

impl Call<'_> {
    pub(crate) fn watch(&mut self, form: &Form) -> Outcome<Plan> {
        let options = self.list_options(true)?;
        let asked = match options.revision.as_str() {
            "" => 0,
            text => revision(text)
                .ok_or_else(|| Failure::plain(format!("resourceVersion: {}", not_a_revision(text))))?,
        };
        let current = self.core.revision();
        let mut plan = Plan {
            resource: Arc::clone(&self.resource),
            namespace: self.target.namespace.clone(),
            selection: options.selection,
            form: form.clone(),
            first: Vec::new(),
            after: asked,
            bookmarks: options.bookmarks,
            initial: false,
            timeout: self.watch_timeout(options.timeout),
            ends: options.timeout.is_some_and(|seconds| seconds < 0),
        };
        if plan.ends {
            return Ok(plan);
        }
        // Who does not say where to start begins with what is there.
        let initial = options.initial.unwrap_or(asked == 0);
        if initial && asked > current {
            // DIFFERENCE: the genuine server waits three seconds for the revision to come.
            let failure = Failure::version_in_the_future(asked, current);
            plan.first = vec![Line::error(&failure)];
            plan.ends = true;
        } else if initial {
            self.plan_initial(&mut plan);
        } else if asked == 0 {
            plan.after = current;
        } else if let Err(compacted) = self.core.state.store.since(asked) {
            plan.first = vec![Line::expired(asked, compacted.floor)];
            plan.ends = true;
        }
        Ok(plan)
    }

    fn watch_timeout(&mut self, asked: Option<i64>) -> Duration {
        const LEAST: u64 = 1800;
        let seconds = match asked {
            None | Some(0) => LEAST + self.core.state.rng.below(LEAST),
            Some(seconds) => u64::try_from(seconds).unwrap_or(0),
        };
        Duration::from_secs(seconds)
    }

    /// The present state as events, and the bookmark that says they are all.
    fn plan_initial(&mut self, plan: &mut Plan) {
        let table = self.core.table(&self.resource.table);
        let present = in_namespace(&table, &plan.namespace).map(|(_, stored)| view(&plan.resource, stored));
        let present = present.filter(|object| plan.selection.matches(object));
        let mut first: Vec<Line> = present.map(|object| Line::new("ADDED", object)).collect();
        plan.after = self.core.revision();
        plan.initial = plan.bookmarks;
        if plan.bookmarks {
            first.push(plan.bookmark(plan.after, true));
        }
        plan.first = first;
    }
}

impl Plan {
    /// A mark of progress; `initial` ends the synthetic first events.
    pub(super) fn bookmark(&self, revision: u64, initial: bool) -> Line {
        let mut meta = json!({ "resourceVersion": revision.to_string() });
        if initial {
            meta["annotations"] = json!({ INITIAL_END: "true" });
        }
        let resource = &self.resource;
        let mut object =
            json!({ "kind": resource.kind, "apiVersion": resource.api_version(), "metadata": meta });
        if let Some(kind) = resource.kind_model() {
            // An empty object has the members that every object of its kind has.
            kinds::settle(kind, &mut object);
        }
        Line::new("BOOKMARK", Arc::new(object))
    }

    /// When the next bookmark is due, counted from the opening: about every minute, and once more before the end.
    pub(super) fn next_bookmark(&self, passed: Duration, first: bool) -> Option<Duration> {
        const SOON: Duration = Duration::from_millis(600);
        const EVERY: Duration = Duration::from_secs(60);
        const BEFORE_END: Duration = Duration::from_secs(2);
        if !self.bookmarks {
            return None;
        }
        if first && self.initial {
            // QUIRK: a watch that waits for its initial bookmark is due at once, and so gets a second one at the next
            // tick of the server's timer.
            return Some(SOON);
        }
        let last = self.timeout.saturating_sub(BEFORE_END);
        Some((passed + EVERY).min(last)).filter(|due| *due > passed)
    }

    /// What a watch shows of one write: objects that start or stop to match appear and disappear.
    pub(super) fn line(&self, event: &Event) -> Option<Line> {
        if event.table != self.resource.table {
            return None;
        }
        if !self.namespace.is_empty() && event.key.namespace() != self.namespace {
            return None;
        }
        let seen = |stored: &Option<Arc<Value>>| {
            let object = view(&self.resource, stored.as_ref()?);
            self.selection.matches(&object).then_some(object)
        };
        match (seen(&event.old), seen(&event.new)) {
            (None, None) => None,
            (None, Some(new)) => Some(Line::of("ADDED", new, event)),
            (Some(_), Some(new)) => Some(Line::of("MODIFIED", new, event)),
            (Some(old), None) => Some(Line::gone(&old, event)),
        }
    }
}
