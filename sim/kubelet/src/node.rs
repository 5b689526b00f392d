//! Simulated nodes as they register.

use serde_json::{Value, json};

use crate::Node;

/// The address of the node at a place in the list.
pub(crate) fn address(at: usize) -> String {
    let number = at + 10;
    format!("192.168.{}.{}", number / 250, number % 250)
}

/// A node's object; `version` is the release of its kubelet.
pub(crate) fn object(node: &Node, address: &str, version: &str, now: &str) -> Value {
    let name = &node.name;
    let mut labels = json!({
        "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
    });
    for (key, value) in &node.labels {
        labels[key] = json!(value);
    }
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({"type": kind, "status": status, "reason": reason, "message": message,
               "lastHeartbeatTime": now, "lastTransitionTime": now})
    };
    let resources = json!({"cpu": "8", "memory": "32Gi", "pods": "1000", "ephemeral-storage": "100Gi"});
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"podCIDR": "10.244.0.0/16"},
        "status": {
            "nodeInfo": {
                "architecture": "amd64", "operatingSystem": "linux", "osImage": "Simulated", "kernelVersion": "6.12.0",
                "kubeletVersion": version, "kubeProxyVersion": "", "containerRuntimeVersion": "simulated://1.0.0",
                "machineID": name, "systemUUID": name, "bootID": name,
            },
            "capacity": resources, "allocatable": resources,
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
            ],
        },
    })
}
