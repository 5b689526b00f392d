//! What was told already: events that say the same again are counted up.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::limits::KNOWN_EVENTS;

/// The events written so far, shared by all controllers of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Names by what is told of whom.
    names: BTreeMap<String, String>,
    /// The instant in the name given last, in nanoseconds.
    last: i128,
}

impl Recorder {
    /// The name of the event that told this before.
    pub(crate) fn known(&self, key: &str) -> Option<String> {
        self.lock().names.get(key).cloned()
    }

    /// A name for a new event: the object's name and the instant. Events of one instant get instants that follow each
    /// other, so that they sort in the order in which they were told.
    pub(crate) fn name(&self, key: &str, object: &str, nanoseconds: i128) -> String {
        let mut known = self.lock();
        known.last = nanoseconds.max(known.last + 1);
        let name = format!("{object}.{:x}", known.last);
        if known.names.len() >= KNOWN_EVENTS {
            known.names.clear();
        }
        known.names.insert(key.to_owned(), name.clone());
        name
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_instant_sort_in_the_order_in_which_they_were_told() {
        let recorder = Recorder::default();
        let first = recorder.name("a", "x", 255);
        assert_eq!(first, "x.ff");
        assert_eq!(recorder.name("b", "x", 255), "x.100");
        assert_eq!(recorder.known("a"), Some(first));
    }
}
