//! Ownership of `replicas`, seen through the scale subresource.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::managed::{self, Managed};
use crate::path::PathElement;
use crate::set::Set;

const SCALE: &str = "autoscaling/v1";

fn replicas() -> Vec<PathElement> {
    vec![PathElement::field("spec"), PathElement::field("replicas")]
}

/// Maps owners of an object to owners of its scale, and back.
pub struct ScaleHandler<'a> {
    /// The API version of the parent in this request.
    pub api_version: &'a str,
    /// Where `replicas` is in each API version of the parent; an empty path where that version has no scale.
    pub paths: &'a BTreeMap<String, Vec<PathElement>>,
}

impl ScaleHandler<'_> {
    fn path(&self, version: &str) -> Option<&[PathElement]> {
        self.paths.get(version).map(Vec::as_slice)
    }

    /// The entries that the scale of this object shows.
    pub fn to_scale(&self, parent: &Value) -> Result<Vec<Value>, String> {
        let mut managed = managed::decode(parent)?;
        managed.retain(|_, owner| {
            self.path(&owner.api_version)
                .is_some_and(|path| owner.set.has(path))
        });
        for owner in managed.values_mut() {
            owner.api_version = SCALE.to_owned();
            owner.set = Set::new();
            owner.set.insert(&replicas());
        }
        Ok(managed::encode(&managed))
    }

    /// The entries of the parent after its scale was written and has these entries now.
    pub fn to_parent(&self, parent: &Value, scale: &Value) -> Result<Vec<Value>, String> {
        let parents = managed::decode(parent)?;
        // QUIRK: owners by `Update` keep the identity they have in the parent, which names the parent's API version,
        // while the scale names its own: an owner that appears by the scale starts anew.
        let mut scales = managed::decode(scale)?;
        let mut out = Managed::new();
        for (identity, owner) in &parents {
            let Some(path) = self.path(&owner.api_version) else {
                continue;
            };
            let mut owner = owner.clone();
            if !path.is_empty() && owner.set.has(path) && scales.remove(identity).is_none() {
                let mut taken = Set::new();
                taken.insert(path);
                owner.set = owner.set.difference(&taken);
                if owner.set.is_empty() {
                    continue;
                }
            }
            out.insert(identity.clone(), owner);
        }
        let own = self.path(self.api_version).unwrap_or_default();
        for (identity, mut owner) in scales.into_iter().filter(|(_, owner)| owner.set.has(&replicas())) {
            owner.api_version = self.api_version.to_owned();
            owner.set = Set::new();
            owner.set.insert(own);
            owner.time = parents.get(&identity).and_then(|owner| owner.time);
            out.insert(identity, owner);
        }
        Ok(managed::encode(&out))
    }
}

/// The entries as a member of an object, for [`ScaleHandler::to_parent`].
pub fn with_entries(entries: Vec<Value>) -> Value {
    json!({"metadata": {"managedFields": entries}})
}
