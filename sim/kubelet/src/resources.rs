//! The kinds of objects that controllers and nodes deal with.

use apiserver::Gvr;

/// A kind of object as the controllers address it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Resource {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) kind: &'static str,
}

const fn resource(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
) -> Resource {
    Resource {
        group,
        version,
        plural,
        kind,
    }
}

pub(crate) const DEPLOYMENTS: Resource = resource("apps", "v1", "deployments", "Deployment");
pub(crate) const REPLICA_SETS: Resource = resource("apps", "v1", "replicasets", "ReplicaSet");
pub(crate) const STATEFUL_SETS: Resource = resource("apps", "v1", "statefulsets", "StatefulSet");
pub(crate) const DAEMON_SETS: Resource = resource("apps", "v1", "daemonsets", "DaemonSet");
pub(crate) const REVISIONS: Resource = resource("apps", "v1", "controllerrevisions", "ControllerRevision");
pub(crate) const JOBS: Resource = resource("batch", "v1", "jobs", "Job");
pub(crate) const CRON_JOBS: Resource = resource("batch", "v1", "cronjobs", "CronJob");
pub(crate) const PODS: Resource = resource("", "v1", "pods", "Pod");
pub(crate) const NODES: Resource = resource("", "v1", "nodes", "Node");
pub(crate) const SERVICES: Resource = resource("", "v1", "services", "Service");
pub(crate) const ENDPOINTS: Resource = resource("", "v1", "endpoints", "Endpoints");
pub(crate) const SLICES: Resource = resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice");
pub(crate) const CLAIMS: Resource = resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim");
pub(crate) const VOLUMES: Resource = resource("", "v1", "persistentvolumes", "PersistentVolume");
pub(crate) const CLASSES: Resource = resource("storage.k8s.io", "v1", "storageclasses", "StorageClass");
pub(crate) const BUDGETS: Resource = resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget");
pub(crate) const AUTOSCALERS: Resource = resource(
    "autoscaling",
    "v2",
    "horizontalpodautoscalers",
    "HorizontalPodAutoscaler",
);
pub(crate) const INGRESSES: Resource = resource("networking.k8s.io", "v1", "ingresses", "Ingress");
pub(crate) const EVENTS: Resource = resource("", "v1", "events", "Event");

impl Resource {
    pub(crate) fn api_version(self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    pub(crate) fn gvr(self) -> Gvr {
        Gvr {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            resource: self.plural.to_owned(),
        }
    }

    /// The path of a collection, or of what `rest` names in it.
    pub(crate) fn path(self, namespace: &str, rest: &str) -> String {
        let root = if self.group.is_empty() {
            "/api".to_owned()
        } else {
            format!("/apis/{}", self.group)
        };
        let scope = if namespace.is_empty() {
            String::new()
        } else {
            format!("/namespaces/{namespace}")
        };
        format!("{root}/{}{scope}/{}{rest}", self.version, self.plural)
    }
}
