//! Who owns what after a change: the rules of update and apply, for owners in any API version.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use crate::compare::Comparison;
use crate::filter::Filter;
use crate::managed::{Managed, Owner};
use crate::order;
use crate::path;
use crate::prune::{Last, prune};
use crate::set::Set;
use crate::versions::{ConvertError, Versioned, Versions};

/// A path that another manager owns and that the request would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub(crate) identity: String,
    pub(crate) path: Vec<path::PathElement>,
    /// The other manager, as messages name it.
    pub manager: String,
    /// The path, as messages spell it.
    pub field: String,
}

/// Why ownership cannot be settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UpdateError {
    Conflicts(Vec<Conflict>),
    Failed(String),
}

impl UpdateError {
    fn failed(context: &str, error: &ConvertError) -> Self {
        Self::Failed(format!("{context}{error}"))
    }
}

/// Paths that requests in an API version may not own.
pub type ResetFields = BTreeMap<String, Filter>;

/// Paths that are never owned.
pub(crate) fn stripped() -> &'static Set {
    static PATHS: OnceLock<Set> = OnceLock::new();
    PATHS.get_or_init(|| {
        Set::of_fields(&[
            &["apiVersion"],
            &["kind"],
            &["metadata"],
            &["metadata", "name"],
            &["metadata", "namespace"],
            &["metadata", "creationTimestamp"],
            &["metadata", "selfLink"],
            &["metadata", "uid"],
            &["metadata", "clusterName"],
            &["metadata", "generation"],
            &["metadata", "managedFields"],
            &["metadata", "resourceVersion"],
        ])
    })
}

pub(crate) struct Updater<'a> {
    pub(crate) versions: &'a dyn Versions,
    pub(crate) reset: &'a ResetFields,
}

impl Updater<'_> {
    /// Drops owners in versions that are gone, and fits sets to schemas that changed. Returns whether anything did.
    fn reconcile(&self, live: &Versioned<'_>, managed: &mut Managed) -> Result<bool, UpdateError> {
        let mut known: BTreeMap<String, bool> = BTreeMap::from([(live.api_version.clone(), true)]);
        for version in managed.values().map(|owner| &owner.api_version) {
            if !known.contains_key(version) {
                let found = match live.to(self.versions, version) {
                    Ok(_) => true,
                    Err(ConvertError::MissingVersion) => false,
                    Err(error) => return Err(UpdateError::failed("", &error)),
                };
                known.insert(version.clone(), found);
            }
        }
        let before = managed.len();
        managed.retain(|_, owner| known.get(&owner.api_version) == Some(&true));
        let mut changed = managed.len() != before;
        for owner in managed.values_mut() {
            let typed = self.versions.typed(&owner.api_version);
            if let Some(set) = typed.and_then(|typed| typed.reconcile(&owner.set)) {
                owner.set = set;
                changed = true;
            }
        }
        Ok(changed)
    }

    /// Compares two versions of an object as owners in an API version see it.
    fn compare(
        &self,
        old: &Versioned<'_>,
        new: &Versioned<'_>,
        version: &str,
    ) -> Result<Comparison, UpdateError> {
        let old = old
            .to(self.versions, version)
            .map_err(|e| UpdateError::failed("failed to convert old object: ", &e))?;
        let new = new
            .to(self.versions, version)
            .map_err(|e| UpdateError::failed("failed to convert new object: ", &e))?;
        let typed = old
            .typed(self.versions)
            .map_err(|e| UpdateError::failed("failed to compare objects: ", &e))?;
        Ok(typed
            .compare(&old.object, &new.object)
            .filter(self.reset.get(version)))
    }

    /// Takes what changed away from everyone but `keep`. Without `force`, owners of what changed or was added object.
    fn settle(
        &self,
        old: &Versioned<'_>,
        new: &Versioned<'_>,
        managed: &mut Managed,
        keep: &str,
        force: bool,
    ) -> Result<Comparison, UpdateError> {
        let mut seen = BTreeMap::new();
        let version = new.api_version.clone();
        seen.insert(version.clone(), self.compare(old, new, &version)?);
        for owner in managed.values() {
            if !seen.contains_key(&owner.api_version) {
                seen.insert(
                    owner.api_version.clone(),
                    self.compare(old, new, &owner.api_version)?,
                );
            }
        }
        let mut conflicts = Vec::new();
        for (identity, owner) in managed.iter_mut().filter(|(identity, _)| *identity != keep) {
            let Some(changes) = seen.get(&owner.api_version) else {
                continue;
            };
            if changes.is_same() {
                continue;
            }
            let taken = owner.set.intersection(&changes.modified.union(&changes.added));
            if force {
                owner.set = owner.set.difference(&taken).difference(&changes.removed);
                continue;
            }
            for path in taken.paths() {
                let (field, manager) = (path::display(&path), owner.describe());
                conflicts.push(Conflict {
                    identity: identity.clone(),
                    path,
                    manager,
                    field,
                });
            }
            owner.set = owner.set.difference(&changes.removed);
        }
        if !conflicts.is_empty() {
            return Err(UpdateError::Conflicts(conflicts));
        }
        managed.retain(|_, owner| !owner.set.is_empty());
        Ok(seen.remove(&version).unwrap_or_default())
    }

    /// A change by other means than apply. Returns what whoever made it owns by it.
    pub(crate) fn update(
        &self,
        live: &Versioned<'_>,
        new: &Versioned<'_>,
        managed: &mut Managed,
    ) -> Result<Set, UpdateError> {
        self.reconcile(live, managed)?;
        let changes = self.settle(live, new, managed, "", true)?;
        let set = changes.modified.union(&changes.added);
        Ok(match self.reset.get(&new.api_version) {
            Some(filter) => filter.apply(&set),
            None => set,
        })
    }

    /// An apply. Returns the new object, or `None` if it is the old one, and whether anyone's ownership may have changed.
    pub(crate) fn apply(
        &self,
        live: &Versioned<'_>,
        config: &Value,
        managed: &mut Managed,
        applier: Owner,
        force: bool,
    ) -> Result<(Option<Value>, bool), UpdateError> {
        let mut changed = self.reconcile(live, managed)?;
        let version = &live.api_version;
        let typed = live
            .typed(self.versions)
            .map_err(|e| UpdateError::failed("failed to merge config: ", &e))?;
        let mut set = typed.to_set(config);
        if let Some(filter) = self.reset.get(version) {
            set = filter.apply(&set);
        }
        let identity = &applier.identity();
        let owner = managed.entry(identity.clone()).or_insert(applier);
        let last = std::mem::replace(&mut owner.set, set);
        let last_version = std::mem::replace(&mut owner.api_version, version.clone());
        // Nothing was given up, so nothing is to be pruned.
        let grown = last_version == *version && last.is_subset(&owner.set);
        if grown && typed.covers(&live.object, config) {
            // Paths that are never stored are in the new set only.
            owner.set.subtract(stripped());
            changed |= owner.set != last;
            let before = managed.len();
            managed.retain(|_, owner| !owner.set.is_empty());
            changed |= managed.len() != before;
            return Ok((None, changed));
        }
        let merged = Versioned::owned(typed.merge(&live.object, config), version);
        // With other versions about, pruning converts, and a conversion may fail.
        let alone = managed.values().all(|owner| owner.api_version == *version);
        let new = if (grown && alone) || last.is_empty() {
            merged
        } else {
            let last = Last {
                set: &last,
                api_version: &last_version,
            };
            prune(self.versions, merged, managed, last)
                .map_err(|text| UpdateError::Failed(format!("failed to prune fields: {text}")))?
        };
        self.settle(live, &new, managed, identity, force)?;
        let same = order::equal(&live.object, &new.object);
        Ok(((!same).then(|| new.object.into_owned()), true))
    }
}
