//! Storage: claims find volumes, or get new ones, and stay while pods use them.

use std::sync::Arc;

use manifest::{object, quantity::Quantity};
use serde_json::{Value, json};

use crate::{
    actor::{Actor, EventKind},
    owned,
    resources::{CLAIMS, CLASSES, PODS, VOLUMES},
};

const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
const BOUND_BY: &str = "pv.kubernetes.io/bound-by-controller";
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
const PROVISIONER: &str = "volume.kubernetes.io/storage-provisioner";
const BETA_PROVISIONER: &str = "volume.beta.kubernetes.io/storage-provisioner";
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";

/// The provisioner that this cluster has, by the name of its genuine model.
pub(crate) const SIMULATED_PROVISIONER: &str = "rancher.io/local-path";

/// An amount of an object; none counts as less than any.
fn amount(object: &Value, path: &str) -> Option<Quantity> {
    Quantity::of(object.pointer(path)?)
}

/// The hands of the binder and of the two controllers that keep storage in use from vanishing.
pub(crate) struct Hands {
    pub(crate) binder: Actor,
    pub(crate) claim_keeper: Actor,
    pub(crate) volume_keeper: Actor,
}

impl Hands {
    /// Takes a claim one step further.
    pub(crate) fn claim(&self, claim: &Arc<Value>) {
        if owned::is_deleting(claim) {
            let user = |pod: &&Arc<Value>| {
                !owned::is_over(pod)
                    && owned::list(pod, "/spec/volumes").iter().any(|volume| {
                        owned::text(volume, "/persistentVolumeClaim/claimName") == object::name(claim)
                    })
            };
            let pods = self.claim_keeper.all(PODS, object::namespace(claim));
            if !pods.iter().any(|pod| user(&pod)) {
                remove_finalizer(&self.claim_keeper, CLAIMS, claim, CLAIM_PROTECTION);
            }
            return;
        }
        if owned::text(claim, "/status/phase") == "Bound" {
            return;
        }
        let name = owned::text(claim, "/spec/volumeName");
        let volume = if name.is_empty() {
            self.best_volume(claim)
        } else {
            let found = self.binder.find(VOLUMES, "", name);
            found.filter(|volume| {
                let owner = owned::text(volume, "/spec/claimRef/uid");
                owner.is_empty() || owner == object::uid(claim)
            })
        };
        match volume {
            Some(volume) => self.bind(claim, &volume),
            None if name.is_empty() => self.provision(claim),
            None => {}
        }
    }

    /// The smallest volume that fits and is free, or is kept for this claim.
    fn best_volume(&self, claim: &Value) -> Option<Arc<Value>> {
        let fits = |volume: &&Arc<Value>| {
            let reference = volume.pointer("/spec/claimRef");
            let mine = reference.is_some_and(|reference| {
                let uid = owned::text(reference, "/uid");
                owned::text(reference, "/name") == object::name(claim)
                    && owned::text(reference, "/namespace") == object::namespace(claim)
                    && (uid.is_empty() || uid == object::uid(claim))
            });
            let modes = owned::list(volume, "/spec/accessModes");
            let class = owned::text(claim, "/spec/storageClassName");
            let selector = claim
                .pointer("/spec/selector")
                .and_then(|selector| manifest::labels::Selector::from_object(selector).ok());
            (mine || reference.is_none())
                && !owned::is_deleting(volume)
                && owned::text(volume, "/spec/storageClassName") == class
                && owned::text(volume, "/spec/volumeMode") == owned::text(claim, "/spec/volumeMode")
                && owned::list(claim, "/spec/accessModes")
                    .iter()
                    .all(|mode| modes.contains(mode))
                && selector.is_none_or(|selector| selector.matches(object::labels(volume)))
                && amount(volume, "/spec/capacity/storage")
                    >= amount(claim, "/spec/resources/requests/storage")
        };
        let all = self.binder.all(VOLUMES, "");
        all.iter()
            .filter(fits)
            .min_by_key(|volume| {
                let kept = volume.pointer("/spec/claimRef").is_some();
                (!kept, amount(volume, "/spec/capacity/storage"))
            })
            .cloned()
    }

    /// Points volume and claim at each other.
    fn bind(&self, claim: &Value, volume: &Value) {
        if owned::text(volume, "/spec/claimRef/uid") != object::uid(claim) {
            let reference = json!({
                "kind": "PersistentVolumeClaim", "namespace": object::namespace(claim), "name": object::name(claim),
                "uid": object::uid(claim), "apiVersion": "v1", "resourceVersion": object::resource_version(claim),
            });
            let _ = self.binder.update(VOLUMES, volume, |body| {
                object::map_at(body, &["metadata", "annotations"]).insert(BOUND_BY.to_owned(), json!("yes"));
                body["spec"]["claimRef"] = reference;
            });
        }
        let Some(volume) = self.binder.fresh(VOLUMES, volume) else {
            return;
        };
        let mut status = volume.get("status").cloned().unwrap_or_else(|| json!({}));
        status["phase"] = json!("Bound");
        self.binder.set_status(VOLUMES, &volume, status);
        let by_hand = !owned::text(claim, "/spec/volumeName").is_empty();
        let written = self.binder.update(CLAIMS, claim, |body| {
            body["spec"]["volumeName"] = json!(object::name(&volume));
            let annotations = object::map_at(body, &["metadata", "annotations"]);
            annotations.insert(BIND_COMPLETED.to_owned(), json!("yes"));
            if !by_hand {
                annotations.insert(BOUND_BY.to_owned(), json!("yes"));
            }
        });
        let Ok(claim) = written else { return };
        let mut status = claim.get("status").cloned().unwrap_or_else(|| json!({}));
        status["phase"] = json!("Bound");
        status["accessModes"] = volume.pointer("/spec/accessModes").cloned().unwrap_or_default();
        status["capacity"] = volume.pointer("/spec/capacity").cloned().unwrap_or_default();
        self.binder.set_status(CLAIMS, &claim, status);
    }

    /// Has a volume made for a claim, or says why there is none.
    fn provision(&self, claim: &Arc<Value>) {
        let tell = |kind, reason: &str, text: &str| self.binder.event(CLAIMS, claim, kind, reason, text);
        let name = owned::text(claim, "/spec/storageClassName");
        if name.is_empty() {
            let text = "no persistent volumes available for this claim and no storage class is set";
            return tell(EventKind::Normal, "FailedBinding", text);
        }
        let Some(class) = self.binder.find(CLASSES, "", name) else {
            let text = format!("storageclass.storage.k8s.io {name:?} not found");
            return tell(EventKind::Warning, "ProvisioningFailed", &text);
        };
        let provisioner = owned::text(&class, "/provisioner");
        let waits = owned::text(&class, "/volumeBindingMode") == "WaitForFirstConsumer";
        if waits && object::annotation(claim, SELECTED_NODE).is_none() {
            let Some(node) = self.consumer_node(claim) else {
                let text = "waiting for first consumer to be created before binding";
                return tell(EventKind::Normal, "WaitForFirstConsumer", text);
            };
            let _ = self.binder.update(CLAIMS, claim, |body| {
                object::map_at(body, &["metadata", "annotations"])
                    .insert(SELECTED_NODE.to_owned(), json!(node));
            });
            return;
        }
        if object::annotation(claim, PROVISIONER).is_none() {
            let _ = self.binder.update(CLAIMS, claim, |body| {
                let annotations = object::map_at(body, &["metadata", "annotations"]);
                annotations.insert(PROVISIONER.to_owned(), json!(provisioner));
                annotations.insert(BETA_PROVISIONER.to_owned(), json!(provisioner));
            });
            let text = format!(
                "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually \
                 by the system administrator. If volume creation is delayed, please verify that the provisioner is \
                 running and correctly registered."
            );
            return tell(EventKind::Normal, "ExternalProvisioning", &text);
        }
        if provisioner == SIMULATED_PROVISIONER {
            self.make_volume(claim, &class);
        }
    }

    /// The node of a pod that waits for the claim.
    fn consumer_node(&self, claim: &Value) -> Option<String> {
        let pods = self.binder.all(PODS, object::namespace(claim));
        let uses = |pod: &&Arc<Value>| {
            owned::list(pod, "/spec/volumes")
                .iter()
                .any(|volume| owned::text(volume, "/persistentVolumeClaim/claimName") == object::name(claim))
        };
        let node = owned::text(pods.iter().find(uses)?, "/spec/nodeName").to_owned();
        (!node.is_empty()).then_some(node)
    }

    fn make_volume(&self, claim: &Value, class: &Value) {
        let name = format!("pvc-{}", object::uid(claim));
        let policy = class
            .get("reclaimPolicy")
            .cloned()
            .unwrap_or_else(|| json!("Delete"));
        let volume = json!({
            "apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": {"name": name, "annotations": {PROVISIONED_BY: class["provisioner"]}},
            "spec": {
                "capacity": {"storage": claim.pointer("/spec/resources/requests/storage")},
                "accessModes": claim.pointer("/spec/accessModes"),
                "persistentVolumeReclaimPolicy": policy,
                "storageClassName": object::name(class),
                "volumeMode": claim.pointer("/spec/volumeMode"),
                "hostPath": {"path": format!("/var/local-path-provisioner/{name}"), "type": "DirectoryOrCreate"},
                "claimRef": {
                    "kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": object::namespace(claim),
                    "name": object::name(claim), "uid": object::uid(claim),
                    "resourceVersion": object::resource_version(claim),
                },
            },
        });
        if self.binder.create(VOLUMES, "", &volume).is_ok() {
            let text = format!("Successfully provisioned volume {name}");
            let kind = EventKind::Normal;
            self.binder
                .event(CLAIMS, claim, kind, "ProvisioningSucceeded", &text);
        }
    }

    /// Takes a volume one step further: free, bound, released, gone.
    pub(crate) fn volume(&self, volume: &Arc<Value>) {
        let claim = volume.pointer("/spec/claimRef").map(|reference| {
            let (namespace, name) = (
                owned::text(reference, "/namespace"),
                owned::text(reference, "/name"),
            );
            let uid = owned::text(reference, "/uid");
            let found = self.binder.find(CLAIMS, namespace, name);
            (
                uid,
                found.filter(|claim| uid.is_empty() || object::uid(claim) == uid),
            )
        });
        if owned::is_deleting(volume) {
            if !matches!(&claim, Some((_, Some(_)))) {
                remove_finalizer(&self.volume_keeper, VOLUMES, volume, VOLUME_PROTECTION);
            }
            return;
        }
        let phase = match &claim {
            None => "Available",
            Some((uid, None)) if !uid.is_empty() => {
                if owned::text(volume, "/spec/persistentVolumeReclaimPolicy") == "Delete"
                    && owned::text(volume, "/status/phase") == "Released"
                {
                    self.binder.delete(VOLUMES, volume, None);
                    return;
                }
                "Released"
            }
            Some((_, None)) => "Available",
            // The claim's turn binds both.
            Some((_, Some(_))) => return,
        };
        let mut status = volume.get("status").cloned().unwrap_or_else(|| json!({}));
        status["phase"] = json!(phase);
        self.binder.set_status(VOLUMES, volume, status);
    }
}

fn remove_finalizer(actor: &Actor, resource: crate::resources::Resource, item: &Value, name: &str) {
    let list = owned::list(item, "/metadata/finalizers");
    if !list.iter().any(|entry| entry == name) {
        return;
    }
    let _ = actor.update(resource, item, |body| {
        if let Some(list) = body
            .pointer_mut("/metadata/finalizers")
            .and_then(Value::as_array_mut)
        {
            list.retain(|entry| entry != name);
        }
    });
}

/// The StorageClass that clusters have for trying things out, the default for claims that name none.
pub(crate) fn default_class() -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": "standard", "annotations": {DEFAULT_CLASS: "true"}},
        "provisioner": SIMULATED_PROVISIONER, "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer",
    })
}
