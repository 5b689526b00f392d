//! Taking back what a scenario made in a cluster that others go on using.

use std::collections::BTreeSet;

use kube::api::{DeleteParams, Patch, PatchParams, PropagationPolicy};
use serde_json::{Value, json};

use super::Session;
use crate::{invariant, journal::Key, limits, scenario::ObjectRef, step, target, verdict::Miss};

/// The suffix of the groups whose objects have finalizers of the extension.
const EXTENSION: &str = "toolkit.fluxcd.io";

impl Session {
    /// Deletes what the scenario applied and what the extension applied for it, puts back what was changed, and waits
    /// until all is done. Whatever else came into being meanwhile belongs to others and stays.
    ///
    /// # Errors
    /// When something cannot be taken back.
    pub(crate) async fn clean(&mut self) -> Result<(), Miss> {
        self.journal.catch_up()?;
        let made: Vec<Key> = self
            .made
            .clone()
            .iter()
            .rev()
            .filter_map(|made| self.key_of(made))
            .collect();
        let (first, then): (Vec<Key>, Vec<Key>) =
            made.into_iter().partition(|key| key.group.ends_with(EXTENSION));
        // The extension takes back what it applied, as far as it prunes.
        self.remove(&first).await?;
        self.wait_gone(&first).await?;
        for stuck in self.left(&first) {
            // Nobody is there to finish it: it must not keep its namespace from going.
            self.release(&stuck).await?;
        }
        let before = self.journal.present_at_begin();
        let applied: BTreeSet<Key> = self
            .journal
            .of_scenario()
            .iter()
            .filter(|seen| self.is_own(&seen.key))
            .flat_map(invariant::inventoried)
            .collect();
        let rest: Vec<Key> = applied
            .into_iter()
            .filter(|key| !before.contains(key))
            .chain(then)
            .chain(first)
            .collect();
        self.remove(&rest).await?;
        self.restore().await?;
        self.wait_gone(&rest).await?;
        match self.left(&rest).first() {
            None => Ok(()),
            Some(key) => Err(Miss::broken(
                "target.clean",
                format!("{key} could not be removed"),
            )),
        }
    }

    /// Whether an object came with the scenario, or the scenario changed it.
    pub(super) fn is_own(&self, key: &Key) -> bool {
        !self.journal.present_at_begin().contains(key) || self.changed.contains_key(key)
    }

    fn key_of(&self, reference: &ObjectRef) -> Option<Key> {
        self.journal
            .objects()
            .keys()
            .find(|key| key.is(reference))
            .cloned()
    }

    fn left(&self, keys: &[Key]) -> Vec<Key> {
        let objects = self.journal.objects();
        keys.iter()
            .filter(|key| objects.contains_key(key))
            .cloned()
            .collect()
    }

    async fn remove(&mut self, keys: &[Key]) -> Result<(), Miss> {
        let params = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            ..DeleteParams::default()
        };
        for key in keys {
            let Some(object) = self.journal.objects().get(key).cloned() else {
                continue;
            };
            if let Ok(api) = step::api_of(&object, self).await? {
                // Gone already is what was wanted; what stays is found afterwards.
                let _ = api.delete(&key.name, &params).await;
            }
        }
        Ok(())
    }

    async fn release(&mut self, key: &Key) -> Result<(), Miss> {
        let Some(object) = self.journal.objects().get(key).cloned() else {
            return Ok(());
        };
        let patch = json!({"metadata": {"finalizers": null}});
        if let Ok(api) = step::api_of(&object, self).await? {
            let _ = api
                .patch(&key.name, &PatchParams::default(), &Patch::Merge(&patch))
                .await;
        }
        Ok(())
    }

    /// Puts back the specs of what was there before.
    async fn restore(&mut self) -> Result<(), Miss> {
        for (key, object) in std::mem::take(&mut self.changed) {
            let spec = json!([{"op": "replace", "path": "/spec", "value": object["spec"]}]);
            let Ok(patch) = serde_json::from_value(spec) else {
                continue;
            };
            if let (Ok(api), Some(_)) = (step::api_of(&object, self).await?, object.get("spec")) {
                let patched = api
                    .patch(&key.name, &PatchParams::default(), &Patch::Json::<()>(patch))
                    .await;
                let broken = |error: kube::Error| Miss::broken("target.clean", format!("{key}: {error}"));
                self.see(&serde_json::to_value(patched.map_err(broken)?).unwrap_or(Value::Null))
                    .await?;
            }
        }
        target::ready(&mut self.journal, self.cluster.clock).await
    }

    async fn wait_gone(&mut self, keys: &[Key]) -> Result<(), Miss> {
        let deadline = self.after(limits::CLEAN_WITHIN);
        loop {
            self.journal.catch_up()?;
            if self.left(keys).is_empty() || !self.journal.next(deadline).await? {
                return Ok(());
            }
        }
    }
}
