//! The scheduler and the nodes: pods are placed, live, and vanish.

mod outage;
mod scheduler;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use apiserver::{ApiServer, User};
use jiff::Timestamp;
use manifest::object;
use serde_json::Value;

use crate::{
    Config,
    actor::{Actor, Identity},
    behaviours::{Behaviour, Subject},
    driver::{Again, Key},
    launch,
    life::{Delays, Effect, Local},
    limits, node, owned,
    process::Processes,
    recorder::Recorder,
    report,
    resources::{CLASSES, CRON_JOBS, DEPLOYMENTS, JOBS, NODES, PODS, REPLICA_SETS, Resource},
    volumes,
};

/// A pod that a node runs.
struct Running {
    key: Key,
    node: String,
    local: Local,
    /// The machine went off under it.
    off: bool,
}

pub(crate) struct Machines {
    api: ApiServer,
    config: Config,
    scheduler: Actor,
    /// Those that watch over the nodes.
    lifecycle: Actor,
    provisioner: Actor,
    kubelets: BTreeMap<String, (Actor, String)>,
    pods: BTreeMap<String, Running>,
    processes: Processes,
    addresses: u32,
    /// When silent nodes fell silent.
    silent: BTreeMap<String, Timestamp>,
}

impl Machines {
    pub(crate) fn new(api: &ApiServer, config: &Config, recorder: &Arc<Recorder>) -> Self {
        let act = |identity| Actor::new(api, config.clock, recorder, identity);
        let admin = Identity {
            user: User::admin(),
            agent: "local-path-provisioner",
            component: "local-path-provisioner",
        };
        let mut kubelets = BTreeMap::new();
        for (at, spec) in config.nodes.iter().take(limits::NODES).enumerate() {
            let user = format!("system:node:{}", spec.name);
            let identity = Identity::named(&user, Some("system:nodes"), "kubelet", "kubelet");
            kubelets.insert(spec.name.clone(), (act(identity), node::address(at)));
        }
        Self {
            api: api.clone(),
            config: config.clone(),
            scheduler: act(Identity::named(
                "system:kube-scheduler",
                None,
                "kube-scheduler",
                "default-scheduler",
            )),
            lifecycle: act(Identity::controller("node-controller", "node-controller")),
            provisioner: act(admin),
            kubelets,
            pods: BTreeMap::new(),
            processes: Processes::default(),
            addresses: 0,
            silent: BTreeMap::new(),
        }
    }

    /// Has the nodes register. One that registered before stays as it is.
    pub(crate) fn register(&mut self) {
        for spec in &self.config.nodes {
            if let Some((kubelet, address)) = self.kubelets.get(&spec.name) {
                let _ = kubelet.create(
                    NODES,
                    "",
                    &node::object(spec, address, &kubelet.api.version(), &kubelet.now()),
                );
            }
        }
        if self.config.default_storage {
            let _ = self.provisioner.create(CLASSES, "", &volumes::default_class());
        }
    }

    /// What a change of an object of this kind concerns beside the object: pods that wait for a node.
    pub(crate) fn concerned(&self, resource: Resource) -> Vec<Key> {
        if resource != NODES {
            return Vec::new();
        }
        let pods = self.api.list(&PODS.gvr(), None);
        let waits = |pod: &&Arc<Value>| owned::text(pod, "/spec/nodeName").is_empty();
        pods.iter().filter(waits).map(|pod| Key::of(PODS, pod)).collect()
    }

    pub(crate) fn reconcile(&mut self, key: &Key, item: &Arc<Value>) -> Again {
        match key.resource {
            PODS => self.reconcile_pod(key, item),
            NODES => self.reconcile_node(item),
            _ => Again::Never,
        }
    }

    /// An object vanished from the API server without the node's doing.
    pub(crate) fn forget(&mut self, key: &Key) {
        if key.resource == PODS {
            let gone = self.incarnations(key, None);
            gone.iter().for_each(|uid| self.kill(uid));
        }
    }

    /// The pods known under a name, but for one.
    fn incarnations(&self, key: &Key, but: Option<&str>) -> Vec<String> {
        self.pods
            .iter()
            .filter(|(uid, running)| running.key == *key && Some(uid.as_str()) != but)
            .map(|(uid, _)| uid.clone())
            .collect()
    }

    fn kill(&mut self, uid: &str) {
        self.pods.remove(uid);
        self.processes.kill(uid);
    }

    /// The next pod whose real process ends by itself.
    pub(crate) async fn next_exit(&mut self) -> Option<Key> {
        let (uid, code) = self.processes.next_exit().await;
        let now = self.config.clock.now();
        let running = self.pods.get_mut(&uid)?;
        let key = running.key.clone();
        let item = self.api.get(&PODS.gvr(), &key.namespace, &key.name)?;
        let effects = running.local.exited(code, now, report::policy(&item));
        if let Some((kubelet, _)) = self.kubelets.get(&running.node) {
            effects
                .iter()
                .for_each(|effect| report::tell(kubelet, &item, *effect));
        }
        Some(key)
    }

    fn reconcile_pod(&mut self, key: &Key, item: &Arc<Value>) -> Again {
        let uid = object::uid(item).to_owned();
        let stale = self.incarnations(key, Some(&uid));
        stale.iter().for_each(|other| self.kill(other));
        let node = owned::text(item, "/spec/nodeName").to_owned();
        if self.config.behaviours.is_lost(&node) {
            if let Some(running) = self.pods.get_mut(&uid) {
                running.off = true;
                self.processes.kill(&uid);
            }
            return self.outlive(item, &node);
        }
        if owned::is_deleting(item) {
            if self.ends_gracefully(item, &uid) {
                return Again::Never;
            }
            self.kill(&uid);
            self.kubelet(&node).delete(PODS, item, Some(0));
            return Again::Never;
        }
        if owned::is_over(item) {
            return Again::Never;
        }
        if node.is_empty() {
            return self.schedule(item);
        }
        // A pod of a node that is nobody's stays as it is.
        if self.kubelets.contains_key(&node) {
            self.live(key, item, &uid, &node)
        } else {
            Again::Never
        }
    }

    /// Whether a process of the pod is on its way out. Its end brings the pod back.
    fn ends_gracefully(&self, item: &Value, uid: &str) -> bool {
        let Some(control) = &self.config.control else {
            return false;
        };
        let seconds = owned::number(item, "/metadata/deletionGracePeriodSeconds").unwrap_or_default();
        control.stop(uid, Duration::from_secs(seconds as u64))
    }

    /// Where the pod with this uid stands.
    pub(crate) fn key_of(&self, uid: &str) -> Option<Key> {
        self.pods.get(uid).map(|running| running.key.clone())
    }

    /// The kubelet of a node; for a pod without one, anybody's.
    fn kubelet(&self, node: &str) -> &Actor {
        let first = || self.kubelets.values().next();
        let found = self.kubelets.get(node).or_else(first);
        found.map_or(&self.scheduler, |(kubelet, _)| kubelet)
    }

    /// Takes a pod on its node one step further.
    fn live(&mut self, key: &Key, item: &Arc<Value>, uid: &str, node: &str) -> Again {
        let now = self.config.clock.now();
        let behaviour = self.behaviour(item);
        if !self.pods.contains_key(uid) {
            self.addresses += 1;
            let [a, b] = self.config.pod_network;
            let ip = format!("{a}.{b}.{}.{}", self.addresses / 250, self.addresses % 250 + 2);
            let running = Running {
                key: key.clone(),
                node: node.to_owned(),
                local: Local::new(ip, now),
                off: false,
            };
            self.pods.insert(uid.to_owned(), running);
        }
        let delays = Delays {
            ready_after: self.config.ready_after,
            completes_after: self.config.completes_after,
        };
        let Some(running) = self.pods.get_mut(uid) else {
            return Again::Never;
        };
        let control = self.config.control.as_ref();
        running.local.health = control.and_then(|control| control.health(uid));
        let mut effects = Vec::new();
        if std::mem::take(&mut running.off) {
            effects = running.local.interrupted(now);
        }
        let (more, wait) = running
            .local
            .advance(now, behaviour, report::policy(item), delays);
        effects.extend(more);
        let ip = running.local.ip.clone();
        for effect in effects {
            match effect {
                Effect::Start => self.launch(item, &ip, uid, node),
                Effect::Kill => self.processes.kill(uid),
                _ => {}
            }
            report::tell(self.kubelet(node), item, effect);
        }
        if let (Some(running), Some((kubelet, host))) = (self.pods.get(uid), self.kubelets.get(node)) {
            report::write(kubelet, item, &running.local, host);
        }
        wait.map_or(Again::Never, Again::After)
    }

    fn launch(&mut self, item: &Value, ip: &str, uid: &str, node: &str) {
        let host = address(&self.kubelets, node);
        if let Some(launcher) = &self.config.launcher
            && let Some(process) = launch::start_of(item, ip, &host).and_then(|start| launcher(&start))
        {
            self.processes.start(uid, process);
            if let Some(running) = self.pods.get_mut(uid) {
                running.local.real = true;
            }
        }
    }

    /// What the scenario wants of a pod.
    fn behaviour(&self, pod: &Value) -> Option<Behaviour> {
        let labels = object::labels(pod)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
            .collect();
        let subject = Subject {
            namespace: object::namespace(pod),
            name: object::name(pod),
            labels,
            owners: self.owners(pod),
            images: owned::list(pod, "/spec/containers")
                .iter()
                .map(|container| owned::text(container, "/image"))
                .collect(),
        };
        self.config.behaviours.of(&subject)
    }

    /// Kinds and names of the workloads above a pod.
    fn owners(&self, pod: &Value) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let Some((kind, name, _)) = owned::controller(pod) else {
            return all;
        };
        all.push((kind.to_owned(), name.to_owned()));
        let (resource, above) = match kind {
            "ReplicaSet" => (REPLICA_SETS, DEPLOYMENTS),
            "Job" => (JOBS, CRON_JOBS),
            _ => return all,
        };
        if let Some(owner) = self.api.get(&resource.gvr(), object::namespace(pod), name)
            && let Some((_, name, _)) = owned::controller(&owner)
        {
            all.push((above.kind.to_owned(), name.to_owned()));
        }
        all
    }
}

fn address(kubelets: &BTreeMap<String, (Actor, String)>, node: &str) -> String {
    kubelets
        .get(node)
        .map(|(_, address)| address.clone())
        .unwrap_or_default()
}
