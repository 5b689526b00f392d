//! A watch while it is open: what it has still to send, and what time brings. Nothing here waits; whoever plays the
//! watch says how much time has passed.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use jiff::Timestamp;
use manifest::object;
use serde_json::{Value, json};

use super::watch::Plan;
use crate::{
    core::{Core, stamped},
    failure::Failure,
    media::Form,
    store::{Event, Told},
    table,
};

/// The annotation of the bookmark that ends the synthetic first events.
pub(super) const INITIAL_END: &str = "k8s.io/initial-events-end";

/// One event, in no form yet.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    kind: &'static str,
    object: Arc<Value>,
    /// Where other watches find the same object written already.
    told: Option<Arc<Told>>,
}

impl Line {
    pub(super) fn new(kind: &'static str, object: Arc<Value>) -> Self {
        Self {
            kind,
            object,
            told: None,
        }
    }

    /// An object that a write left.
    pub(super) fn of(kind: &'static str, object: Arc<Value>, event: &Event) -> Self {
        let same = event.new.as_ref().is_some_and(|new| Arc::ptr_eq(new, &object));
        Self {
            kind,
            object,
            told: same.then(|| Arc::clone(&event.told)),
        }
    }

    /// An object that a write took away, or out of sight.
    pub(super) fn gone(old: &Arc<Value>, event: &Event) -> Self {
        let same = event.new.is_none() && event.old.as_ref().is_some_and(|own| Arc::ptr_eq(own, old));
        let object = if same {
            event.told.last(old, event.revision)
        } else {
            Arc::new(stamped(old, event.revision))
        };
        Self {
            kind: "DELETED",
            object,
            told: same.then(|| Arc::clone(&event.told)),
        }
    }

    pub(super) fn error(failure: &Failure) -> Self {
        Self::new("ERROR", Arc::new(failure.status()))
    }

    /// The log no longer reaches back: the client has to list again.
    pub(super) fn expired(asked: u64, floor: u64) -> Self {
        let message = format!("too old resource version: {asked} ({floor})");
        Self::error(&Failure::expired(message))
    }
}

/// One event as it is sent.
#[derive(Debug)]
pub(crate) struct Sent {
    kind: &'static str,
    object: Arc<Value>,
    told: Option<Arc<Told>>,
}

impl Sent {
    /// Whether it says nothing but how far the server has come.
    pub(crate) fn is_progress(&self) -> bool {
        self.kind == "BOOKMARK" && object::annotation(&self.object, INITIAL_END).is_none()
    }

    /// The event as a line of JSON.
    pub(crate) fn line(&self) -> Bytes {
        let object = match &self.told {
            Some(told) => told.json(&self.object),
            None => serde_json::to_vec(&*self.object).unwrap_or_default().into(),
        };
        let mut line = BytesMut::with_capacity(object.len() + 40);
        line.put_slice(b"{\"type\":\"");
        line.put_slice(self.kind.as_bytes());
        line.put_slice(b"\",\"object\":");
        line.put_slice(&object);
        line.put_slice(b"}\n");
        line.freeze()
    }

    /// The event as a value.
    pub(crate) fn value(&self) -> Value {
        json!({ "type": self.kind, "object": self.object })
    }
}

/// A watch that is being played.
#[derive(Debug)]
pub(crate) struct Playing {
    plan: Plan,
    queue: VecDeque<Line>,
    /// Events up to this revision are in the queue or were sent.
    shown: u64,
    /// When the next bookmark is due, counted from the opening.
    bookmark: Option<Duration>,
    /// A Table was sent: its columns are not repeated.
    headed: bool,
    ended: bool,
}

impl Playing {
    pub(crate) fn new(mut plan: Plan) -> Self {
        let first = std::mem::take(&mut plan.first);
        Self {
            queue: first.into(),
            shown: plan.after,
            bookmark: plan.next_bookmark(Duration::ZERO, true),
            headed: false,
            ended: plan.ends,
            plan,
        }
    }

    /// The next event, as it is sent at this moment.
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<Sent> {
        let Line { kind, object, told } = self.queue.pop_front()?;
        if kind == "ERROR" || self.plan.form == Form::Whole {
            return Some(Sent { kind, object, told });
        }
        if matches!(self.plan.form, Form::Metadata { list: true, .. }) {
            // One object is no list: the stream breaks off.
            self.queue.clear();
            self.end();
            return None;
        }
        let mut object = self.plan.form.show(&self.plan.resource, &object, now);
        if self.headed {
            table::without_columns(&mut object);
        }
        self.headed = matches!(self.plan.form, Form::Table { .. });
        Some(Sent {
            kind,
            object: Arc::new(object),
            told: None,
        })
    }

    /// Nothing comes any more, except what [`Playing::next`] still has.
    pub(crate) fn is_over(&self) -> bool {
        self.ended
    }

    /// Ends the watch without a word.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Ends the watch without what is still to be sent.
    pub(crate) fn break_off(&mut self) {
        self.queue.clear();
        self.ended = true;
    }

    /// When something happens by itself, counted from the opening.
    pub(crate) fn due(&self) -> Duration {
        let end = self.plan.timeout;
        self.bookmark.map_or(end, |due| due.min(end))
    }

    /// Takes what was written since.
    pub(crate) fn take(&mut self, core: &Core) {
        let current = core.revision();
        if self.ended || current <= self.shown {
            return;
        }
        match core.state.store.since(self.shown) {
            Ok(events) => {
                let lines = events.filter_map(|event| self.plan.line(event));
                self.queue.extend(lines);
            }
            Err(compacted) => {
                self.queue.push_back(Line::expired(self.shown, compacted.floor));
                self.ended = true;
            }
        }
        self.shown = current;
    }

    /// Lets the watch grow as old as `passed`: bookmarks come, then the end.
    pub(crate) fn advance(&mut self, passed: Duration, core: &Core) {
        self.take(core);
        while let Some(due) = self.bookmark.filter(|due| *due <= passed && !self.ended) {
            // Where nothing happened since the start there is no progress to tell.
            if self.shown > self.plan.after {
                self.queue.push_back(self.plan.bookmark(self.shown, false));
            }
            self.bookmark = self.plan.next_bookmark(due, false);
        }
        if passed >= self.plan.timeout {
            self.ended = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        controllers::Controllers,
        dispatch::{self, Reply},
        request::{Incoming, Query},
        user::User,
    };
    use edges::Seed;

    fn core() -> Core {
        Core::new("1.36", Controllers::None, Seed(1).derive("test").rng())
    }

    fn send(core: &mut Core, method: &str, path: &str, query: &str, body: &str) -> Reply {
        let request = Incoming {
            method: method.to_owned(),
            path: path.to_owned(),
            query: Query::parse(query),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_owned().into(),
        };
        dispatch::serve(core, &request, Some(&User::admin()), Timestamp::UNIX_EPOCH)
    }

    fn open(core: &mut Core, query: &str) -> Playing {
        match send(core, "GET", "/api/v1/namespaces", query, "") {
            Reply::Watch { plan, .. } => Playing::new(*plan),
            _ => panic!("no watch"),
        }
    }

    fn create(core: &mut Core, name: &str) {
        let body = format!(r#"{{"metadata": {{"name": "{name}"}}}}"#);
        send(core, "POST", "/api/v1/namespaces", "", &body);
    }

    fn kinds(playing: &mut Playing) -> Vec<String> {
        std::iter::from_fn(|| playing.next(Timestamp::UNIX_EPOCH))
            .map(|event| event.kind.to_owned())
            .collect()
    }

    #[test]
    fn watches_share_what_they_send() {
        let mut core = core();
        create(&mut core, "a");
        let mut watches = [101, 101].map(|from| open(&mut core, &format!("watch=1&resourceVersion={from}")));
        create(&mut core, "b");
        send(&mut core, "DELETE", "/api/v1/namespaces/a", "", "");
        for event in ["ADDED", "MODIFIED"] {
            let [one, other] = watches.each_mut().map(|playing| {
                playing.take(&core);
                playing.next(Timestamp::UNIX_EPOCH).unwrap()
            });
            assert!(Arc::ptr_eq(&one.object, &other.object));
            let told = |sent: &Sent| sent.told.as_ref().unwrap().json(&sent.object);
            assert_eq!(told(&one).as_ptr(), told(&other).as_ptr());
            let line: Value = serde_json::from_slice(&one.line()).unwrap();
            assert_eq!(line["type"], event);
            assert_eq!(line, other.value());
        }
    }

    #[test]
    fn bookmarks_come_each_minute_and_before_the_end() {
        let mut core = core();
        create(&mut core, "a");
        let mut playing = open(
            &mut core,
            "watch=1&resourceVersion=101&allowWatchBookmarks=1&timeoutSeconds=100",
        );
        create(&mut core, "b");
        assert_eq!(playing.due(), Duration::from_secs(60));
        playing.advance(Duration::from_secs(59), &core);
        assert_eq!(kinds(&mut playing), ["ADDED"]);
        playing.advance(Duration::from_secs(60), &core);
        assert_eq!(kinds(&mut playing), ["BOOKMARK"]);
        assert_eq!(playing.due(), Duration::from_secs(98));
        playing.advance(Duration::from_secs(100), &core);
        assert_eq!(kinds(&mut playing), ["BOOKMARK"]);
        assert!(playing.is_over());
    }

    #[test]
    fn initial_events_end_with_a_bookmark() {
        let mut core = core();
        create(&mut core, "a");
        let mut playing = open(
            &mut core,
            "watch=1&sendInitialEvents=1&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1&timeoutSeconds=2",
        );
        assert_eq!(kinds(&mut playing), ["ADDED", "BOOKMARK"]);
        create(&mut core, "b");
        playing.advance(Duration::from_secs(2), &core);
        assert_eq!(kinds(&mut playing), ["ADDED", "BOOKMARK"]);
        assert!(playing.is_over());
    }

    #[test]
    fn a_revision_from_before_the_log_ends_the_watch() {
        let mut core = core();
        create(&mut core, "a");
        let mut playing = open(&mut core, "watch=1&resourceVersion=1");
        let event = playing.next(Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(event.object["message"], "too old resource version: 1 (100)");
        assert!(playing.is_over());
        let mut playing = open(&mut core, "watch=1&resourceVersion=101");
        create(&mut core, "b");
        core.state.store.compact();
        playing.take(&core);
        assert_eq!(kinds(&mut playing), ["ERROR"]);
        assert!(playing.is_over());
    }
}
