//! What must hold in every scenario, checked at every observation, whatever the scenario is about.

mod conditions;
mod deletion;
mod generation;
mod inventory;
mod quiescence;
mod revision;
mod secrets;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use crate::{
    journal::{Key, Seen, What},
    session::Session,
    verdict::Miss,
};

pub(crate) use deletion::by_extension;
pub(crate) use quiescence::{calm, is_write, settle};

/// The group of the kinds that reconcile.
const FLUX_GROUPS: &str = "toolkit.fluxcd.io";
const KUSTOMIZE_GROUP: &str = "kustomize.toolkit.fluxcd.io";

/// What an observation shows to be in an inventory.
pub(crate) fn inventoried(seen: &Seen) -> Vec<Key> {
    if seen.key.group == KUSTOMIZE_GROUP {
        inventory::entries(&seen.object)
    } else {
        Vec::new()
    }
}

/// The checks with what they remember: the cluster as it was at the observation that is being judged.
#[derive(Default)]
pub(crate) struct Invariants {
    position: usize,
    writes: usize,
    objects: BTreeMap<Key, Arc<Value>>,
    /// Every object that was ever in an inventory.
    inventoried: BTreeSet<Key>,
    secrets: secrets::Known,
}

impl Invariants {
    /// Judges everything that was observed since the last call.
    ///
    /// # Errors
    /// The first invariant that did not hold, with what was seen.
    pub(crate) fn check(&mut self, session: &Session) -> Result<(), Miss> {
        let history = session.journal.history();
        let served = session.cluster.served();
        while let Some(seen) = history.get(self.position) {
            self.position += 1;
            self.take_in(seen);
            if seen.what == What::Deleted {
                continue;
            }
            conditions::check(seen)?;
            generation::check(seen)?;
            revision::check(seen, &served)?;
            inventory::check(seen, &self.objects)?;
            self.secrets.check(seen)?;
        }
        self.secrets.check_logs(&session.cluster.logs())?;
        let writes = session.cluster.writes(self.writes);
        self.writes += writes.len();
        writes
            .iter()
            .try_for_each(|write| deletion::check(write, &self.inventoried))
    }

    fn take_in(&mut self, seen: &Seen) {
        match seen.what {
            What::Deleted => {
                self.objects.remove(&seen.key);
            }
            What::Added | What::Modified => {
                self.objects.insert(seen.key.clone(), seen.object.clone());
            }
        }
        self.inventoried.extend(inventoried(seen));
        self.secrets.learn(seen);
    }
}
