//! Every namespace has a ServiceAccount `default` and the ConfigMap `kube-root-ca.crt`; on OpenShift, ids of its own and
//! the ConfigMap `openshift-service-ca.crt`.

use jiff::Timestamp;
use manifest::object;
use serde_json::{Map, Value, json};

use super::{Place, act::Actor};
use crate::{core::Core, names, store::Key};

pub(super) const DEFAULT: &str = "default";
pub(super) const ROOT_CA: &str = "kube-root-ca.crt";

/// What pods on OpenShift trust Services by. There is no authority that signs certificates of Services here, so it holds
/// none.
const SERVICE_CA: &str = "openshift-service-ca.crt";

/// What stands in `ca.crt`: no connection is ever secured with it in process, so it is no certificate.
pub(super) const CA: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";

/// Makes what a living namespace lacks.
pub(crate) fn furnish(core: &mut Core, now: Timestamp, name: &str) {
    let Some(namespace) = core.stored(names::NAMESPACES, &Key::new("", name)) else {
        return;
    };
    if !object::deletion_timestamp(&namespace).is_empty() {
        return;
    }
    if core.openshift && object::annotation(&namespace, openshift::UIDS).is_none() {
        allocate(core, now, &namespace);
    }
    let collection = |plural: &str| format!("/api/v1/namespaces/{name}/{plural}");
    if core
        .stored(names::SERVICE_ACCOUNTS, &Key::new(name, DEFAULT))
        .is_none()
    {
        let body = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": DEFAULT, "namespace": name},
        });
        Actor::new("service-account-controller", now).create(core, &collection("serviceaccounts"), &body);
    }
    if core.openshift && core.stored("configmaps", &Key::new(name, SERVICE_CA)).is_none() {
        let body = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": SERVICE_CA, "namespace": name,
                "annotations": {"service.beta.openshift.io/inject-cabundle": "true"},
            },
            "data": {"service-ca.crt": CA},
        });
        Actor::new("service-ca-cert-publisher", now).create(core, &collection("configmaps"), &body);
    }
    let text = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints \
                such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across \
                distributions of Kubernetes clusters.";
    let data = json!({"ca.crt": core.ca.as_deref().unwrap_or(CA)});
    let annotations = json!({"kubernetes.io/description": text});
    let actor = Actor::new("root-ca-cert-publisher", now);
    match core.stored("configmaps", &Key::new(name, ROOT_CA)) {
        None => {
            let body = json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": ROOT_CA, "namespace": name, "annotations": annotations}, "data": data,
            });
            actor.create(core, &collection("configmaps"), &body);
        }
        Some(own)
            if own.get("data") != Some(&data) || object::annotations(&own) != annotations.as_object() =>
        {
            let mut next = (*own).clone();
            next["data"] = data;
            next["metadata"]["annotations"] = annotations;
            actor.replace(core, &format!("{}/{ROOT_CA}", collection("configmaps")), &next);
        }
        Some(_) => {}
    }
}

/// Gives a namespace the first free block of user ids, and the SELinux level that belongs to it.
fn allocate(core: &mut Core, now: Timestamp, namespace: &Value) {
    let table = core.table(names::NAMESPACES);
    let taken = table
        .values()
        .filter_map(|other| object::annotation(other, openshift::UIDS));
    let Some(number) = openshift::lowest_free(taken) else {
        return;
    };
    let mut annotations = Map::new();
    for (key, value) in openshift::annotations(number) {
        let kept = key == openshift::LEVEL && object::annotation(namespace, key).is_some();
        if !kept {
            annotations.insert(key.to_owned(), value.into());
        }
    }
    let place = Place {
        table: names::NAMESPACES.into(),
        key: Key::new("", object::name(namespace)),
    };
    if let Some((resource, stored)) = Actor::find(core, &place) {
        let patch = json!({"metadata": {"annotations": annotations}});
        Actor::policy(now).patch(core, &resource, &stored, &patch);
    }
}
