//! The loop: changes and timers come in, each touched object is brought one step further.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use apiserver::{ApiServer, Change, ChangeKind, Changes};
use jiff::{SignedDuration, Timestamp};
use manifest::object;
use serde_json::Value;

use crate::{
    Config, Control, Parts,
    limits::LOOKS_PER_INSTANT,
    machines::Machines,
    manager::Manager,
    owned,
    resources::{
        AUTOSCALERS, BUDGETS, CLAIMS, CLASSES, CRON_JOBS, DAEMON_SETS, DEPLOYMENTS, ENDPOINTS, INGRESSES,
        JOBS, NODES, PODS, REPLICA_SETS, Resource, SERVICES, STATEFUL_SETS, VOLUMES,
    },
};

/// When an object wants to be looked at again, if nothing changes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    Never,
    After(Duration),
    /// After a failure: some milliseconds, doubled with each failure in a row.
    Backoff,
}

impl Again {
    /// The same, or earlier.
    pub(crate) fn sooner(self, wait: Duration) -> Self {
        match self {
            Self::After(known) => Self::After(known.min(wait)),
            _ => Self::After(wait),
        }
    }

    /// A failure, unless something else is to be waited for.
    pub(crate) fn or_backoff(self) -> Self {
        match self {
            Self::Never => Self::Backoff,
            other => other,
        }
    }
}

/// The first wait after a failure, and the longest, as in the genuine queues.
const FIRST_BACKOFF: Duration = Duration::from_millis(5);
const MOST_BACKOFF: Duration = Duration::from_secs(1000);

/// Changes of a Job's pods, and of its status, are looked at together after this.
const JOB_BATCH: Duration = Duration::from_secs(1);

/// The wait of an object that finds no rest.
const REST: Duration = Duration::from_secs(1);

/// The kinds that are looked at; the first of equal names wins.
const KINDS: [Resource; 16] = [
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
    DAEMON_SETS,
    JOBS,
    CRON_JOBS,
    PODS,
    NODES,
    SERVICES,
    ENDPOINTS,
    INGRESSES,
    CLAIMS,
    VOLUMES,
    CLASSES,
    BUDGETS,
    AUTOSCALERS,
];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) resource: Resource,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn of(resource: Resource, item: &Value) -> Self {
        Self {
            resource,
            namespace: object::namespace(item).to_owned(),
            name: object::name(item).to_owned(),
        }
    }
}

/// What waits to be looked at, now or later.
#[derive(Debug, Default)]
struct Queue {
    ready: BTreeSet<Key>,
    timers: BTreeSet<(Timestamp, Key)>,
    failures: BTreeMap<Key, u32>,
}

impl Queue {
    fn fire(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.timers.first() {
            if *at > now {
                break;
            }
            if let Some((_, key)) = self.timers.pop_first() {
                self.ready.insert(key);
            }
        }
    }

    /// Looks at an object at `at`, or earlier if that is planned already.
    fn at(&mut self, key: &Key, at: Timestamp) {
        let planned = self
            .timers
            .iter()
            .find(|(_, other)| other == key)
            .map(|(at, _)| *at);
        if planned.is_some_and(|planned| planned <= at) {
            return;
        }
        self.timers.retain(|(_, other)| other != key);
        self.timers.insert((at, key.clone()));
    }

    fn again(&mut self, key: &Key, again: Again, now: Timestamp) {
        let wait = match again {
            Again::Never => {
                self.failures.remove(key);
                return;
            }
            Again::After(wait) => {
                self.failures.remove(key);
                wait
            }
            Again::Backoff => {
                let failures = self.failures.entry(key.clone()).or_default();
                let wait = FIRST_BACKOFF.saturating_mul(1 << (*failures).min(20));
                *failures += 1;
                wait.min(MOST_BACKOFF)
            }
        };
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        self.at(key, now.checked_add(wait).unwrap_or(Timestamp::MAX));
    }

    fn forget(&mut self, key: &Key) {
        self.timers.retain(|(_, other)| other != key);
        self.failures.remove(key);
    }
}

pub(crate) struct Driver {
    api: ApiServer,
    config: Config,
    changes: Changes,
    queue: Queue,
    manager: Option<Manager>,
    machines: Option<Machines>,
    /// How often each object was looked at in the present instant.
    looks: (Timestamp, BTreeMap<Key, u32>),
    /// Generations of Jobs as last seen: only a new one is looked at without delay.
    generations: BTreeMap<Key, i64>,
}

impl Driver {
    pub(crate) fn new(api: ApiServer, config: Config, parts: Parts) -> Self {
        let recorder = Arc::default();
        Self {
            changes: api.changes(),
            manager: parts.controllers.then(|| Manager::new(&api, &config, &recorder)),
            machines: parts.nodes.then(|| Machines::new(&api, &config, &recorder)),
            api,
            config,
            queue: Queue::default(),
            looks: (Timestamp::UNIX_EPOCH, BTreeMap::new()),
            generations: BTreeMap::new(),
        }
    }

    pub(crate) async fn run(mut self) {
        if let Some(machines) = &mut self.machines {
            machines.register();
        }
        for resource in KINDS {
            for item in self.api.list(&resource.gvr(), None) {
                self.queue.ready.insert(Key::of(resource, &item));
            }
        }
        let behaviours = self.config.behaviours.clone();
        let mut seen = behaviours.watch();
        let control = self.config.control.clone();
        loop {
            self.queue.fire(self.config.clock.now());
            while let Some(change) = self.changes.try_next() {
                self.take(&change);
            }
            if let Some(key) = self.queue.ready.pop_first() {
                self.reconcile(&key);
                continue;
            }
            let deadline = self.queue.timers.first().map(|(at, _)| *at);
            let clock = self.config.clock;
            let timer = async move {
                match deadline {
                    Some(at) => {
                        clock
                            .sleep(Duration::try_from(at.duration_since(clock.now())).unwrap_or_default())
                            .await
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                change = self.changes.next() => self.take(&change),
                key = next_exit(&mut self.machines) => self.queue.ready.extend(key),
                uid = health_change(control.as_deref()) => {
                    let key = self.machines.as_ref().and_then(|machines| machines.key_of(&uid));
                    self.queue.ready.extend(key);
                }
                () = behaviours.changed(&mut seen) => self.revise(),
                () = timer => {}
            }
        }
    }

    /// Other behaviours are asked for: every pod and node is looked at again.
    fn revise(&mut self) {
        for resource in [NODES, PODS] {
            for item in self.api.list(&resource.gvr(), None) {
                self.queue.ready.insert(Key::of(resource, &item));
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.config.clock.now()
    }

    /// A change concerns the object itself, the workload that controls it, and whoever looks at such objects.
    fn take(&mut self, change: &Change) {
        let item = &change.object;
        let Some(resource) = KINDS.into_iter().find(|kind| {
            kind.plural == change.gvr.resource
                && kind.group == change.gvr.group
                && kind.version == change.gvr.version
        }) else {
            return;
        };
        let key = Key::of(resource, item);
        if resource == JOBS && !self.is_new_generation(&key, change) {
            self.batch(&key);
        } else {
            self.queue.ready.insert(key);
        }
        if let Some((kind, name, _)) = owned::controller(item)
            && let Some(owner) = KINDS.into_iter().find(|owner| owner.kind == kind)
        {
            let owner = Key {
                resource: owner,
                namespace: object::namespace(item).to_owned(),
                name: name.to_owned(),
            };
            if owner.resource == JOBS {
                self.batch(&owner);
            } else {
                self.queue.ready.insert(owner);
            }
        }
        if self.manager.is_some() {
            self.take_relations(resource, item, change.kind);
        }
        if let Some(machines) = &self.machines {
            self.queue.ready.extend(machines.concerned(resource));
        }
    }

    fn is_new_generation(&mut self, key: &Key, change: &Change) -> bool {
        if change.kind == ChangeKind::Deleted {
            self.generations.remove(key);
            return true;
        }
        let generation = object::generation(&change.object);
        self.generations.insert(key.clone(), generation) != Some(generation)
    }

    fn batch(&mut self, key: &Key) {
        let batch = SignedDuration::try_from(JOB_BATCH).unwrap_or_default();
        let at = self.now().checked_add(batch).unwrap_or(Timestamp::MAX);
        self.queue.at(key, at);
    }

    fn enqueue_all(&mut self, resource: Resource, namespace: &str) {
        let namespace = (!namespace.is_empty()).then_some(namespace);
        for item in self.api.list(&resource.gvr(), namespace) {
            self.queue.ready.insert(Key::of(resource, &item));
        }
    }

    fn take_relations(&mut self, resource: Resource, item: &Value, kind: ChangeKind) {
        let namespace = object::namespace(item);
        match resource {
            PODS => {
                self.enqueue_all(SERVICES, namespace);
                self.enqueue_all(BUDGETS, namespace);
                if owned::controller(item).is_none() {
                    for owner in [REPLICA_SETS, STATEFUL_SETS, DAEMON_SETS] {
                        self.enqueue_all(owner, namespace);
                    }
                }
                for volume in owned::list(item, "/spec/volumes") {
                    let name = owned::text(volume, "/persistentVolumeClaim/claimName");
                    if !name.is_empty() {
                        self.queue.ready.insert(Key {
                            resource: CLAIMS,
                            namespace: namespace.to_owned(),
                            name: name.to_owned(),
                        });
                    }
                }
            }
            REPLICA_SETS => {
                if owned::controller(item).is_none() {
                    self.enqueue_all(DEPLOYMENTS, namespace);
                }
                self.enqueue_all(BUDGETS, namespace);
            }
            NODES => {
                self.enqueue_all(DAEMON_SETS, "");
                if kind == ChangeKind::Deleted {
                    self.enqueue_all(PODS, "");
                }
            }
            VOLUMES | CLASSES => {
                self.enqueue_all(CLAIMS, "");
            }
            CLAIMS => self.enqueue_all(VOLUMES, ""),
            JOBS if kind == ChangeKind::Deleted => self.enqueue_all(PODS, namespace),
            SERVICES => self.queue.ready.extend(
                self.api
                    .get(&ENDPOINTS.gvr(), namespace, object::name(item))
                    .map(|found| Key::of(ENDPOINTS, &found)),
            ),
            DEPLOYMENTS => self.enqueue_all(AUTOSCALERS, namespace),
            _ => {}
        }
    }

    /// Whether an object was looked at so often in one instant that someone must be undoing what another does. Time
    /// has to pass then, so that a virtual clock does not stand still for ever.
    fn is_restless(&mut self, key: &Key) -> bool {
        let now = self.now();
        if self.looks.0 != now {
            self.looks = (now, BTreeMap::new());
        }
        let looks = self.looks.1.entry(key.clone()).or_default();
        *looks += 1;
        *looks > LOOKS_PER_INSTANT
    }

    fn reconcile(&mut self, key: &Key) {
        if self.is_restless(key) {
            let now = self.now();
            return self.queue.again(key, Again::After(REST), now);
        }
        let Some(item) = self.api.get(&key.resource.gvr(), &key.namespace, &key.name) else {
            self.queue.forget(key);
            if let Some(manager) = &mut self.manager {
                manager.forget(key);
            }
            if let Some(machines) = &mut self.machines {
                machines.forget(key);
            }
            return;
        };
        let mut again = Again::Never;
        if let Some(manager) = &mut self.manager {
            again = manager.reconcile(key.resource, &item);
        }
        if let Some(machines) = &mut self.machines {
            let other = machines.reconcile(key, &item);
            again = match other {
                Again::After(wait) => again.sooner(wait),
                Again::Never => again,
                Again::Backoff => other,
            };
        }
        let now = self.now();
        self.queue.again(key, again, now);
    }
}

/// The pod whose real process ended; waits for ever without nodes.
async fn next_exit(machines: &mut Option<Machines>) -> Option<Key> {
    match machines {
        Some(machines) => machines.next_exit().await,
        None => std::future::pending().await,
    }
}

async fn health_change(control: Option<&dyn Control>) -> String {
    match control {
        Some(control) => control.next_change().await,
        None => std::future::pending().await,
    }
}
