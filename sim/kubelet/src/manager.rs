//! kube-controller-manager: which controller looks at which kind, and under which name it acts.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use apiserver::{ApiServer, User};
use jiff::Timestamp;
use manifest::object;
use serde_json::{Value, json};

use crate::{
    Config,
    actor::{Actor, Identity},
    autoscaler, budget, cronjob, daemonset, deployment,
    driver::{Again, Key},
    endpoints::{self, Triggers},
    job, owned, podgc,
    recorder::Recorder,
    replicaset,
    resources::{
        AUTOSCALERS, BUDGETS, CLAIMS, CRON_JOBS, DAEMON_SETS, DEPLOYMENTS, ENDPOINTS, INGRESSES, JOBS, NODES,
        PODS, REPLICA_SETS, Resource, SERVICES, STATEFUL_SETS, VOLUMES,
    },
    service, statefulset, volumes,
};

/// The controllers' hands.
pub(crate) struct Manager {
    deployments: Actor,
    replica_sets: Actor,
    stateful_sets: Actor,
    daemon_sets: Actor,
    jobs: Actor,
    expiry: Actor,
    cron_jobs: Actor,
    pods: Actor,
    nodes: Actor,
    services: Actor,
    endpoints: Actor,
    slices: Actor,
    mirrors: Actor,
    budgets: Actor,
    autoscalers: Actor,
    ingresses: Actor,
    storage: volumes::Hands,
    triggers: Triggers,
    /// Nodes seen first at these times, by uid.
    new_nodes: BTreeMap<String, Timestamp>,
    /// Whether the outside world gives addresses: there is a cloud beside the nodes.
    cloud: bool,
}

impl Manager {
    pub(crate) fn new(api: &ApiServer, config: &Config, recorder: &Arc<Recorder>) -> Self {
        let act = |account: &str, component| {
            Actor::new(
                api,
                config.clock,
                recorder,
                Identity::controller(account, component),
            )
        };
        let same = |name: &'static str| act(name, name);
        // What publishes addresses of Ingresses is no part of Kubernetes.
        let outside = Identity {
            user: User::admin(),
            agent: "ingress-controller",
            component: "ingress-controller",
        };
        Self {
            deployments: same("deployment-controller"),
            replica_sets: same("replicaset-controller"),
            stateful_sets: same("statefulset-controller"),
            daemon_sets: act("daemon-set-controller", "daemonset-controller"),
            jobs: same("job-controller"),
            expiry: same("ttl-after-finished-controller"),
            cron_jobs: same("cronjob-controller"),
            pods: same("pod-garbage-collector"),
            nodes: act("ttl-controller", "ttl-controller"),
            services: same("service-controller"),
            endpoints: same("endpoint-controller"),
            slices: act("endpointslice-controller", "endpoint-slice-controller"),
            mirrors: act(
                "endpointslicemirroring-controller",
                "endpoint-slice-mirroring-controller",
            ),
            budgets: act("disruption-controller", "controllermanager"),
            autoscalers: same("horizontal-pod-autoscaler"),
            ingresses: Actor::new(api, config.clock, recorder, outside),
            storage: volumes::Hands {
                binder: act("persistent-volume-binder", "persistentvolume-controller"),
                claim_keeper: same("pvc-protection-controller"),
                volume_keeper: same("pv-protection-controller"),
            },
            triggers: Triggers::default(),
            new_nodes: BTreeMap::new(),
            cloud: config.cloud,
        }
    }

    /// Has everyone look at an object whom it concerns.
    pub(crate) fn reconcile(&mut self, resource: Resource, item: &Arc<Value>) -> Again {
        match resource {
            DEPLOYMENTS => deployment::reconcile(&self.deployments, item),
            REPLICA_SETS => replicaset::reconcile(&self.replica_sets, item),
            STATEFUL_SETS => statefulset::reconcile(&self.stateful_sets, item),
            DAEMON_SETS => daemonset::reconcile(&self.daemon_sets, item),
            JOBS => job::reconcile(&self.jobs, &self.expiry, item),
            CRON_JOBS => cronjob::reconcile(&self.cron_jobs, item),
            AUTOSCALERS => autoscaler::reconcile(&self.autoscalers, item),
            NODES => self.note_lifetime(item),
            _ => {
                self.look(resource, item);
                Again::Never
            }
        }
    }

    /// An object is gone: so is what was made beside it without being owned by it.
    pub(crate) fn forget(&mut self, key: &Key) {
        if key.resource == SERVICES
            && let Some(left) = self.endpoints.find(ENDPOINTS, &key.namespace, &key.name)
            && endpoints::is_managed(&left)
        {
            self.endpoints.delete(ENDPOINTS, &left, None);
        }
    }

    fn look(&mut self, resource: Resource, item: &Arc<Value>) {
        match resource {
            PODS => {
                podgc::release(&self.jobs, item);
                podgc::reconcile(&self.pods, item);
            }
            SERVICES => {
                if owned::is_deleting(item) {
                    self.triggers.forget(object::uid(item));
                }
                endpoints::reconcile(&self.slices, &mut self.triggers, item);
                endpoints::reconcile_legacy(&self.endpoints, item);
                if self.cloud {
                    service::balance(&self.services, item);
                }
            }
            ENDPOINTS => endpoints::reconcile_mirror(&self.mirrors, item),
            INGRESSES if self.cloud => service::publish(&self.ingresses, item),
            CLAIMS => self.storage.claim(item),
            VOLUMES => self.storage.volume(item),
            BUDGETS => budget::reconcile(&self.budgets, item),
            _ => {}
        }
    }

    /// Notes for how long a kubelet may remember what it was told: in a small cluster not at all. The first look at a
    /// node waits a moment, as the genuine one comes after its client's next writes.
    fn note_lifetime(&mut self, node: &Value) -> Again {
        const LIFETIME: &str = "node.alpha.kubernetes.io/ttl";
        const MOMENT: Duration = Duration::from_millis(100);
        if object::annotation(node, LIFETIME).is_some() {
            self.new_nodes.remove(object::uid(node));
            return Again::Never;
        }
        let now = self.nodes.clock.now();
        let first = *self.new_nodes.entry(object::uid(node).to_owned()).or_insert(now);
        let left = MOMENT.saturating_sub(self.nodes.clock.since(first));
        if !left.is_zero() {
            return Again::After(left);
        }
        let patch = json!({"metadata": {"annotations": {LIFETIME: "0"}}});
        let _ = self.nodes.patch(NODES, node, &patch);
        Again::Never
    }
}
