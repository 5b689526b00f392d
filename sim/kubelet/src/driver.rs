//! The loop: changes and timers come in, each touched object is brought one step further.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use apiserver::{ApiServer, Change, Changes, User};
use jiff::{SignedDuration, Timestamp};
use manifest::object;
use serde_json::Value;

use crate::{
    Config, Control,
    actor::{Actor, DEPLOYMENTS, JOBS, NODES, PODS, REPLICA_SETS, Resource, SERVICES, STATEFUL_SETS},
    deployment, job, node, owned,
    pod::{self, Delays, Hands, Local},
    process::{self, Exit, Processes},
    replicaset, service, statefulset,
};

/// When an object wants to be looked at again, if nothing changes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    Never,
    After(Duration),
    /// After a failure: one second, doubled with each failure in a row.
    Backoff,
}

const KINDS: [Resource; 6] = [DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, JOBS, PODS, SERVICES];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    resource: Resource,
    namespace: String,
    name: String,
}

pub(crate) struct Driver {
    api: ApiServer,
    config: Config,
    changes: Changes,
    queue: BTreeSet<Key>,
    timers: BTreeSet<(Timestamp, Key)>,
    failures: BTreeMap<Key, u32>,
    actors: BTreeMap<Resource, Actor>,
    hands: Hands,
    pods: BTreeMap<String, (Key, Local)>,
    processes: Processes,
    addresses: u32,
}

impl Driver {
    pub(crate) fn new(api: ApiServer, config: Config) -> Self {
        let clock = config.clock;
        let actors = [
            (DEPLOYMENTS, "deployment-controller"),
            (REPLICA_SETS, "replicaset-controller"),
            (STATEFUL_SETS, "statefulset-controller"),
            (JOBS, "job-controller"),
            (SERVICES, "service-controller"),
        ]
        .into_iter()
        .map(|(resource, name)| (resource, Actor::controller(&api, clock, name)))
        .collect();
        let user = |name: &str, group: Option<&str>| {
            let groups = group
                .into_iter()
                .chain(["system:authenticated"])
                .map(str::to_owned)
                .collect();
            User {
                name: name.to_owned(),
                groups,
                ..User::default()
            }
        };
        let scheduler = Actor::named(
            &api,
            clock,
            user("system:kube-scheduler", None),
            "default-scheduler",
        );
        let node_user = user(&format!("system:node:{}", node::NAME), Some("system:nodes"));
        let kubelet = Actor::named(&api, clock, node_user, "kubelet");
        Self {
            changes: api.changes(),
            api,
            config,
            queue: BTreeSet::new(),
            timers: BTreeSet::new(),
            failures: BTreeMap::new(),
            actors,
            hands: Hands { scheduler, kubelet },
            pods: BTreeMap::new(),
            processes: Processes::default(),
            addresses: 0,
        }
    }

    pub(crate) async fn run(mut self) {
        // A node that registered before stays as it is.
        let _ = self
            .hands
            .kubelet
            .create(NODES, "", &node::object(&self.hands.kubelet.now()));
        for resource in KINDS {
            for item in self.api.list(&resource.gvr(), None) {
                self.enqueue(resource, object::namespace(&item), object::name(&item));
            }
        }
        loop {
            self.fire_timers();
            while let Some(change) = self.changes.try_next() {
                self.take(&change);
            }
            if let Some(key) = self.queue.pop_first() {
                self.reconcile(&key);
                continue;
            }
            let deadline = self.timers.first().map(|(at, _)| *at);
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
                (uid, code) = self.processes.next_exit() => self.exited(&uid, code),
                uid = health_change(self.config.control.as_deref()) => self.enqueue_pod(&uid),
                () = timer => {}
            }
        }
    }

    fn enqueue(&mut self, resource: Resource, namespace: &str, name: &str) {
        self.queue.insert(Key {
            resource,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        });
    }

    fn fire_timers(&mut self) {
        let now = self.config.clock.now();
        while let Some((at, _)) = self.timers.first() {
            if *at > now {
                break;
            }
            if let Some((_, key)) = self.timers.pop_first() {
                self.queue.insert(key);
            }
        }
    }

    /// A change concerns the object itself and the workload that controls it.
    fn take(&mut self, change: &Change) {
        let item = &change.object;
        let Some(resource) = KINDS.into_iter().find(|kind| {
            kind.plural == change.gvr.resource
                && kind.group == change.gvr.group
                && kind.version == change.gvr.version
        }) else {
            return;
        };
        self.enqueue(resource, object::namespace(item), object::name(item));
        if let Some((kind, name, _)) = owned::controller(item)
            && let Some(owner) = KINDS.into_iter().find(|owner| owner.kind == kind)
        {
            self.enqueue(owner, object::namespace(item), name);
        }
    }

    fn reconcile(&mut self, key: &Key) {
        let found = self.api.get(&key.resource.gvr(), &key.namespace, &key.name);
        let again = match (found, self.actors.get(&key.resource)) {
            (None, _) => {
                self.forget(key);
                Again::Never
            }
            (Some(item), Some(actor)) => match key.resource {
                DEPLOYMENTS => deployment::reconcile(actor, &item),
                REPLICA_SETS => replicaset::reconcile(actor, &item),
                STATEFUL_SETS => statefulset::reconcile(actor, &item),
                JOBS => job::reconcile(actor, &item),
                _ => service::reconcile(actor, &item),
            },
            (Some(item), None) => self.reconcile_pod(key, &item),
        };
        self.later(key, again);
    }

    fn later(&mut self, key: &Key, again: Again) {
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
                *failures += 1;
                Duration::from_secs(1 << (*failures - 1).min(9))
            }
        };
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        let at = self
            .config
            .clock
            .now()
            .checked_add(wait)
            .unwrap_or(Timestamp::MAX);
        self.timers.retain(|(_, other)| other != key);
        self.timers.insert((at, key.clone()));
    }

    /// A pod vanished from the API server without the node's doing.
    fn forget(&mut self, key: &Key) {
        if key.resource == PODS {
            let gone: Vec<String> = self
                .pods
                .iter()
                .filter(|(_, (owner, _))| owner == key)
                .map(|(uid, _)| uid.clone())
                .collect();
            for uid in gone {
                self.kill(&uid);
            }
        }
        self.timers.retain(|(_, other)| other != key);
    }

    fn kill(&mut self, uid: &str) {
        self.pods.remove(uid);
        self.processes.kill(uid);
    }

    fn reconcile_pod(&mut self, key: &Key, item: &Arc<Value>) -> Again {
        let uid = object::uid(item).to_owned();
        let stale: Vec<String> = self
            .pods
            .iter()
            .filter(|(other, (owner, _))| owner == key && **other != uid)
            .map(|(other, _)| other.clone())
            .collect();
        for other in stale {
            self.kill(&other);
        }
        if !object::deletion_timestamp(item).is_empty() {
            if self.ends_gracefully(item, &uid) {
                return Again::Never;
            }
            self.kill(&uid);
            self.hands.kubelet.delete(PODS, item, Some(0));
            return Again::Never;
        }
        if pod::is_over(item) {
            return Again::Never;
        }
        if !pod::is_bound(item) {
            return pod::schedule(&self.hands, item);
        }
        if !self.pods.contains_key(&uid) {
            self.start(key, item, &uid);
        }
        self.restart_if_due(item, &uid);
        let Some((_, local)) = self.pods.get_mut(&uid) else {
            return Again::Never;
        };
        local.health = self
            .config
            .control
            .as_ref()
            .and_then(|control| control.health(&uid));
        let delays = Delays {
            ready_after: self.config.ready_after,
            completes_after: self.config.completes_after,
        };
        let waits = local
            .exit
            .as_ref()
            .filter(|_| local.running_since.is_none() && pod::restarts_always(item));
        let restart_in = waits.map(|exit| {
            let due = Duration::from_secs(process::backoff_seconds(local.restarts));
            due.saturating_sub(self.config.clock.since(exit.at))
        });
        let again = pod::advance(&self.hands, delays, item, local);
        restart_in.map_or(again, Again::After)
    }

    /// Whether a process of the pod is on its way out. Its end brings the pod back.
    fn ends_gracefully(&self, item: &Value, uid: &str) -> bool {
        let Some(control) = &self.config.control else {
            return false;
        };
        let seconds = item
            .pointer("/metadata/deletionGracePeriodSeconds")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        control.stop(uid, Duration::from_secs(seconds))
    }

    fn enqueue_pod(&mut self, uid: &str) {
        if let Some((key, _)) = self.pods.get(uid) {
            self.queue.insert(key.clone());
        }
    }

    fn start(&mut self, key: &Key, item: &Value, uid: &str) {
        self.addresses += 1;
        let [a, b] = self.config.pod_network;
        let ip = format!("{a}.{b}.{}.{}", self.addresses / 250, self.addresses % 250 + 2);
        let real = self.launch(item, &ip, uid);
        let now = self.config.clock.now();
        let local = Local {
            ip,
            running_since: Some(now),
            restarts: 0,
            exit: None,
            real,
            health: None,
        };
        self.pods.insert(uid.to_owned(), (key.clone(), local));
    }

    fn launch(&mut self, item: &Value, ip: &str, uid: &str) -> bool {
        let Some(launcher) = &self.config.launcher else {
            return false;
        };
        let Some(process) = pod::start_of(item, ip).and_then(|start| launcher(&start)) else {
            return false;
        };
        self.processes.start(uid, process);
        true
    }

    fn exited(&mut self, uid: &str, code: i32) {
        let at = self.config.clock.now();
        let Some((key, local)) = self.pods.get_mut(uid) else {
            return;
        };
        local.running_since = None;
        local.exit = Some(Exit { code, at });
        self.queue.insert(key.clone());
    }

    fn restart_if_due(&mut self, item: &Value, uid: &str) {
        let now = self.config.clock.now();
        let Some((_, local)) = self.pods.get(uid) else {
            return;
        };
        let Some(exit) = local.exit.as_ref().filter(|_| local.running_since.is_none()) else {
            return;
        };
        let due = Duration::from_secs(process::backoff_seconds(local.restarts));
        if !pod::restarts_always(item) || self.config.clock.since(exit.at) < due {
            return;
        }
        let ip = local.ip.clone();
        if self.launch(item, &ip, uid)
            && let Some((_, local)) = self.pods.get_mut(uid)
        {
            local.running_since = Some(now);
            local.restarts += 1;
        }
    }
}

async fn health_change(control: Option<&dyn Control>) -> String {
    match control {
        Some(control) => control.next_change().await,
        None => std::future::pending().await,
    }
}
