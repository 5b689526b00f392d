//! The storage of a StatefulSet's pods.

use manifest::object;
use serde_json::{Value, json};

use super::Look;
use crate::{
    actor::EventKind,
    owned,
    resources::{CLAIMS, STATEFUL_SETS},
};

fn claim_name(template: &Value, set: &Value, ordinal: usize) -> String {
    format!("{}-{}-{ordinal}", object::name(template), object::name(set))
}

impl Look<'_> {
    /// Makes the claims of a place that are missing.
    pub(super) fn create_claims(&self, set: &Value, ordinal: usize, pod: &str) -> Result<(), ()> {
        let namespace = object::namespace(set);
        for template in owned::list(set, "/spec/volumeClaimTemplates") {
            let name = claim_name(template, set, ordinal);
            if self.actor.find(CLAIMS, namespace, &name).is_some() {
                continue;
            }
            let mut claim = template.clone();
            object::map_at(&mut claim, &[]).remove("status");
            let metadata = object::map_at(&mut claim, &["metadata"]);
            metadata.insert("name".to_owned(), json!(name));
            metadata.insert("namespace".to_owned(), json!(namespace));
            metadata.remove("creationTimestamp");
            let deleted = owned::text(set, "/spec/persistentVolumeClaimRetentionPolicy/whenDeleted");
            if deleted == "Delete" {
                let mut owners = owned::references(STATEFUL_SETS, set);
                if let Some(owner) = owners.get_mut(0).and_then(Value::as_object_mut) {
                    owner.remove("blockOwnerDeletion");
                    owner.insert("controller".to_owned(), json!(true));
                }
                metadata.insert("ownerReferences".to_owned(), owners);
            }
            let labels = object::map_at(&mut claim, &["metadata", "labels"]);
            let selected = set
                .pointer("/spec/selector/matchLabels")
                .and_then(Value::as_object);
            for (key, value) in selected.into_iter().flatten() {
                labels.insert(key.clone(), value.clone());
            }
            claim["apiVersion"] = json!("v1");
            claim["kind"] = json!("PersistentVolumeClaim");
            self.create_claim(set, &claim, &name, pod)?;
        }
        Ok(())
    }

    fn create_claim(&self, set: &Value, claim: &Value, name: &str, pod: &str) -> Result<(), ()> {
        let set_name = object::name(set);
        match self.actor.create(CLAIMS, object::namespace(set), claim) {
            Ok(_) => {
                let text = format!("Create Claim {name} Pod {pod} in StatefulSet {set_name} success");
                self.actor
                    .event(STATEFUL_SETS, set, EventKind::Normal, "SuccessfulCreate", &text);
                Ok(())
            }
            Err(refused) => {
                let text = format!(
                    "Create Claim {name} for Pod {pod} in StatefulSet {set_name} failed error: {}",
                    refused.message
                );
                self.actor
                    .event(STATEFUL_SETS, set, EventKind::Warning, "FailedCreate", &text);
                Err(())
            }
        }
    }

    /// Mounts the claims of a place as the volumes named after their templates.
    pub(super) fn add_volumes(&self, set: &Value, ordinal: usize, pod: &mut Value) {
        let templates = owned::list(set, "/spec/volumeClaimTemplates");
        if templates.is_empty() {
            return;
        }
        let mut volumes: Vec<Value> = templates
            .iter()
            .map(|template| {
                let claim = claim_name(template, set, ordinal);
                json!({"name": object::name(template), "persistentVolumeClaim": {"claimName": claim}})
            })
            .collect();
        let own = |volume: &&Value| {
            !templates
                .iter()
                .any(|template| volume["name"] == object::name(template))
        };
        volumes.extend(owned::list(pod, "/spec/volumes").iter().filter(own).cloned());
        object::map_at(pod, &["spec"]).insert("volumes".to_owned(), Value::Array(volumes));
    }
}
