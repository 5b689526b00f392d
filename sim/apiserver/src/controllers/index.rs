//! Who owns whom, by uid.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use manifest::object;
use serde_json::Value;

use crate::store::{Event, Key};

/// Where an object is stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) table: Arc<str>,
    pub(crate) key: Key,
}

/// All objects by uid, and all dependents by their owner's uid.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    places: OrdMap<String, Place>,
    dependents: OrdMap<String, OrdSet<Place>>,
}

/// The uids of an object's owners.
pub(crate) fn owners(object: &Value) -> Vec<String> {
    let references = object
        .pointer("/metadata/ownerReferences")
        .and_then(Value::as_array);
    let uids = references
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.get("uid").and_then(Value::as_str));
    uids.map(str::to_owned).collect()
}

impl Index {
    /// Follows one write.
    pub(crate) fn take(&mut self, event: &Event) {
        let place = Place {
            table: Arc::clone(&event.table),
            key: event.key.clone(),
        };
        if let Some(old) = &event.old {
            for uid in owners(old) {
                if let Some(set) = self.dependents.get_mut(&uid) {
                    set.remove(&place);
                }
                if self.dependents.get(&uid).is_some_and(OrdSet::is_empty) {
                    self.dependents.remove(&uid);
                }
            }
            if event.new.is_none() {
                self.places.remove(object::uid(old));
            }
        }
        if let Some(new) = &event.new {
            for uid in owners(new) {
                self.dependents.entry(uid).or_default().insert(place.clone());
            }
            self.places.insert(object::uid(new).to_owned(), place);
        }
    }

    /// Where the object with this uid is.
    pub(crate) fn place(&self, uid: &str) -> Option<&Place> {
        self.places.get(uid)
    }

    /// What names this uid among its owners.
    pub(crate) fn dependents(&self, uid: &str) -> impl Iterator<Item = &Place> {
        self.dependents.get(uid).into_iter().flatten()
    }
}
