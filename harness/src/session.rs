//! One scenario in progress: the cluster, what was observed, and the names of what the scenario made.

mod clean;
mod request;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use edges::Clock;
use jiff::Timestamp;
use manifest::object;
use serde_json::Value;

use crate::{
    journal::{Journal, Key, What, later},
    limits,
    matching::{self, Difference, Freshness},
    scenario::{Object, ObjectRef, Placeholder, State, substitute},
    snapshot::Snapshots,
    target::Cluster,
    verdict::Miss,
};

/// One scenario in progress.
pub(crate) struct Session {
    /// The cluster under test.
    pub(crate) cluster: Cluster,
    /// What was observed.
    pub(crate) journal: Journal,
    /// Where fixture repositories are, `fixtures/repos`.
    pub(crate) fixtures: PathBuf,
    /// Files to compare with.
    pub(crate) snapshots: Snapshots,
    /// The commit of each repository and fixture revision.
    pub(crate) commits: BTreeMap<(String, String), String>,
    /// Branches made by the scenario, with what they point at.
    pub(crate) heads: BTreeMap<(String, String), String>,
    /// Where the observations since the latest action begin.
    pub(crate) since: usize,
    /// Where the search for what is seen in passing goes on: one such state follows another.
    pub(crate) passed: usize,
    /// What the scenario made itself, in this order.
    pub(crate) made: Vec<ObjectRef>,
    /// What was there before and the scenario changed, as it was.
    pub(crate) changed: BTreeMap<Key, Arc<Value>>,
    /// Whether waiting may ask for reconciliations, as users do who do not want to wait for an interval.
    pub(crate) requests: bool,
    /// Whether that happened.
    pub(crate) requested: bool,
    /// What the report should say about how this was judged.
    pub(crate) notes: BTreeSet<String>,
}

impl Session {
    /// The cluster's time.
    pub(crate) fn clock(&self) -> Clock {
        self.cluster.clock
    }

    /// An instant of the cluster's time, `span` from now.
    pub(crate) fn after(&self, span: Duration) -> Timestamp {
        later(self.clock().now(), span)
    }

    /// Where a fixture revision's tree is.
    pub(crate) fn tree(&self, repo: &str, revision: &str) -> PathBuf {
        tree(&self.fixtures, repo, revision)
    }

    /// Replaces placeholders in a manifest or a part of one.
    pub(crate) fn resolve(&self, object: &Object) -> Value {
        let mut value = Value::Object(object.clone());
        substitute(&mut value, &mut |placeholder| self.lookup(placeholder));
        value
    }

    /// Replaces placeholders in what is said about an object.
    pub(crate) fn resolve_state(&self, state: &State) -> State {
        let mut state = state.clone();
        let text = |text: &mut String| {
            let mut value = Value::String(std::mem::take(text));
            substitute(&mut value, &mut |placeholder| self.lookup(placeholder));
            if let Value::String(resolved) = value {
                *text = resolved;
            }
        };
        if let Some(Value::Object(part)) = state.part.as_ref().map(|part| self.resolve(part)) {
            state.part = Some(part);
        }
        for wanted in state.conditions.values_mut() {
            wanted.message.iter_mut().for_each(|message| text(&mut message.0));
        }
        if let Some(event) = &mut state.event {
            event.message.iter_mut().for_each(|message| text(&mut message.0));
        }
        state.cel.iter_mut().for_each(text);
        state
    }

    fn lookup(&self, placeholder: &Placeholder) -> Option<String> {
        match &placeholder.revision {
            None => Some(self.cluster.repo_url(&placeholder.repo)),
            Some(revision) => self
                .commits
                .get(&(placeholder.repo.clone(), revision.clone()))
                .cloned(),
        }
    }

    /// What a fresh observation must have seen.
    pub(crate) fn freshness(&self) -> Freshness {
        Freshness {
            heads: self
                .heads
                .iter()
                .map(|((repo, branch), sha)| ((self.cluster.repo_url(repo), branch.clone()), sha.clone()))
                .collect(),
            since: self.since,
        }
    }

    /// Waits until `state` holds; gives the last observed differences when it does not within `limit`.
    pub(crate) async fn wait(
        &mut self,
        state: &State,
        fresh: bool,
        limit: Duration,
    ) -> Result<Result<(), Vec<Difference>>, Miss> {
        let deadline = self.after(limit);
        let freshness = fresh.then(|| self.freshness());
        let mut requests = self.requests();
        let counted = state.clone().without_history();
        loop {
            self.journal.catch_up()?;
            let state = if self.requested { &counted } else { state };
            let differences = matching::check(state, &self.journal, freshness.as_ref());
            if differences.is_empty() || self.was_seen_in_passing(state) {
                return Ok(Ok(()));
            }
            if !self.next(deadline, &mut requests).await? {
                return Ok(Err(differences));
            }
        }
    }

    /// Whether a state that does not last was seen since the latest action, and since the one before it.
    fn was_seen_in_passing(&mut self, state: &State) -> bool {
        if !state.is_in_passing() || state.event.is_some() {
            return false;
        }
        let begin = self.passed.max(self.since);
        let found = self.journal.history()[begin..].iter().position(|seen| {
            seen.key.is(&state.object) && seen.what != What::Deleted && matching::held(state, &seen.object)
        });
        self.passed = found.map_or(self.passed, |found| begin + found);
        found.is_some()
    }

    /// How long a time of watching is in the end: real time is not spent on hours.
    pub(crate) async fn hold_for(&mut self, asked: Duration) -> Result<Duration, Miss> {
        match self.cluster.max_hold {
            Some(most) => self.shorten("a hold", asked, most).await,
            None => Ok(asked),
        }
    }

    /// How long nothing may be written at a scenario's end.
    pub(crate) async fn quiet_for(&mut self) -> Result<Duration, Miss> {
        let Some(most) = self.cluster.max_hold else {
            return Ok(limits::QUIET_FOR);
        };
        self.stand_in(limits::QUIET_FOR).await?;
        Ok(most)
    }

    /// How much of a time passes: where time is real, only as much as is enough. What its interval would reconcile in
    /// that time is asked to do so at the beginning, so that what is seen afterwards is the same.
    pub(crate) async fn shorten(
        &mut self,
        what: &str,
        asked: Duration,
        enough: Duration,
    ) -> Result<Duration, Miss> {
        if !self.cluster.is_real_time() || asked <= enough {
            return Ok(asked);
        }
        let words = [asked, enough].map(stdx::duration::format);
        self.notes
            .insert(format!("{what} of {} was shortened to {}", words[0], words[1]));
        self.stand_in(asked).await?;
        Ok(enough)
    }

    /// Remembers that the scenario makes an object, or changes one that was there.
    pub(crate) fn remember(&mut self, manifest: &Value) {
        let reference = ObjectRef {
            api_version: Some(object::api_version(manifest).to_owned()),
            kind: object::kind(manifest).to_owned(),
            name: object::name(manifest).to_owned(),
            namespace: Some(object::namespace(manifest).to_owned()).filter(|namespace| !namespace.is_empty()),
        };
        self.keep(&reference);
        if !self.was_there(&reference) {
            self.made.push(reference);
        }
    }

    /// Remembers how an object was that the scenario is about to change.
    pub(crate) fn keep(&mut self, reference: &ObjectRef) {
        if let Some(object) = self.journal.get(reference).filter(|_| self.was_there(reference)) {
            self.changed
                .entry(Key::of(object))
                .or_insert_with(|| object.clone());
        }
    }

    fn was_there(&self, reference: &ObjectRef) -> bool {
        self.cluster.is_real_time()
            && self
                .journal
                .present_at_begin()
                .iter()
                .any(|key| key.is(reference))
    }

    /// Lets time pass and takes in what happens meanwhile.
    pub(crate) async fn advance(&mut self, span: Duration) -> Result<(), Miss> {
        let deadline = self.after(span);
        while self.journal.next(deadline).await? {}
        Ok(())
    }
}

/// Where a fixture revision's tree is below `fixtures/repos`.
pub(crate) fn tree(fixtures: &Path, repo: &str, revision: &str) -> PathBuf {
    fixtures.join(repo).join(revision)
}
