//! Everything that was observed in a cluster, in order: the basis of every assertion and invariant.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use edges::Clock;
use futures::{FutureExt, StreamExt, stream::LocalBoxStream};
use jiff::{SignedDuration, Timestamp};
use manifest::object;
use serde_json::Value;

use crate::{limits, scenario::ObjectRef, verdict::Miss};

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// It appeared.
    Added,
    /// It changed.
    Modified,
    /// It is gone.
    Deleted,
}

impl What {
    /// As a word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Deleted => "deleted",
        }
    }
}

/// One change as a target reports it.
pub(crate) struct Change {
    /// What happened.
    pub(crate) what: What,
    /// The object after the change, or as it was last.
    pub(crate) object: Arc<Value>,
}

/// Which object, without its version: versions of one object are one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    /// The key of an object.
    pub(crate) fn of(value: &Value) -> Self {
        let (group, _) = manifest::split_api_version(object::api_version(value));
        Self {
            group: group.to_owned(),
            kind: object::kind(value).to_owned(),
            namespace: object::namespace(value).to_owned(),
            name: object::name(value).to_owned(),
        }
    }

    /// Whether a reference means this object.
    pub(crate) fn is(&self, reference: &ObjectRef) -> bool {
        let group = reference
            .api_version
            .as_deref()
            .map(|version| manifest::split_api_version(version).0);
        self.kind == reference.kind
            && self.name == reference.name
            && (self.namespace.is_empty() || self.namespace == reference.namespace())
            && group.is_none_or(|group| group == self.group)
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{}/{}", self.kind, self.name)
        } else {
            write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// One observation.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// When, in the cluster's time.
    pub(crate) at: Timestamp,
    /// What happened.
    pub(crate) what: What,
    /// To which object.
    pub(crate) key: Key,
    /// The object after it, or as it was last.
    pub(crate) object: Arc<Value>,
    /// The object before it.
    pub(crate) before: Option<Arc<Value>>,
}

/// Everything that was observed so far, and the present state that follows from it.
pub(crate) struct Journal {
    changes: LocalBoxStream<'static, Change>,
    clock: Clock,
    history: Vec<Seen>,
    objects: BTreeMap<Key, Arc<Value>>,
    at_once: usize,
    /// Where the scenario's own part of the history begins.
    begin: usize,
    /// What was there then.
    present: BTreeSet<Key>,
}

impl Journal {
    /// A journal of a cluster's changes; the stream begins with what exists.
    pub(crate) fn new(changes: LocalBoxStream<'static, Change>, clock: Clock) -> Self {
        Self {
            changes,
            clock,
            history: Vec::new(),
            objects: BTreeMap::new(),
            at_once: 0,
            begin: 0,
            present: BTreeSet::new(),
        }
    }

    /// Says that all before was there when the scenario began.
    pub(crate) fn begins_here(&mut self) {
        self.begin = self.history.len();
        self.present = self.objects.keys().cloned().collect();
    }

    /// The observations of the scenario itself, oldest first.
    pub(crate) fn of_scenario(&self) -> &[Seen] {
        &self.history[self.begin..]
    }

    /// What was there when the scenario began.
    pub(crate) fn present_at_begin(&self) -> &BTreeSet<Key> {
        &self.present
    }

    /// What exists, ordered by key.
    pub(crate) fn objects(&self) -> &BTreeMap<Key, Arc<Value>> {
        &self.objects
    }

    /// Every observation, oldest first.
    pub(crate) fn history(&self) -> &[Seen] {
        &self.history
    }

    /// The object a reference means, if it exists.
    pub(crate) fn get(&self, reference: &ObjectRef) -> Option<&Arc<Value>> {
        self.objects
            .iter()
            .find(|(key, _)| key.is(reference))
            .map(|(_, object)| object)
    }

    /// Takes in what has already happened.
    ///
    /// # Errors
    /// When more happened than a sane cluster does.
    pub(crate) fn catch_up(&mut self) -> Result<(), Miss> {
        while let Some(change) = self.changes.next().now_or_never() {
            match change {
                Some(change) => self.record(change)?,
                None => return Err(ended()),
            }
        }
        Ok(())
    }

    /// Waits for the next observation, at most until `deadline`; tells whether there was one.
    ///
    /// # Errors
    /// As [`Journal::catch_up`].
    pub(crate) async fn next(&mut self, deadline: Timestamp) -> Result<bool, Miss> {
        let left = deadline.duration_since(self.clock.now());
        let left = Duration::try_from(left).unwrap_or_default();
        match self.clock.timeout(left, self.changes.next()).await {
            Ok(Some(change)) => self.record(change).map(|()| true),
            Ok(None) => Err(ended()),
            Err(edges::Elapsed) => Ok(false),
        }
    }

    fn record(&mut self, change: Change) -> Result<(), Miss> {
        let at = self.clock.now();
        let key = Key::of(&change.object);
        let before = match change.what {
            What::Deleted => self.objects.remove(&key),
            What::Added | What::Modified => self.objects.insert(key.clone(), change.object.clone()),
        };
        let standing = self.history.last().is_some_and(|last| last.at == at);
        self.at_once = if standing { self.at_once + 1 } else { 0 };
        self.history.push(Seen {
            at,
            what: change.what,
            key,
            object: change.object,
            before,
        });
        if self.at_once > limits::CHANGES_AT_ONCE_MAX || self.history.len() > limits::CHANGES_MAX {
            return Err(self.flood());
        }
        Ok(())
    }

    fn flood(&self) -> Miss {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for seen in &self.history {
            *counts
                .entry(format!("{} {}", seen.key, seen.what.word()))
                .or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Miss::failed("limit.changes", "something writes in a loop").with(
            counts
                .into_iter()
                .take(5)
                .map(|(what, count)| format!("{what} {count} times")),
        )
    }
}

fn ended() -> Miss {
    Miss::broken("target.watch", "the cluster's stream of changes ended")
}

/// `instant` plus `span`, or the end of time.
pub(crate) fn later(instant: Timestamp, span: Duration) -> Timestamp {
    SignedDuration::try_from(span)
        .ok()
        .and_then(|span| instant.checked_add(span).ok())
        .unwrap_or(Timestamp::MAX)
}
