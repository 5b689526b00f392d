//! The kinds of the core group.

use super::{CREATE, SCALE, STATUS, cluster, namespaced, sub};
use crate::kinds::{Generation, Kind};

pub(super) const KINDS: &[Kind] = &[
    namespaced("", "v1", "Binding", "bindings", "binding").verbs(CREATE),
    cluster(
        "",
        "v1",
        "ComponentStatus",
        "componentstatuses",
        "componentstatus",
    )
    .verbs(&["get", "list"])
    .short(&["cs"]),
    namespaced("", "v1", "ConfigMap", "configmaps", "configmap").short(&["cm"]),
    namespaced("", "v1", "Endpoints", "endpoints", "endpoints")
        .short(&["ep"])
        .create_on_update(),
    namespaced("", "v1", "Event", "events", "event")
        .short(&["ev"])
        .create_on_update(),
    namespaced("", "v1", "LimitRange", "limitranges", "limitrange")
        .short(&["limits"])
        .create_on_update(),
    cluster("", "v1", "Namespace", "namespaces", "namespace")
        .verbs(&["create", "delete", "get", "list", "patch", "update", "watch"])
        .short(&["ns"])
        .sub(&[sub("finalize", "", "", "", &["update"]), STATUS]),
    cluster("", "v1", "Node", "nodes", "node").short(&["no"]).sub(&[
        sub(
            "proxy",
            "",
            "",
            "NodeProxyOptions",
            &["create", "delete", "get", "patch", "update"],
        ),
        STATUS,
    ]),
    namespaced(
        "",
        "v1",
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        "persistentvolumeclaim",
    )
    .short(&["pvc"])
    .sub(&[STATUS]),
    cluster(
        "",
        "v1",
        "PersistentVolume",
        "persistentvolumes",
        "persistentvolume",
    )
    .short(&["pv"])
    .sub(&[STATUS]),
    namespaced("", "v1", "Pod", "pods", "pod")
        .graceful()
        .short(&["po"])
        .categories(&["all"])
        .sub(&[
            sub("attach", "", "", "PodAttachOptions", &["create", "get"]),
            sub("binding", "", "", "Binding", &["create"]),
            sub("ephemeralcontainers", "", "", "", &["get", "patch", "update"]),
            sub("eviction", "policy", "v1", "Eviction", &["create"]),
            sub("exec", "", "", "PodExecOptions", &["create", "get"]),
            sub("log", "", "", "", &["get"]),
            sub("portforward", "", "", "PodPortForwardOptions", &["create", "get"]),
            sub(
                "proxy",
                "",
                "",
                "PodProxyOptions",
                &["create", "delete", "get", "patch", "update"],
            ),
            sub("resize", "", "", "", &["get", "patch", "update"]),
            STATUS,
        ])
        .generation(Generation::Spec),
    namespaced("", "v1", "PodTemplate", "podtemplates", "podtemplate")
        .generation(Generation::Member("template")),
    namespaced(
        "",
        "v1",
        "ReplicationController",
        "replicationcontrollers",
        "replicationcontroller",
    )
    .short(&["rc"])
    .categories(&["all"])
    .sub(&[SCALE, STATUS])
    .generation(Generation::Spec),
    namespaced("", "v1", "ResourceQuota", "resourcequotas", "resourcequota")
        .short(&["quota"])
        .sub(&[STATUS]),
    namespaced("", "v1", "Secret", "secrets", "secret"),
    namespaced("", "v1", "ServiceAccount", "serviceaccounts", "serviceaccount")
        .short(&["sa"])
        .sub(&[sub(
            "token",
            "authentication.k8s.io",
            "v1",
            "TokenRequest",
            &["create"],
        )]),
    namespaced("", "v1", "Service", "services", "service")
        .short(&["svc"])
        .categories(&["all"])
        .sub(&[
            sub(
                "proxy",
                "",
                "",
                "ServiceProxyOptions",
                &["create", "delete", "get", "patch", "update"],
            ),
            STATUS,
        ])
        .create_on_update(),
    namespaced("events.k8s.io", "v1", "Event", "events", "event")
        .short(&["ev"])
        .create_on_update()
        .stored("", "v1"),
];
