//! The order in which kinds are installed and uninstalled.

/// Kinds in the order of their installation; others follow, by name.
pub const INSTALL: [&str; 38] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// Kinds in the order of their removal; others follow, by name.
pub const UNINSTALL: [&str; 38] = [
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "APIService",
    "Ingress",
    "IngressClass",
    "Service",
    "CronJob",
    "Job",
    "StatefulSet",
    "HorizontalPodAutoscaler",
    "Deployment",
    "ReplicaSet",
    "ReplicationController",
    "Pod",
    "DaemonSet",
    "RoleBindingList",
    "RoleBinding",
    "RoleList",
    "Role",
    "ClusterRoleBindingList",
    "ClusterRoleBinding",
    "ClusterRoleList",
    "ClusterRole",
    "CustomResourceDefinition",
    "PersistentVolumeClaim",
    "PersistentVolume",
    "StorageClass",
    "ConfigMap",
    "SecretList",
    "Secret",
    "ServiceAccount",
    "PodDisruptionBudget",
    "PodSecurityPolicy",
    "LimitRange",
    "ResourceQuota",
    "NetworkPolicy",
    "Namespace",
    "PriorityClass",
];

/// Sorts by kind; what is of one kind keeps its order.
pub fn sort_by_kind<T>(items: &mut [T], order: &[&str], kind: impl Fn(&T) -> &str) {
    let rank = |name: &str| {
        order
            .iter()
            .position(|other| *other == name)
            .unwrap_or(order.len())
    };
    items.sort_by(|a, b| {
        let (a, b) = (kind(a), kind(b));
        let (first, second) = (rank(a), rank(b));
        let unknown = first == order.len() && second == order.len();
        first.cmp(&second).then_with(|| {
            if unknown {
                a.cmp(b)
            } else {
                std::cmp::Ordering::Equal
            }
        })
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_kinds_come_first_and_equal_ones_stay() {
        let mut items = [
            "Zeta 1",
            "Service 2",
            "Alpha 3",
            "Namespace 4",
            "Service 5",
            "Alpha 6",
        ];
        sort_by_kind(&mut items, &INSTALL, |it| {
            it.split(' ').next().unwrap_or_default()
        });
        assert_eq!(
            items,
            [
                "Namespace 4",
                "Service 2",
                "Service 5",
                "Alpha 3",
                "Alpha 6",
                "Zeta 1"
            ]
        );
    }
}
