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

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    journal::{Key, Seen, What},
    limits,
    session::Session,
    target,
    verdict::Miss,
};

pub(crate) use deletion::by_extension;
pub(crate) use quiescence::{calm, is_write, settle};

/// The group of the kinds that reconcile.
const FLUX_GROUPS: &str = "toolkit.fluxcd.io";
const KUSTOMIZE_GROUP: &str = "kustomize.toolkit.fluxcd.io";
const HELM_GROUP: &str = "helm.toolkit.fluxcd.io";
/// The label of every object of a HelmRelease.
const HELM_OWNER: &str = "helm.toolkit.fluxcd.io/name";
/// The type of the Secrets in which Helm keeps its records.
const HELM_RECORD: &str = "helm.sh/release.v1";

/// What an observation shows to be in an inventory.
pub(crate) fn inventoried(seen: &Seen) -> Vec<Key> {
    if matches!(seen.key.group.as_str(), KUSTOMIZE_GROUP | HELM_GROUP) {
        return inventory::entries(&seen.object);
    }
    // Hooks, charts and records are a release's too, though no inventory lists them.
    let labels = &seen.object["metadata"]["labels"];
    let of_release = labels.get(HELM_OWNER).is_some() || seen.object["type"] == HELM_RECORD;
    of_release.then(|| seen.key.clone()).into_iter().collect()
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
    late: Vec<Late>,
}

/// A finding that news may yet explain: where a cluster is watched kind by kind, those of one kind may overtake those
/// of another, and only their versions tell which came first.
struct Late {
    miss: Miss,
    /// What news would have to be about.
    about: Key,
    /// How old they would have to be.
    version: u64,
    position: usize,
    at: Timestamp,
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
            if let Err(wrong) = inventory::check(seen, &self.objects) {
                let (miss, about) = *wrong;
                if !session.cluster.is_real_time() {
                    return Err(miss);
                }
                self.late.push(Late {
                    miss,
                    about,
                    version: target::version(&seen.object),
                    position: self.position,
                    at: seen.at,
                });
            }
            self.secrets.check(seen)?;
        }
        self.check_late(session)?;
        self.secrets.check_logs(&session.cluster.log)?;
        let writes = session.cluster.writes(self.writes);
        self.writes += writes.len();
        writes
            .iter()
            .try_for_each(|write| deletion::check(write, &self.inventoried))
    }

    fn check_late(&mut self, session: &Session) -> Result<(), Miss> {
        let history = session.journal.history();
        let explains = |late: &Late| {
            let mut news = history.get(late.position..).unwrap_or_default().iter();
            news.any(|seen| seen.key == late.about && target::version(&seen.object) <= late.version)
        };
        self.late.retain(|late| !explains(late));
        let clock = session.clock();
        match self
            .late
            .iter()
            .find(|late| clock.since(late.at) > limits::LATE_NEWS)
        {
            Some(late) => Err(late.miss.clone()),
            None => Ok(()),
        }
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
