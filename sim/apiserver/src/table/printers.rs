//! Which kind is printed by which cell function.

use serde_json::Value;

use super::{batch, cluster, config, look::Look, network, pods, policy, storage, workloads};

/// Makes the cells of a row.
pub(super) type Cells = fn(&Look<'_>) -> Vec<Value>;

const ADMISSION: &str = "admissionregistration.k8s.io";
const FLOW: &str = "flowcontrol.apiserver.k8s.io";
const NETWORK: &str = "networking.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const RESOURCE: &str = "resource.k8s.io";
const STORAGE: &str = "storage.k8s.io";

static PRINTERS: &[(&str, &str, Cells)] = &[
    ("", "ComponentStatus", cluster::component_status),
    ("", "ConfigMap", config::config_map),
    ("", "Endpoints", network::endpoints),
    ("", "Event", config::event),
    ("", "Namespace", cluster::namespace),
    ("", "Node", cluster::node),
    ("", "PersistentVolume", storage::volume),
    ("", "PersistentVolumeClaim", storage::claim),
    ("", "Pod", pods::pod),
    ("", "PodTemplate", workloads::pod_template),
    ("", "ReplicationController", workloads::replication_controller),
    ("", "ResourceQuota", config::resource_quota),
    ("", "Secret", config::secret),
    ("", "Service", network::service),
    ("", "ServiceAccount", config::named),
    (ADMISSION, "MutatingAdmissionPolicy", policy::mutating_policy),
    (
        ADMISSION,
        "MutatingAdmissionPolicyBinding",
        policy::policy_binding,
    ),
    (ADMISSION, "MutatingWebhookConfiguration", policy::webhooks),
    (ADMISSION, "ValidatingAdmissionPolicy", policy::validating_policy),
    (
        ADMISSION,
        "ValidatingAdmissionPolicyBinding",
        policy::policy_binding,
    ),
    (ADMISSION, "ValidatingWebhookConfiguration", policy::webhooks),
    ("apps", "ControllerRevision", workloads::controller_revision),
    ("apps", "DaemonSet", workloads::daemon_set),
    ("apps", "Deployment", workloads::deployment),
    ("apps", "ReplicaSet", workloads::replica_set),
    ("apps", "StatefulSet", workloads::stateful_set),
    ("autoscaling", "HorizontalPodAutoscaler", workloads::autoscaler),
    ("batch", "CronJob", batch::cron_job),
    ("batch", "Job", batch::job),
    (
        "certificates.k8s.io",
        "CertificateSigningRequest",
        cluster::signing_request,
    ),
    ("coordination.k8s.io", "Lease", config::lease),
    ("discovery.k8s.io", "EndpointSlice", network::endpoint_slice),
    (FLOW, "FlowSchema", policy::flow_schema),
    (FLOW, "PriorityLevelConfiguration", policy::priority_level),
    (NETWORK, "Ingress", network::ingress),
    (NETWORK, "IngressClass", network::ingress_class),
    (NETWORK, "IPAddress", network::address),
    (NETWORK, "NetworkPolicy", network::policy),
    (NETWORK, "ServiceCIDR", network::service_range),
    ("node.k8s.io", "RuntimeClass", cluster::runtime_class),
    ("policy", "PodDisruptionBudget", workloads::disruption_budget),
    (RBAC, "ClusterRoleBinding", policy::role_binding),
    (RBAC, "RoleBinding", policy::role_binding),
    (RESOURCE, "DeviceClass", config::named),
    (RESOURCE, "ResourceClaim", cluster::resource_claim),
    (RESOURCE, "ResourceClaimTemplate", config::named),
    (RESOURCE, "ResourceSlice", cluster::resource_slice),
    ("scheduling.k8s.io", "PriorityClass", cluster::priority_class),
    (STORAGE, "CSIDriver", storage::driver),
    (STORAGE, "CSINode", storage::node),
    (STORAGE, "CSIStorageCapacity", storage::capacity),
    (STORAGE, "StorageClass", storage::class),
    (STORAGE, "VolumeAttachment", storage::attachment),
    (STORAGE, "VolumeAttributesClass", storage::attributes_class),
];

/// The cell function of a kind, by the group it is stored in.
pub(super) fn of(group: &str, kind: &str) -> Option<Cells> {
    PRINTERS
        .iter()
        .find(|(own_group, own_kind, _)| *own_group == group && *own_kind == kind)
        .map(|(_, _, cells)| *cells)
}
